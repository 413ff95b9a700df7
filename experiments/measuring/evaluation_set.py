"""The sentences that models are evaluated on: masked, fixed, the same for all seeds, with their exact answers."""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.drawing_tables import SamplerTables, sampler_tables
from data.inference import posterior
from data.sampler import Batch, sample
from data.world import World
from experiments.config.schema import Config
from experiments.training.hyperparameters import Array
from experiments.training.program_cache import load_or_compute

KINDS = ("trained", "held_out")
"""Sentences of contexts that training draws, and of those that it never draws."""
_BLOCK, _CPU_BLOCK = 256, 128
"""Sentences that are measured at a time, on an accelerator and on a CPU. Keys and values of 128 take half a megabyte in
toy.yaml, half of what a core's second cache had: 160 took as long for each sentence, 192 1.4 times as long (2 CPU
cores). On an accelerator nothing but 256 was tried.
"""
_KEY = 20_000_000
"""Seed of the evaluation sentences, the same for all runs. No run trains on these draws: its own are folded further."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EvaluationSet:
    """Masked sentences and their exact answers, as NumPy or on the device; E examples, G groups (kind x slot)."""

    tokens_EK: Array
    masked_E: Array
    posterior_EV: Array
    count_E: Array
    """How many sentences each example stands for: more than 1 where repeats were merged; 0 for padding, at the end."""
    share_EG: Array
    """What each example adds to the mean of each group: its count / size of its group, or 0."""

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
        "count_E": np.pad(np.ones(len(tokens_EK), np.float32), padding[0]),
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
        count_E=jax.ShapeDtypeStruct((rows,), np.float32),
        share_EG=jax.ShapeDtypeStruct((rows, len(KINDS) * len(config.task.masked)), np.float32),
    )


def _tables(config: Config, world: World) -> dict[int, SamplerTables]:
    """The sampler's tables for each kind of sentences that the world has, by its number in KINDS."""
    found = (sampler_tables(world, config.task.masked, held_out=name == "held_out") for name in KINDS)
    return {kind: tables for kind, tables in enumerate(found) if tables is not None}


def _padding(count: int) -> int:
    """How many rows are added, so that they are whole blocks."""
    return -count % _BLOCK


def block_size() -> int:
    """How many examples are measured at a time; a set has a multiple of it."""
    return _CPU_BLOCK if jax.default_backend() == "cpu" else _BLOCK


def merge_repeats(examples: EvaluationSet) -> EvaluationSet:
    """The same set (NumPy), every distinct example once, in the order in which they first occur.

    Arrays keep their shapes, which are known before the sentences are: in the place of what was merged there is
    padding, which is not computed. The mean of any number over the sentences stays what it was. In the world `english`
    an eighth of the sentences are repeats.
    """
    rows_EL = np.concatenate([examples.tokens_EK, examples.masked_E[:, None]], axis=1)
    numbers: dict[bytes, int] = {}
    distinct_E = np.asarray([numbers.setdefault(row_L.tobytes(), len(numbers)) for row_L in rows_EL])
    _, first_D = np.unique(distinct_E, return_index=True)
    kept_E = np.pad(first_D, (0, len(rows_EL) - len(first_D)), mode="edge")

    def total(array_E: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.bincount(distinct_E, array_E, len(rows_EL)).astype(np.float32)

    count_E, share_EG = total(examples.count_E), np.stack([total(share_E) for share_E in examples.share_EG.T], axis=1)
    tokens_EK, masked_E = examples.tokens_EK[kept_E], examples.masked_E[kept_E]
    return EvaluationSet(tokens_EK, masked_E, examples.posterior_EV[kept_E], count_E, share_EG)


@functools.cache
def _draw(size: int) -> jax.stages.Wrapped:
    """Draws `size` sentences of one kind: takes its tables and its number."""

    def draw(tables: SamplerTables, kind: Array) -> Batch:
        # The key is made in here, since each operation outside is a program to be compiled.
        return sample(tables, jax.random.fold_in(jax.random.key(_KEY), kind), size)

    return jax.jit(draw)
