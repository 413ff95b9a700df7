"""What the lessons are about, and what a lesson knows of it: numbers and words for its texts, and the right answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.lessons.ablations import ScaleAblation
from experiments.replay.explanation import Explanation, Floats

NO_WORD = "no word"


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
    """Of the trained model, with another place masked, of the same form if there is one."""
    other_form: Explanation | None
    """Of the trained model, with the masked word in another form; None where words have no forms."""
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


def relevant(told: Explanation) -> str:
    """The relevant words, by the rules of the world, by their names."""
    return NO_WORD if told.exact is None else names(told, np.flatnonzero(told.exact.relevant_K).tolist())


def names(told: Explanation, places: Sequence[int]) -> str:
    """Several words, joined."""
    said = [name(told, k) for k in places]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said) or NO_WORD


def name(told: Explanation, k: int) -> str:
    """What a word is called in a text."""
    return told.ledger(0).name(k, "'")
