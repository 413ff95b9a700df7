"""Writes what training measures into the run directory, as it comes: one folder a run, and an overview of several."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from experiments.config.loader import to_yaml
from experiments.measuring.experiment import Record, Training
from experiments.measuring.metrics import meaning
from experiments.run_directory.files import write_text
from experiments.run_directory.folders import run_folders
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.recorded_arrays import fixed_arrays
from experiments.tracking.run_log import RunLog
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.training.schedule import pictured_steps

OVERVIEW = "overview"
_OVERVIEW: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "lowest": np.nanmin,
    "median": np.nanmedian,
    "highest": np.nanmax,
}
"""Lines that sum up the members: TensorBoard shows no line at first where there are more than 40 runs."""


class Tracker:
    """Everything that is written of a training; use it in a `with`."""

    def __init__(self, training: Training, folder: Path, versions: dict[str, str], after: int = -1) -> None:
        """Write into `folder`; `after` is the step from which a resumed training goes on."""
        self._training, self._versions, self.folder, self.after = training, versions, folder, after
        self.folders = run_folders(folder, training.config.seed, training.config.seeds)
        self._pictured = set(pictured_steps(training.steps, training.config.track.images))
        self._overview: dict[str, EventWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        write_text(self.folder / "config.yaml", to_yaml(self._training.config))
        self._members = []
        for run, folder in enumerate(self.folders):
            folder.mkdir(exist_ok=True)
            self._members.append(self._stack.enter_context(RunLog(self._training, run, folder, self.after)))
        if len(self.folders) > 1:
            for name in _OVERVIEW:
                folder = self.folder / OVERVIEW / name
                folder.mkdir(parents=True, exist_ok=True)
                self._overview[name] = self._stack.enter_context(EventWriter(folder, self.after + 1))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def record(self, record: Record) -> None:
        """Write one record of every run. The first must be that of step 0; a resumed run has it on disk already."""
        if record.step == 0:
            fixed = fixed_arrays(self._training, record.params)
            pictures = SentencePictures(fixed)
            for member in self._members:
                member.begin(record, pictures, fixed)
        if record.step <= self.after:
            return
        found = [member.write(record, record.step in self._pictured) for member in self._members]
        for name, writer in self._overview.items():
            values = {tag: np.asarray([metrics[tag] for metrics in found]) for tag in found[0]}
            known = {tag: float(_OVERVIEW[name](array)) for tag, array in values.items() if np.isfinite(array).any()}
            writer.scalars(record.step, known, {tag: f"{name} of {len(found)} runs. {meaning(tag)}" for tag in known})
            writer.flush()

    def finish(self, last: Record) -> None:
        """Write what stands at the end of a run: its summary, and how the attention of its sentences formed."""
        for member in self._members:
            member.finish(last, sorted(self._pictured), self._versions)

    def interrupted(self, last: Record) -> None:
        """Write the summary of a training that stopped before its end; everything else goes on where it is."""
        for member in self._members:
            member.write_summary(last, self._versions)
