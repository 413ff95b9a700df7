"""How long a training has taken, over all the processes that worked on it, and how much of it is made at a time."""

import time
from dataclasses import dataclass

_STRIDE_SECONDS = 0.5
"""About how long a chunk runs, so that a wish to stop is heard and the progress bar moves."""


@dataclass(frozen=True)
class TrainingTime:
    """Time that a training has taken; compilation is left out."""

    seconds: float = 0.0
    updates: int = 0
    """Updates of a run made in these seconds: all, unless it goes on from a checkpoint that does not tell its time."""

    @property
    def rate(self) -> float:
        """Updates a second, of each run."""
        return self.updates / self.seconds if self.seconds else 0.0


class Stopwatch:
    """Runs from when it is made, as the training is at `step` and has taken `before`."""

    def __init__(self, step: int, before: TrainingTime) -> None:
        self._began, self._step, self._before = time.perf_counter(), step, before

    def read(self, step: int) -> TrainingTime:
        """What the training has taken until `step`, to which it has just come."""
        seconds = time.perf_counter() - self._began
        return TrainingTime(self._before.seconds + seconds, self._before.updates + step - self._step)


class ChunkSize:
    """How many updates the next chunk has: one at first, then what took about `_STRIDE_SECONDS`."""

    def __init__(self) -> None:
        self.updates, self._began = 1, time.perf_counter()

    def made(self, updates: int) -> None:
        """So many updates have been made since this was said last."""
        seconds, self._began = time.perf_counter() - self._began, time.perf_counter()
        self.updates = max(1, min(4 * self.updates, round(updates * _STRIDE_SECONDS / max(seconds, 1e-9))))
