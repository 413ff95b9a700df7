"""What one run is made of: what stays the same, what may differ between runs of one program, what training changes."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data.world import World
from experiments.config import Config
from model.config import TransformerConfig
from model.functional import Params, init_params


@dataclass(frozen=True)
class Program:
    """What is compiled in: one program serves all runs that share this."""

    model: TransformerConfig
    batch: int
    pieces: int
    beta2: float


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Swept:
    """What may differ from run to run of one program: traced scalars, stacked [R] where runs are."""

    seed: Any
    learning_rate: Any
    scale: Any
    weight_decay: Any
    steps: Any
    warmup: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """What an update changes."""

    params: Params
    optimizer: Any
    loss_sum: Any
    """Sum of the losses since the last recorded step; part of the state, so that it survives a stop in between."""
    diverged_at: Any
    """The update whose loss or gradient was not finite, from which on nothing changes; -1 while there is none."""


def program(config: Config, world: World) -> Program:
    """The program that trains `config` in `world`."""
    model = config.model.sized(len(world.vocabulary), world.max_length)
    return Program(model, config.train.batch, config.train.pieces, config.train.beta2)


def swept(config: Config) -> Swept:
    """The swept values of the config's runs, stacked [R]: one for each seed."""
    train = config.train
    seeds = np.arange(config.seed, config.seed + config.seeds, dtype=np.uint32)

    def same(value: float, dtype: Any = np.float32) -> np.ndarray:
        return np.full(config.seeds, value, dtype)

    return Swept(
        seed=seeds,
        learning_rate=same(train.learning_rate),
        scale=same(config.model.scale_factor),
        weight_decay=same(train.weight_decay),
        steps=same(train.steps, np.int32),
        warmup=same(train.warmup),
    )


def init_state(program: Program, swept: Swept) -> TrainState:
    """The state of one run before its first update; a pure function of the seed."""
    params = init_params(program.model, jax.random.fold_in(jax.random.key(swept.seed), 0))
    return TrainState(params, optimizer(program, swept).init(params), jnp.float32(0), jnp.int32(-1))


def data_key(swept: Swept) -> jax.Array:
    """The key that all of a run's batches come from."""
    return jax.random.fold_in(jax.random.key(swept.seed), 1)


def optimizer(program: Program, swept: Swept) -> optax.GradientTransformation:
    """AdamW with the run's own learning rate and decay."""
    return optax.adamw(lambda count: learning_rate(swept, count), b2=program.beta2, weight_decay=swept.weight_decay)


def learning_rate(swept: Swept, count: jax.Array) -> jax.Array:
    """The learning rate of update `count` (from 0): up in a line, then down by half a cosine."""
    warmup = jnp.maximum(swept.warmup * swept.steps, 1.0)
    progress = jnp.clip((count - warmup) / jnp.maximum(swept.steps - warmup, 1.0), 0.0, 1.0)
    factor = jnp.where(count < warmup, (count + 1) / warmup, 0.5 * (1 + jnp.cos(jnp.pi * progress)))
    return swept.learning_rate * factor
