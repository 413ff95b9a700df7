"""Where a run leaves what it made: a folder of its own, never one that holds something already."""

import errno
import os
import re
import shlex
from pathlib import Path

from data.errors import InputError, printable

ROOT = Path("runs")
_UNUSABLE = re.compile(r"[\[\]\\\ud800-\udfff]")  # orbax reads [ as a pattern, tensorstore \ as a /


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
            raise InputError(not_empty(folder))
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--run-dir {folder}: is a file; name a new folder")
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"--run-dir {folder}: cannot be used ({reason}); name another folder") from None
    return folder


def not_empty(folder: Path) -> str:
    """What is said of a folder that holds something."""
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


def run_folders(folder: Path, seed: int, seeds: int) -> list[Path]:
    """The folder of each run: `folder` itself, or `folder/seed-3` and so on where there are several."""
    return [folder] if seeds == 1 else [folder / f"seed-{seed + run}" for run in range(seeds)]


def cannot_write(folder: Path, error: OSError, kept: str = "") -> InputError:
    """What the system refused in `folder`, as a mistake told in one line; `kept` says what is not lost."""
    reason, end = error.strerror or error, f"; {kept}" if kept else ""
    place = error.filename2 or error.filename
    if place and isinstance(error, IsADirectoryError | NotADirectoryError):  # something stands in a file's place
        return InputError(f"{place}: cannot be written to ({reason}); move what is there away{end}")
    return InputError(f"{folder}: cannot be written to ({reason}); free some space, or choose --run-dir{end}")
