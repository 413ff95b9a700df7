"""Rows that devices share: each computes its part of them, and all get the whole."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.training.hyperparameters import BATCH_AXIS, Tree


def own_rows(rows: Tree, shards: int) -> Tree:
    """What this device has of arrays whose first axis `shards` divides; inside a `shard_map` over BATCH_AXIS."""

    def part(array: jax.Array) -> jax.Array:
        here = len(array) // shards
        return jax.lax.dynamic_slice_in_dim(array, jax.lax.axis_index(BATCH_AXIS) * here, here)

    return rows if shards == 1 else jax.tree.map(part, rows)


def over_devices(function: Callable[[Tree], jax.Array], rows: Tree, shards: int) -> jax.Array:
    """`function(rows)`, computed by the devices in equal parts.

    Args:
      function: of rows that do not depend on each other: arrays with the rows first, in and out.
      rows: any number of them; they are padded with copies of the last one, so that the parts are equal.
      shards: how many devices share the work; more than 1 only inside a `shard_map` over BATCH_AXIS.
    """
    if shards == 1:
        return function(rows)
    count = len(jax.tree.leaves(rows)[0])
    padding = -count % shards
    padded = jax.tree.map(lambda array: jnp.concatenate([array, jnp.repeat(array[-1:], padding, axis=0)]), rows)
    whole = jax.lax.all_gather(function(own_rows(padded, shards)), BATCH_AXIS, tiled=True)
    return whole[:count]
