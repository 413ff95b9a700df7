"""What the tab's list of runs says: status, last step, and in what the runs differ."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.errors import InputError, is_file, require
from data.yaml_file import read_yaml
from experiments.config.loader import make_as
from experiments.config.schema import Config, Value, value_of, values_of
from experiments.run_directory.files import read_summary
from experiments.run_directory.folders import is_worked_in
from experiments.run_directory.step_reader import StepReader, open_steps
from experiments.run_directory.stored_arrays import VanishedError, identity, open_file
from experiments.tensorboard_plugin.log_directory import LogDirectory

_OF_A_SEED = ("seed", "seeds")
"""Config values in which runs of one group may differ."""
_DEFAULTS = {name: value for name, value in values_of(Config()).items() if name not in _OF_A_SEED}


@dataclass(frozen=True)
class ListedRun:
    """A run of the log directory."""

    name: str
    config: Config
    seed: int
    status: str
    last: int | None
    """The last recorded step."""
    identity: str
    """Another one where the folder holds another run by now."""

    @property
    def values(self) -> dict[str, Value]:
        """Its config values but for the seed."""
        return {name: value_of(self.config, name) for name in _DEFAULTS}

    @property
    def group(self) -> str:
        """What differs from the defaults, which runs share that differ in the seed alone."""
        return ", ".join(f"{name} {_plain(value)}" for name, value in self.values.items() if value != _DEFAULTS[name])


def load_listed(logs: LogDirectory, name: str) -> ListedRun:
    """A run by its name below the log directory.

    Raises:
      VanishedError: its files are not there any more.
      InputError: it cannot be read.
    """
    folder = logs.file(name)
    whole = folder if is_file(folder / "config.yaml") else folder.parent
    require(
        whole.is_relative_to(logs.root),
        f"{folder}: its config.yaml lies above the log directory; start TensorBoard with --logdir {folder.parent}",
    )
    path = logs.file(str(whole.relative_to(logs.root)), "config.yaml")
    try:
        found = identity(path.lstat())
        config = _config(path, *found)
    except OSError:
        raise VanishedError(f"{folder}: has no config.yaml; put back the one of its training") from None
    seed = config.seed
    if whole != folder and (numbered := re.fullmatch(r"seed-([0-9]{1,10})", folder.name)):
        seed = int(numbered[1])
    steps = open_record(logs, name, "record").steps
    return ListedRun(name, config, seed, _status(logs, folder, whole), steps[-1] if steps else None,
                     "-".join(map(str, found)))  # fmt: skip


@lru_cache(maxsize=4096)
def _config(path: Path, *_identity: int) -> Config:
    with open_file(path):  # never a pipe, which would wait
        return make_as(Config, read_yaml(path))


def open_record(logs: LogDirectory, name: str, kind: str) -> StepReader:
    """The record or the parameters of a run; raises as `load_listed` does."""
    logs.file(name, f"{kind}-parts", "fixed.npz")
    return open_steps(logs.file(name, f"{kind}.npz").parent, kind)


def _status(logs: LogDirectory, folder: Path, whole: Path) -> str:
    """The status of the run in `folder`, of the training in `whole`."""
    parts = folder / "record-parts"
    grows, said = is_file(parts / "fixed.npz"), _said(logs, folder)
    # Between the merge of its parts and its summary a training draws pictures.
    if (grows or said is None) and is_worked_in(whole, parts, whole / "checkpoints"):
        return "running"
    ended = ("interrupted",) if grows else ("finished", "interrupted", "diverged")
    return next((status for status in ended if status == said), "stopped")


def _said(logs: LogDirectory, folder: Path) -> object:
    """The status in a run's summary; None where none can be read."""
    try:
        with open_file(logs.file(str(folder.relative_to(logs.root)), "summary.json")):
            return read_summary(folder).get("status")
    except (OSError, InputError):
        return None


def differing(runs: list[ListedRun]) -> list[dict[str, Any]]:
    """For each of the runs its config values that are not the same in all of them; the seed aside."""
    values = [run.values for run in runs]
    names = [name for name in _DEFAULTS if len({repr(of[name]) for of in values}) > 1]
    return [{name: _plain(of[name]) for name in names} for of in values]


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
