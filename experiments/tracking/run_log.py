"""The files of one run: `record.npz`, `params.npz` and TensorBoard's events as it trains, the summary at its end.

Pictures are drawn from the arrays of `record.npz`: what is shown was recorded.
"""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import printable
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import diagnostic_metrics, meaning, row_results, step_metrics
from experiments.measuring.row_gradients import flat_params
from experiments.pictures.film_strip import film_strip
from experiments.replay.ledger import row_ledger
from experiments.replay.ledger_table import ledger_markdown, what_follows
from experiments.run_directory.arrays import Arrays, RecordFile
from experiments.run_directory.files import write_summary
from experiments.tracking import tags
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.hparams import hparams
from experiments.tracking.projector import write_projector
from experiments.tracking.recorded_arrays import step_arrays, word_group_arrays
from experiments.tracking.sentence_pictures import SentencePictures, write_drawings
from experiments.tracking.summary import HOW_TO_READ, run_page, summary
from experiments.training.trainer import ResumePoint, RunRecord

TENSOR_VERSION = 2
"""Version of the tags of the plugin `catmat`."""
_FILM = "The maps of this sentence at several steps: a row for each masked word, a map for each head."
_MATRICES = ("query", "key", "value", "output")


class RunLog:
    """The folder of one run."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        first: RunRecord[Measurement],
        pictures: SentencePictures,
        point: ResumePoint,
        versions: dict[str, str],
        stack: ExitStack,
        listed: bool,
        remembered: int,
    ) -> None:
        """Make the folder and open its files; `first` is the record of step 0, the rest as for `Tracker`.

        A run that is not `listed` in TensorBoard writes no event file, and all other files. `remembered` is how many
        bytes of what was written are kept in memory.
        """
        self._experiment, self._folder, self._first, self._pictures = experiment, folder, first, pictures
        self._last_step, self._versions, self._ended = point.steps[-1], versions, False
        self._undrawn: list[tuple[int, NDArray[np.floating], NDArray[np.floating]]] = []
        folder.mkdir(exist_ok=True)
        self._record, self._params = (RecordFile(folder, name, remembered // 2) for name in ("record", "params"))
        self._record.begin(pictures.fixed | word_group_arrays(experiment.world), point.step)
        self._params.begin({}, point.step)
        self._events = stack.enter_context(EventWriter(folder, point.step)) if listed else None
        if self._events is not None and point.step == 0:
            values = hparams(experiment.config, experiment.config.seed + first.run)
            self._events.hparams(values, printable(str(folder)))

    def write(self, record: RunRecord[Measurement], pictured: bool, came: float) -> dict[str, float]:
        """Write the events of one record, which `came` at that time (seconds since 1970); gives its scalars.

        They are on disk, and so are its arrays, after `flush`; its maps, if it is `pictured`, after `draw`.
        """
        step, (arrays, params) = record.step, self._append(record)
        self._ended = step == self._last_step
        diagnostics = self._experiment.config.track.diagnostics
        metrics = step_metrics(self._experiment, self._first, record)
        metrics |= diagnostic_metrics(self._first, record) if diagnostics else {}
        scalars = tags.tagged(metrics, diagnostics)
        if self._events is not None:
            self._events.wall_time = came
            self._events.scalars(step, scalars, {tag: meaning(tags.metric_of(tag)) for tag in scalars})
            self._write_tensors(self._events, step, arrays)
            if diagnostics:
                self._write_histograms(self._events, step, arrays, params)
            self._write_texts(self._events, record, {**params, **arrays})
            if pictured:
                self._undrawn.append((step, arrays["weights"], arrays["model_relevance"]))
        return scalars

    def _append(self, record: RunRecord[Measurement]) -> tuple[Arrays, Arrays]:
        arrays, params = step_arrays(self._experiment, record), flat_params(record.params)
        self._record.append(record.step, arrays)
        self._params.append(record.step, params)
        return arrays, params

    def keep(self, records: Iterable[RunRecord[Measurement]]) -> None:
        """Write the arrays of what was recorded, and of these records, where an error ends the training."""
        for record in records:
            self._append(record)
        self._record.flush()
        self._params.flush()

    def flush(self) -> None:
        """Bring to the disk what was written of records; with the last of them, their arrays are merged."""
        for file in (self._record, self._params):
            if self._ended:
                file.merge()
            else:
                file.flush()
        if self._events is not None:
            self._events.flush()

    def draw(self) -> None:
        """Write the maps of the records that are pictured and have none yet."""
        if self._events is None:
            return
        pictures, told = self._pictures, self._experiment.told
        drawings = [
            drawing
            for step, weights, relevance in self._undrawn
            for drawing in (*pictures.of_maps(step, weights, told), *pictures.of_relevance(step, relevance))
        ]
        self._events.wall_time = None
        write_drawings(self._events, drawings)
        self._events.flush()
        self._undrawn.clear()

    def _write_texts(self, events: EventWriter, record: RunRecord[Measurement], arrays: Arrays) -> None:
        """What the text dashboard shows, in the order of the tags."""
        step = record.step
        if step == 0 and record.run == 0:  # once is enough
            events.text(step, tags.HOW_TO_READ, HOW_TO_READ)
        sentence, now = self._experiment.told, {**self._pictures.fixed, **arrays, "step": np.asarray(step)}
        told = row_ledger(now, self._experiment.config.model, sentence)
        row = row_results(self._experiment, record, sentence)[0]
        events.text(step, tags.SEVEN_LINES, ledger_markdown(told, what_follows(told, row.guess, row.exact)))
        if step in (0, self._last_step):
            events.text(step, tags.ABOUT_THIS_RUN, run_page(self._experiment, self._first, record))

    def _write_tensors(self, events: EventWriter, step: int, arrays: Arrays) -> None:
        for n, about in enumerate(self._about_tensors):
            for name in ("weights", "scores"):
                events.tensor(step, f"catmat/sentence-{n + 1}/{name}", self._pictures.cut(n, arrays[name]), about)

    @cached_property
    def _about_tensors(self) -> list[bytes]:
        """What the plugin is told of the tensors of each sentence."""
        return [
            json.dumps(
                {
                    "version": TENSOR_VERSION,
                    "axes": ["row", "head", "word"],
                    "words": labels.words,
                    "masked": labels.masked,
                    "relevant": labels.relevant.tolist(),
                }
            ).encode()
            for labels in self._pictures.labels
        ]

    def _write_histograms(self, events: EventWriter, step: int, arrays: Arrays, params: Arrays) -> None:
        for name in ("scores", "weights"):
            values = [self._pictures.cut(n, arrays[name]).ravel() for n, _ in enumerate(self._pictures.labels)]
            events.histogram(step, f"{tags.DIAGNOSTICS}/{name}", np.concatenate(values), f"{name} of the watched rows")
        for name in _MATRICES:
            about = f"entries of the attention layer's {name} matrix"
            events.histogram(step, f"{tags.GRADIENTS}/parameters/{name}", params[f"attention/{name}/kernel"], about)

    def write_summary(self, last: RunRecord[Measurement]) -> None:
        """Write the summary as things stand at `last`."""
        finished = last.step == self._last_step
        write_summary(self._folder, summary(self._experiment, self._first, last, finished, self._versions))

    def finish(self, last: RunRecord[Measurement], film: list[int]) -> None:
        """Write what belongs to the end; `film` are the steps of the film strips."""
        recorded, _ = self._record.merge(), self._params.merge()
        at = np.flatnonzero(np.isin(recorded["step"], film))
        for n, labels in enumerate(self._pictures.labels) if len(at) else ():
            maps = [self._pictures.maps(n, weights_NRHK) for weights_NRHK in recorded["weights"][at]]
            told = maps, recorded["step"][at].tolist(), labels, " ".join(labels.words)
            if self._events is not None:
                self._events.image(last.step, f"{tags.FILM}/sentence-{n + 1}", film_strip(*told, card=True), _FILM)
            if n == self._experiment.told:
                (self._folder / "attention.png").write_bytes(film_strip(*told))
        if self._events is not None:
            write_projector(self._folder, self._experiment.world, last.params, recorded)
            self._events.hparams_end(last.diverged_at < 0)
            self._events.flush()
        self.write_summary(last)  # last: a run with a summary of its last step has all the rest
