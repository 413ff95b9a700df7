"""The files of one run: `record.npz`, `params.npz` and TensorBoard's events as it trains, the summary at its end."""

import dataclasses
import json
from pathlib import Path
from typing import Self

import numpy as np

from data.errors import printable
from experiments.config.schema import Config
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import COMPARED, meaning, step_metrics
from experiments.run_directory.files import Arrays, RecordFile, write_summary
from experiments.tracking.event_writer import EventWriter, png_size
from experiments.tracking.projector import write_projector
from experiments.tracking.recorded_arrays import params_arrays, step_arrays
from experiments.tracking.run_page import run_page
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.summary import summary
from experiments.training.trainer import ResumePoint, RunRecord

TENSOR_VERSION = 2
"""Version of the tags of the plugin `catmat`."""
_MAP = "Each row is a masked word, each column a word it can look at; a row sums to 1. Red: relevant words."
_RELEVANCE = "How much each word tells about the masked one, in nats, by the exact posterior of this world."
_FILM = "The maps of this sentence at several steps, a column a step, a row a head."
_MATRICES = ("query", "key", "value", "output")


class RunLog:
    """The folder of one run; use it in a `with`, so that its files are closed on any way out."""

    def __init__(
        self,
        experiment: Experiment,
        folder: Path,
        first: RunRecord[Measurement],
        pictures: SentencePictures,
        fixed: Arrays,
        point: ResumePoint,
        versions: dict[str, str],
    ) -> None:
        """Make the folder and open its files; `first` is the record of step 0, the rest as for `Tracker`."""
        self._experiment, self._folder, self._first, self._pictures = experiment, folder, first, pictures
        self._last_step, self._versions = point.steps[-1], versions
        folder.mkdir(exist_ok=True)
        self._record, self._params = RecordFile(folder, "record"), RecordFile(folder, "params")
        self._record.begin(fixed, point.step)
        self._params.begin({}, point.step)
        self._events = EventWriter(folder, point.step)
        if point.step == 0:
            self._events.hparams(hparams(experiment.config, first.run), COMPARED, printable(str(folder)))
            for n, _ in enumerate(pictures.labels):
                self._image(0, f"attention/sentence-{n + 1}/exact_relevance", pictures.relevance_png(n), _RELEVANCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()

    def write(self, record: RunRecord[Measurement], pictured: bool) -> dict[str, float]:
        """Write one record, and its maps if it is `pictured`; gives its metrics."""
        step, arrays, params = record.step, step_arrays(self._experiment, record), params_arrays(record)
        self._record.append(step, arrays)
        self._params.append(step, params)
        metrics = step_metrics(self._experiment, self._first, record)
        self._events.scalars(step, metrics, {name: meaning(name) for name in metrics})
        self._write_tensors(step, arrays)
        self._write_histograms(step, arrays, params)
        if step in (0, self._last_step):
            self._events.text(step, "about", run_page(self._experiment, self._first, record))
        if pictured:
            self._write_maps(step, arrays)
        self._events.flush()
        return metrics

    def _write_tensors(self, step: int, arrays: Arrays) -> None:
        for n, labels in enumerate(self._pictures.labels):
            for name in ("weights", "scores"):
                about = {"version": TENSOR_VERSION, "axes": ["row", "head", "word"], "words": labels.words,
                         "masked": labels.masked, "relevant": labels.relevant.tolist()}  # fmt: skip
                values = self._pictures.cut(n, arrays[name][n])
                self._events.tensor(step, f"catmat/sentence-{n + 1}/{name}", values, json.dumps(about).encode())

    def _write_histograms(self, step: int, arrays: Arrays, params: Arrays) -> None:
        for name in ("scores", "weights"):
            values = [self._pictures.cut(n, arrays[name][n]).ravel() for n, _ in enumerate(self._pictures.labels)]
            self._events.histogram(step, f"attention/{name}", np.concatenate(values), f"{name} of the watched rows")
        for name in _MATRICES:
            kernel = params[f"attention/{name}/kernel"]
            self._events.histogram(
                step, f"parameters/{name}", kernel, f"entries of the attention layer's {name} matrix"
            )

    def _write_maps(self, step: int, arrays: Arrays) -> None:
        for n, _ in enumerate(self._pictures.labels):
            for head, weights in enumerate(self._pictures.maps(n, arrays["weights"])):
                picture = self._pictures.map_png(n, weights, f"head {head + 1}, step {step:,}")
                self._image(step, f"attention/sentence-{n + 1}/head-{head + 1}", picture, _MAP)

    def _image(self, step: int, tag: str, picture: bytes, about: str) -> None:
        self._events.image(step, tag, picture, png_size(picture), about)

    def write_summary(self, last: RunRecord[Measurement]) -> None:
        """Write the summary as things stand at `last`."""
        finished = last.step == self._last_step
        write_summary(self._folder, summary(self._experiment, self._first, last, finished, self._versions))

    def finish(self, last: RunRecord[Measurement], film: list[int]) -> None:
        """Write what belongs to the end; `film` are the steps of the film strips."""
        for file in (self._record, self._params):
            file.merge()
        recorded = self._record.read()
        at = [int(np.flatnonzero(recorded["step"] == step)[0]) for step in film if step in recorded["step"]]
        for n, _ in enumerate(self._pictures.labels) if at else ():
            strip = self._pictures.strip_png(n, [*recorded["weights"][at]], recorded["step"][at].tolist())
            self._image(last.step, f"film/sentence-{n + 1}", strip, _FILM)
            if n == 0:
                (self._folder / "attention.png").write_bytes(strip)
        write_projector(self._folder, self._experiment.world, last.params)
        self._events.hparams_end(last.diverged_at < 0)
        self._events.flush()
        self.write_summary(last)  # last: a run with a summary of its last step has all the rest


def hparams(config: Config, run: int) -> dict[str, bool | float | str]:
    """The values that a run was made with, under the names of the command line's options."""
    values: dict[str, bool | float | str] = {"seed": float(config.seed + run), "world": config.world}
    for section in ("model", "train"):
        for name, value in dataclasses.asdict(getattr(config, section)).items():
            values[f"{section}.{name}"] = value if isinstance(value, (bool, str)) else float(value)
    return values
