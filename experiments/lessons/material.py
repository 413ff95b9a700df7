"""What the lessons are about, and what a lesson knows of it: numbers and words for its texts, and the right answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.lessons.ablations import ScaleAblation
from experiments.replay.explanation import Explanation, Floats

_NEAR = 0.8
"""Words with this share of the largest number are right answers as well."""


@dataclass(frozen=True)
class Material:
    """The explanations that the lessons are about, of one sentence and one masked place."""

    told: Explanation
    """Of the trained model."""
    early: Explanation
    """The same at the first recorded step."""
    other_word: Explanation
    """Of the trained model, with another word in the masked place."""
    elsewhere: Explanation
    """Of the trained model, with another place masked."""
    ablation: ScaleAblation | None
    """What an ablation of the reader's found out about the scale."""


@dataclass(frozen=True)
class Facts:
    """What the texts of a lesson are filled with."""

    filled: dict[str, str]
    right: tuple[int, ...]
    """The numbers of the right answers, from 0; none where the question makes no sense for this model."""
    options: tuple[str, ...] = ()
    """The answers, where they are words of the sentence."""
    variants: dict[str, str] = field(default_factory=dict)
    """Texts that stand in for others: `answer` -> `answer_one`."""


def mean_weights(told: Explanation) -> Floats:
    """The weights of each word [K], mean over the heads."""
    return told.row["weights"].astype(np.float64).mean(axis=0)


def largest(values_K: Floats) -> list[int]:
    """The word with the largest value, and those that come near it."""
    return [int(k) for k in np.argsort(-values_K, kind="stable") if values_K[k] >= _NEAR * values_K.max()]


def relevant(told: Explanation) -> str:
    """The relevant words, by the rules of the world, by their names."""
    return "" if told.exact is None else names(told, np.flatnonzero(told.exact.relevant_K).tolist())


def names(told: Explanation, places: Sequence[int]) -> str:
    """Several words, joined."""
    return " and ".join(name(told, k) for k in places)


def name(told: Explanation, k: int) -> str:
    """What a word is called in a text."""
    return told.ledger(0).name(k, "'")
