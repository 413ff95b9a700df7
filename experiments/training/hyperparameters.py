"""What one run is made of: what is compiled in, and what may differ between the runs of one program."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from data.world import World
from experiments.config.schema import Config
from experiments.training.arrays import Array
from model.config import TransformerConfig

START, _BATCHES, _SEQUENCE = range(3)
"""What is folded into a run's seed, for the keys of its parameters, its batches and their shift."""


@dataclass(frozen=True)
class TrainingSpec:
    """What is compiled in: one compiled program serves all runs that share it."""

    model: TransformerConfig
    batch: int
    pieces: int
    beta2: float
    optimizer: str = "adamw"
    sampling: str = "independent"


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hyperparameters:
    """What may differ between the runs of one compiled program: traced scalars, stacked [R] where runs are."""

    seed: Array
    learning_rate: Array
    scale: Array
    weight_decay: Array
    steps: Array
    warmup: Array
    query_start: Array
    """What W_Q is multiplied by before the first update."""
    folded: Array
    """The factor that W_Q and W_K take over from the scale, each its root; see `optimizer`."""


def training_spec(config: Config, world: World) -> TrainingSpec:
    """The spec of a training of `config` in `world`: the same for all configs that differ in hyperparameters alone."""
    model, train = config.model.sized(len(world.vocabulary), world.max_length), config.train
    return TrainingSpec(model, train.batch, train.pieces, train.beta2, train.optimizer, train.sampling)


def hyperparameters(*configs: Config) -> Hyperparameters:
    """The hyperparameters of the configs' runs, stacked [R]: for each config in turn, one for each of its seeds."""

    def stacked(values: list[float], dtype: type = np.float32) -> np.ndarray:
        return np.repeat(np.asarray(values, dtype), [config.seeds for config in configs])

    return Hyperparameters(
        seed=np.concatenate([np.arange(c.seed, c.seed + c.seeds, dtype=np.uint32) for c in configs]),
        learning_rate=stacked([c.train.learning_rate for c in configs]),
        scale=stacked([c.model.scale_factor for c in configs]),
        weight_decay=stacked([c.train.weight_decay for c in configs]),
        steps=stacked([c.train.steps for c in configs], np.int32),
        warmup=stacked([c.train.warmup for c in configs]),
        query_start=stacked([c.model.query_start_factor for c in configs]),
        folded=stacked([c.model.folded_factor for c in configs]),
    )


def data_key(hyperparameters: Hyperparameters) -> jax.Array:
    """The key that all of a run's batches come from."""
    return jax.random.fold_in(jax.random.key(hyperparameters.seed), _BATCHES)


def sequence_shift(hyperparameters: Hyperparameters) -> jax.Array:
    """Where a run's low-discrepancy sequence begins, [4]; see `data.sampler.sample_evenly`."""
    return jax.random.bits(jax.random.fold_in(jax.random.key(hyperparameters.seed), _SEQUENCE), (4,), jnp.uint32)
