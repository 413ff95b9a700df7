"""What is needed to go on with a run: its last whole checkpoint, and what it recorded until then."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from data.errors import InputError
from experiments.command_line import config_fields
from experiments.config import Config
from experiments.loop import Training
from experiments.record_file import RecordFile
from experiments.run_directory import load_run, member_folders, read_summary
from experiments.state import TrainState
from experiments.yaml_config import load_config

if TYPE_CHECKING:
    from experiments.checkpoint import Checkpoints


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
    own = load_run(folder).config
    if not (folder / "config.yaml").is_file():
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
      InputError: what it recorded cannot be read, or it has more steps than are wanted.
    """
    found, damaged = checkpoints.restore(training.like())
    for step in damaged:
        console.print(f"the checkpoint of step {step:,} is damaged; going back to the one before", soft_wrap=True)
    if found is None:
        console.print(f"{folder}: has no whole checkpoint; starting again at step 0", soft_wrap=True)
        return None
    step, states = found
    steps = training.config.train.steps
    diverged = bool((states.diverged_at >= 0).all())
    if diverged:
        at = int(states.diverged_at.max())
        return Resumed(step, states, done=f"{folder}: diverged at update {at:,}; start a new run", diverged=True)
    if step > steps:
        raise InputError(f"--train.steps: the run has made {step:,} already; ask for more, not {steps:,}")
    members = member_folders(folder, training.config.seed, training.config.seeds)
    if step == steps and all(_is_finished(member, steps) for member in members):
        return Resumed(step, states, done=f"{folder}: is finished; raise --train.steps to go on with it")
    recorded = [int(one) for one in RecordFile(members[0], "record").read().get("step", ())]
    checkpoints.forget_after(step)
    training.go_on_from(step, [one for one in recorded if one <= step])
    return Resumed(step, states, after=step - 1 if step in training.steps else step)


def _is_finished(folder: Path, steps: int) -> bool:
    """Whether a run wrote its summary, the last thing that it writes, after so many steps."""
    try:
        summary = read_summary(folder)
    except InputError:  # none, or damaged: it is made again
        return False
    return summary.get("status") in ("finished", "diverged") and summary.get("steps") == steps
