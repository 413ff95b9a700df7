"""Writes what training measures into the run directory, as it comes: events for TensorBoard, pictures, the summary."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.posterior import relevant_words
from experiments.event_writer import EventWriter, png_size
from experiments.figures import MapLabels, MapPicture, film_strip
from experiments.loop import Record, Training
from experiments.run_directory import write_summary, write_text
from experiments.summary import excess_metrics, summary
from experiments.yaml_config import to_yaml

_FILM_STEPS = 6
_DESCRIPTIONS = {
    "loss": "Cross-entropy of the hidden word in nats, mean over the updates since the record before.",
    "excess/asked/all": "KL(exact posterior || model) in nats on contexts that training asks for; 0 is perfect.",
    "excess/held_out/all": "The same on contexts that training never asked for: what was understood, not remembered.",
}


@dataclass(frozen=True)
class Film:
    """The maps of one run's first sentence at the pictured steps."""

    steps: list[int]
    maps: list[NDArray[np.float32]]
    """[heads, rows, words] at each step."""


class Tracker:
    """Everything that is written of a training; use it in a `with`."""

    def __init__(self, training: Training, folder: Path, versions: dict[str, str]) -> None:
        self._training, self._versions, self.folder = training, versions, folder
        self.folders = [folder] if training.config.seeds == 1 else [folder / self._member(r) for r in self._runs]
        self._films = [Film([], []) for _ in self._runs]
        self._pictured = set(pictured_steps(training.steps, training.config.track.images))
        self._stack = ExitStack()

    @property
    def _runs(self) -> range:
        return range(self._training.config.seeds)

    def _member(self, run: int) -> str:
        return f"seed-{self._training.config.seed + run}"

    def __enter__(self) -> Self:
        write_text(self.folder / "config.yaml", to_yaml(self._training.config))
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        self._writers = [self._stack.enter_context(EventWriter(folder)) for folder in self.folders]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def record(self, record: Record) -> None:
        """Write one record: scalars of every run and, at some steps, the maps of its sentences."""
        for run, writer in enumerate(self._writers):
            scalars = excess_metrics(self._training, record, run)
            if record.step:
                scalars["loss"] = float(record.loss_R[run])
            writer.scalars(record.step, scalars, _DESCRIPTIONS)
            if record.step in self._pictured:
                self._picture(record, run, writer)

    def _picture(self, record: Record, run: int, writer: EventWriter) -> None:
        weights_GHK = record.measured.observation.forward.weights_BHQK[run, :, :, 0]
        maps = []
        for sentence, labels in enumerate(self._labels):
            rows = self._training.material.probes.sentence_G == sentence
            maps.append(np.swapaxes(weights_GHK[rows][:, :, : len(labels.words)], 0, 1))
            for head, weights in enumerate(maps[-1]):
                picture = self._pictures[sentence].png(weights, f"head {head + 1}, step {record.step:,}")
                tag = f"attention/sentence-{sentence + 1}/head-{head + 1}"
                about = "Each row is a hidden word, each column a word it can look at; a row sums to 1."
                writer.image(record.step, tag, picture, png_size(picture), about)
        self._films[run].steps.append(record.step)
        self._films[run].maps.append(maps[0])

    @cached_property
    def _labels(self) -> list[MapLabels]:
        probes, words = self._training.material.probes, self._training.world.vocabulary.words
        relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
        labels = []
        for sentence, (tokens, positions) in enumerate(self._training.sentences):
            relevant = relevant_GK[probes.sentence_G == sentence, : len(tokens)]
            labels.append(MapLabels(tuple(words[token] for token in tokens), tuple(positions), relevant))
        return labels

    @cached_property
    def _pictures(self) -> list[MapPicture]:
        return [MapPicture(labels) for labels in self._labels]

    def finish(self, first: Record, last: Record) -> None:
        """Write what stands at the end of a run: its summary, and how the attention of its first sentence formed."""
        for run, folder in enumerate(self.folders):
            write_summary(folder, summary(self._training, first, last, run, self._versions))
            film = self._films[run]
            if film.steps:
                chosen = pictured_steps(film.steps, _FILM_STEPS)
                maps = [film.maps[film.steps.index(step)] for step in chosen]
                strip = film_strip(maps, chosen, self._labels[0], " ".join(self._labels[0].words))
                (folder / "attention.png").write_bytes(strip)


def pictured_steps(steps: list[int], count: int) -> list[int]:
    """At most `count` of `steps`, spread evenly over them, the first and the last among them."""
    if count < 2 or not steps:
        return steps[-1:] if count else []
    chosen = np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int)
    return [steps[i] for i in dict.fromkeys(chosen.tolist())]
