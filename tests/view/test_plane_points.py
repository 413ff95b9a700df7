"""Which points there are, what they stand for, and where they lie."""

import numpy as np
import pytest

from experiments.view.plane_points import SEVERAL, different_points, in_one_plane

TOKENS = np.asarray([[5, 6, 7, 0], [5, 8, 7, 9], [5, 8, 7, 9], [6, 5, 7, 0]])
MASKED, BLANK = np.asarray([1, 1, 2, 1]), np.asarray([1, 1, 1, 2])
NAMES = ["", "", "", "", "", "", "pet", "", "person", "pet"]


def test_a_word_at_a_place_is_one_point_and_so_is_a_blank():
    points = different_points(TOKENS, MASKED, BLANK)
    queries = list(zip(points.query_row, points.query_words, points.query_place, strict=True))
    assert queries == [(0, (6, 8), 1), (2, (7,), 2), (3, (5,), 1)]  # another blank is another query
    keys = list(zip(points.key_at, points.key_word, points.key_place, strict=True))
    assert keys == [((0, 0), 5, 0), ((0, 2), 7, 2), ((1, 3), 9, 3), ((2, 1), 8, 1), ((3, 0), 6, 0)]


def test_a_blank_of_words_of_several_groups_has_none_of_them():
    points = different_points(TOKENS, MASKED, BLANK)
    assert points.groups(NAMES) == ([SEVERAL, "", ""], ["", "", "pet", "person", "pet"])
    assert points.groups(["same"] * 10) == (["same"] * 3, ["same"] * 5)


def test_vectors_are_taken_where_the_points_are():
    points = different_points(TOKENS, MASKED, BLANK)
    query_GD, key_GKD = np.arange(4)[:, None] * np.ones(3), np.arange(16).reshape(4, 4, 1) * np.ones(3)
    queries, keys = points.vectors(query_GD, key_GKD)
    assert queries[:, 0].tolist() == [0, 2, 3]
    assert keys[:, 2].tolist() == [0, 2, 7, 9, 12]


@pytest.fixture
def vectors():
    rng = np.random.default_rng(5)
    return rng.normal(size=(3, 4, 6)) * 9, rng.normal(0.5, 1, size=(3, 11, 6))


def test_in_a_head_of_two_components_the_plane_holds_every_dot_product(vectors):
    queries, keys = (group[..., :2] for group in vectors)
    found = in_one_plane(queries, keys, 1)
    np.testing.assert_allclose(
        found.query_SQ2 @ np.swapaxes(found.key_SP2, 1, 2), queries @ np.swapaxes(keys, 1, 2), atol=1e-12
    )
    np.testing.assert_allclose(found.share_S, 1)
    assert found.head == 1
    squares = [np.square(points[-1]).sum(axis=-1).mean() for points in (found.query_SQ2, found.key_SP2)]
    assert squares[0] == pytest.approx(squares[1])
    assert found.reach == max(np.abs(found.query_SQ2).max(), np.abs(found.key_SP2).max())


def test_the_axes_are_those_of_the_last_step(vectors):
    whole = in_one_plane(*vectors, 0)
    last = in_one_plane(*(group[-1:] for group in vectors), 0)
    np.testing.assert_allclose(whole.query_SQ2[-1], last.query_SQ2[0])
    np.testing.assert_allclose(whole.key_SP2[-1], last.key_SP2[0])
    first = in_one_plane(*(group[:1] for group in vectors), 0)
    assert np.abs(whole.key_SP2[0] - first.key_SP2[0]).max() > 0.1
    assert whole.share_S[0] < first.share_S[0]


def test_a_model_that_diverges_keeps_the_plane_of_its_last_numbers(vectors):
    queries, keys = (group.copy() for group in vectors)
    keys[-1, 3, 2] = np.inf
    found, before = in_one_plane(queries, keys, 0), in_one_plane(queries[:-1], keys[:-1], 0)
    np.testing.assert_allclose(found.query_SQ2[:-1], before.query_SQ2)
    assert np.isnan(found.share_S).tolist() == [False, False, True]
    assert np.isfinite(found.reach)
    nothing = in_one_plane(queries * np.nan, keys * np.nan, 0)
    assert np.isnan(nothing.share_S).all()
    assert nothing.reach == 1.0
