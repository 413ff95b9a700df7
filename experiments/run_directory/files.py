"""The files of a run: written whole or not at all, read with errors in one line; `summary.json` and files of arrays.

Arrays grow with a training: each recorded step is one small file, all are merged into one at the end. A part is written
whole or not at all, so a process that dies leaves every step that it has recorded. Nothing is pickled: files are read
with `allow_pickle=False`.
"""

import errno
import json
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, require
from experiments.config.schema import FORMAT

_DAMAGE = (
    *(ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError, NotImplementedError, SyntaxError),
    *(zipfile.BadZipFile, struct.error, zlib.error, tokenize.TokenError),
)
"""What zipfile and NumPy raise on bytes that are no array; which of them depends on Python's version."""
_REMEDIES = {
    (errno.ENOSPC, errno.EDQUOT): "free some space, or choose another place with --run-dir",
    (errno.EACCES, errno.EPERM): "allow it, or choose another place with --run-dir",
    (errno.EROFS,): "choose a disk that can be written to, with --run-dir",
    (errno.EMFILE, errno.ENFILE): "allow more open files (ulimit -n), or ask for fewer seeds",
    (errno.EFBIG,): "allow larger files (ulimit -f), or choose another place with --run-dir",
    (errno.ENOENT,): "put back what was moved away there, or choose another place with --run-dir",
    (errno.ENAMETOOLONG,): "choose a shorter --run-dir",
    (errno.ENOMEM,): "free some memory, or ask for less",
    (
        errno.EIO,
        errno.ETIMEDOUT,
        errno.ESTALE,
        errno.ENODEV,
        errno.ENXIO,
    ): "see whether its disk works, or choose another place with --run-dir",
}
"""What to do, by the number of the system's error."""
Arrays = dict[str, NDArray[Any]]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within it, an error of the system while writing (a full disk, say) is reported in one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error, "what stands there is kept") from None


def cannot_write(folder: Path, error: OSError, kept: str = "") -> InputError:
    """The error for a folder that the system does not let us write to; `kept` says what is not lost."""
    reason, end = error.strerror or error, f"; {kept}" if kept else ""
    named = error.filename2 or error.filename
    around = [Path(named), *Path(named).parents] if isinstance(named, str | Path) else []
    place = next(filter(os.path.exists, around), folder)  # Path.exists raises in a folder that is closed
    if place != folder and isinstance(error, IsADirectoryError | NotADirectoryError):  # it stands where another should
        return InputError(f"{place}: cannot be written to ({reason}); move what is there away{end}")
    if error.errno == errno.ENOENT and kept and not (folder / "config.yaml").exists():
        return InputError(f"{folder}: was removed while it was written to; start a new run")
    place = place if isinstance(error, PermissionError) else folder
    return InputError(f"{place}: cannot be written to ({reason}); {remedy(error)}{end}")


def remedy(error: OSError) -> str:
    """What to do about an error of the system while writing."""
    for codes, told in _REMEDIES.items():
        if error.errno in codes:
            return told
    return "mend that, or choose another place with --run-dir"


@contextmanager
def reading(path: Path, missing: str, damage: tuple[type[Exception], ...]) -> Iterator[None]:
    """Within it, an error while reading `path` is reported in one line.

    Args:
      path: a file of a run.
      missing: what it may mean that there is no such file.
      damage: the exceptions that damaged contents raise.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {missing}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); allow it, or start a new run") from None
    except damage as error:
        raise InputError(f"{path}: is damaged ({error}); restore it, or start a new run") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a file to write; it takes the place of `path` at the end, so that `path` is whole at any time."""
    part = path.with_name(path.name + ".part")
    yield part
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


class NewerFileError(InputError):
    """A file of a version of catmat that is newer than this one."""


def check_version(path: Path, version: object, what: str) -> None:
    """Refuse a file that is no `what` ("record") of catmat, or one of another version than FORMAT.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: it is of an older one, or of none.
    """
    if not isinstance(version, int):
        raise InputError(f"{path}: is not a {what} of catmat; restore it, or start a new run")
    if version > FORMAT:
        raise NewerFileError(f"{path}: has version {version}, this program reads {FORMAT}; update catmat")
    require(
        version == FORMAT,
        f"{path}: is of version {version}, whose names differ; read it with catmat 0.1, or train anew",
    )


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `summary.json`: `values` under their stable names; a number that is not finite becomes null."""
    known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    text = json.dumps({"version": FORMAT, **known}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")


def read_summary(folder: Path) -> dict[str, Any]:
    """The values of `summary.json`.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: there is none, or it is damaged.
    """
    path = folder / "summary.json"
    with reading(path, "the run in this folder did not end", (ValueError, RecursionError)):
        values = json.loads(path.read_text(encoding="utf-8"))
    check_version(path, values.get("version") if isinstance(values, dict) else None, "summary")
    return dict(values)


class RecordFile:
    """`NAME.npz` in a run's folder: arrays that are the same at every step, and arrays stacked over the steps, [T]."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self._parts = folder / f"{name}.npz", folder / f"{name}-parts"
        self._fixed = self._parts / "fixed.npz"

    def exists(self) -> bool:
        """Whether anything was recorded."""
        return self.path.exists() or self._fixed.exists()

    def begin(self, fixed: Mapping[str, NDArray[Any]], start: int = 0) -> None:
        """Prepare to append steps from `start` on; later steps that were recorded before are removed.

        The record of `start` itself is kept until it is written again: the run may end before that.

        Args:
          fixed: the arrays that are the same at every step.
          start: the step from which training continues; 0 for a new run.

        Raises:
          InputError: a run is resumed, and its record cannot be read.
        """
        before = self.read() if start and not self._fixed.exists() else {}
        self._parts.mkdir(exist_ok=True)
        for t, step in enumerate(before.get("step", ())):
            self.append(
                int(step), {name: array[t] for name, array in before.items() if name not in {*fixed, "version"}}
            )
        for step in self._steps():
            if step > start:
                self._part(step).unlink()
        # From here on the parts are what is read, see `read`.
        write_npz(self._fixed, {"version": np.int64(FORMAT), **fixed})
        self.path.unlink(missing_ok=True)

    def append(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add what was measured at `step`."""
        write_npz(self._part(step), {**arrays, "step": np.int64(step)})

    def merge(self) -> None:
        """Put all parts into one file, and remove them."""
        write_npz(self.path, self.read())
        self._fixed.unlink()  # first: what is left of the parts then counts no more
        rmtree(self._parts)

    def read(self, until: float = np.inf) -> Arrays:
        """All arrays; those of single steps are stacked, [T] first, with their `step` [T].

        Args:
          until: parts of later steps are not looked at. What was merged is one file, which is read whole.

        Raises:
          InputError: there is no such file, it is damaged, or of a newer version.
        """
        if not self._fixed.exists():
            return _of_known_version(self.path)
        fixed = _of_known_version(self._fixed)
        parts = [read_npz(self._part(step)) for step in self._steps() if step <= until]
        try:
            return fixed | {name: np.stack([part[name] for part in parts]) for name in (parts[0] if parts else ())}
        except (KeyError, ValueError):
            raise InputError(
                f"{self._parts}: its files do not fit together; restore them, or start a new run"
            ) from None

    def _part(self, step: int) -> Path:
        return self._parts / f"step-{step:010d}.npz"

    def _steps(self) -> list[int]:
        """The steps of which there is a part; what only looks like one was put there by somebody else."""
        files = [path for path in self._parts.glob(f"step-{'[0-9]' * 10}.npz") if path.is_file()]
        return sorted(int(path.stem.removeprefix("step-")) for path in files)


def write_npz(path: Path, arrays: Mapping[str, Any], compressed: bool = False) -> None:
    """Write arrays whole or not at all."""
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as part, part.open("wb") as file:
        save(file, allow_pickle=False, **arrays)


def read_npz(path: Path) -> Arrays:
    """All arrays of a file.

    Raises:
      InputError: there is no such file, or it is damaged.
    """
    with (
        reading(path, "was this run stopped before its first record?", _DAMAGE),
        path.open("rb") as raw,
        np.load(raw, allow_pickle=False) as file,
    ):
        arrays = {name: file[name] for name in file.files}
        for name, array in arrays.items():
            if not isinstance(array, np.ndarray):  # NumPy gives the bytes of a member that is no array
                raise ValueError(f"{name} is no array")
        return arrays


def check_stacked(path: Path, arrays: Arrays, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Make sure that the `arrays` of a file are those of `shapes`, stacked over the steps, [T] first.

    Raises:
      InputError: they are not, or there are no steps.
    """
    steps = arrays.get("step", np.zeros(0))
    wanted = {name: (*steps.shape, *shape) for name, shape in shapes.items()}
    found = {name: array.shape for name, array in arrays.items() if name not in ("version", "step")}
    stacked = steps.size and steps.ndim == 1 and steps.dtype.kind == "i" and found == wanted
    require(stacked, f"{path}: does not fit the run's config and world; restore it, or start a new run")


def _of_known_version(path: Path) -> Arrays:
    arrays = read_npz(path)
    check_version(path, np.asarray(arrays.get("version")).tolist(), "record")
    return arrays
