"""What the tab's list of runs says: status, last step, and in what the runs differ."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from data.errors import InputError, is_file, require
from data.yaml_file import read_yaml
from experiments.config.loader import make_as
from experiments.config.schema import Config, Value, values_of
from experiments.run_directory.files import read_summary
from experiments.run_directory.step_reader import StepReader, open_steps
from experiments.tensorboard_plugin.log_directory import LogDirectory

_OF_A_SEED = ("seed", "seeds")
"""Config values in which runs of one group may differ."""
_DEFAULTS = values_of(Config())


@dataclass(frozen=True)
class ListedRun:
    """A run of the log directory."""

    name: str
    config: Config
    seed: int
    status: str
    last: int | None
    """The last recorded step."""

    @property
    def values(self) -> dict[str, Value]:
        """Its config values but for the seed."""
        return {name: value for name, value in values_of(self.config).items() if name not in _OF_A_SEED}

    @property
    def group(self) -> str:
        """What differs from the defaults, which runs share that differ in the seed alone."""
        return ", ".join(f"{name} {_plain(value)}" for name, value in self.values.items() if value != _DEFAULTS[name])


def load_listed(logs: LogDirectory, name: str) -> ListedRun:
    """A run by its name below the log directory.

    Raises:
      InputError: it cannot be read.
    """
    folder = logs.root if name == "." else logs.root / name
    whole = folder if is_file(folder / "config.yaml") else folder.parent
    outside = f"{folder}: its config.yaml lies above the log directory; start TensorBoard with --logdir {folder.parent}"
    require(whole.is_relative_to(logs.root), outside)
    path = logs.file(str(whole.relative_to(logs.root)), "config.yaml")
    config = _config(path, path.stat().st_mtime_ns) if is_file(path) else None
    if config is None:
        raise InputError(f"{folder}: has no config.yaml; put back the one of its training")
    seed = config.seed
    if whole != folder and (found := re.fullmatch(r"seed-([0-9]{1,10})", folder.name)):
        seed = int(found[1])
    steps = open_record(logs, name, "record").steps
    return ListedRun(name, config, seed, _status(logs, name), steps[-1] if steps else None)


@lru_cache(maxsize=4096)
def _config(path: Path, _changed: int) -> Config:
    return make_as(Config, read_yaml(path))


def open_record(logs: LogDirectory, name: str, kind: str) -> StepReader:
    """The record or the parameters of a run; raises InputError."""
    logs.file(name, f"{kind}-parts", "fixed.npz")
    return open_steps(logs.file(name, f"{kind}.npz").parent, kind)


def _status(logs: LogDirectory, name: str) -> str:
    folder = logs.file(name, "summary.json").parent
    live = is_file(folder / "record-parts" / "fixed.npz")
    try:
        return str(read_summary(folder).get("status"))
    except InputError:
        return "running" if live else "stopped"


def differing(runs: list[ListedRun]) -> list[dict[str, Any]]:
    """For each of the runs its config values that are not the same in all of them; the seed aside."""
    values = [run.values for run in runs]
    names = [name for name in _DEFAULTS if name not in _OF_A_SEED and len({repr(of[name]) for of in values}) > 1]
    return [{name: _plain(of[name]) for name in names} for of in values]


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
