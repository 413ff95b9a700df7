"""Everything that happens on the way to one guess: a saved run, asked about a sentence.

    question = read_question(world, "the cat sat on the mat", ("subject", "verb", "object"))
    told = explain(load_run("runs/toy-001"), world, question)
    told.weights_HK, told.ledger(head=0).lines(), told.terms.words_RHKV

The numbers are the fields of one forward pass, or follow from them: the guess, the evidence, what a cut edge costs.
Letters as in `model`; K are the words of the sentence, without padding.
"""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np
from numpy.typing import NDArray

from data.inference import posterior, relevance, relevant_words
from data.vocabulary import MASK, PAD
from data.world import World
from experiments.measuring.measurement import flat_params
from experiments.measuring.metrics import RowResult
from experiments.replay.ledger import LOG_SCALE, Ledger, row_ledger
from experiments.replay.question import Question
from experiments.replay.saved_model import saved_model
from experiments.run_directory.arrays import Arrays
from experiments.run_directory.saved_run import SavedRun
from experiments.training.hyperparameters import Array
from experiments.view.evidence import LogitTerms, logit_terms
from experiments.view.run_arrays import candidates_of
from experiments.view.view_model import softmax
from model.attention import Rule, attention_weights
from model.config import ModelConfig
from model.functional import Model, apply, cut_logits, excess, sink_scores
from model.transformer import ForwardOutput

RULES: tuple[Rule, ...] = ("renormalise", "zero")
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
    def guess_V(self) -> Floats:
        """The model's probability of each word."""
        return softmax(self.row["logits"])

    @cached_property
    def candidates(self) -> list[int]:
        """The words that the guess is told against: by the exact answer, or, where there is none, by the guess."""
        return candidates_of(self.guess_V if self.exact is None else self.exact.posterior_V)

    @cached_property
    def rivals(self) -> list[int]:
        """The guess, the masked word, and the other candidates, the more probable first."""
        first = dict.fromkeys([int(self.guess_V.argmax()), self.question.tokens[self.question.masked]])
        return [*first, *sorted({*self.candidates} - {*first}, key=lambda word: (-self.guess_V[word], word))]

    def against_candidates(self, added_V: Floats) -> Floats:
        """What is added to logits [..., V], less its mean over the candidates: a term in all alike changes no guess."""
        return np.asarray(added_V - added_V[..., self.candidates].mean(axis=-1, keepdims=True))

    @property
    def evidence_HK(self) -> Floats:
        """What each word brings for the masked word, against the candidates, through each head, in nats."""
        return self.against_candidates(self.terms.words_RHKV[0])[..., self.question.tokens[self.question.masked]]

    @property
    def result(self) -> RowResult:
        """The guess beside the exact answer (of a sentence without one: the guess twice)."""
        exact_V = self.guess_V if self.exact is None else self.exact.posterior_V
        best = [
            (self.vocabulary[int(chance_V.argmax())], float(chance_V.max())) for chance_V in (self.guess_V, exact_V)
        ]
        return RowResult(0, self.question.masked, self.words, self.row["weights"], *best)

    def ledger(self, head: int) -> Ledger:
        """The seven lines of one head."""
        tokens = np.asarray([self.question.tokens], np.int32)
        fixed = {"tokens": tokens, "words": np.asarray(self.vocabulary), "row": np.asarray([[self.question.masked]])}
        now = {name: values[None, None] for name, values in self.row.items()}
        learned = {} if self.log_scale is None else {LOG_SCALE: self.log_scale}
        return row_ledger({**fixed, **now, **learned, "step": np.asarray(self.step)}, self.config, head=head)


def explain(saved: SavedRun, world: World, question: Question, t: int = -1) -> Explanation:
    """Explain one guess.

    Args:
      saved: one run.
      world: its world.
      question: the sentence and its masked place.
      t: number of the recorded step; the last by default.
    """
    model = saved_model(saved, world, t)
    length, at = len(question.tokens), question.masked
    padded = np.full((1, world.max_length), PAD, np.int32)  # one compiled program for all sentences
    padded[0, :length] = question.tokens
    masked = padded.copy()
    masked[0, at] = MASK
    exact_1V = posterior(world, padded, [at]) if question.is_said else np.zeros((1, len(world.vocabulary)))
    other = saved.config.model.d_head**-0.5 if saved.config.model.scale_factor == 1 else 1.0
    found = jax.tree.map(
        np.asarray, _computed(model, np.float32(other), masked, np.asarray([[at]], np.int32), np.float32(exact_1V))
    )
    row, params = _row(found.forward, length), flat_params(model.params)
    exact = Exact(
        posterior_V=exact_1V[0],
        relevance_K=relevance(world, padded, [at])[0, :length],
        excess=float(found.excess_1[0]),
        cut_cost_LAK=found.cut_cost_LAK[..., :length],
    ) if question.is_said else None  # fmt: skip
    return Explanation(
        run=saved.folder.name,
        step=int(saved.all_params["step"][t]),
        config=saved.config.model,
        question=question,
        vocabulary=world.vocabulary.words,
        row=row,
        other_scale=_other_scale(saved.config.model),
        other_weights_HK=found.other_weights_HK[:, :length],
        sink_H=found.sink_H,
        log_scale=params.get(LOG_SCALE),
        terms=logit_terms(
            saved.config.model.norm,
            params,
            weighted_RHKD=row["weighted_values"][None],
            place_RM=row["embedding"][None, at],
            mlp_RM=row["mlp"][None],
            output_RM=row["output"][None],
        ),
        exact=exact,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Computed:
    """What is computed on the device."""

    forward: ForwardOutput
    other_weights_HK: jax.Array
    sink_H: jax.Array | None
    excess_1: jax.Array
    cut_cost_LAK: jax.Array


@jax.jit
def _computed(model: Model, other: Array, tokens_1K: Array, at_11: Array, exact_1V: Array) -> _Computed:
    forward = apply(model, tokens_1K, at_11)
    sink_H = sink_scores(model)
    _, _, weights_1H1K = attention_weights(
        forward.query_BQHD,
        forward.key_BKHD,
        tokens_1K != PAD,
        scale=other,
        softcap=model.config.softcap,
        sink_H=sink_H,
    )
    excess_1 = excess(exact_1V, forward.logits_BQV[:, 0])
    cut_LAKV = jax.numpy.stack([cut_logits(model, tokens_1K, at_11, rule)[0, 0] for rule in RULES])
    cost_LAK = excess(exact_1V[:, None, None], cut_LAKV) - excess_1[0]
    return _Computed(forward, weights_1H1K[0, :, 0], sink_H, excess_1, cost_LAK)


def _row(forward: ForwardOutput, length: int) -> Arrays:
    """The fields of a forward pass of one sentence and one query, without batch, query and padding."""
    row = {}
    for item in dataclasses.fields(forward):
        name, _, letters = item.name.rpartition("_")
        values = getattr(forward, item.name)
        places = tuple(0 if letter in "BQ" else slice(length) if letter == "K" else slice(None) for letter in letters)
        row[name] = values[places]
    return row


def _other_scale(config: ModelConfig) -> str:
    return f"with / sqrt({config.d_head})" if config.scale_factor == 1 else "without the scale"
