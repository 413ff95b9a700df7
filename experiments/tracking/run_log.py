"""The files of one run: `record.npz`, `params.npz` and TensorBoard's events as it trains, the summary at its end.

Pictures are drawn from the arrays of `record.npz`: what is shown was recorded.
"""

import dataclasses
import json
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import printable
from data.inference import relevant_words
from data.vocabulary import PAD
from data.world import World
from experiments.config.schema import Config
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement, flat_params
from experiments.measuring.metrics import COMPARED, meaning, step_metrics
from experiments.pictures.attention_map import MapLabels, MapPicture
from experiments.pictures.film_strip import film_strip
from experiments.run_directory.files import Arrays, RecordFile, write_summary, write_text
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.recorded_arrays import step_arrays
from experiments.tracking.summary import run_page, summary
from experiments.training.trainer import ResumePoint, RunRecord
from model.functional import Params

TENSOR_VERSION = 2
"""Version of the tags of the plugin `catmat`."""
_MAP = "Each row is a masked word, each column a word it can look at; a row sums to 1. Red: relevant words."
_RELEVANCE = "How much each word tells about the masked one, in nats, by the exact posterior of this world."
_FILM = "The maps of this sentence at several steps, a column a step, a row a head."
_MATRICES = ("query", "key", "value", "output")
_PROJECTOR = """\
embeddings {
  tensor_name: "word embeddings"
  tensor_path: "projector/embeddings.tsv"
  metadata_path: "projector/labels.tsv"
}
"""


class SentencePictures:
    """The watched sentences: their labels and maps, and each sentence's part of the recorded arrays."""

    def __init__(self, fixed: Arrays) -> None:
        """`fixed` is what `fixed_arrays` gives."""
        self.fixed = fixed
        self.labels = [self._labels(n) for n in range(len(fixed["tokens"]))]

    def _labels(self, sentence: int) -> MapLabels:
        tokens, rows = self.fixed["tokens"][sentence], self.fixed["row"][sentence]
        words = tuple(self.fixed["words"][tokens[tokens != PAD]].tolist())
        relevance = self.fixed["exact_relevance"][sentence][rows >= 0, : len(words)]
        return MapLabels(words, tuple(rows[rows >= 0].tolist()), relevant_words(relevance.astype(np.float64)))

    @cached_property
    def pictures(self) -> list[MapPicture]:
        """One picture a sentence, laid out once and painted anew at each step."""
        return [MapPicture(labels) for labels in self.labels]

    def cut(self, sentence: int, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values [sentences, rows, ..., words] of one sentence, without the padding: [its rows, ..., its words]."""
        labels = self.labels[sentence]
        return values[sentence, : len(labels.masked), ..., : len(labels.words)]

    def maps(self, sentence: int, weights_NRHK: NDArray[np.floating]) -> NDArray[np.floating]:
        """The maps of one sentence, [heads, rows, words]."""
        return np.swapaxes(self.cut(sentence, weights_NRHK), 0, 1)


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
    ) -> None:
        """Make the folder and open its files; `first` is the record of step 0, the rest as for `Tracker`."""
        self._experiment, self._folder, self._first, self._pictures = experiment, folder, first, pictures
        self._last_step, self._versions = point.steps[-1], versions
        folder.mkdir(exist_ok=True)
        self._record, self._params = RecordFile(folder, "record"), RecordFile(folder, "params")
        self._record.begin(pictures.fixed, point.step)
        self._params.begin({}, point.step)
        self._events = stack.enter_context(EventWriter(folder, point.step))
        if point.step == 0:
            self._events.hparams(hparams(experiment.config, first.run), COMPARED, printable(str(folder)))
            for n, labels in enumerate(pictures.labels):
                relevance = pictures.cut(n, pictures.fixed["exact_relevance"])
                picture = MapPicture(labels, kind="relevance").png(relevance, "exact relevance")
                self._events.image(0, f"attention/sentence-{n + 1}/exact_relevance", picture, _RELEVANCE)

    def write(self, record: RunRecord[Measurement], pictured: bool) -> dict[str, float]:
        """Write one record, and its maps if it is `pictured`; gives its metrics."""
        step, arrays, params = record.step, step_arrays(self._experiment, record), flat_params(record.params)
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
                values = self._pictures.cut(n, arrays[name])
                self._events.tensor(step, f"catmat/sentence-{n + 1}/{name}", values, json.dumps(about).encode())

    def _write_histograms(self, step: int, arrays: Arrays, params: Arrays) -> None:
        for name in ("scores", "weights"):
            values = [self._pictures.cut(n, arrays[name]).ravel() for n, _ in enumerate(self._pictures.labels)]
            self._events.histogram(step, f"attention/{name}", np.concatenate(values), f"{name} of the watched rows")
        for name in _MATRICES:
            about = f"entries of the attention layer's {name} matrix"
            self._events.histogram(step, f"parameters/{name}", params[f"attention/{name}/kernel"], about)

    def _write_maps(self, step: int, arrays: Arrays) -> None:
        for n, _ in enumerate(self._pictures.labels):
            for head, weights in enumerate(self._pictures.maps(n, arrays["weights"])):
                picture = self._pictures.pictures[n].png(weights, f"head {head + 1}, step {step:,}")
                self._events.image(step, f"attention/sentence-{n + 1}/head-{head + 1}", picture, _MAP)

    def write_summary(self, last: RunRecord[Measurement]) -> None:
        """Write the summary as things stand at `last`."""
        finished = last.step == self._last_step
        write_summary(self._folder, summary(self._experiment, self._first, last, finished, self._versions))

    def finish(self, last: RunRecord[Measurement], film: list[int]) -> None:
        """Write what belongs to the end; `film` are the steps of the film strips."""
        for file in (self._record, self._params):
            file.merge()
        recorded = self._record.read()
        at = np.flatnonzero(np.isin(recorded["step"], film))
        for n, labels in enumerate(self._pictures.labels) if len(at) else ():
            maps = [self._pictures.maps(n, weights_NRHK) for weights_NRHK in recorded["weights"][at]]
            strip = film_strip(maps, recorded["step"][at].tolist(), labels, " ".join(labels.words))
            self._events.image(last.step, f"film/sentence-{n + 1}", strip, _FILM)
            if n == 0:
                (self._folder / "attention.png").write_bytes(strip)
        write_projector(self._folder, self._experiment.world, last.params)
        self._events.hparams_end(last.diverged_at < 0)
        self._events.flush()
        self.write_summary(last)  # last: a run with a summary of its last step has all the rest


def hparams(config: Config, run: int) -> dict[str, bool | float | str]:
    """The values that a run was made with, under the names of the command line's options."""
    settings = {
        f"{section}.{name}": value if isinstance(value, (bool, str)) else float(value)
        for section in ("model", "train")
        for name, value in dataclasses.asdict(getattr(config, section)).items()
    }
    return {"seed": float(config.seed + run), "world": config.world, **settings}


def write_projector(folder: Path, world: World, params: Params) -> None:
    """Write one run's word embeddings [V, M] for TensorBoard's projector, labelled by word, slot and class.

    The tables are plain text; words have no blanks in them, so a tab ends each.
    """
    labels = ["word\tslot\tclass"]
    for number, word in enumerate(world.vocabulary.words):
        slot = world.slot_of.get(number, "other")
        labels.append(f"{word}\t{slot}\t{world.class_of.get(number, slot)}")
    (folder / "projector").mkdir(exist_ok=True)
    write_text(
        folder / "projector" / "embeddings.tsv",
        "".join("\t".join(f"{x:.6g}" for x in row) + "\n" for row in params["token"]["embedding"]),
    )
    write_text(folder / "projector" / "labels.tsv", "\n".join(labels) + "\n")
    write_text(folder / "projector_config.pbtxt", _PROJECTOR)
