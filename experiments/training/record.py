"""What a training gives to its caller: records at recorded steps, its progress in between, and where it can go on."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import jax
import numpy as np
from numpy.typing import NDArray

from experiments.training.arrays import Tree
from experiments.training.state import TrainState
from experiments.training.stopwatch import TrainingTime
from model.functional import Params

M = TypeVar("M")
T = TypeVar("T")


@dataclass(frozen=True)
class RunRecord(Generic[M]):
    """Everything measured of one run at one step, as NumPy arrays."""

    run: int
    """Its number in the training."""
    step: int
    time: TrainingTime
    loss: float
    """Mean loss of the updates since the record before; nan at step 0, and from the run's divergence on."""
    measurement: M
    params: Params
    diverged_at: int
    """The update at which the run diverged; -1 where it did not."""


@dataclass(frozen=True)
class Record(Generic[M]):
    """Everything measured of all runs at one step, as NumPy arrays stacked over the runs, [R] first."""

    step: int
    time: TrainingTime
    """Of training until then, in all processes that worked on it."""
    loss_R: NDArray[np.float32]
    measurement: M
    params: Params
    diverged_at_R: NDArray[np.int32]
    states: TrainState
    """What training goes on from, on the devices."""

    def of(self, run: int) -> RunRecord[M]:
        """The record of one run."""
        measurement, params = one_run((self.measurement, self.params), run)
        loss, diverged_at = float(self.loss_R[run]), int(self.diverged_at_R[run])
        return RunRecord(run, self.step, self.time, loss, measurement, params, diverged_at)

    def runs(self) -> list[RunRecord[M]]:
        """The record of every run."""
        return [self.of(run) for run in range(len(self.loss_R))]


@dataclass(frozen=True)
class Progress:
    """How far a training is, between two chunks of updates."""

    step: int
    states: TrainState
    """What training would go on from, on the devices."""
    time: TrainingTime


@dataclass(frozen=True)
class ResumePoint:
    """Where a training starts or goes on. What was recorded of its step and of later ones is written anew."""

    step: int
    steps: tuple[int, ...]
    """All steps to be recorded: before `step` those that were, from it on those that will be."""
    states: TrainState | None = None
    """What it goes on from (NumPy, stacked [R]), which may all have diverged; None for a new training."""
    time: TrainingTime = field(default_factory=TrainingTime)
    """The time that it has taken until then."""


def one_run(stacked: T, run: int) -> T:
    """Run number `run` of arrays stacked [R]."""
    one: Tree = jax.tree.map(lambda array: array[run], stacked)
    return one
