"""What is written of one run as it trains: `record.npz`, `params.npz`, TensorBoard's events, at the end the summary."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from data.errors import printable
from experiments.config.schema import Config
from experiments.measuring.experiment import Record, Training
from experiments.measuring.metrics import COMPARED, meaning, step_metrics
from experiments.run_directory.saved_run import nested_params
from experiments.run_directory.step_arrays import Arrays, RecordFile
from experiments.run_directory.summary_file import write_summary
from experiments.tracking.event_writer import EventWriter, png_size
from experiments.tracking.projector import write_projector
from experiments.tracking.recorded_arrays import params_arrays, step_arrays
from experiments.tracking.run_page import run_page
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.summary import summary

TENSOR_VERSION = 2
"""Version of the tags of the plugin `catmat`."""
_MAP = "Each row is a masked word, each column a word it can look at; a row sums to 1. Red: relevant words."
_RELEVANCE = "How much each word tells about the masked one, in nats, by the exact posterior of this world."
_FILM = "The maps of this sentence at several steps, a column a step, a row a head."
_MATRICES = ("query", "key", "value", "output")


class RunLog:
    """The folder of one run; use it in a `with`, so that its files are closed on any way out."""

    def __init__(self, training: Training, run: int, folder: Path, after: int) -> None:
        self._training, self._run, self.folder, self._after = training, run, folder, after
        self._record, self._params = RecordFile(folder, "record"), RecordFile(folder, "params")

    def __enter__(self) -> "RunLog":
        self._events = EventWriter(self.folder, self._after + 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()

    def begin(self, first: Record, pictures: SentencePictures, fixed: Arrays) -> None:
        """Start the files; `first` is the record of step 0, which a run that goes on has already."""
        self._first, self._pictures = first, pictures
        # Where the step of the checkpoint is one to record, it is the first that is recorded again.
        again = self._after + 1 if self._after + 1 in self._training.steps else None
        self._record.begin(fixed, self._after, again)
        self._params.begin({}, self._after, again)
        if self._after < 0:
            self._events.hparams(hparams(self._training.config, self._run), COMPARED, printable(str(self.folder)))
            for n, _ in enumerate(pictures.labels):
                self._image(0, f"attention/sentence-{n + 1}/exact_relevance", pictures.relevance_png(n), _RELEVANCE)

    def write(self, record: Record, pictured: bool) -> dict[str, float]:
        """Write one record, and its maps if it is `pictured`; gives its metrics."""
        step, arrays = record.step, step_arrays(self._training, record, self._run)
        params = params_arrays(record, self._run)
        self._record.append(step, arrays)
        self._params.append(step, params)
        metrics = step_metrics(self._training, self._first, record, self._run)
        self._events.scalars(step, metrics, {name: meaning(name) for name in metrics})
        self._write_tensors(step, arrays)
        self._write_histograms(step, arrays, params)
        if step in (0, self._training.steps[-1]):
            self._events.text(step, "about", run_page(self._training, self._first, record, self._run))
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

    def write_summary(self, last: Record, versions: dict[str, str]) -> None:
        """Write the summary as things stand at `last`."""
        write_summary(self.folder, summary(self._training, self._first, last, self._run, versions))

    def finish(self, last: Record, film: list[int], versions: dict[str, str]) -> None:
        """Write what stands at the end; `film` are the steps of the film strips."""
        training, run = self._training, self._run
        for file in (self._record, self._params):
            file.merge()
        recorded = self._record.read()
        at = [int(np.flatnonzero(recorded["step"] == step)[0]) for step in film if step in recorded["step"]]
        for n, _ in enumerate(self._pictures.labels) if at else ():
            strip = self._pictures.strip_png(n, [*recorded["weights"][at]], recorded["step"][at].tolist())
            self._image(last.step, f"film/sentence-{n + 1}", strip, _FILM)
            if n == 0:
                (self.folder / "attention.png").write_bytes(strip)
        write_projector(self.folder, training.world, nested_params(params_arrays(last, run)))
        self._events.hparams_end(bool(last.diverged_at_R[run] < 0))
        self._events.flush()
        self.write_summary(last, versions)  # last: a run with a summary of its last step has all the rest


def hparams(config: Config, run: int) -> dict[str, bool | float | str]:
    """The values that a run was made with, under the names of the command line's options."""
    values: dict[str, bool | float | str] = {"seed": float(config.seed + run), "world": config.world}
    for section in ("model", "train"):
        for name, value in dataclasses.asdict(getattr(config, section)).items():
            values[f"{section}.{name}"] = value if isinstance(value, (bool, str)) else float(value)
    return values
