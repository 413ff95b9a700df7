"""How long a training has taken, over all processes that worked on it, and how many updates make up a chunk."""

import time
from collections.abc import Callable
from dataclasses import dataclass

CHUNK_SECONDS = 0.5
"""About how long a chunk runs, so that a request to stop is noticed and the progress bar moves."""
Clock = Callable[[], float]
"""Gives the time in seconds, from any origin."""


@dataclass(frozen=True)
class TrainingTime:
    """Time that a training has taken; compilation is left out."""

    seconds: float = 0.0
    updates: int = 0
    """Updates of a run made in these seconds: all, unless it goes on from a checkpoint that does not know its time."""

    @property
    def rate(self) -> float:
        """Updates a second, of each run."""
        return self.updates / self.seconds if self.seconds else 0.0


class Stopwatch:
    """Runs from when it is made, as the training is at `step` and has taken the time `before`."""

    def __init__(self, step: int, before: TrainingTime, clock: Clock = time.perf_counter) -> None:
        self._step, self._before, self._clock, self._began = step, before, clock, clock()

    def read(self, step: int) -> TrainingTime:
        """The time that the training has taken until `step`, which it has just reached."""
        seconds = self._clock() - self._began
        return TrainingTime(self._before.seconds + seconds, self._before.updates + step - self._step)


class ChunkSize:
    """How many updates the next chunk has: one at first, then what takes about `seconds`."""

    def __init__(self, seconds: float = CHUNK_SECONDS, clock: Clock = time.perf_counter) -> None:
        self.updates, self._seconds, self._clock, self._began = 1, seconds, clock, clock()

    def made(self, updates: int) -> None:
        """Adapt to `updates` having been made since the last call."""
        took, self._began = self._clock() - self._began, self._clock()
        self.updates = max(1, min(4 * self.updates, round(updates * self._seconds / max(took, 1e-9))))
