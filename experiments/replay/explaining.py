"""A saved run, asked about a sentence: one forward pass, and what follows from it.

question = read_question(world, "the cat sat on the mat", ("subject", "verb", "object"))
told = explain(load_run("runs/toy-001"), world, question)
told.row["weights"], told.ledger(head=0).lines(), told.terms.words_RHKV
"""

import dataclasses
from dataclasses import dataclass

import jax
import numpy as np

from data.errors import require
from data.inference import posterior, relevance
from data.vocabulary import PAD
from data.world import World
from experiments.measuring.row_gradients import flat_params
from experiments.replay.explanation import RULES, Exact, Explanation
from experiments.replay.ledger import LOG_SCALE
from experiments.replay.question import Question
from experiments.replay.saved_model import saved_model
from experiments.run_directory.arrays import Arrays
from experiments.run_directory.saved_run import SavedRun
from experiments.training.hyperparameters import Array
from experiments.view.evidence import logit_terms
from experiments.view.word_forms import form_arrays
from experiments.view.word_groups import word_groups
from model.attention import attention_weights
from model.config import ModelConfig
from model.functional import Model, apply, cut_logits, excess, sink_scores
from model.transformer import ForwardOutput


def explain(saved: SavedRun, world: World, question: Question, t: int = -1) -> Explanation:
    """Explain one guess.

    Args:
      saved: one run.
      world: its world.
      question: the sentence and its masked place.
      t: number of the recorded step; the last by default.

    Raises:
      InputError: the model diverged, so that its numbers are not finite.
    """
    model = saved_model(saved, world, t)
    length, at = len(question.tokens), question.masked
    padded = np.full((1, world.max_length), PAD, np.int32)  # one compiled program for all sentences
    padded[0, :length] = question.tokens
    masked = padded.copy()
    masked[0, at] = world.blank_W[padded[0, at]]
    exact_1V = posterior(world, padded, [at]) if question.is_said else np.zeros((1, len(world.vocabulary)))
    other = saved.config.model.d_head**-0.5 if saved.config.model.scale_factor == 1 else 1.0
    found = jax.tree.map(
        np.asarray, _computed(model, np.float32(other), masked, np.asarray([[at]], np.int32), np.float32(exact_1V))
    )
    row, params = _row(found.forward, length), flat_params(model.params)
    step = int(saved.all_params["step"][t])
    require(
        np.isfinite(row["logits"]).all(),
        f"{saved.folder}: its model is not finite at step {step} (it diverged); choose another step or run",
    )
    return Explanation(
        run=saved.folder.name,
        step=step,
        config=saved.config.model,
        question=question,
        vocabulary=world.vocabulary.words,
        word_groups=word_groups(world),
        forms=form_arrays(world),
        row=row,
        other_scale=_other_scale(saved.config.model),
        other_weights_HK=found.other_weights_HK[:, :length],
        sink_H=found.sink_H,
        log_scale=params.get(LOG_SCALE),
        terms=logit_terms(
            saved.config.model.norm,
            params,
            weighted_RHKD=row["weighted_values"][None],
            place_RM=row["embedding"][None, at] * saved.config.model.residual,
            mlp_RM=row["mlp"][None],
            output_RM=row["output"][None],
        ),
        exact=_exact(world, padded, at, exact_1V[0], found) if question.is_said else None,
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


def _exact(world: World, tokens_1K: Array, at: int, posterior_V: Array, found: _Computed) -> Exact:
    """The exact answer, and what it says of the guess; of words, not of padding."""
    length = int((tokens_1K[0] != PAD).sum())
    return Exact(
        posterior_V=posterior_V,
        relevance_K=relevance(world, tokens_1K, [at])[0, :length],
        excess=float(found.excess_1[0]),
        cut_cost_LAK=np.asarray(found.cut_cost_LAK[..., :length]),
    )


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
