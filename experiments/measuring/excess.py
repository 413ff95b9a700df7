"""Excess: how far a model is from the best that any model could do.

Excess is KL(exact posterior || model) in nats, averaged over a fixed set of fresh sentences that is the same for all
seeds, per slot, on trained and on held-out contexts. No label noise: 0 is perfect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from data.vocabulary import PAD
from experiments.measuring.evaluation_set import KINDS, EvaluationSet, block_size
from experiments.training.hyperparameters import BATCH_AXIS, Array
from model.functional import Model, apply, excess

MEANINGS = {
    "excess/trained": "KL(exact posterior || model) in nats on contexts that training draws; 0 is perfect.",
    "excess/held_out": "The same on held-out contexts, which training never draws: understood, not remembered.",
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Evaluation:
    """What the evaluation set says of a model."""

    excess_G: Array
    """Mean excess of each group in nats: all slots of trained contexts, then all slots of held-out ones."""
    position_map_PHK: Array
    """Mean attention by position alone: blank at each place P, each head, key at each place; 0 where none stands.

    It is what a model would show if it looked at places and not at words: a baseline of relation scores."""


def evaluate(model: Model, examples: EvaluationSet) -> Evaluation:
    """Measure a model, by the forward pass that everything shown comes from."""
    return evaluation(evaluation_sums(model, examples))


EvaluationSums = tuple[jax.Array, jax.Array, jax.Array]
"""The mean excess [G], and the count [P, K] and the total [P, H, K] of the maps: what rows add to them."""


def evaluation_sums(model: Model, examples: EvaluationSet, shards: int = 1) -> EvaluationSums:
    """What this device's part of the examples adds to an evaluation; `shards` as in `own_rows`.

    Devices take blocks in turns, and none of padding alone.
    """
    size, device = block_size(), jax.lax.axis_index(BATCH_AXIS) if shards > 1 else 0
    blocks = jnp.sum((examples.count_E > 0).reshape(-1, size).any(axis=1))

    def add(turn: jax.Array, sums: EvaluationSums) -> EvaluationSums:
        first = (device + turn * shards) * size
        block = jax.tree.map(lambda array: jax.lax.dynamic_slice_in_dim(array, first, size), examples)
        return jax.tree.map(jnp.add, sums, _sums(model, block))

    places, groups = examples.tokens_EK.shape[1], examples.share_EG.shape[1]
    shapes = (groups,), (places, places), (places, model.config.heads, places)
    nothing = tuple(jnp.zeros(shape, examples.share_EG.dtype) for shape in shapes)
    return jax.lax.fori_loop(0, (blocks - device + shards - 1) // shards, add, nothing)


def evaluation(sums: EvaluationSums) -> Evaluation:
    """The evaluation, from what all examples add to it."""
    excess_G, count_PK, total_PHK = sums
    return Evaluation(excess_G, total_PHK / jnp.maximum(count_PK, 1.0)[:, None])


def _sums(model: Model, examples: EvaluationSet) -> EvaluationSums:
    """What a block of examples adds."""
    forward = apply(model, examples.tokens_EK, examples.masked_E[:, None])
    excess_G = excess(examples.posterior_EV, forward.logits_BQV[:, 0]) @ examples.share_EG
    places_P, weights_EHK = jnp.arange(examples.tokens_EK.shape[1]), forward.weights_BHQK[:, :, 0]
    blank_PE = jnp.where(places_P[:, None] == examples.masked_E[None], examples.count_E[None], 0.0)
    count_PK = blank_PE @ (examples.tokens_EK != PAD).astype(blank_PE.dtype)
    total_PN = blank_PE @ weights_EHK.reshape(len(weights_EHK), -1)
    return excess_G, count_PK, total_PN.reshape(-1, *weights_EHK.shape[1:])


def excess_values(masked: Sequence[str], examples: EvaluationSet, excess_G: NDArray[np.floating]) -> dict[str, float]:
    """Excess of one run by kind of context and slot, in nats: `excess/trained/subject`, ..., `excess/held_out/all`."""
    # A tag or a key holds no user's word: other slots than subject, verb and object go by their number.
    slots = [slot if slot in CONTENT else f"slot-{i + 1}" for i, slot in enumerate(masked)]
    metrics: dict[str, float] = {}
    for kind, values in zip(KINDS, np.split(np.where(examples.used_G, excess_G, np.nan), len(KINDS)), strict=True):
        known = {slot: float(value) for slot, value in zip(slots, values, strict=True) if np.isfinite(value)}
        metrics |= {f"excess/{kind}/{slot}": value for slot, value in known.items()}
        if known:
            metrics[f"excess/{kind}/all"] = float(np.mean(list(known.values())))
    return metrics
