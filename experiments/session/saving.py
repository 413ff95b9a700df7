"""A training that is saved as it goes: what all processes that share it do alike."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from experiments.commands.process import Interruption
from experiments.training.agreement import Agreement
from experiments.training.record import M, Progress, Record, ResumePoint
from experiments.training.trainer import Trainer

Data = TypeVar("Data")
Write = Callable[[Progress, Any], None]
"""Writes a checkpoint: of a progress, or a record, with its states as NumPy arrays."""


class SavedTraining(Generic[Data, M]):
    """Trains from a point on, and saves where process 0 says that it is time; use each one once."""

    def __init__(
        self,
        trainer: Trainer[Data, M],
        agreement: Agreement,
        stop: Interruption,
        point: ResumePoint,
        seconds: float,
        write: Write | None = None,
    ) -> None:
        """Nothing is computed yet.

        Args:
          trainer: what is trained.
          agreement: of the processes that share it.
          stop: a request to this process to stop.
          point: where to begin.
          seconds: the time between two checkpoints, by the clock of process 0.
          write: writes a checkpoint; None in the other processes.
        """
        self.step = point.step
        """The last step that was reached."""
        self._trainer, self._agreement, self._stop, self._point = trainer, agreement, stop, point
        self._seconds, self._write, self._saved_at = seconds, write, time.monotonic()

    def records(self, data: Data, *moved: Callable[[Progress], None]) -> Iterator[Record[M]]:
        """The records, as `Trainer.run` gives them; each is saved once the next one is asked for, and the end too.

        Args:
          data: what is measured on.
          moved: what is called after each chunk of updates.
        """
        point, now, last = self._point, None, cast(Record[M], None)  # there is always a record of step 0

        def should_stop(progress: Progress) -> bool:
            nonlocal now
            now, self.step = progress, progress.step
            for call in moved:
                call(progress)
            if progress.step not in point.steps:
                self._save(progress)
            return self._stop.requested

        for record in self._trainer.run(data, should_stop, point, self._agreement):
            yield record
            last = record
            if point.states is None or record.step > point.step:
                self._save(record, at_once=record.step == point.steps[-1])
        end = now or Progress(point.step, point.states or last.states, last.time)
        self._save(last if last.step == end.step else end, at_once=True)

    def _save(self, progress: Progress, at_once: bool = False) -> None:
        """Save if the last checkpoint is old enough; the states are fetched by all processes, and written by one."""
        if self._agreement.first(at_once or time.monotonic() - self._saved_at >= self._seconds):
            states = self._trainer.ensemble.fetch(progress.states)
            if self._write is not None:
                self._write(progress, states)
            self._saved_at = time.monotonic()
