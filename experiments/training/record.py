"""What a training gives to its caller: records, when they are made, the time that it took, and where it can go on.

And the clocks of its loop, which leave compilation out and say how long a chunk of updates should be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import jax
import numpy as np
from numpy.typing import NDArray

from experiments.training.hyperparameters import TrainState, Tree
from model.functional import Params

Clock = Callable[[], float]
"""Gives the time in seconds, from any origin."""
M = TypeVar("M")
T = TypeVar("T")


@dataclass(frozen=True)
class TrainingTime:
    """Time that a training has taken, in all processes that worked on it; compilation is left out."""

    seconds: float = 0.0
    updates: int = 0
    """Updates of a run made in these seconds: all, unless it goes on from a checkpoint that does not know its time."""

    @property
    def rate(self) -> float:
        """Updates a second, of each run."""
        return self.updates / self.seconds if self.seconds else 0.0


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
class Progress:
    """How far a training is, between two chunks of updates."""

    step: int
    states: Tree
    """What training would go on from, on the devices: packed `TrainState`s, which `Ensemble.fetch` unpacks."""
    time: TrainingTime
    """Of training until then, without compilation."""


@dataclass(frozen=True)
class Record(Progress, Generic[M]):
    """Everything measured of all runs at one step, stacked over the runs, [R] first: NumPy arrays, except `states`."""

    loss_R: NDArray[np.float32]
    measurement: M
    params: Params
    diverged_at_R: NDArray[np.int32]

    def of(self, run: int) -> RunRecord[M]:
        """The record of one run."""
        measurement, params = one_run((self.measurement, self.params), run)
        return RunRecord(
            run, self.step, self.time, float(self.loss_R[run]), measurement, params, int(self.diverged_at_R[run])
        )

    def runs(self) -> list[RunRecord[M]]:
        """The record of every run."""
        return [self.of(run) for run in range(len(self.loss_R))]


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


class Stopwatch:
    """Runs from when it is made, as the training is at `step` and has taken the time `before`."""

    def __init__(self, step: int, before: TrainingTime, clock: Clock) -> None:
        self._step, self._before, self._clock, self._began = step, before, clock, clock()

    def read(self, step: int) -> TrainingTime:
        """The time that the training has taken until `step`, which it has just reached."""
        seconds = self._clock() - self._began
        return TrainingTime(self._before.seconds + seconds, self._before.updates + step - self._step)


class ChunkSize:
    """How many updates the next chunk has: one at first, then what takes about `seconds`."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self.updates, self._seconds, self._clock, self._began = 1, seconds, clock, clock()

    def made(self, updates: int) -> None:
        """Adapt to `updates` having been made since the last call."""
        took, self._began = self._clock() - self._began, self._clock()
        self.updates = max(1, min(4 * self.updates, round(updates * self._seconds / max(took, 1e-9))))


def record_steps(steps: int, records: int) -> list[int]:
    """At most `records` steps from 0 to `steps`, both among them, spaced ever wider."""
    return sorted({0, steps, *(round(float(step)) for step in np.geomspace(1, steps + 1, records) - 1)})


def pictured_steps(steps: list[int], count: int) -> list[int]:
    """At most `count` of `steps`, spread evenly over them, the first and the last among them."""
    if count < 2 or not steps:
        return steps[-1:] if count else []
    chosen = np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int)
    return [steps[i] for i in dict.fromkeys(chosen.tolist())]


def one_run(stacked: T, run: int) -> T:
    """Run number `run` of arrays stacked [R]."""
    return jax.tree.map(lambda array: array[run], stacked)
