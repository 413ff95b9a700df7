"""Where a stopped run goes on: its last whole checkpoint, and what it recorded until then."""

from pathlib import Path

import numpy as np

from data.errors import InputError, is_file, require
from experiments.config.loader import load_config
from experiments.config.schema import Config, values_of
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import EvaluationData, Measurement
from experiments.measuring.row_gradients import flat_params
from experiments.run_directory.arrays import Arrays, RecordFile, check_stacked
from experiments.run_directory.files import NewerFileError, read_summary
from experiments.run_directory.folders import check_place, run_folders
from experiments.run_directory.saved_run import load_run
from experiments.tracking.recorded_arrays import fixed_arrays
from experiments.training.hyperparameters import TrainState
from experiments.training.record import TrainingTime
from experiments.training.trainer import ResumePoint, Trainer
from model.functional import Params


def resumed_config(folder: Path, name: str | None, overrides: dict[str, str]) -> Config:
    """The config to go on with: the run's own, perhaps with more steps.

    Args:
      folder: the run's folder.
      name: a config file that the user named, or None.
      overrides: config values on the command line.

    Raises:
      InputError: no run lies there, it is one of several, or another value than train.steps was changed.
    """
    check_place(folder, "--resume")
    own = load_run(folder).config
    require(is_file(folder / "config.yaml"), f"--resume {folder}: is one of several runs; resume {folder.parent}")
    wanted = load_config(str(folder / "config.yaml") if name is None else name, overrides)
    before, after = values_of(own), values_of(wanted)
    refused = [name for name in before if before[name] != after[name] and name != "train.steps"]
    shown = ", ".join(f"{name} {before[name]} -> {after[name]}" for name in refused)
    require(
        not refused,
        f"--resume {folder}: its config cannot change ({shown}); leave that out, or start a new run",
    )
    return wanted


def find_resume_point(
    experiment: Experiment,
    trainer: Trainer[EvaluationData, Measurement],
    folder: Path,
    found: tuple[int, TrainState, TrainingTime] | None,
    damaged: list[int],
) -> tuple[ResumePoint | int, list[str]]:
    """Where the run in `folder` goes on, or the exit code of one that does not; and what there is to say about that.

    Nothing is changed yet. A run without a whole checkpoint starts again at step 0. What was `found` of checkpoints,
    and the steps of `damaged` ones, are as `Checkpoints.restore` gives them.

    Raises:
      InputError: its checkpoints or what it recorded cannot be read, or it has more steps than are wanted.
    """
    steps = experiment.config.train.steps
    runs = run_folders(folder, experiment.config.seed, experiment.config.seeds)
    expected = fixed_arrays(experiment, trainer.empty_states().params)
    if found is None:
        require(not damaged, f"{folder}: no checkpoint of it can be read; restore them, or start a new run")
        require(
            not any(_is_finished(run) for run in runs),
            f"{folder}: is finished, and has no checkpoint to go on from; start a new run",
        )
        for run in runs:
            _check_start(expected, run)
        return trainer.beginning, [f"{folder}: has no whole checkpoint; starting again at step 0"]
    step, states, time = found
    # Its last checkpoint is on disk before a run writes its end: one that died in between has that left to write.
    finished = all(_is_finished(run, step) for run in runs)
    if finished and (states.diverged_at >= 0).all():
        return 3, [f"{folder}: diverged at update {int(states.diverged_at.max()):,}; start a new run"]
    require(step <= steps, f"--train.steps: the run has made {step:,} already; ask for more, not {steps:,}")
    if step == steps and finished:
        return 0, [f"{folder}: is finished; raise --train.steps to go on with it"]
    recorded = [_recorded_steps(expected, states.params, run, step) for run in runs]
    require(
        all(one == recorded[0] for one in recorded),
        f"{folder}: its runs did not record the same steps; restore their files, or start a new run",
    )
    said = [f"the checkpoint of step {one:,} is damaged; going back to the one before" for one in damaged]
    # With the same config these are the planned steps; they differ where the number of steps was raised.
    planned = sorted({*recorded[0], *(later for later in trainer.steps if later >= step)})
    return ResumePoint(step, tuple(planned), states, time), said


def _recorded_steps(expected: Arrays, params: Params, folder: Path, last: int) -> list[int]:
    """The steps up to `last`, that of a checkpoint, which the run in `folder` recorded.

    Raises:
      InputError: what it recorded cannot be read, is not whole, or is that of another training.
    """
    record, saved = (RecordFile(folder, name) for name in ("record", "params"))
    arrays = {"record": record.read(last), "params": saved.read(last)}  # training writes the later ones anew
    _check_record(expected, record.path, arrays["record"])
    check_stacked(saved.path, arrays["params"], {name: leaf.shape[1:] for name, leaf in flat_params(params).items()})
    steps = [[int(step) for step in np.ravel(one.get("step", ())) if step <= last] for one in arrays.values()]
    whole = steps[0] == steps[1] and steps[0][:1] == [0] and steps[0] == sorted(set(steps[0]))
    require(whole, f"{folder}: record and params hold different steps; restore them, or start a new run")
    return steps[0]


def _check_start(expected: Arrays, folder: Path) -> None:
    """Make sure that what a run recorded before its first checkpoint is its own; there need be nothing.

    Raises:
      InputError: it cannot be read, or is that of another training.
    """
    for file in (RecordFile(folder, name) for name in ("record", "params")):
        arrays = file.read(until=-1) if file.exists() else {}  # training writes all steps anew
        if "words" in arrays:
            _check_record(expected, file.path, arrays)


def _check_record(expected: Arrays, path: Path, record: Arrays) -> None:
    """Make sure that a record watches the expected sentences, and is of their world."""
    for name, array in expected.items():
        # Exact answers may differ in the last bit between versions of the libraries.
        fits = array.dtype.kind == "f" or np.array_equal(record.get(name, np.nan), array)
        changed = "its world is another one now; put the world's file back as it was"
        what = changed if name in ("world", "words") else "does not fit the run's config and world; restore it"
        require(fits, f"{path}: {what}, or start a new run")


def _is_finished(folder: Path, steps: int | None = None) -> bool:
    """Whether a run wrote its summary, the last thing that it writes, after so many steps (None: any number)."""
    try:
        summary = read_summary(folder)
    except NewerFileError:
        raise
    except InputError:  # none, or damaged: it is made again
        return False
    return summary.get("status") in ("finished", "diverged") and steps in (None, summary.get("steps"))
