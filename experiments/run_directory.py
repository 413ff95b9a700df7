"""Where a run leaves what it made: a folder of its own, never one that holds something already; and how to read it.

runs/toy-001/                 one run; with several seeds, one folder a member inside: seed-0, seed-1, ...
    config.yaml               the whole config, resolved
    events.out.tfevents.*     for TensorBoard
    attention.png             how the attention of the first watched sentence formed
    record.npz, params.npz    everything measured, and the parameters, at each recorded step (see `record`)
    summary.json              the final numbers under stable names

    run = load_run("runs/toy-001")
    run.record["weights"][-1, 0, 0]     the last map of sentence 0, hidden word 0: [heads, words]
    run.params(-1)                      the parameters at the last recorded step, as `model.functional.apply` takes them
"""

import errno
import fcntl
import json
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from data.errors import InputError, printable
from data.files import is_file, is_folder
from experiments.config import Config
from experiments.record_file import Arrays, RecordFile
from experiments.yaml_config import load_config

SUMMARY_VERSION = 1
ROOT = Path("runs")
_UNUSABLE = re.compile(r"[\[\]\\\ud800-\udfff]")  # orbax reads [ as a pattern, tensorstore \ as a /


class NewerFileError(InputError):
    """A file of a version of catmat that is newer than this one."""


def make_run_directory(name: str, given: str | None = None, root: Path = ROOT) -> Path:
    """A new, empty folder: `given`, or the next free one of `root/name-001`, `root/name-002`, ...

    Two commands started at once get two folders: a folder is taken by making it, which only one of them can.

    Raises:
      InputError: the folder cannot be made, or `given` holds something.
    """
    if given is not None:
        return _take(check_run_directory(given))
    check_place(root, "--run-dir")
    name = _UNUSABLE.sub("_", name)
    _make(root, exist_ok=True)
    ends = (p.name.removeprefix(f"{name}-") for p in folders_in(root, "--run-dir") if p.name.startswith(f"{name}-"))
    taken = [int(end) for end in ends if end.isdecimal() and end.isascii()]
    number = max(taken, default=0) + 1
    while True:
        folder = root / f"{name}-{number:03d}"
        if _make(folder, exist_ok=False):
            return folder
        number += 1


def check_run_directory(given: str) -> Path:
    """The folder a user named, if nothing is in it; makes nothing, so that a mistake is told before the work begins.

    Raises:
      InputError: it holds something, or is a file.
    """
    folder = Path(given)
    check_place(folder, "--run-dir")
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(_not_empty(folder))
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--run-dir {folder}: is a file; name a new folder")
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"--run-dir {folder}: cannot be used ({reason}); name another folder") from None
    return folder


def _not_empty(folder: Path) -> str:
    return f"--run-dir {folder}: is not empty, and nothing is overwritten; name a new folder"


def folders_in(root: Path, option: str) -> list[Path]:
    """What lies in a folder, by name.

    Raises:
      InputError: it may not be read.
    """
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror}); allow it, or choose {option}") from None


def check_place(folder: Path, option: str) -> None:
    """Refuse a folder in which the checkpoints of a run could not be written, or not be found again.

    Raises:
      InputError: its name, or that of a folder around it, is not UTF-8 text or holds [, ] or a backslash.
    """
    whole = str(folder.absolute())
    if _UNUSABLE.search(whole):
        what = "must be UTF-8 text without [, ] and \\"
        raise InputError(f"{option} {folder}: its whole name, {whole}, {what}; choose another folder")


class RunLock:
    """Holds a run's folder against other processes; the hold dies with the process, however it ends.

    Where a file system knows no locks there is none, and a run goes on without: not every cluster's disk has them.
    """

    def __init__(self, folder: Path, new: bool = False) -> None:
        """Of a `new` run the folder must be empty: another process may have ended in it since that was looked at."""
        self._path, self._new = folder / ".lock", new

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("a")
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{self._path.parent}: cannot be written to ({reason}); name another folder") from None
        try:
            self._hold()
        except (InputError, OSError):
            self._file.close()
            raise
        return self

    def _hold(self) -> None:
        folder = self._path.parent
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another process works in it; wait for it, or stop it") from None
        except OSError:  # no locks here
            pass
        if self._new and any(path != self._path for path in folder.iterdir()):
            raise InputError(_not_empty(folder))

    def __exit__(self, *_: object) -> None:
        self._file.close()


def resume_command(folder: Path, command: str = "train") -> str:
    """The command that goes on with a run, to be copied."""
    return f"python -m experiments.{command} --resume {shlex.quote(printable(str(folder)))}"


def newest_run(root: Path = ROOT, command: str = "train") -> Path:
    """The run of a command that was worked at last.

    Raises:
      InputError: there is none.
    """
    configs = [path for path in root.glob("*/config.yaml") if command_of(path.parent) == command]
    if not configs:
        raise InputError(f"--resume: no run of experiments.{command} in {root}; name the folder of one")
    return max(configs, key=lambda path: path.stat().st_mtime).parent


def command_of(folder: Path) -> str:
    """The command that a run's folder was made by, as its config says."""
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^command: *(\w+)", text, re.MULTILINE)
    return found[1] if found else "train"


def _take(folder: Path) -> Path:
    """`folder`, made if it is not there, as one that can be written to."""
    _make(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise InputError(f"--run-dir {folder}: cannot be written to; name another folder")
    return folder


def _make(folder: Path, exist_ok: bool) -> bool:
    """Make a folder; False where it is there already and that is not wanted."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if exist_ok:
            raise InputError(f"{folder}: is a file, not a folder; move it, or choose --run-dir") from None
        return False
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = "free some space" if error.errno == errno.ENOSPC else "choose another place with --run-dir"
        raise InputError(f"{folder}: cannot be made ({reason}); {hint}") from None
    return True


def member_folders(folder: Path, seed: int, seeds: int) -> list[Path]:
    """The folder of each run: `folder` itself, or `folder/seed-3` and so on where there are several."""
    return [folder] if seeds == 1 else [folder / f"seed-{seed + run}" for run in range(seeds)]


def pictured_steps(steps: list[int], count: int) -> list[int]:
    """At most `count` of `steps`, spread evenly over them, the first and the last among them."""
    if count < 2 or not steps:
        return steps[-1:] if count else []
    chosen = np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int)
    return [steps[i] for i in dict.fromkeys(chosen.tolist())]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within it, a system that refuses to write (a full disk) is a mistake told in one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error, "what stands there is kept") from None


def cannot_write(folder: Path, error: OSError, kept: str = "") -> InputError:
    """What the system refused in `folder`, as a mistake told in one line; `kept` says what is not lost."""
    reason, end = error.strerror or error, f"; {kept}" if kept else ""
    place = error.filename2 or error.filename
    if place and isinstance(error, IsADirectoryError | NotADirectoryError):  # something stands in a file's place
        return InputError(f"{place}: cannot be written to ({reason}); move what is there away{end}")
    return InputError(f"{folder}: cannot be written to ({reason}); free some space, or choose --run-dir{end}")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `summary.json`: `values` under their stable names; a number that is not finite becomes null."""
    known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    text = json.dumps({"version": SUMMARY_VERSION, **known}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")


@dataclass(frozen=True)
class SavedRun:
    """What a run left behind; read when it is asked for. Where it has several members, see those."""

    folder: Path
    config: Config
    members: dict[str, "SavedRun"]
    """The runs inside, by their folder's name; empty for a single run."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: the final metrics and the status."""
        return read_summary(self.folder)

    @cached_property
    def record(self) -> Arrays:
        """`record.npz`, or of a run that was stopped what it recorded until then; `experiments.record` names it all."""
        return RecordFile(self.folder, "record").read()

    @cached_property
    def all_params(self) -> Arrays:
        """The parameters at every recorded step: `attention/query/kernel` and so on, stacked [T, ...].

        Raises:
          InputError: the file cannot be read, or holds something else.
        """
        file = RecordFile(self.folder, "params")
        arrays = file.read()
        steps = arrays.get("step", np.zeros(0))
        stacked = [array.shape[:1] == steps.shape for name, array in arrays.items() if name != "version"]
        if not (steps.ndim == 1 and steps.size and all(stacked)):
            raise InputError(f"{file.path}: holds no parameters; restore it, or start a new run")
        return arrays

    def params(self, t: int = -1) -> dict[str, Any]:
        """The parameters at recorded step number `t` (the last by default), nested as the model takes them."""
        return nested_params({name: array[t] for name, array in self.all_params.items() if name not in _NO_PARAMS})


_NO_PARAMS = ("version", "step")


def load_run(path: str | Path) -> SavedRun:
    """The run in a folder: `runs/toy-001`, or one member of several, `runs/lab-001/seed-3`.

    Raises:
      InputError: no run lies there, or its config cannot be read.
    """
    folder = Path(path)
    own = folder / "config.yaml"
    if is_file(own):
        config = load_config(str(own), {})
        inside = member_folders(folder, config.seed, config.seeds) if config.seeds > 1 else []
        return SavedRun(folder, config, {one.name: SavedRun(one, config, {}) for one in inside if is_folder(one)})
    if is_file(folder.parent / "config.yaml") and is_folder(folder):
        return SavedRun(folder, load_config(str(folder.parent / "config.yaml"), {}), {})
    raise InputError(f"{folder}: no run lies here (there is no config.yaml); see python -m experiments.runs")


def read_summary(folder: Path) -> dict[str, Any]:
    """The values of `summary.json`.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: there is none, or it is damaged.
    """
    path = folder / "summary.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the run in this folder did not end") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: is damaged; restore it, or start a new run") from None
    version = values.get("version") if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise InputError(f"{path}: is not a summary of catmat; restore it, or start a new run")
    if version > SUMMARY_VERSION:
        raise NewerFileError(f"{path}: has version {version}, this program reads {SUMMARY_VERSION}; update catmat")
    return dict(values)


def nested_params(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the model takes them, from arrays named by their path."""
    params: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, leaf = name.split("/")
        inner = params
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = array
    return params
