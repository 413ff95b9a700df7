"""Statistics over seeds: by hand, by enumeration, and by simulation of what an interval promises."""

import itertools
import math

import numpy as np
import pytest
from refusals import refused

from experiments.statistics.intervals import (
    Interval,
    bootstrap_interval,
    interquartile_mean,
    mean,
    mean_intervals,
    paired_ratio,
    rough,
    short,
)
from experiments.statistics.significance import EXACT_SEEDS, holm, sign_flip_p


@pytest.mark.parametrize(("seeds", "few"), [((3, 12), True), ((7,), True), ((8, 60), False), ((), False)])
def test_few_seeds_are_called_rough(seeds, few):
    assert ("rough" in rough(*seeds)) == few


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([8, 1, 7, 2, 6, 3, 5, 4], 4.5),  # 1, 2 and 7, 8 are left out
        ([0, 0, 1, 2, 3, 4, 5, 6, 1000, 1000], 3.5),  # 2 of 10 at either end
        ([1, 2, 30], 11),  # nothing of 3
        ([-50, 2, 4, 1e9], 3),
        ([7], 7),
    ],
)
def test_interquartile_mean_by_hand(values, expected):
    assert interquartile_mean(values) == expected
    assert interquartile_mean([values, values]).tolist() == [expected, expected]


@pytest.mark.parametrize(("seeds", "low", "high"), [(10, 0.93, 0.97), (5, 0.89, 0.95)])
def test_the_interval_covers_as_often_as_it_says(seeds, low, high):
    """Plain percentiles would cover 90 % (10 seeds) and 83 % (5)."""
    rng, covered = np.random.default_rng(3), []
    for trial in range(1000):
        found = bootstrap_interval(mean, rng.normal(4.0, 2.0, seeds), resamples=800, seed=trial)
        covered.append(found.low <= 4.0 <= found.high)
    assert low <= np.mean(covered) <= high


def test_a_higher_level_gives_a_wider_interval():
    values = np.random.default_rng(0).normal(size=12)
    narrow, wide = (bootstrap_interval(mean, values, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    assert narrow.estimate == pytest.approx(values.mean())


def test_arms_are_paired():
    """What all arms of a seed share leaves the difference, and the ratio, without a trace."""
    seed_S = np.random.default_rng(1).normal(50, 10, 9)
    difference = bootstrap_interval(lambda a, b: interquartile_mean(a) - interquartile_mean(b), seed_S + 3, seed_S)
    np.testing.assert_allclose([difference.estimate, difference.low, difference.high], 3)
    ratio = paired_ratio(2 * seed_S, seed_S, mean)
    np.testing.assert_allclose([ratio.estimate, ratio.low, ratio.high], 2)
    unpaired = bootstrap_interval(interquartile_mean, seed_S)
    assert unpaired.high - unpaired.low > 5


def test_draws_depend_on_the_seed_alone():
    values = np.arange(8.0) ** 2
    assert bootstrap_interval(mean, values, seed=4) == bootstrap_interval(mean, values, seed=4)
    assert bootstrap_interval(mean, values, seed=4) != bootstrap_interval(mean, values, seed=5)


def test_sign_flips_against_enumeration():
    rng = np.random.default_rng(7)
    for seeds in (2, 5, 8):
        a, b = rng.normal(0.6, 1, seeds), rng.normal(0, 1, seeds)
        found = [
            abs(sum(s * (x - y) for s, x, y in zip(signs, a, b, strict=True)))
            for signs in itertools.product((1, -1), repeat=seeds)
        ]
        reached = sum(total >= abs(sum(a - b)) - 1e-9 for total in found)
        assert sign_flip_p(a, b) == reached / 2**seeds


def test_the_smallest_p_values():
    """All differences of one sign: 2 of 2^S choices reach them, also where rounding makes equal sums unequal."""
    for seeds in (5, 6, EXACT_SEEDS):
        assert sign_flip_p(np.full(seeds, 0.3), np.full(seeds, 0.1)) == 2 / 2**seeds
    assert sign_flip_p([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1


def test_random_sign_flips_come_near_to_all_of_them():
    seeds = EXACT_SEEDS + 1
    difference_S = np.random.default_rng(11).normal(0.4, 1, seeds)
    signs_NS = np.array(list(itertools.product((1, -1), repeat=seeds)))
    exact = np.mean(np.abs(signs_NS @ difference_S) >= abs(difference_S.sum()) - 1e-9)
    found = sign_flip_p(difference_S, np.zeros(seeds))
    assert 0.02 < exact < 0.5
    assert abs(found - exact) < 4 * math.sqrt(exact * (1 - exact) / 10_000)
    assert sign_flip_p(np.ones(30), np.zeros(30)) == 1 / 10_001  # never 0


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_holm_against_written_numbers(p, expected):
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


@pytest.mark.parametrize("p", [[0.1, 1.2], [-0.1], [float("nan"), 0.2], [[0.1, 0.2]]])
def test_holm_refuses_what_is_no_probability(p):
    with refused("p", "0", "1", p, kind=ValueError):
        holm(p)


@pytest.mark.parametrize(
    ("arms", "named"),
    [
        (([0.3], [0.2]), ["seed", "2", "1"]),
        (([0.3, float("nan"), 0.1], [0.2, 0.2, float("inf")]), ["2 of 6", "finite"]),
        (([0.3, 0.4], [0.2, 0.3, 0.4]), ["seeds", "(2,)", "(3,)"]),
        (([[0.3, 0.4]], [[0.3, 0.2]]), ["seeds", "(1, 2)"]),
        (([], []), ["seed", "2", "0"]),
    ],
)
@pytest.mark.parametrize("function", [paired_ratio, sign_flip_p])
def test_what_has_no_statistic_is_refused(function, arms, named):
    with refused("arms", *named, kind=ValueError):
        function(*arms)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_a_ratio_to_nothing_is_refused():
    with refused("statistic", "finite", "0", kind=ValueError):
        paired_ratio([1.0, 2.0, 3.0], [0.0, 0.0, 1.0])


def test_an_interval_needs_nearly_all_resamples():
    """What has no value is not left out until the rest looks sure."""
    values = np.arange(10.0)
    often, rare = (
        bootstrap_interval(lambda x, most=most: np.where(mean(x) > most, np.nan, mean(x)), values, missing=0.025)
        for most in (5.0, 7.0)
    )
    assert often.estimate == 4.5
    assert np.isnan([often.low, often.high]).all()
    assert rare.low < 4.5 < rare.high < 7.0


def test_many_intervals_at_once_are_the_single_ones():
    values = np.random.default_rng(0).normal(size=(5, 10))
    for row, (value, low, high) in zip(values, mean_intervals(values), strict=True):
        one = bootstrap_interval(mean, row)
        assert value == pytest.approx(one.estimate)
        assert (low, high) == pytest.approx((one.low, one.high), abs=0.1)
    assert mean_intervals(values.reshape(1, 5, 10)).shape == (1, 5, 3)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.123456, -1.0, 20.55), "0.123 [-1.00, 20.6]"),
        (Interval.exact(2e-15), "2.0e-15"),
        (Interval.unknown(4.5), "4.50 (no interval)"),
        (Interval.unknown(), "none"),
        (Interval(1.0, 0.5, 2.0).times(3), "3.00 [1.50, 6.00]"),
    ],
)
def test_an_interval_as_people_write_it(interval, text):
    assert str(interval) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3869, "0.387"), (1234.5, "1234"), (12.34, "12.3"), (0, "0"), (5.7e-6, "5.7e-6"), (float("nan"), "none"),
     (-0.5, "-0.500"), (2.3e12, "2.3e12")],
)  # fmt: skip
def test_numbers_as_people_write_them(value, text):
    assert short(value) == text
