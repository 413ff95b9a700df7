"""How long a large training takes at least, told before it begins: its matrix products, at a speed that is measured."""

import time

import jax
import jax.numpy as jnp

from experiments.training.hyperparameters import TrainingSpec

_LARGE = 1e13
"""Operations from which on a training's time is told: 100 seconds of 100 GFLOP/s."""
_SIZE = 2048
"""Rows and columns of the matrices whose product is timed: 17 GFLOP, a second on a slow core."""


def operations(spec: TrainingSpec) -> float:
    """Floating-point operations of one sentence in one update: the matrix products of K words and one masked row.

    Queries and the output of attention, M x HD, for the row; keys and values for each word; scores and weighted sum;
    the MLP, M x F, twice; the logits, M x V. A product of n terms counts 2 n, and its two gradients as much again each.
    """
    model = spec.model
    heads, words = model.heads * model.d_head, model.max_length
    row = 2 * model.d_model * heads + 2 * model.d_model * model.d_mlp + model.d_model * model.vocabulary_size
    return 3.0 * 2 * (row + 2 * words * model.d_model * heads + 2 * words * heads)


def about_time(spec: TrainingSpec, updates: int) -> str:
    """One line about a training of so many updates in all its runs; empty for one that is no large one."""
    total = operations(spec) * spec.batch * updates
    if total < _LARGE:
        return ""
    seconds = total / (_speed() * jax.device_count())
    long = f"{seconds / 3600:,.1f} h" if seconds >= 5400 else f"{seconds / 60:,.0f} min"
    return f"time: the matrix products of this training alone take about {long} here; fewer train.steps take less"


def _speed() -> float:
    """Operations a second of one device, in a product of two matrices."""
    matrix = jnp.ones((_SIZE, _SIZE), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    start = time.perf_counter()
    product(matrix, matrix).block_until_ready()
    return 2.0 * _SIZE**3 / (time.perf_counter() - start)
