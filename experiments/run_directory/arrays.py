"""Files of arrays: `record.npz` and `params.npz`.

They grow with a training: each recorded step is one small file, all are merged into one at the end. A part is written
whole or not at all, so a process that dies leaves every step that was written. Nothing is pickled: files are read with
`allow_pickle=False`.
"""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, require
from experiments.config.schema import FORMAT
from experiments.run_directory.files import check_version, reading, replacing

DAMAGE = (
    *(ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError, NotImplementedError, SyntaxError),
    *(zipfile.BadZipFile, struct.error, zlib.error, tokenize.TokenError),
)
"""What zipfile and NumPy raise on bytes that are no array; which of them depends on Python's version."""
Arrays = dict[str, NDArray[Any]]
_LARGE = 2**20
"""Bytes of arrays from which on to copy them takes longer than to write them piece by piece."""


@dataclass(frozen=True)
class Parts:
    """The files of a record that still grows: what is the same at every step, and one for each step."""

    fixed: Path
    steps: dict[int, Path]


class RecordFile:
    """`NAME.npz` in a run's folder: arrays that are the same at every step, and arrays stacked over the steps, [T]."""

    def __init__(self, folder: Path, name: str, remembered: int = 0) -> None:
        """Nothing is touched yet; `remembered` bytes of what is written need not be read again when it is merged."""
        self._most = remembered
        self.path, self._parts = folder / f"{name}.npz", folder / f"{name}-parts"
        self._fixed = self._parts / "fixed.npz"
        self._known: dict[int, Arrays] = {}
        self._unwritten: set[int] = set()

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
        self.flush()
        for step in self._steps():
            if step > start:
                self._part(step).unlink()
                self._known.pop(step, None)
        # From here on the parts are what is read, see `read`.
        write_npz(self._fixed, {"version": np.int64(FORMAT), **fixed})
        self.path.unlink(missing_ok=True)

    def append(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Add what was measured at `step`; it is written by the next `flush` or `merge`."""
        self._known[step] = {**arrays, "step": np.asarray(step, np.int64)}
        self._unwritten.add(step)

    def flush(self) -> None:
        """Write the steps that were added since the last time, a file each."""
        for step in sorted(self._unwritten):
            write_npz(self._part(step), self._known[step])
            self._unwritten.remove(step)
        if sum(array.nbytes for arrays in self._known.values() for array in arrays.values()) > self._most:
            self._known.clear()

    def merge(self) -> Arrays:
        """Put all steps into one file, if they are not yet, and remove their parts; gives what `read` then would."""
        merged = self.read()
        if not self._fixed.exists():
            return merged
        write_npz(self.path, merged)
        self._fixed.unlink()  # first: what is left of the parts then counts no more
        rmtree(self._parts)
        self._known.clear()
        self._unwritten.clear()
        return merged

    def read(self, until: float = np.inf) -> Arrays:
        """All arrays, written or not; those of single steps are stacked, [T] first, with their `step` [T].

        Args:
          until: parts of later steps are not looked at. What was merged is one file, which is read whole.

        Raises:
          InputError: there is no such file, it is damaged, or of a newer version.
        """
        if not self._fixed.exists():
            return _of_known_version(self.path)
        fixed = _of_known_version(self._fixed)
        steps = sorted({*self._steps(), *self._unwritten})
        parts = [self._known.get(step) or read_npz(self._part(step)) for step in steps if step <= until]
        try:
            return fixed | {name: np.stack([part[name] for part in parts]) for name in (parts[0] if parts else ())}
        except (KeyError, ValueError):
            raise InputError(
                f"{self._parts}: its files do not fit together; restore them, or start a new run"
            ) from None

    def parts(self) -> "Parts | None":
        """The files of a record that still grows; None where all is in one file, or nothing was recorded."""
        return Parts(self._fixed, {step: self._part(step) for step in self._steps()}) if self._fixed.exists() else None

    def _part(self, step: int) -> Path:
        return self._parts / f"step-{step:010d}.npz"

    def _steps(self) -> list[int]:
        """The steps of which there is a part; what only looks like one was put there by somebody else."""
        files = [path for path in self._parts.glob(f"step-{'[0-9]' * 10}.npz") if path.is_file()]
        return sorted(int(path.stem.removeprefix("step-")) for path in files)


def write_npz(path: Path, arrays: Mapping[str, Any], compressed: bool = False) -> None:
    """Write arrays whole or not at all."""
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as part:
        if sum(np.asarray(array).nbytes for array in arrays.values()) > _LARGE:
            with part.open("wb") as file:
                save(file, allow_pickle=False, **arrays)
        else:
            content = io.BytesIO()  # where a zip file's many small writes cost little
            save(content, allow_pickle=False, **arrays)
            part.write_bytes(content.getbuffer())


def read_npz(path: Path) -> Arrays:
    """All arrays of a file.

    Raises:
      InputError: there is no such file, or it is damaged.
    """
    with (
        reading(path, "was this run stopped before its first record?", DAMAGE),
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
