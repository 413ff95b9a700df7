"""Read the files of a run.

run = load_run("runs/toy-001")
run.record["weights"][-1, 0, 0]     the last map of sentence 0, masked word 0: [heads, words]
run.params(-1)                      the parameters at the last recorded step, as `model.functional.apply` takes them
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from catmat_command import as_called
from data.errors import InputError, is_file, is_folder, require
from experiments.config.loader import load_config
from experiments.config.schema import Config
from experiments.run_directory.arrays import Arrays, RecordFile
from experiments.run_directory.files import read_summary
from experiments.run_directory.folders import run_folders


@dataclass(frozen=True)
class SavedRun:
    """The files of a run, read when they are first used. The runs of several seeds are in `runs`."""

    folder: Path
    config: Config
    runs: dict[str, "SavedRun"]
    """The runs inside, by their folder's name; empty for a single run."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: the final metrics and the status."""
        return read_summary(self.folder)

    @cached_property
    def record(self) -> Arrays:
        """`record.npz`, or what a stopped run recorded so far; `tracking.recorded_arrays` lists every array."""
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
        stacked = all(array.shape[:1] == steps.shape for name, array in arrays.items() if name != "version")
        require(
            steps.ndim == 1 and steps.size and stacked,
            f"{file.path}: holds no parameters; restore it, or start a new run",
        )
        return arrays

    def params(self, t: int = -1) -> dict[str, Any]:
        """The parameters at recorded step number `t` (the last by default), nested as the model takes them."""
        arrays = {name: array[t] for name, array in self.all_params.items() if name not in ("version", "step")}
        return nested(arrays)


def nested(arrays: Arrays) -> dict[str, Any]:
    """Parameters by their paths, `attention/query/kernel`, as dicts in dicts."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, leaf = name.split("/")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = array
    return tree


def load_run(path: str | Path) -> SavedRun:
    """The run in a folder: `runs/toy-001`, or one run of several, `runs/lab-001/seed-3`.

    Raises:
      InputError: there is no run, or its config cannot be read.
    """
    folder = Path(path)
    whole = next((place for place in (folder, folder.parent) if is_file(place / "config.yaml")), None)
    if whole is None or not is_folder(folder):
        says = f"{folder}: no run lies here (there is no config.yaml); see python -m experiments.runs"
        raise InputError(as_called(says))
    config = load_config(str(whole / "config.yaml"), {})
    inside = run_folders(folder, config.seed, config.seeds) if whole == folder and config.seeds > 1 else []
    return SavedRun(folder, config, {one.name: SavedRun(one, config, {}) for one in inside if is_folder(one)})
