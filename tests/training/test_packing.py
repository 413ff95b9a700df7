"""Arrays that are packed come out as they went in."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.training.ensemble import Ensemble
from experiments.training.packing import Packed, pack, unpack

RUNS = 3


def tree():
    rng = np.random.default_rng(0)
    return {
        "matrix": rng.normal(size=(RUNS, 2, 4)).astype(np.float32),
        "count": np.arange(RUNS, dtype=np.int32),
        "none": np.zeros((RUNS, 0, 2), np.float32),
        "both": (rng.integers(0, 2**31, (RUNS, 3), np.uint32), rng.normal(size=RUNS).astype(np.float32)),
    }


def assert_same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (one.shape, one.dtype) == (two.shape, two.dtype)
        np.testing.assert_array_equal(one, two)


def test_what_is_packed_comes_out_as_it_went_in():
    packed = pack(tree())
    assert {name: vector.shape for name, vector in packed.vectors.items()} == {
        "float32": (RUNS, 9), "int32": (RUNS, 1), "uint32": (RUNS, 3)
    }  # fmt: skip
    assert_same(packed.unpacked(), tree())
    assert_same(unpack({"inside": (packed, 1)})["inside"][0], tree())
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree())
    assert jax.tree.map(lambda shape: shape, packed.shapes()) == shapes


def test_a_large_array_stays_by_itself():
    large = np.arange(2 * 2**16, dtype=np.float32).reshape(2, 2**8, 2**8)
    before, after = np.ones((2, 3), np.float32), np.zeros((2, 4), np.float32)
    packed = pack([before, large, after])
    assert packed.vectors["float32"].shape == (2, 7)
    assert packed.large[0] is large
    assert_same(packed.unpacked(), [before, large, after])
    assert pack([large]).shapes()[0].shape == large.shape


def test_a_program_takes_and_gives_packed_runs():
    """Each part of a tuple is packed by itself; padding of the runs is dropped with `fetch`."""
    ensemble = Ensemble(RUNS, 1, jax.devices()[:2])
    packed, shared = ensemble.place(pack(tree())), ensemble.replicate(np.float32(2))
    program = ensemble.compile(
        lambda factor, one: (jax.tree.map(lambda x: x + x, one), factor * jnp.sum(one["matrix"])), shared, packed,
        packed=True,
    )  # fmt: skip
    twice, total = program(shared, packed)
    assert isinstance(twice, Packed)
    assert isinstance(total, Packed)
    assert_same(ensemble.fetch(twice), jax.tree.map(lambda x: x + x, tree()))
    np.testing.assert_allclose(ensemble.fetch(total), 2 * tree()["matrix"].sum(axis=(1, 2)), rtol=1e-6)
    assert twice.vectors["float32"].shape == (4, 9)
