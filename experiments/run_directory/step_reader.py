"""The record of a run, finished or still growing, read a few steps and a sentence at a time.

    record = open_steps(Path("runs/toy-001"), "record")
    record.steps                                    the recorded steps so far
    record.at("weights", range(10), sentence)       the first ten maps of a sentence [10, R, H, K]

What is opened is a snapshot: steps that are recorded later are seen by who opens anew. A training that ends in between
merges its parts, which removes them: `VanishedError` then says that opening anew is all that is needed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, require
from experiments.run_directory.arrays import RecordFile
from experiments.run_directory.files import check_version
from experiments.run_directory.stored_arrays import StoredArrays, stored_arrays


class StepReader:
    """Arrays of one `NAME.npz`, or of the parts that become one; see `open_steps`."""

    def __init__(self, fixed: StoredArrays, steps: Sequence[int], parts: Sequence[StoredArrays]) -> None:
        """Take files as they are.

        Args:
          fixed: what is the same at every step; without parts, all.
          steps: the recorded steps.
          parts: a file for each step, or none where all is in one.
        """
        self._fixed, self.steps, self._parts = fixed, list(steps), parts

    def __contains__(self, name: str) -> bool:
        """Whether there is such an array; of one that is recorded at each step, not before the first step."""
        return name in self._fixed or (len(self._parts) > 0 and name in self._parts[0])

    def fixed(self, name: str) -> NDArray[Any]:
        """An array that is the same at every step.

        Raises:
          InputError: it is not there, or cannot be read.
        """
        return self._of(self._fixed, name, [()])[0]

    def at(self, name: str, numbers: Sequence[int], *place: int) -> NDArray[Any]:
        """An array, or the part of it at `place` (indices of its leading axes), at some of the recorded steps.

        Args:
          name: the array's name.
          numbers: which of the recorded steps, from 0; one at least.
          place: for [N, R, ...] the number of a sentence, or of a sentence and a row; nothing for all.

        Raises:
          VanishedError: the files have changed since they were opened.
          InputError: it is not there, or cannot be read.
        """
        if not self._parts:
            return self._of(self._fixed, name, [(t, *place) for t in numbers])
        pieces = [self._of(self._parts[t], name, [place])[0] for t in numbers]
        require(
            len({(piece.shape, piece.dtype) for piece in pieces}) == 1,
            f"{self._parts[0].path.parent}: its files do not fit together; restore them, or start a new run",
        )
        return np.stack(pieces)

    @staticmethod
    def _of(file: StoredArrays, name: str, places: Sequence[tuple[int, ...]]) -> NDArray[Any]:
        require(name in file, f"{file.path}: holds no {name}; restore it, or start a new run")
        return file.pieces(name, places)


def open_steps(folder: Path, name: str) -> StepReader:
    """What `NAME.npz` of a run's folder holds, or its parts while the training goes on.

    Raises:
      VanishedError: there is none.
      InputError: it is damaged, of another version, or has no steps.
    """
    record = RecordFile(folder, name)
    found = record.parts()
    fixed = stored_arrays(record.path if found is None else found.fixed)
    version = fixed.array("version").tolist() if "version" in fixed else None
    check_version(fixed.path, version, name)
    if found is not None:
        return StepReader(fixed, list(found.steps), [stored_arrays(path) for path in found.steps.values()])
    if "step" not in fixed:
        raise InputError(f"{fixed.path}: holds no steps; restore it, or start a new run")
    steps = fixed.array("step")
    require(
        steps.ndim == 1 and steps.dtype.kind == "i" and (np.diff(steps) > 0).all(),
        f"{fixed.path}: its steps do not rise; restore it, or start a new run",
    )
    return StepReader(fixed, steps.tolist(), [])
