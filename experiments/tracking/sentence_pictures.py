"""The pictures of the watched sentences, from what was recorded: maps, exact relevance, film strips."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.pictures.attention_map import MapLabels, MapPicture
from experiments.pictures.film_strip import film_strip
from experiments.run_directory.files import Arrays


class SentencePictures:
    """Pictures of each watched sentence, drawn from the arrays of `record.npz`: what is shown was recorded."""

    def __init__(self, fixed: Arrays) -> None:
        self._fixed = fixed
        self.labels = [self._labels(n) for n in range(len(fixed["tokens"]))]

    def _labels(self, sentence: int) -> MapLabels:
        tokens = self._fixed["tokens"][sentence]
        words = tuple(str(self._fixed["words"][token]) for token in tokens[tokens != PAD])
        rows, relevance = self._fixed["row"][sentence], self._fixed["exact_relevance"][sentence]
        known = rows >= 0
        relevant = relevant_words(relevance[known].astype(np.float64))[:, : len(words)]
        return MapLabels(words, tuple(int(row) for row in rows[known]), relevant)

    @cached_property
    def _maps(self) -> list[MapPicture]:
        return [MapPicture(labels) for labels in self.labels]

    def cut(self, sentence: int, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Values [rows (padded), ..., words (padded)] of one sentence without the padding, [rows, ..., words]."""
        labels = self.labels[sentence]
        return values[: len(labels.masked), ..., : len(labels.words)]

    def maps(self, sentence: int, weights_NRHK: NDArray[np.floating]) -> NDArray[np.floating]:
        """The maps of one sentence, [heads, rows, words]."""
        return np.swapaxes(self.cut(sentence, weights_NRHK[sentence]), 0, 1)

    def map_png(self, sentence: int, weights: NDArray[np.floating], heading: str) -> bytes:
        """One head's map [rows, words]."""
        return self._maps[sentence].png(weights, heading)

    def relevance_png(self, sentence: int) -> bytes:
        """Exact relevance, laid out as the maps are."""
        values = self.cut(sentence, self._fixed["exact_relevance"][sentence])
        return MapPicture(self.labels[sentence], kind="relevance").png(values, "exact relevance")

    def strip_png(self, sentence: int, weights_TNRHK: Sequence[NDArray[np.floating]], steps: Sequence[int]) -> bytes:
        """How the attention of a sentence formed: all heads at several steps."""
        labels = self.labels[sentence]
        maps = [self.maps(sentence, weights) for weights in weights_TNRHK]
        return film_strip(maps, list(steps), labels, " ".join(labels.words))
