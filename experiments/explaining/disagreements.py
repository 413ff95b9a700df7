"""Where the weight misleads: rows in which the word with the largest weight is not the one that matters most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.explaining.agreement import Agreement
from experiments.explaining.cell_measures import Floats

TIE = 0.01
"""Weights that differ by less are told as equal."""


@dataclass(frozen=True)
class Disagreement:
    """A row: the word with the largest weight, and the word with most of another measure."""

    row: int
    """Number of the row."""
    weighted: int
    """Position of the word with the largest weight, mean over the heads, the masked place left out."""
    most: int
    """Position of the word with the largest value of the measure."""
    weights: tuple[float, float]
    """Their weights."""
    values: tuple[float, float]
    """Their values, in nats."""

    @property
    def strength(self) -> float:
        """Large where the weights differ much one way and the values much the other way."""
        return (self.weights[0] - self.weights[1]) * (self.values[1] - self.values[0])


@dataclass(frozen=True)
class Disagreements:
    """All rows that disagree, the strongest first, and of how many rows."""

    misled: tuple[Disagreement, ...]
    """The word that matters most has a clearly smaller weight."""
    tied: tuple[Disagreement, ...]
    """It has all but the largest weight: two heads that each look at one word, say. The weight cannot tell."""
    rows: int


def disagreements(agreement: Agreement, name: str, trained: bool = True) -> Disagreements:
    """The rows in which the largest weight and the largest value of a measure are not on the same word.

    Args:
      agreement: what was measured.
      name: of the measure, one of MEASURES.
      trained: of the model that was asked for, or of the untrained one.
    """
    own = agreement.trained if trained else agreement.untrained
    weight_GK, value_GK = own.weight_GAK[:, -1], agreement.measures(trained)[name]
    cells_GK = agreement.rows.cells_GK
    weighted_G, most_G = (_largest(values_GK, cells_GK) for values_GK in (weight_GK, value_GK))
    found = [
        Disagreement(g, a, b, (weight_GK[g, a], weight_GK[g, b]), (value_GK[g, a], value_GK[g, b]))
        for g, (a, b) in enumerate(zip(weighted_G.tolist(), most_G.tolist(), strict=True))
        if value_GK[g, a] < value_GK[g, b]
    ]
    ordered = sorted(found, key=lambda one: -one.strength)
    misled = tuple(one for one in ordered if one.weights[0] - one.weights[1] >= TIE)
    return Disagreements(misled, tuple(one for one in ordered if one not in misled), len(weight_GK))


def _largest(values_GK: Floats, cells_GK: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(cells_GK, values_GK, -np.inf).argmax(axis=1)


def various(found: Sequence[Disagreement], agreement: Agreement, count: int) -> list[Disagreement]:
    """The first `count`, of different masked words where there are that many."""
    first: dict[int, Disagreement] = {}
    for one in found:
        first.setdefault(int(agreement.rows.target_G[one.row]), one)
    others = (one for one in found if one is not first[int(agreement.rows.target_G[one.row])])
    return [*first.values(), *others][:count]
