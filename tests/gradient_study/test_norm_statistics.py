"""Statistics of norms, their intervals, and the rule that makes a verdict."""

import numpy as np
import pytest

from experiments.gradient_study.norm_statistics import (
    STATISTICS,
    Estimate,
    bootstrap,
    mean_estimate,
    ratio_estimate,
    short,
    slope_estimate,
    statistics,
)
from experiments.gradient_study.predictions import PREDICTIONS, Check, above, below, between, near, overall
from experiments.gradient_study.tables import intervals


def test_statistics_of_written_numbers():
    scaled = [1.0, 2.0, 3.0, 4.0]
    norms = np.asarray([[1e-9, 1e-9, 1e-9, 8.0], scaled, [0.5] * 4])[:, None, None]  # [C, S, R, T]
    found = statistics(norms)
    assert set(found) == set(STATISTICS)
    assert found["rms"][0, 0, 0] == pytest.approx(4.0)
    assert found["mean"][0, 0, 0] == pytest.approx(2.0)
    assert found["median"][1, 0, 0] == 2.5
    assert found["dead"][:, 0, 0].tolist() == [0.75, 0.0, 0.0]  # below a thousandth of 2.5
    assert found["carrying"][0, 0, 0] == pytest.approx(0.25)  # one of four tokens has all
    assert found["carrying"][2, 0, 0] == pytest.approx(1.0)
    assert found["kurtosis"][1, 0, 0] == pytest.approx(1.64)
    assert found["q95"][1, 0, 0] == pytest.approx(3.85)


def test_an_interval_narrows_with_the_spread_of_the_seeds():
    wide, narrow = mean_estimate(np.asarray([1.0, 5.0, 3.0])), mean_estimate(np.asarray([2.9, 3.1, 3.0]))
    assert wide.value == narrow.value == pytest.approx(3.0)
    assert wide.low < narrow.low < 3 < narrow.high < wide.high
    same = mean_estimate(np.asarray([3.0, 3.0]))
    assert (same.low, same.high) == (3.0, 3.0)


def test_arms_are_resampled_together():
    below_R = np.asarray([1.0, 10.0, 100.0])
    found = ratio_estimate(2 * below_R, below_R)
    assert (found.low, found.value, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_exponent_of_a_power_law():
    x = np.asarray([4.0, 16.0, 64.0])
    found = slope_estimate(x, (3 * x**-0.5)[:, None] * np.ones(4))
    assert (found.low, found.value, found.high) == pytest.approx((-0.5, -0.5, -0.5))


def test_what_cannot_be_measured_is_undecided():
    found = bootstrap(lambda x: x.mean(axis=-1), np.asarray([1.0, np.nan]))
    assert above("P1", "", 0.0, found).verdict == "undecided"


def test_an_interval_needs_nearly_all_resamples():
    """What has no value is not left out until the rest looks sure."""
    values = np.arange(10.0)
    found = bootstrap(lambda x: np.where(x.mean(axis=-1) > 5.0, np.nan, x.mean(axis=-1)), values)
    assert found.value == 4.5
    assert np.isnan([found.low, found.high]).all()
    assert str(found) == "4.50 (no interval)"
    rare = bootstrap(lambda x: np.where(x.mean(axis=-1) > 7.0, np.nan, x.mean(axis=-1)), values)
    assert rare.low < 4.5 < rare.high < 7.0


def test_a_number_without_chance_stands_alone():
    assert str(Estimate(2e-15, 2e-15, 2e-15)) == "2.0e-15"
    assert str(Estimate(float("nan"), float("nan"), float("nan"))) == "none"


def test_many_intervals_at_once_are_the_single_ones():
    values = np.random.default_rng(0).normal(size=(5, 10))
    for row, (value, low, high) in zip(values, intervals(values), strict=True):
        one = mean_estimate(row)
        assert value == pytest.approx(one.value)
        assert (low, high) == pytest.approx((one.low, one.high), abs=0.1)


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        (above("P1", "", 1.0, Estimate(2, 1.5, 3)), "confirmed"),
        (above("P1", "", 1.0, Estimate(2, 0.5, 3)), "undecided"),
        (above("P1", "", 1.0, Estimate(0.5, 0.2, 0.9)), "refuted"),
        (below("P1", "", 1.0, Estimate(0.5, 0.2, 0.9)), "confirmed"),
        (below("P1", "", 1.0, Estimate(2, 1.5, 3)), "refuted"),
        (near("P1", "", 2.0, Estimate(2.1, 2.05, 2.15), 0.1), "confirmed"),
        (near("P1", "", 2.0, Estimate(2.1, 2.05, 2.25), 0.1), "undecided"),
        (near("P1", "", 2.0, Estimate(3, 2.5, 3.5), 0.1), "refuted"),
        (near("P1", "", 0.0, Estimate(0.05, 0.0, 0.1), 0.2, relative=False), "confirmed"),
        (near("P1", "", -0.5, Estimate(-0.5, -0.55, -0.45), 0.2), "confirmed"),
        (between("P1", "", 1, 2, Estimate(1.5, 1.2, 2.2)), "undecided"),
    ],
)
def test_verdicts(check, verdict):
    assert check.verdict == verdict


def test_a_prediction_with_different_verdicts_is_confirmed_in_part():
    def checks(*verdicts):
        return [Check("P1", "", "", Estimate(0, 0, 0), verdict) for verdict in verdicts]

    assert overall(checks("confirmed", "confirmed")) == "confirmed"
    assert overall(checks("confirmed", "refuted", "confirmed")) == "in part (2 confirmed, 1 refuted)"
    assert list(PREDICTIONS) == ["law", *(f"P{i}" for i in range(1, 11))]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.3869, "0.387"), (1234.5, "1234"), (12.34, "12.3"), (0, "0"), (5.7e-6, "5.7e-6"), (float("nan"), "none"),
     (-0.5, "-0.500"), (2.3e12, "2.3e12")],
)  # fmt: skip
def test_numbers_as_people_write_them(value, text):
    assert short(value) == text
