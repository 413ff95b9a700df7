"""What one run is made of: what stays the same, what may differ between runs of one program, what training changes."""

import dataclasses
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

_START, _BATCHES, _SEQUENCE = range(3)
"""What is folded into a run's seed, for the keys of its parameters, its batches and their shift."""


@dataclass(frozen=True)
class Program:
    """What is compiled in: one program serves all runs that share this."""

    model: TransformerConfig
    """Without the values that are swept (see `program`): its `scale_factor` is not the run's."""
    batch: int
    pieces: int
    beta2: float
    optimizer: str = "adamw"
    sampling: str = "independent"


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
    query_start: Any
    """What W_Q is multiplied by before the first update."""
    folded: Any
    """The factor that W_Q and W_K take over from the scale, each its root; see `optimizer`."""


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


OPTIMIZER_STATES = (optax.EmptyState, optax.ScaleByAdamState, optax.ScaleByScheduleState)
"""What `TrainState.optimizer` is made of."""


def program(config: Config, world: World) -> Program:
    """The program that trains `config` in `world`: the same for all configs that differ in swept values alone."""
    one = config.model if config.model.scale == "learned" else dataclasses.replace(config.model, scale="inverse_sqrt")
    model = dataclasses.replace(one, query_start="none", folded="none").sized(len(world.vocabulary), world.max_length)
    train = config.train
    return Program(model, train.batch, train.pieces, train.beta2, train.optimizer, train.sampling)


def swept(*configs: Config) -> Swept:
    """The swept values of the configs' runs, stacked [R]: for each config in turn, one for each of its seeds."""

    def stacked(values: list[float], dtype: Any = np.float32) -> np.ndarray:
        return np.repeat(np.asarray(values, dtype), [config.seeds for config in configs])

    return Swept(
        seed=np.concatenate([np.arange(c.seed, c.seed + c.seeds, dtype=np.uint32) for c in configs]),
        learning_rate=stacked([c.train.learning_rate for c in configs]),
        scale=stacked([c.model.scale_factor for c in configs]),
        weight_decay=stacked([c.train.weight_decay for c in configs]),
        steps=stacked([c.train.steps for c in configs], np.int32),
        warmup=stacked([c.train.warmup for c in configs]),
        query_start=stacked([c.model.query_start_factor for c in configs]),
        folded=stacked([c.model.folded_factor for c in configs]),
    )


def init_state(program: Program, swept: Swept) -> TrainState:
    """The state of one run before its first update; a pure function of the seed."""
    params = init_params(program.model, jax.random.fold_in(jax.random.key(swept.seed), _START))
    root = jnp.sqrt(swept.folded)
    params = _times(params, swept.query_start * root, root)
    return TrainState(params, optimizer(program, swept).init(params), jnp.float32(0), jnp.int32(-1))


def _times(params: Params, query: jax.Array, key: jax.Array) -> Params:
    """`params` (or their gradient) with W_Q and W_K times a factor."""
    attention = params["attention"]
    changed = {
        name: {"kernel": attention[name]["kernel"] * factor} for name, factor in (("query", query), ("key", key))
    }
    return {**params, "attention": {**attention, **changed}}


def data_key(swept: Swept) -> jax.Array:
    """The key that all of a run's batches come from."""
    return jax.random.fold_in(jax.random.key(swept.seed), _BATCHES)


def sequence_shift(swept: Swept) -> jax.Array:
    """Where a run's low-discrepancy sequence begins, [4]; see `data.sampler.sample_evenly`."""
    return jax.random.bits(jax.random.fold_in(jax.random.key(swept.seed), _SEQUENCE), (4,), jnp.uint32)


def optimizer(program: Program, swept: Swept) -> optax.GradientTransformation:
    """AdamW or gradient descent, with the run's own learning rate and decay (times the learning rate in both).

    Where W_Q and W_K hold a factor s that was the scale's, each as sqrt(s) W, they are trained as W would be: their
    gradient, which is that of W over sqrt(s), is multiplied by sqrt(s), and so is the step that follows from it. For
    gradient descent this is a learning rate times s, for Adam one times sqrt(s) with an epsilon over sqrt(s).
    """
    root = jnp.sqrt(swept.folded)

    def as_folded(updates: Params, _: Any) -> Params:
        return _times(updates, root, root)

    return optax.chain(
        optax.stateless(as_folded),
        optax.scale_by_adam(b2=program.beta2) if program.optimizer == "adamw" else optax.identity(),
        optax.stateless(as_folded),
        optax.add_decayed_weights(swept.weight_decay),
        optax.scale_by_learning_rate(lambda count: learning_rate(swept, count)),
    )


def learning_rate(swept: Swept, count: jax.Array) -> jax.Array:
    """The learning rate of update `count` (from 0): up in a line, then down by half a cosine."""
    warmup = jnp.maximum(swept.warmup * swept.steps, 1.0)
    progress = jnp.clip((count - warmup) / jnp.maximum(swept.steps - warmup, 1.0), 0.0, 1.0)
    factor = jnp.where(count < warmup, (count + 1) / warmup, 0.5 * (1 + jnp.cos(jnp.pi * progress)))
    return swept.learning_rate * factor
