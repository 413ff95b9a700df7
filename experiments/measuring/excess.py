"""Excess: how far a model is from the best that any model could do.

Excess is KL(exact posterior || model) in nats, averaged over a fixed set of fresh sentences that is the same for all
seeds, per slot, on trained and on held-out contexts. No label noise: 0 is perfect.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.drawing_tables import SamplerTables, sampler_tables
from data.grammar import CONTENT
from data.inference import posterior
from data.sampler import Batch, sample
from data.vocabulary import PAD
from data.world import World
from experiments.config.schema import PIECES, Config
from experiments.measuring.shared_rows import own_rows
from experiments.training.hyperparameters import Array
from experiments.training.program_cache import load_or_compute
from model.functional import Model, apply, excess

KINDS = ("trained", "held_out")
MEANINGS = {
    "excess/trained": "KL(exact posterior || model) in nats on contexts that training draws; 0 is perfect.",
    "excess/held_out": "The same on held-out contexts, which training never draws: understood, not remembered.",
}
BLOCK = 256
"""Sentences that are measured at a time: few enough for the cache (a third faster than all at once on 2 CPU cores)."""
_KEY = 20_000_000
"""Seed of the evaluation sentences, the same for all runs. No run trains on these draws: its own are folded further."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EvaluationSet:
    """Masked sentences and their exact answers, as NumPy or on the device; E examples, G groups (kind x slot)."""

    tokens_EK: Array
    masked_E: Array
    posterior_EV: Array
    share_EG: Array
    """What each example adds to the mean of each group: 1 / size of its group, or 0."""

    @functools.cached_property
    def used_G(self) -> NDArray[np.bool_]:
        """Which groups have examples; of NumPy arrays."""
        return np.asarray(self.share_EG.sum(axis=0) > 0)


def make_evaluation_set(config: Config, world: World) -> EvaluationSet:
    """The evaluation set of a world: `config.evaluate.sentences` of each kind that the world has (NumPy arrays)."""
    key = "evaluation set", world.training_fingerprint, config.task.masked, config.evaluate.sentences
    return EvaluationSet(**load_or_compute(functools.partial(_evaluation_arrays, config, world), key))


def _evaluation_arrays(config: Config, world: World) -> dict[str, NDArray[Any]]:
    """The fields of the evaluation set."""
    slots, draw = len(config.task.masked), _draw(config.evaluate.sentences)
    parts = {kind: jax.device_get(draw(own, np.int32(kind))) for kind, own in _tables(config, world).items()}
    tokens_EK = np.concatenate([batch.tokens_BK for batch in parts.values()])
    masked_E = np.concatenate([batch.masked_B for batch in parts.values()])
    group_E = np.concatenate([kind * slots + batch.slot_B for kind, batch in parts.items()])
    group_EG = group_E[:, None] == np.arange(len(KINDS) * slots)
    padding = ((0, _padding(len(tokens_EK))), (0, 0))
    return {
        "tokens_EK": np.pad(tokens_EK, padding, mode="edge"),
        "masked_E": np.pad(masked_E, padding[0], mode="edge"),
        "posterior_EV": np.pad(posterior(world, tokens_EK, masked_E), padding, mode="edge").astype(np.float32),
        "share_EG": np.pad(group_EG / np.maximum(group_EG.sum(axis=0), 1), padding).astype(np.float32),
    }


def evaluation_shapes(config: Config, world: World) -> EvaluationSet:
    """The shapes of `make_evaluation_set`: known before it, so that what uses it can be compiled meanwhile."""
    count = len(_tables(config, world)) * config.evaluate.sentences
    rows, words = count + _padding(count), len(world.vocabulary)
    return EvaluationSet(
        tokens_EK=jax.ShapeDtypeStruct((rows, world.max_length), np.int32),
        masked_E=jax.ShapeDtypeStruct((rows,), np.int32),
        posterior_EV=jax.ShapeDtypeStruct((rows, words), np.float32),
        share_EG=jax.ShapeDtypeStruct((rows, len(KINDS) * len(config.task.masked)), np.float32),
    )


def _tables(config: Config, world: World) -> dict[int, SamplerTables]:
    """The sampler's tables for each kind of sentences that the world has, by its number in KINDS."""
    found = (sampler_tables(world, config.task.masked, held_out=name == "held_out") for name in KINDS)
    return {kind: tables for kind, tables in enumerate(found) if tables is not None}


def _padding(count: int) -> int:
    """How many rows are added, so that devices share them evenly, in whole blocks."""
    return -count % (PIECES * BLOCK)


@functools.cache
def _draw(size: int) -> jax.stages.Wrapped:
    """Draws `size` sentences of one kind: takes its tables and its number."""

    def draw(tables: SamplerTables, kind: Array) -> Batch:
        # The key is made in here, since each operation outside is a program to be compiled.
        return sample(tables, jax.random.fold_in(jax.random.key(_KEY), kind), size)

    return jax.jit(draw)


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
    """What this device's part of the examples adds to an evaluation; `shards` as in `own_rows`."""
    own, _ = own_rows(examples, shards)
    blocks = jax.tree.map(lambda array: array.reshape(-1, BLOCK, *array.shape[1:]), own)
    sums = jax.lax.map(lambda block: _sums(model, block), blocks)
    return jax.tree.map(lambda array: array.sum(axis=0), sums)


def evaluation(sums: EvaluationSums) -> Evaluation:
    """The evaluation, from what all examples add to it."""
    excess_G, count_PK, total_PHK = sums
    return Evaluation(excess_G, total_PHK / jnp.maximum(count_PK, 1.0)[:, None])


def _sums(model: Model, examples: EvaluationSet) -> EvaluationSums:
    """What a block of examples adds."""
    forward = apply(model, examples.tokens_EK, examples.masked_E[:, None])
    excess_G = excess(examples.posterior_EV, forward.logits_BQV[:, 0]) @ examples.share_EG
    places_P, weights_EHK = jnp.arange(examples.tokens_EK.shape[1]), forward.weights_BHQK[:, :, 0]
    blank_PE = (places_P[:, None] == examples.masked_E[None]) & (examples.share_EG.sum(axis=1) > 0)[None]
    blank_PE = blank_PE.astype(excess_G.dtype)
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
