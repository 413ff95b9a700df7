"""Rows that devices share: each computes what its part of them adds to a sum, and one exchange adds up all sums.

An exchange makes the devices wait for each other, whatever is in it. So measurements give what they have to exchange,
and it is summed at once.
"""

import jax
import jax.flatten_util
import jax.numpy as jnp

from experiments.training.hyperparameters import BATCH_AXIS, Tree


def own_rows(rows: Tree, shards: int) -> tuple[Tree, jax.Array]:
    """The part of the rows that this device has.

    Args:
      rows: arrays with the rows first, any number of them; so that parts are equal, copies of the last one are added.
      shards: how many devices share them; more than 1 only inside a `shard_map` over BATCH_AXIS.

    Returns:
      The part, and for each row of it whether it is one of `rows`: False for a copy.
    """
    count = len(jax.tree.leaves(rows)[0])
    if shards == 1:
        return rows, jnp.ones(count, bool)
    here, padding = -(-count // shards), -count % shards
    first = jax.lax.axis_index(BATCH_AXIS) * here

    def part(array: jax.Array) -> jax.Array:
        padded = jnp.concatenate([array, jnp.repeat(array[-1:], padding, axis=0)]) if padding else array
        return jax.lax.dynamic_slice_in_dim(padded, first, here)

    return jax.tree.map(part, rows), first + jnp.arange(here) < count


def among_all(own: jax.Array, count: int, shards: int) -> jax.Array:
    """What was computed of this device's part of `count` rows at their places, and 0 at those of the others."""
    if shards == 1:
        return own
    everywhere = jnp.zeros((len(own) * shards, *own.shape[1:]), own.dtype)
    first = jax.lax.axis_index(BATCH_AXIS) * len(own)
    return jax.lax.dynamic_update_slice_in_dim(everywhere, own, first, axis=0)[:count]


def sum_over_devices(tree: Tree, shards: int) -> Tree:
    """The sum of each array over the devices, all of them in one exchange."""
    if shards == 1:
        return tree
    vector, unravel = jax.flatten_util.ravel_pytree(tree)
    return unravel(jax.lax.psum(vector, BATCH_AXIS))
