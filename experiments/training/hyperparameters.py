"""What one run is made of: what is compiled in, what may differ between the runs of one program, and its start.

The start is the state that updates change: the parameters and the state of the optimiser, which is made here too. So
are the keys of a run's random numbers. `Array`, `Tree` and `BATCH_AXIS` are of use to everything that trains.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data.drawing_tables import SamplerTables, training_tables
from data.world import World
from experiments.config.schema import Config
from experiments.training.program_cache import register_output_types
from model.config import TransformerConfig
from model.functional import Params, init_params

Array = Any
"""An array: NumPy's on the host, `jax.Array` on the device, a shape where a program is compiled for it."""
Tree = Any
"""A pytree of such arrays."""
BATCH_AXIS = "batch"
"""Name of the mesh axis over which devices share a batch."""
_START, _BATCHES, _SEQUENCE = range(3)
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
    hides_attention: bool = False
    """Whether the penalty of `train.hide_attention` is trained; its factor is a hyperparameter."""
    has_group_rates: bool = False
    """Whether any group of parameters has a learning rate of its own; the factors are hyperparameters."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GroupRates:
    """Factors of the learning rate for groups of parameters; all others, norms and MLP among them, have 1."""

    token: Array = 1.0
    position: Array = 1.0
    query_key: Array = 1.0
    value_output: Array = 1.0
    unembedding: Array = 1.0

    def of(self, path: str) -> Array:
        """The factor of a parameter by its path, such as `attention/query/kernel`."""
        return getattr(self, GROUP_OF[path]) if path in GROUP_OF else 1.0


GROUP_OF = {
    "token/embedding": "token",
    "position/embedding": "position",
    **dict.fromkeys(("attention/query/kernel", "attention/key/kernel"), "query_key"),
    **dict.fromkeys(("attention/value/kernel", "attention/output/kernel"), "value_output"),
    **dict.fromkeys(("unembed/kernel", "unembed/bias"), "unembedding"),
}
"""The field of `GroupRates` that a parameter belongs to, by its path."""


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
    position_start: Array
    """What the position embeddings are multiplied by before the first update."""
    folded: Array
    """The factor that W_Q and W_K take over from the scale, each its root; see `optimizer`."""
    hide_attention: Array
    """Factor of the penalty on attention; unused where `TrainingSpec.hides_attention` is false."""
    group_rates: GroupRates = field(default_factory=GroupRates)
    """Unused where `TrainingSpec.has_group_rates` is false."""


def training_spec(config: Config, world: World) -> TrainingSpec:
    """The spec of a training of `config` in `world`: the same for all configs that differ in hyperparameters alone."""
    model, train = config.model.sized(len(world.vocabulary), world.max_length), config.train
    hides, own_rates = train.hide_attention > 0, any(rate != 1 for rate in _group_rates(config))
    common = (model, train.batch, train.pieces, train.beta2, train.optimizer, train.sampling)
    return TrainingSpec(*common, hides_attention=hides, has_group_rates=own_rates)


def _group_rates(config: Config) -> tuple[float, ...]:
    """The factors of a config, in the order of `GroupRates`."""
    train = config.train
    return (
        train.token_rate,
        train.position_rate,
        train.query_key_rate,
        train.value_output_rate,
        train.unembedding_rate,
    )


def batch_tables(spec: TrainingSpec, config: Config, world: World) -> SamplerTables:
    """What the batches of such a training are drawn from."""
    return training_tables(world, config.task.masked, clause_words=spec.hides_attention)


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
        position_start=stacked([c.model.position_start for c in configs]),
        folded=stacked([c.model.folded_factor for c in configs]),
        hide_attention=stacked([c.train.hide_attention for c in configs]),
        group_rates=GroupRates(*(stacked(list(rates)) for rates in zip(*map(_group_rates, configs), strict=True))),
    )


def data_key(hyperparameters: Hyperparameters) -> jax.Array:
    """The key that all of a run's batches come from."""
    return jax.random.fold_in(jax.random.key(hyperparameters.seed), _BATCHES)


def sequence_shift(hyperparameters: Hyperparameters) -> jax.Array:
    """Where a run's low-discrepancy sequence begins, [4]; see `data.sampler.sample_evenly`."""
    return jax.random.bits(jax.random.fold_in(jax.random.key(hyperparameters.seed), _SEQUENCE), (4,), jnp.uint32)


def with_factors(params: Params, query: jax.Array, key: jax.Array) -> Params:
    """`params` (or their gradient) with W_Q and W_K times a factor; that of W_Q where one matrix is both."""
    attention = params["attention"]
    changed = {
        name: {"kernel": attention[name]["kernel"] * factor}
        for name, factor in (("query", query), ("key", key))
        if name in attention
    }
    return {**params, "attention": {**attention, **changed}}


def optimizer(spec: TrainingSpec, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """AdamW or gradient descent, with the run's own learning rate and decay (times the learning rate in both).

    Where W_Q and W_K hold a factor s that was the scale's, each as sqrt(s) W, they are trained as W would be: their
    gradient, which is that of W over sqrt(s), is multiplied by sqrt(s), and so is the step that follows from it. For
    gradient descent this is a learning rate times s, for Adam one times sqrt(s) with an epsilon over sqrt(s).

    Groups of parameters may have learning rates of their own. Their factors come after the decay, so that a group whose
    factor is 0 keeps its start. Where all are 1 (`has_group_rates` is false), nothing is multiplied.
    """
    root = jnp.sqrt(hyperparameters.folded)

    def as_folded(updates: Params, _: Tree) -> Params:
        return with_factors(updates, root, root)

    def at_own_rates(updates: Params, _: Tree) -> Params:
        def scaled(path: tuple[jax.tree_util.DictKey, ...], leaf: jax.Array) -> jax.Array:
            return leaf * hyperparameters.group_rates.of("/".join(str(part.key) for part in path))

        return jax.tree_util.tree_map_with_path(scaled, updates)

    return optax.chain(
        optax.stateless(as_folded),
        optax.scale_by_adam(b2=spec.beta2) if spec.optimizer == "adamw" else optax.identity(),
        optax.stateless(as_folded),
        optax.add_decayed_weights(hyperparameters.weight_decay),
        *([optax.stateless(at_own_rates)] if spec.has_group_rates else []),
        optax.scale_by_learning_rate(lambda count: learning_rate(hyperparameters, count)),
    )


def learning_rate(hyperparameters: Hyperparameters, count: jax.Array) -> jax.Array:
    """The learning rate of update `count` (from 0): up in a line, then down by half a cosine."""
    warmup = jnp.maximum(hyperparameters.warmup * hyperparameters.steps, 1.0)
    progress = jnp.clip((count - warmup) / jnp.maximum(hyperparameters.steps - warmup, 1.0), 0.0, 1.0)
    factor = jnp.where(count < warmup, (count + 1) / warmup, 0.5 * (1 + jnp.cos(jnp.pi * progress)))
    return hyperparameters.learning_rate * factor


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """What an update changes."""

    params: Params
    optimizer: Tree
    loss_sum: Array
    """Sum of the losses since the last recorded step; part of the state, so that it survives a stop in between."""
    diverged_at: Array
    """The update whose loss or gradient was not finite, from which on nothing changes; -1 while there is none."""


# The last three are what the optimiser's state is made of.
register_output_types((TrainState, optax.EmptyState, optax.ScaleByAdamState, optax.ScaleByScheduleState))


def init_state(spec: TrainingSpec, hyperparameters: Hyperparameters) -> TrainState:
    """The state of one run before its first update; a pure function of the seed."""
    params = init_params(spec.model, jax.random.fold_in(jax.random.key(hyperparameters.seed), _START))
    root = jnp.sqrt(hyperparameters.folded)
    params = with_factors(params, hyperparameters.query_start * root, root)
    params = {**params, "position": {"embedding": params["position"]["embedding"] * hyperparameters.position_start}}
    return TrainState(params, optimizer(spec, hyperparameters).init(params), jnp.float32(0), jnp.int32(-1))
