"""P7 and P9: two experiments beside the three parts, both in float64.

P7, the control arm: a scale is nothing that other weights and another learning rate could not give.

    scale s with (W_Q, W_K)   is   scale 1 with sqrt(s) (W_Q, W_K)

and it stays so along training, if the learning rate of W_Q and W_K is multiplied by s under gradient descent, or by
sqrt(s) under Adam with its epsilon divided by sqrt(s); without weight decay and gradient clipping. Then a scale is no
more than a choice of starting weights and learning rate. Both arms are trained here by the updates that all models are
trained by, whose hyperparameter `folded` is the factor that W_Q and W_K take over; in float64, where an identity holds
to rounding or not at all.

P9, the escape: how long a query takes to leave the wrong key, if it starts saturated on it. One query, n random keys
with random values. The right answer is the value of key 0, the loss half the squared distance of the context from it.
The query starts where key 1 has a score M above all others, and is trained by gradient descent or by Adam until key 0
has half of the weight. The weight of the right key starts at about exp(-M), and so does its gradient: gradient descent
should need exp(M) updates, Adam, which divides by the gradient's size, fewer.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data.drawing_tables import SamplerTables
from data.world import World
from experiments.gradient_study.config import CONTROL_STEPS, EscapeConfig, LayerConfig
from experiments.gradient_study.norm_statistics import Floats
from experiments.gradient_study.real_layer import layer_model
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState, optimizer, with_factors
from experiments.training.update import train_steps
from model.attention import attention_weights, weighted_sum
from model.functional import Params, init_params

_CONTROL_SIZE = 24
"""d_head: the root of the scale is no power of two, which would make the two arms equal bit by bit."""
_BATCH = 32
_CONTROLS = {"sgd": ("sgd", 0.01), "adam": ("adamw", 1e-3)}
"""By name: optimiser and learning rate."""
_FOREVER = 2**30
"""Updates over which the learning rate falls: it is constant here."""
KEYS, SIZE = 6, 16
"""Of the query that escapes: keys, and components of each."""
SCALE = SIZE**-0.5


def control_differences(
    config: LayerConfig, world: World, tables: SamplerTables, seeds: Sequence[int]
) -> dict[str, Floats]:
    """Largest difference of the two arms' parameters after CONTROL_STEPS updates, relative to the largest of its array.

    Returns:
      One number a seed: "sgd" and "adam" with the learning rates adapted; "unadapted" for gradient descent without it,
      so that it is seen that the two can differ; "moved", how far training took W_Q, by the same measure.
    """
    found: dict[str, list[float]] = {name: [] for name in ("sgd", "adam", "unadapted", "moved")}
    scale = _CONTROL_SIZE**-0.5
    with jax.enable_x64(True):
        model = layer_model(config, _CONTROL_SIZE).sized(len(world.vocabulary), world.max_length)
        root = jnp.float64(scale) ** 0.5
        tables = jax.tree.map(jnp.asarray, tables)
        for name, (kind, rate) in _CONTROLS.items():
            spec = TrainingSpec(model, _BATCH, 1, beta2=0.999, optimizer=kind)
            run = jax.jit(partial(_trained, spec, tables))
            for seed in seeds:
                fresh = init_params(model, jax.random.key(seed))
                params = jax.tree.map(lambda x: x.astype(jnp.float64), fresh)
                start = with_factors(params, root, root)
                expected = with_factors(run(params, _values(seed, rate, scale)), root, root)
                folded = run(start, _values(seed, rate, 1.0, folded=scale))
                found[name].append(difference(expected, folded))
                if name == "sgd":
                    found["moved"].append(difference(expected["attention"]["query"], start["attention"]["query"]))
                    found["unadapted"].append(difference(expected, run(start, _values(seed, rate, 1.0))))
    return {name: np.asarray(values) for name, values in found.items()}


def difference(one: Params, other: Params) -> float:
    """Largest difference of any parameter, relative to the largest magnitude of its array."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(a).max(), 1e-300)) for a, b in pairs)


def _values(seed: int, rate: float, scale: float, folded: float = 1.0) -> Hyperparameters:
    """The hyperparameters of one arm, in float64; without weight decay, warm-up and cosine."""
    rate, scale, folded, none, one = np.asarray([rate, scale, folded, 0.0, 1.0])
    return Hyperparameters(np.uint32(seed), rate, scale, none, np.int32(_FOREVER), none, one, one, folded, none)


def _trained(spec: TrainingSpec, tables: SamplerTables, params: Params, values: Hyperparameters) -> Params:
    """Parameters after CONTROL_STEPS updates on fresh sentences, the same for every arm."""
    state = TrainState(params, optimizer(spec, values).init(params), jnp.float64(0), jnp.int32(-1))
    return train_steps(spec, tables, values, state, jnp.int32(0), jnp.int32(CONTROL_STEPS))[0].params


def escape_times(config: EscapeConfig, seed: int, seeds: int) -> dict[str, Floats]:
    """Updates until key 0 has half of the weight, {optimizer: [margins, seeds]}; nan where `limit` came first."""
    optimizers = {"sgd": optax.sgd(config.learning_rate), "adam": optax.adam(config.adam_learning_rate)}
    seeds_R = np.arange(seed, seed + seeds, dtype=np.uint32)
    found: dict[str, Floats] = {}
    with jax.enable_x64(True):
        for name, transformation in optimizers.items():
            every_seed = jax.jit(jax.vmap(partial(_escape, transformation, config.limit), in_axes=(None, 0)))
            steps_NR = np.asarray(
                [every_seed(margin, seeds_R) for margin in np.asarray(config.margins, np.float64)], np.float64
            )
            found[name] = np.where(steps_NR < config.limit, steps_NR, np.nan)
    return found


def _escape(transformation: optax.GradientTransformation, limit: int, margin: jax.Array, seed: jax.Array) -> jax.Array:
    """Updates that one query needs."""
    key_key, value_key = jax.random.split(jax.random.key(seed))
    key_BKHD = jax.random.normal(key_key, (1, KEYS, 1, SIZE), jnp.float64)
    value_BKHD = jax.random.normal(value_key, (1, KEYS, 1, SIZE), jnp.float64)
    start = planted_query(key_BKHD, margin)

    def going(carry: tuple[jax.Array, Any, jax.Array]) -> jax.Array:
        return (weights(carry[0], key_BKHD)[0, 0, 0, 0] < 0.5) & (carry[2] < limit)

    def update(carry: tuple[jax.Array, Any, jax.Array]) -> tuple[jax.Array, Any, jax.Array]:
        query, state, step = carry
        gradient = jax.grad(loss)(query, key_BKHD, value_BKHD)
        change, state = transformation.update(gradient, state)
        return query + change, state, step + 1

    carry = (start, transformation.init(start), jnp.int32(0))
    return jax.lax.while_loop(going, update, carry)[2]


def weights(query_BQHD: jax.Array, key_BKHD: jax.Array) -> jax.Array:
    """Weights of the query over the keys."""
    return attention_weights(query_BQHD, key_BKHD, jnp.ones(key_BKHD.shape[:2], bool), scale=SCALE)[2]


def loss(query_BQHD: jax.Array, key_BKHD: jax.Array, value_BKHD: jax.Array) -> jax.Array:
    """Half the squared distance of the context from the value of key 0."""
    _, context_BQHD = weighted_sum(weights(query_BQHD, key_BKHD), value_BKHD)
    return 0.5 * jnp.sum((context_BQHD[:, 0] - value_BKHD[:, 0]) ** 2)


def planted_query(key_BKHD: jax.Array, margin: jax.Array | float) -> jax.Array:
    """The shortest query under which key 1 has the score `margin` and every other key 0."""
    score_K = jnp.zeros(KEYS).at[1].set(margin) / SCALE
    key_KD = key_BKHD[0, :, 0]
    query_D = key_KD.T @ jnp.linalg.solve(key_KD @ key_KD.T, score_K)
    return query_D[None, None, None, :]
