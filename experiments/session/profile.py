"""A trace of a part of a training: where the time goes, for TensorBoard or Perfetto."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import jax

from experiments.run_directory.folders import quoted
from experiments.training.record import Progress

_SKIPPED = 1 / 3
"""Share of the training before the trace: by then chunks have their length, and programs are in the caches."""


class Profile:
    """Traces a chunk of updates and the next record, with what the host does meanwhile; use it in a `with`."""

    def __init__(self, folder: Path, steps: Sequence[int]) -> None:
        """Nothing is traced yet.

        Args:
          folder: where the trace is written: `plugins/profile/` in it, where TensorBoard looks for it.
          steps: all steps to be recorded.
        """
        self._folder, self._steps = folder, steps
        self._begin, self._end = -1, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._begin >= 0 and self._end < 0:
            self._stop(self._steps[-1])

    def move(self, progress: Progress) -> None:
        """Begin or end the trace, if it is time; called after each chunk of updates."""
        if self._begin < 0 and _SKIPPED * self._steps[-1] <= progress.step < self._steps[-1]:
            self._begin = progress.step
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # each call of Python would hide all else, and slow it down
            jax.profiler.start_trace(self._folder, create_perfetto_trace=True, profiler_options=options)
        elif self._begin >= 0 > self._end and any(self._begin < step < progress.step for step in self._steps):
            self._stop(progress.step)

    def _stop(self, step: int) -> None:
        self._end = step
        jax.profiler.stop_trace()

    def line(self) -> str:
        """What to say about the trace."""
        if self._end < 0:
            return "profile: nothing was traced; the training ended in its first third, or has one update"
        trace = max(self._folder.glob("plugins/profile/*/perfetto_trace.json.gz"))
        return (
            f"profile: updates {self._begin:,} to {self._end:,} are traced; open {quoted(trace)} at ui.perfetto.dev, or"
            f" tensorboard --logdir {quoted(self._folder)} with its profile plugin (pip install xprof)"
        )
