"""Many small arrays as few: all of one type in one vector for each run.

An array that goes into a program or comes out of it costs the host some microseconds on each device, and another
transfer where it is fetched: 2 of the 10 ms that a recorded step of toy.yaml took, without writing it (2 CPU cores).
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.training.hyperparameters import Array, Tree

_LARGE = 2**16
"""An array of so many numbers a run stays by itself: to copy it would take its memory twice."""


@functools.partial(jax.tree_util.register_dataclass, data_fields=["vectors", "large"], meta_fields=["tree", "kinds"])
@dataclass(frozen=True)
class Packed:
    """A tree of arrays stacked over the runs, [R] first, as `pack` made it."""

    vectors: dict[str, Array]
    """The small arrays, by the name of their type, [R, numbers]."""
    large: list[Array]
    """The large arrays, as they are."""
    tree: Any
    """The structure of the tree."""
    kinds: tuple[tuple[str, tuple[int, ...]], ...]
    """The type and the shape of each of its arrays, without R."""

    def shapes(self) -> Tree:
        """The tree's shapes."""
        runs = len(next(iter([*self.vectors.values(), *self.large])))
        leaves = [jax.ShapeDtypeStruct((runs, *shape), name) for name, shape in self.kinds]
        return jax.tree.unflatten(self.tree, leaves)

    def unpacked(self) -> Tree:
        """The tree; its small arrays are views of the vectors, where these are NumPy's."""
        ends, large, leaves = dict.fromkeys(self.vectors, 0), iter(self.large), []
        for name, shape in self.kinds:
            if math.prod(shape) >= _LARGE:
                leaves.append(next(large))
                continue
            vector, start = self.vectors[name], ends[name]
            ends[name] = start + math.prod(shape)
            leaves.append(vector[:, start : ends[name]].reshape(len(vector), *shape))
        return jax.tree.unflatten(self.tree, leaves)


def pack(tree: Tree) -> Packed:
    """`tree`, all of whose arrays are stacked over the runs, [R] first: NumPy's, or traced ones."""
    leaves, structure = jax.tree.flatten(tree)
    kinds = tuple((np.dtype(leaf.dtype).name, leaf.shape[1:]) for leaf in leaves)
    large = [leaf for leaf in leaves if math.prod(leaf.shape[1:]) >= _LARGE]
    small = [leaf for leaf in leaves if math.prod(leaf.shape[1:]) < _LARGE]
    vectors = {}
    for name in dict.fromkeys(np.dtype(leaf.dtype).name for leaf in small):
        own = [leaf.reshape(len(leaf), -1) for leaf in small if leaf.dtype == name]
        join = np.concatenate if isinstance(own[0], np.ndarray) else jnp.concatenate
        vectors[name] = join(own, axis=1)
    return Packed(vectors, large, structure, kinds)


def unpack(tree: Tree) -> Tree:
    """`tree` with what is packed in it unpacked."""
    return jax.tree.map(lambda part: part.unpacked() if _is_packed(part) else part, tree, is_leaf=_is_packed)


def packing(program: jax.stages.Wrapped, sharding: jax.sharding.Sharding) -> jax.stages.Wrapped:
    """`program(shared, stacked)` with packed runs: what is packed in `stacked` is unpacked for it, its result packed.

    If the result is a tuple, each part of it is packed by itself. `sharding` is that of the runs. The program itself
    knows nothing of it, since one that was cached on disk gives arrays alone.
    """

    def packed(shared: Tree, stacked: Tree) -> Tree:
        found = program(shared, unpack(stacked))
        return tuple(map(pack, found)) if type(found) is tuple else pack(found)

    return jax.jit(packed, out_shardings=sharding)


def unpacked_shapes(tree: Tree, sharding: jax.sharding.Sharding) -> Tree:
    """`tree`, of arrays or their shapes, with the shapes of what is packed in it in its place, of that sharding."""

    def shapes(part: Any) -> Any:
        if not _is_packed(part):
            return part
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=sharding), part.shapes())

    return jax.tree.map(shapes, tree, is_leaf=_is_packed)


def _is_packed(tree: Any) -> bool:
    return isinstance(tree, Packed)
