"""Writes what training measures into the run directory while it trains: a folder a run, and an overview of several."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import meaning
from experiments.run_directory.folders import run_folders
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.run_log import RunLog
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.tags import metric_of
from experiments.training.record import pictured_steps
from experiments.training.trainer import Record, ResumePoint, RunRecord

_OVERVIEW: dict[str, Callable[[NDArray[np.float64]], np.floating]] = {
    "lowest": np.nanmin,
    "median": np.nanmedian,
    "highest": np.nanmax,
}
"""Lines that sum up the runs, each a run in TensorBoard's list."""
LISTED = 5
"""How many of several runs are in TensorBoard's list beside the overview; with it they are eight.

Where the list has more than 40 runs, TensorBoard opens with none of them selected, and looks empty.
"""


_REMEMBERED = 2**26
"""Bytes of recorded arrays that are kept in memory, so that a short training does not read them again at its end."""
_FLUSHED_AFTER = 2.0
"""Seconds after which records are written, where no checkpoint is saved before."""


def has_events(folder: Path) -> bool:
    """Whether TensorBoard lists the run in a folder."""
    return any(folder.glob("events.out.tfevents.*"))


class Tracker:
    """Everything that is written of a training."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        pictures: SentencePictures,
        first: Record[Measurement],
        point: ResumePoint,
        versions: dict[str, str],
        stack: ExitStack,
        listed: int = LISTED,
    ) -> None:
        """Open the files.

        Args:
          experiment: what is trained.
          folder: the run directory.
          pictures: of the watched sentences.
          first: the record of step 0, which later ones are compared with.
          point: where the training starts or goes on; earlier records stay as they are.
          versions: what the numbers depend on beside the config, for the summary.
          stack: closes the files, on any way out.
          listed: how many of several runs write event files: the first ones, and those that did before they were
            resumed.
        """
        config, self._start = experiment.config, point.step
        self.written_until, self._recorded_until, self._flushed_at = -1, -1, time.monotonic()
        """`written_until`: the last step of which all is on disk but its pictures; -1 for none."""
        self._waiting: deque[tuple[float, list[RunRecord[Measurement]]]] = deque()
        """Records of all runs that are not written yet, each with the time at which it came."""
        self._pictured = set(pictured_steps(list(point.steps), config.track.images))
        folders = run_folders(folder, config.seed, config.seeds)
        self._runs = [
            RunLog(
                experiment,
                own,
                one,
                pictures,
                point,
                versions,
                stack,
                n < listed or has_events(own),
                _REMEMBERED // len(folders),
            )
            for n, (own, one) in enumerate(zip(folders, first.runs(), strict=True))
        ]
        self._overview = {
            name: stack.enter_context(EventWriter(folder / "overview" / name, point.step))
            for name in (_OVERVIEW if len(folders) > 1 else ())
        }
        stack.callback(self._keep)  # before the event files are closed

    def record(self, record: Record[Measurement]) -> None:
        """Take one record of every run, to be written soon; one that a resumed run has on disk already is passed over.

        Records wait for each other, see `flush_if_due`: a training that ends before writes its arrays as one file, and
        not a file for each step, which takes as long as all else that is written of a record.
        """
        if record.step >= self._start:
            self._waiting.append((time.time(), record.runs()))
            self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write the records if they have waited long enough: to be called after each chunk of updates."""
        if self._waiting and time.monotonic() - self._flushed_at >= _FLUSHED_AFTER:
            self._flush()

    def _flush(self) -> None:
        while self._waiting:
            came, runs = self._waiting[0]
            self._write(came, runs)
            self._recorded_until = runs[0].step
            self._waiting.popleft()
        for log in self._runs:
            log.flush()
        for writer in self._overview.values():
            writer.flush()
        self.written_until, self._flushed_at = self._recorded_until, time.monotonic()

    def _write(self, came: float, runs: list[RunRecord[Measurement]]) -> None:
        """Write the events of one record of every run; its arrays wait for `RunLog.flush`."""
        step = runs[0].step
        found = [log.write(run, step in self._pictured, came) for log, run in zip(self._runs, runs, strict=True)]
        for name, writer in self._overview.items():
            # A run whose excess is not finite has no such tag.
            tags = dict.fromkeys(tag for scalars in found for tag in scalars)
            values = {tag: np.asarray([scalars.get(tag, np.nan) for scalars in found]) for tag in tags}
            known = {tag: float(_OVERVIEW[name](array)) for tag, array in values.items() if np.isfinite(array).any()}
            about = {tag: f"{name} of {len(found)} runs. {meaning(metric_of(tag))}" for tag in known}
            writer.wall_time = came
            writer.scalars(step, known, about)

    def _keep(self) -> None:
        """Where an error ends the training, write what was recorded, or at least its arrays; the error is told."""
        if not self._waiting and self.written_until == self._recorded_until:
            return
        with suppress(OSError):
            self._flush()
            return
        with suppress(OSError):
            for n, log in enumerate(self._runs):
                log.keep(runs[n] for _, runs in self._waiting)
            self.written_until = self._waiting[-1][1][0].step if self._waiting else self._recorded_until

    def write_rest(self) -> None:
        """Write all that is recorded, and draw its maps: to be called before a checkpoint is saved, and at the end.

        A training that goes on from a checkpoint writes what comes later, so it need not be there before. To draw takes
        the cores from the training, several times as long as to write all else of a record; so a short training draws
        at its end.
        """
        self._flush()
        for log in self._runs:
            log.draw()

    def finish(self, last: Record[Measurement]) -> None:
        """Write what belongs to the end of a run: its summary, and how the attention of its sentences formed."""
        for log, run in zip(self._runs, last.runs(), strict=True):
            log.finish(run, sorted(self._pictured))

    def interrupted(self, last: Record[Measurement]) -> None:
        """Write the summary of a training that stopped before its end."""
        for log, run in zip(self._runs, last.runs(), strict=True):
            log.write_summary(run)
