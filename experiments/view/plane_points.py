"""The different queries and keys of masked sentences, each a point: a blank at a place, a word at a place.

In a model of one layer a query or a key is made of one word and its place alone, so that the same word at the same
place in another sentence is the same point.

Letters: G rows, a masked sentence each; K its places; Q different queries, P different keys, D components.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.vocabulary import PAD
from experiments.view.plane import balance, plane, share_held

Floats = NDArray[np.floating]
SEVERAL, NO_GROUP = "several", ""
"""What a point stands for that is of words of several groups; that has none."""


@dataclass(frozen=True)
class Points:
    """Where each point is found in a forward pass of the rows, and what it stands for."""

    query_row: tuple[int, ...]
    """[Q]: the row that asks it."""
    query_words: tuple[tuple[int, ...], ...]
    """[Q]: the words that are masked there: the query cannot tell them apart."""
    query_place: tuple[int, ...]
    key_at: tuple[tuple[int, int], ...]
    """[P]: the row and place."""
    key_word: tuple[int, ...]
    key_place: tuple[int, ...]

    def groups(self, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """The group of each query and of each key, from that of each word of the vocabulary."""
        found = [{names[word] for word in words} for words in self.query_words]
        queries = [next(iter(one)) if len(one) == 1 else SEVERAL for one in found]
        return queries, [names[word] for word in self.key_word]

    def vectors(self, query_GD: Floats, key_GKD: Floats) -> tuple[Floats, Floats]:
        """The queries [Q, D] and keys [P, D] of one head, in float64."""
        rows, places = zip(*self.key_at, strict=True)
        return (
            query_GD[list(self.query_row)].astype(np.float64),
            key_GKD[list(rows), list(places)].astype(np.float64),
        )


def different_points(
    tokens_GK: NDArray[np.integer], masked_G: NDArray[np.integer], blank_G: NDArray[np.integer]
) -> Points:
    """The points of rows.

    Args:
      tokens_GK: the whole sentences, padded.
      masked_G: the masked position of each row.
      blank_G: what stands there instead.
    """
    queries: dict[tuple[int, int], tuple[int, dict[int, None]]] = {}
    keys: dict[tuple[int, int], tuple[int, int]] = {}
    for g, (tokens_K, place, blank) in enumerate(
        zip(tokens_GK.tolist(), masked_G.tolist(), blank_G.tolist(), strict=True)
    ):
        queries.setdefault((blank, place), (g, {}))[1][tokens_K[place]] = None
        for k, word in enumerate(tokens_K):
            if word != PAD and k != place:
                keys.setdefault((word, k), (g, k))
    return Points(
        query_row=tuple(g for g, _ in queries.values()),
        query_words=tuple(tuple(words) for _, words in queries.values()),
        query_place=tuple(place for _, place in queries),
        key_at=tuple(keys.values()),
        key_word=tuple(word for word, _ in keys),
        key_place=tuple(place for _, place in keys),
    )


@dataclass(frozen=True)
class PlaneOverTime:
    """Queries and keys of one head in one plane at several steps S; dot products are those of the vectors."""

    head: int
    query_SQ2: NDArray[np.float64]
    key_SP2: NDArray[np.float64]
    share_S: NDArray[np.float64]
    """The share of the sum of squares that the plane holds; nan where the model is not finite."""

    @property
    def reach(self) -> float:
        """The largest coordinate at any step, 1 where all are 0."""
        both = np.concatenate([self.query_SQ2.ravel(), self.key_SP2.ravel()])
        return float(np.abs(both[np.isfinite(both)]).max(initial=0)) or 1.0


def in_one_plane(query_SQD: Floats, key_SPD: Floats, head: int) -> PlaneOverTime:
    """Vectors of several steps in the plane of the last one whose numbers are finite.

    Queries are multiplied, and keys divided, by one number, so that both are equally long on average at that step.
    """
    query_SQD, key_SPD = (np.where(np.isfinite(one), one, np.nan).astype(np.float64) for one in (query_SQD, key_SPD))
    finite_S = np.isfinite(query_SQD).all(axis=(1, 2)) & np.isfinite(key_SPD).all(axis=(1, 2))
    last = int(np.flatnonzero(finite_S)[-1]) if finite_S.any() else -1
    axes_D2, factor = plane(query_SQD[last], key_SPD[last]), balance(query_SQD[last], key_SPD[last])
    share_S = np.where(finite_S, share_held(query_SQD, key_SPD, axes_D2), np.nan)
    return PlaneOverTime(head, query_SQD @ axes_D2 * factor, key_SPD @ axes_D2 / factor, share_S)
