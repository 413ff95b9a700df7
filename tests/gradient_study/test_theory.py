"""The formulas against numbers worked out by hand, against each other, and against plain simulation."""

import math

import numpy as np
import pytest

from experiments.gradient_study.theory import (
    JACOBIAN_TABLE,
    PEAKS,
    QUERY_TABLE,
    carrying_share,
    jacobian_norm,
    mean_of_largest,
    query_crossing,
    query_norms,
    score_gradient,
)
from experiments.statistics.crossings import crossing, crossing_range


def normal_weights(n, sigma, rows, seed=0):
    z = sigma * np.random.default_rng(seed).standard_normal((rows, n))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


JACOBIAN_CROSSINGS = {4: 31, 6: 57, 12: 117, 32: 247}
"""n -> the d beyond which sigma times the median of ||J||_F is smaller unscaled than scaled."""
MEANS = {1: 0.0, 2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi), 6: 1.2672, 16: 1.7660, 32: 2.0697}


@pytest.mark.parametrize("n", MEANS)
def test_the_mean_of_the_largest_normal(n):
    assert mean_of_largest(n) == pytest.approx(MEANS[n], abs=5e-5)


@pytest.mark.parametrize(
    ("weights", "norm"),
    [
        ([0.5, 0.5], 0.5),  # a tie of two: the largest norm there is
        ([0.5, 0.5, 0.0, 0.0], 0.5),
        ([1.0, 0.0, 0.0], 0.0),  # saturated: no gradient
        ([0.25, 0.25, 0.25, 0.25], math.sqrt(3) / 4),  # uniform: sqrt(n - 1) / n
    ],
)
def test_the_jacobian_of_weights_that_can_be_worked_out(weights, norm):
    assert jacobian_norm(np.asarray(weights)) == pytest.approx(norm, abs=1e-12)


def test_the_gradient_of_the_scores():
    found = score_gradient(np.asarray([0.5, 0.25, 0.25]), np.asarray([2.0, 0.0, 4.0]))  # mean gain: 2
    np.testing.assert_allclose(found, [0.0, -0.5, 0.5])


@pytest.mark.parametrize(("n", "sigma"), JACOBIAN_TABLE)
def test_the_table_of_the_jacobian(n, sigma):
    norms = jacobian_norm(normal_weights(n, sigma, 200_000))
    rms, mean, median = JACOBIAN_TABLE[n, sigma]
    assert np.sqrt(np.mean(norms**2)) == pytest.approx(rms, rel=0.02)
    assert norms.mean() == pytest.approx(mean, rel=0.02)
    assert np.median(norms) == pytest.approx(median, rel=0.02 if median > 0.1 else 0.2)


@pytest.mark.parametrize("n", JACOBIAN_CROSSINGS)
def test_where_the_medians_of_the_jacobian_cross(n):
    """There, sigma times the median is what it is at sigma 1."""
    sigma = math.sqrt(JACOBIAN_CROSSINGS[n])
    unscaled = sigma * np.median(jacobian_norm(normal_weights(n, sigma, 100_000)))
    assert unscaled == pytest.approx(np.median(jacobian_norm(normal_weights(n, 1.0, 100_000))), rel=0.05)


@pytest.mark.parametrize(("n", "sigma"), [(6, 32), (16, 32)])
def test_the_limits_of_large_sigma(n, sigma):
    norms = jacobian_norm(normal_weights(n, sigma, 400_000))
    assert np.sqrt(np.mean(norms**2)) == pytest.approx(math.sqrt(mean_of_largest(n) / (3 * sigma)), rel=0.03)
    share = np.mean(norms**2) ** 2 / np.mean(norms**4)
    assert share == pytest.approx(carrying_share(n, sigma), rel=0.05)


@pytest.mark.parametrize("n", PEAKS)
def test_the_peak_is_higher_than_what_lies_around_it(n):
    rms = [np.sqrt(np.mean(jacobian_norm(normal_weights(n, f * PEAKS[n], 100_000)) ** 2)) for f in (0.6, 1.0, 1.6)]
    assert rms[1] > max(rms[0], rms[2])


@pytest.mark.parametrize(("n", "d", "scale"), [(3, 5, 1.0), (6, 4, 1.0), (6, 4, 0.5), (2, 1, 1.0)])
def test_the_short_way_to_draw_gradients_is_the_long_way(n, d, scale):
    """Also where there are more keys than components, and where nothing is left across the query."""
    rng, draws = np.random.default_rng(7), 200_000
    q, k = rng.standard_normal((draws, d)), rng.standard_normal((draws, n, d))
    z = scale * np.einsum("td,tnd->tn", q, k)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    a = np.einsum("tv,tnv->tn", rng.standard_normal((draws, 4)) / 2, rng.standard_normal((draws, n, 4)))
    long = scale * np.linalg.norm(np.einsum("tn,tnd->td", score_gradient(p, a), k), axis=1)
    short = query_norms(n, d, scale, draws, value_size=4)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    np.testing.assert_allclose(np.quantile(short, levels), np.quantile(long, levels), rtol=0.03)
    assert np.mean(short**2) == pytest.approx(np.mean(long**2), rel=0.03)


@pytest.mark.parametrize("d", QUERY_TABLE)
def test_the_table_of_the_query_gradient(d):
    unscaled, scaled, inverse = QUERY_TABLE[d]
    for scale, expected in ((1.0, unscaled), (d**-0.5, scaled)):
        norms = query_norms(6, d, scale, 200_000, seed=d)
        assert np.sqrt(np.mean(norms**2)) == pytest.approx(expected[0], rel=0.02)
        assert norms.mean() == pytest.approx(expected[1], rel=0.02)
        assert np.median(norms) == pytest.approx(expected[2], rel=0.02 if expected[2] > 0.1 else 0.2)
    assert np.sqrt(np.mean(query_norms(6, d, 1 / d, 100_000) ** 2)) == pytest.approx(inverse[0], rel=0.02)


def test_a_crossing_is_found_between_the_points_around_it():
    assert crossing(np.asarray([1.0, 4.0, 16.0]), np.asarray([2.0, 1.0, -1.0])) == pytest.approx(8.0)
    assert math.isnan(crossing(np.asarray([1.0, 4.0]), np.asarray([2.0, 1.0])))


def test_the_range_of_a_crossing_covers_what_interpolation_may_be_wrong_by():
    """The curve falls ever more steeply, as that of the medians does; a straight line misses where it crosses."""
    truth, coarse, dense = 34.0, np.asarray([4.0, 16, 64, 256]), np.asarray([16.0, 32, 36, 48])

    def curve(d):
        return 0.04 * (np.log(truth) ** 2 - np.log(d) ** 2) + 0.002 * (np.log(truth) ** 3 - np.log(d) ** 3)

    low, high = crossing_range(coarse, curve(coarse))
    assert crossing(coarse, curve(coarse)) < low < truth < high
    assert 0 < np.diff(crossing_range(dense, curve(dense)))[0] < (high - low) / 20
    many = crossing_range(coarse, np.stack([np.ones(4), curve(coarse)], axis=-1))
    np.testing.assert_array_equal(many, [[math.nan, low], [math.nan, high]])
    for sizes in (coarse[:3], coarse[1:], coarse[1:3]):  # no larger size, no smaller one, neither
        assert crossing_range(sizes, curve(sizes)) == pytest.approx([16, 64])


def test_more_keys_and_more_heads_cross_later():
    assert query_crossing(4, draws=10_000) < query_crossing(8, draws=10_000)
    assert query_crossing(4, draws=10_000) < query_crossing(4, heads=2, draws=10_000)
