"""P9: how long a query takes to leave the wrong key, if it starts saturated on it.

One query, n random keys with random values. The right answer is the value of key 0, the loss half the squared distance
of the context from it. The query starts where key 1 has a score M above all others, and is trained by gradient descent
or by Adam until key 0 has half of the weight. The weight of the right key starts at about exp(-M), and so does its
gradient: gradient descent should need exp(M) updates, Adam, which divides by the gradient's size, fewer.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.gradient_study.config import EscapeConfig
from experiments.gradient_study.norm_statistics import Floats
from model.attention import attention_weights, weighted_sum

KEYS, SIZE = 6, 16
SCALE = SIZE**-0.5


def escape_times(config: EscapeConfig, seed: int, seeds: int) -> dict[str, Floats]:
    """Updates until key 0 has half of the weight, {optimizer: [margins, seeds]}; nan where `limit` came first."""
    optimizers = {"sgd": optax.sgd(config.learning_rate), "adam": optax.adam(config.adam_learning_rate)}
    margins_N = np.asarray(config.margins, np.float64)
    seeds_R = np.arange(seed, seed + seeds, dtype=np.uint32)
    found: dict[str, Floats] = {}
    with jax.enable_x64(True):
        for name, optimizer in optimizers.items():
            one = partial(_escape, optimizer, config.limit)
            every_seed = jax.jit(jax.vmap(one, in_axes=(None, 0)))
            steps_NR = np.asarray([every_seed(margin, seeds_R) for margin in margins_N], np.float64)
            found[name] = np.where(steps_NR < config.limit, steps_NR, np.nan)
    return found


def _escape(optimizer: optax.GradientTransformation, limit: int, margin: jax.Array, seed: jax.Array) -> jax.Array:
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
        change, state = optimizer.update(gradient, state)
        return query + change, state, step + 1

    carry = (start, optimizer.init(start), jnp.int32(0))
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
