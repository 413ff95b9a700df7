"""What is needed to go on with a run: its last whole checkpoint, and what it recorded until then."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from data.errors import InputError
from data.files import is_file
from experiments.commands.console import say
from experiments.config.fields import config_fields
from experiments.config.loader import load_config
from experiments.config.schema import Config
from experiments.measuring.experiment import Training
from experiments.measuring.row_gradients import flat_params
from experiments.run_directory.files import NewerFileError
from experiments.run_directory.folders import check_place, run_folders
from experiments.run_directory.saved_run import load_run
from experiments.run_directory.step_arrays import Arrays, RecordFile, check_stacked
from experiments.run_directory.summary_file import read_summary
from experiments.tracking.recorded_arrays import fixed_arrays
from experiments.training.state import TrainState

if TYPE_CHECKING:
    from experiments.training.checkpoints import Checkpoints


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on; or, in `done`, why it does not."""

    step: int
    states: TrainState
    after: int = -1
    """The last step whose records stay as they are; a recorded step that the run goes on from is recorded again."""
    done: str | None = None
    diverged: bool = False


def resumed_config(folder: Path, name: str | None, overrides: dict[str, str]) -> Config:
    """The config to go on with: the run's own, perhaps with more steps.

    Args:
      folder: the run's folder.
      name: a config file that the user named, or None.
      overrides: config values on the command line.

    Raises:
      InputError: no run lies there, it is a member of several, or another value than train.steps was changed.
    """
    check_place(folder, "--resume")
    own = load_run(folder).config
    if not is_file(folder / "config.yaml"):
        raise InputError(f"--resume {folder}: is one of several runs; resume {folder.parent}")
    wanted = load_config(str(folder / "config.yaml") if name is None else name, overrides)
    changed = [field for field, _ in config_fields() if _value(own, field) != _value(wanted, field)]
    refused = [field for field in changed if field != "train.steps"]
    if refused:
        told = ", ".join(f"{field} {_value(own, field)} -> {_value(wanted, field)}" for field in refused)
        raise InputError(f"--resume {folder}: its config cannot change ({told}); leave that out, or start a new run")
    return wanted


def _value(config: Config, field: str) -> object:
    value: object = config
    for part in field.split("."):
        value = getattr(value, part)
    return value


def find_resumed(training: Training, folder: Path, checkpoints: "Checkpoints", console: Console) -> Resumed | None:
    """Where the run in `folder` goes on; None where it has no whole checkpoint and starts again at step 0.

    Raises:
      InputError: its checkpoints or what it recorded cannot be read, or it has more steps than are wanted; nothing was
        changed yet.
    """
    found, damaged = checkpoints.restore(training.like())
    steps = training.config.train.steps
    runs = run_folders(folder, training.config.seed, training.config.seeds)
    if found is None and damaged:
        raise InputError(f"{folder}: no checkpoint of it can be read; restore them, or start a new run")
    if found is None and any(_is_finished(member) for member in runs):
        raise InputError(f"{folder}: is finished, and has no checkpoint to go on from; start a new run")
    if found is None:
        for member in runs:
            _check_start(training, member)
        say(console, f"{folder}: has no whole checkpoint; starting again at step 0")
        return None
    step, states = found
    # Its last checkpoint is on disk before a run writes its end: one that died in between has that left to write.
    finished = all(_is_finished(member, step) for member in runs)
    if finished and (states.diverged_at >= 0).all():
        at = int(states.diverged_at.max())
        return Resumed(step, states, done=f"{folder}: diverged at update {at:,}; start a new run", diverged=True)
    if step > steps:
        raise InputError(f"--train.steps: the run has made {step:,} already; ask for more, not {steps:,}")
    if step == steps and finished:
        return Resumed(step, states, done=f"{folder}: is finished; raise --train.steps to go on with it")
    recorded = [_recorded_steps(training, member, step) for member in runs]
    if any(one != recorded[0] for one in recorded):
        raise InputError(f"{folder}: its runs did not record the same steps; restore their files, or start a new run")
    for one in damaged:
        say(console, f"the checkpoint of step {one:,} is damaged; going back to the one before")
    training.go_on_from(step, recorded[0])
    return Resumed(step, states, after=step - 1 if step in training.steps else step)


def _recorded_steps(training: Training, folder: Path, last: int) -> list[int]:
    """The steps up to `last`, that of a checkpoint, which the run in `folder` recorded.

    Raises:
      InputError: what it recorded cannot be read, is not whole, or is that of another training.
    """
    record, params = (RecordFile(folder, name) for name in ("record", "params"))
    arrays = {"record": record.read(last), "params": params.read(last)}  # training writes the later ones anew
    _check_record(training, record.path, arrays["record"])
    like = flat_params(training.like().params)
    check_stacked(params.path, arrays["params"], {"/".join(path): leaf.shape[1:] for path, leaf in like.items()})
    steps = [[int(step) for step in np.ravel(one.get("step", ())) if step <= last] for one in arrays.values()]
    if steps[0] != steps[1] or steps[0][:1] != [0] or steps[0] != sorted(set(steps[0])):
        raise InputError(f"{folder}: record and params hold different steps; restore them, or start a new run")
    return steps[0]


def _check_start(training: Training, folder: Path) -> None:
    """Make sure that what a run recorded before its first checkpoint is its own; there need be nothing.

    Raises:
      InputError: it cannot be read, or is that of another training.
    """
    for file in (RecordFile(folder, name) for name in ("record", "params")):
        if file.exists():
            arrays = file.read(until=-1)  # training writes all steps anew
            if "words" in arrays:
                _check_record(training, file.path, arrays)


def _check_record(training: Training, path: Path, record: Arrays) -> None:
    """Make sure that a record watches the sentences of `training`, and is of its world."""
    for name, array in fixed_arrays(training, training.like().params).items():
        # Exact answers may differ in the last bit between versions of the libraries.
        if array.dtype.kind != "f" and not np.array_equal(record.get(name, np.nan), array):
            raise InputError(f"{path}: does not fit the run's config and world; restore it, or start a new run")


def _is_finished(folder: Path, steps: int | None = None) -> bool:
    """Whether a run wrote its summary, the last thing that it writes, after so many steps (None: any number)."""
    try:
        summary = read_summary(folder)
    except NewerFileError:
        raise
    except InputError:  # none, or damaged: it is made again
        return False
    return summary.get("status") in ("finished", "diverged") and steps in (None, summary.get("steps"))
