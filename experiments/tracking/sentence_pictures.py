"""The watched sentences as pictures: their labels, their maps, and each sentence's part of recorded arrays."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.map_parts import MapLabels
from experiments.run_directory.arrays import Arrays
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.tags import RELEVANCE, map_tag
from experiments.training.runtime import cores

_MAP = (
    "A row and a column for each word. The row of a masked word shows how much it looks at each word: it comes from a "
    "forward pass of its own, in which that word is masked, and sums to 1. Hatched: words that training never masks; "
    "their rows bring no loss, so nothing is learnt from them. Red: relevant words."
)
_RELEVANCE = {
    "exact": "How much each word (column) tells about the masked one (row), in nats, by this world's rules: the same "
    "at every step.",
    "model": "How much each word (column) tells about the masked one (row), in nats, by the model's guesses. Compare "
    "`exact`.",
}
_PAINTERS = 4
"""Threads that draw. Half of a picture's time is compressing, which needs no Python: more would wait for each other."""


@dataclass(frozen=True)
class Drawing:
    """A picture that is still to be drawn."""

    step: int
    tag: str
    about: str
    png: Callable[[], bytes]
    """Draws it."""


class SentencePictures:
    """The watched sentences: their labels and maps, and each sentence's part of the recorded arrays."""

    def __init__(self, fixed: Arrays) -> None:
        """`fixed` is what `sentence_arrays` gives."""
        self.fixed = fixed
        self.labels = [self._labels(n) for n in range(len(fixed["tokens"]))]

    def _labels(self, sentence: int) -> MapLabels:
        tokens, rows = self.fixed["tokens"][sentence], self.fixed["row"][sentence]
        words = tuple(self.fixed["words"][tokens[tokens != PAD]].tolist())
        relevance = self.fixed["exact_relevance"][sentence][rows >= 0, : len(words)]
        return MapLabels(words, tuple(rows[rows >= 0].tolist()), relevant_words(relevance.astype(np.float64)))

    def lay_out(self) -> "SentencePictures":
        """Lay out all pictures: .05 s for toy.yaml, best while a compiler is waited for."""
        _ = self._pictures, self._exact_relevance
        return self

    @cached_property
    def _pictures(self) -> list[MapPicture]:
        """One picture a sentence, laid out once and painted anew at each step."""
        return [MapPicture(labels) for labels in self.labels]

    @cached_property
    def _relevance_pictures(self) -> list[MapPicture]:
        return [MapPicture(labels, kind="relevance") for labels in self.labels]

    @cached_property
    def _exact_relevance(self) -> list[bytes]:
        """The picture of each sentence's exact relevance."""
        exact = self.fixed["exact_relevance"]
        return [p.png(self.cut(n, exact), "exact relevance") for n, p in enumerate(self._relevance_pictures)]

    def cut(self, sentence: int, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values [sentences, rows, ..., words] of one sentence, without the padding: [its rows, ..., its words]."""
        labels = self.labels[sentence]
        return values[sentence, : len(labels.masked), ..., : len(labels.words)]

    def maps(self, sentence: int, weights_NRHK: NDArray[np.floating]) -> NDArray[np.floating]:
        """The maps of one sentence, [heads, rows, words]."""
        return np.swapaxes(self.cut(sentence, weights_NRHK), 0, 1)

    def of_maps(
        self, step: int, weights_NRHK: NDArray[np.floating], told: int | None = None, of: str = ""
    ) -> Iterator[Drawing]:
        """The map of every sentence and head at a step.

        Args:
          step: the step.
          weights_NRHK: attention in the rows of all sentences.
          told: the sentence whose maps are shown first (`Experiment.told`); None in a study.
          of: says in the title of a study's maps whose they are ("seed 3").
        """
        for n, picture in enumerate(self._pictures):
            for head, weights in enumerate(self.maps(n, weights_NRHK)):
                title = ", ".join(filter(None, [f"head {head + 1}", of, f"step {step:,}"]))
                yield Drawing(step, map_tag(n, head, told), _MAP, partial(picture.png, weights, title))

    def of_relevance(self, step: int, model_relevance_NRK: NDArray[np.floating]) -> Iterator[Drawing]:
        """The model relevance of every sentence at a step, and beside it the exact one, which stays as it is."""
        for n, picture in enumerate(self._relevance_pictures):
            values, title = self.cut(n, model_relevance_NRK), f"model relevance, step {step:,}"
            draw = {"exact": partial(bytes, self._exact_relevance[n]), "model": partial(picture.png, values, title)}
            for name, png in draw.items():
                yield Drawing(step, f"{RELEVANCE}/sentence-{n + 1}/{name}", _RELEVANCE[name], png)


def write_drawings(events: EventWriter, drawings: Sequence[Drawing]) -> None:
    """Draw on several cores, and write in order."""
    with ThreadPoolExecutor(min(cores(), _PAINTERS)) as pool:
        for drawing, png in zip(drawings, pool.map(lambda one: one.png(), drawings), strict=True):
            events.image(drawing.step, drawing.tag, png, drawing.about)
