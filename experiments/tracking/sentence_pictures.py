"""The watched sentences as pictures: their labels, their maps, and each sentence's part of recorded arrays."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.map_parts import MapLabels
from experiments.run_directory.arrays import Arrays
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.tags import RELEVANCE, map_tag

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

    @cached_property
    def pictures(self) -> list[MapPicture]:
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

    def write_maps(
        self,
        events: EventWriter,
        step: int,
        weights_NRHK: NDArray[np.floating],
        told: int | None = None,
        of: str = "",
    ) -> None:
        """Write the map of every sentence and head at a step.

        Args:
          events: where to write.
          step: the step.
          weights_NRHK: attention in the rows of all sentences.
          told: the sentence whose maps are shown first (`Experiment.told`); None in a study.
          of: says in the title of a study's maps whose they are ("seed 3").
        """
        for n, _ in enumerate(self.labels):
            for head, weights in enumerate(self.maps(n, weights_NRHK)):
                title = ", ".join(filter(None, [f"head {head + 1}", of, f"step {step:,}"]))
                picture = self.pictures[n].png(weights, title)
                events.image(step, map_tag(n, head, told), picture, _MAP)

    def write_relevance(self, events: EventWriter, step: int, model_relevance_NRK: NDArray[np.floating]) -> None:
        """Write the model relevance of every sentence at a step, and beside it the exact one, which stays as it is."""
        for n, picture in enumerate(self._relevance_pictures):
            model = picture.png(self.cut(n, model_relevance_NRK), f"model relevance, step {step:,}")
            for name, png in (("exact", self._exact_relevance[n]), ("model", model)):
                events.image(step, f"{RELEVANCE}/sentence-{n + 1}/{name}", png, _RELEVANCE[name])
