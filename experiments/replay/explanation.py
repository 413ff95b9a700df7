"""Everything that happens on the way to one guess, as a value; `explaining` computes it.

The numbers are the fields of one forward pass, or follow from them: the guess, the evidence, what a cut edge costs.
Letters as in `model`; K are the words of the sentence, without padding.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.inference import relevant_words
from experiments.replay.ledger import LOG_SCALE, Ledger, row_ledger
from experiments.replay.question import Question
from experiments.run_directory.arrays import Arrays
from experiments.view.evidence import LogitTerms
from experiments.view.run_arrays import candidates_of
from experiments.view.view_model import softmax
from experiments.view.word_forms import base_word
from model.attention import Rule
from model.config import ModelConfig

RULES: tuple[Rule, ...] = ("renormalise", "zero")
_NEAR = 0.8
"""Words with this share of the largest number are named beside the first."""
_LEAST = 1e-6
"""Nats or weight; what is smaller is nothing."""
Floats = NDArray[np.float64]
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Exact:
    """What the rules of the world say, and how far the model is from it."""

    posterior_V: Floats
    """The probability of each word at the masked place."""
    relevance_K: Floats
    """How much the posterior changes without each word, nats."""
    excess: float
    """KL(posterior || guess), nats."""
    cut_cost_LAK: Vector
    """Rise of the excess when the edge to word K is cut, by rule (L: those of RULES), in each head and (A) in all."""

    @property
    def relevant_K(self) -> NDArray[np.bool_]:
        """Which words are relevant."""
        return relevant_words(self.relevance_K)


@dataclass(frozen=True)
class Explanation:
    """What a run's model computes for one masked word, at one recorded step."""

    run: str
    step: int
    config: ModelConfig
    question: Question
    vocabulary: tuple[str, ...]
    word_groups: dict[str, list[str]]
    """The form, class and slot of each word, see `view.word_groups`."""
    forms: Arrays
    """What is guessed of each word and what stands for it, `view.word_forms.form_arrays`."""
    row: Arrays
    """The fields of the forward pass by their names, without letters, as seen from the masked place: `query` [H, D]; of
    all words `key` [K, H, D], `value`, `embedding` [K, M]; `dot_products` [H, K], `scores`, `weights`;
    `weighted_values` [H, K, D]; `context` [H, D]; `attention` [M], `residual`, `mlp`, `output`; `logits` [V]."""
    other_scale: str
    """Another thing to do to the dot products: no scale, or, where the model has none, 1/sqrt(d)."""
    other_weights_HK: Vector
    """The weights of the same queries and keys with it."""
    sink_H: Vector | None
    """The score of the sink, if there is one."""
    log_scale: Vector | None
    """The logarithm of the factor of the dot products, if it is learned."""
    terms: LogitTerms
    """The logits taken apart; R is 1."""
    exact: Exact | None
    """None for a sentence that the world cannot say."""

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the sentence, the masked one among them."""
        return tuple(self.vocabulary[token] for token in self.question.tokens)

    @property
    def masked_word(self) -> str:
        return self.words[self.question.masked]

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """The words as the model sees them: the masked one is a blank."""
        return self.ledger(0).shown

    @property
    def target(self) -> int:
        """The word that is to be guessed: the masked one, where words have forms without its form."""
        return base_word(self.forms, self.question.tokens[self.question.masked])

    @property
    def target_word(self) -> str:
        return self.vocabulary[self.target]

    @cached_property
    def guess_V(self) -> Floats:
        """The model's probability of each word."""
        return softmax(self.row["logits"])

    @cached_property
    def candidates(self) -> list[int]:
        """The words that the guess is told against: by the exact answer, or, where there is none, by the guess."""
        return candidates_of(self.guess_V if self.exact is None else self.exact.posterior_V)

    @cached_property
    def rivals(self) -> list[int]:
        """The guess, the word that is to be guessed, and the other candidates, the more probable first."""
        first = dict.fromkeys([int(self.guess_V.argmax()), self.target])
        return [*first, *sorted({*self.candidates} - {*first}, key=lambda word: (-self.guess_V[word], word))]

    def against_candidates(self, added_V: Floats) -> Floats:
        """What is added to logits [..., V], less its mean over the candidates: a term in all alike changes no guess."""
        return np.asarray(added_V - added_V[..., self.candidates].mean(axis=-1, keepdims=True))

    @property
    def evidence_HK(self) -> Floats:
        """What each word brings for the masked word, against the candidates, through each head, in nats."""
        return self.against_candidates(self.terms.words_RHKV[0])[..., self.target]

    @property
    def best(self) -> tuple[str, float]:
        """The guess: the most probable word, and its probability."""
        return self._most(self.guess_V)

    @property
    def best_exact(self) -> tuple[str, float] | None:
        """The same of the exact answer, if there is one."""
        return None if self.exact is None else self._most(self.exact.posterior_V)

    def _most(self, chance_V: Floats) -> tuple[str, float]:
        return self.vocabulary[int(chance_V.argmax())], float(chance_V.max())

    def ledger(self, head: int) -> Ledger:
        """The seven lines of one head."""
        tokens = np.asarray([self.question.tokens], np.int32)
        fixed = {"tokens": tokens, "words": np.asarray(self.vocabulary), "row": np.asarray([[self.question.masked]])}
        now = {name: values[None, None] for name, values in self.row.items()}
        learned = {} if self.log_scale is None else {LOG_SCALE: self.log_scale}
        arrays = {**fixed, **self.forms, **now, **learned, "step": np.asarray(self.step)}
        return row_ledger(arrays, self.config, head=head)


def largest(values_K: NDArray[np.floating]) -> list[int]:
    """The place with the largest value, and those that come near it; none if nothing is above 0."""
    most = float(values_K.max())
    if not most > _LEAST:
        return []
    return [int(k) for k in np.argsort(-values_K, kind="stable") if values_K[k] >= _NEAR * most]
