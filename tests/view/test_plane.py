"""The plane of queries and keys against eigenvectors of their squares, which is another way to the same axes."""

import numpy as np
import pytest

from experiments.view.plane import balance, plane, share_held


def by_eigenvectors(queries, keys):
    """Axes and share from the sum of the outer products of the levelled vectors."""
    total = np.zeros((queries.shape[1],) * 2)
    for group in (queries, keys):
        mean_square = np.mean([vector @ vector for vector in group])
        total += sum(np.outer(vector, vector) for vector in group) / mean_square
    values, vectors = np.linalg.eigh(total)
    axes = [axis if axis[np.abs(axis).argmax()] > 0 else -axis for axis in vectors.T[::-1][:2]]
    return np.stack(axes, axis=1), values[-2:].sum() / values.sum()


@pytest.fixture
def vectors():
    rng = np.random.default_rng(3)
    return rng.normal(size=(3, 7)) * 40, rng.normal(1, 1, size=(11, 7))


def test_the_two_leading_directions(vectors, assert_close):
    axes, share = by_eigenvectors(*vectors)
    assert_close(plane(*vectors), axes, 1e-10)
    found = share_held(*(group[None] for group in vectors), plane(*vectors))
    assert found == pytest.approx([share])
    assert 0.3 < share < 0.9


def test_neither_group_outweighs_the_other(vectors):
    queries, keys = vectors
    np.testing.assert_allclose(plane(queries * 1000, keys / 7), plane(queries, keys), atol=1e-10)
    assert np.abs(plane(queries * 1000, keys) - plane(np.concatenate([queries * 1000, keys]), keys)).max() > 0.1


def test_vectors_that_are_not_known_are_left_out(vectors):
    queries, keys = vectors
    gaps = np.insert(keys, 4, np.nan, axis=0)
    np.testing.assert_allclose(plane(queries, gaps), plane(queries, keys), atol=1e-12)
    shares = [share_held(queries[None], known[None], plane(queries, keys)) for known in (gaps, keys)]
    assert shares[0] == pytest.approx(shares[1])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_small_heads_and_vectors_of_length_0(size):
    rng = np.random.default_rng(0)
    queries, keys = rng.normal(size=(2, size)), np.zeros((3, size))
    axes = plane(queries, keys)
    assert axes.shape == (size, 2)
    assert share_held(queries[None], keys[None], axes) == pytest.approx([1.0])
    assert np.isnan(share_held(queries[None] * 0, keys[None], axes)).all()
    assert np.isfinite(plane(queries * np.nan, keys)).all()


def test_balance_makes_both_equally_long_and_keeps_dot_products(vectors):
    queries, keys = vectors
    factor = balance(*vectors)
    mean_squares = [np.mean([vector @ vector for vector in group]) for group in (queries * factor, keys / factor)]
    assert mean_squares[0] == pytest.approx(mean_squares[1])
    assert 0.05 < factor < 0.5  # queries are some twenty times as long
    assert balance(queries * 0, keys) == balance(queries, keys * 0) == 1.0
