"""Statistics of norms, their intervals, and the rule that makes a verdict."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from experiments.gradient_study.norm_statistics import (
    BUCKETS,
    STATISTICS,
    bootstrap,
    histogram,
    mean_estimate,
    ratio_estimate,
    reduced,
    stacked,
    statistics,
)
from experiments.gradient_study.tables import write_histogram
from experiments.statistics.intervals import power_law
from experiments.tracking.event_writer import EventWriter


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
    assert wide.estimate == narrow.estimate == pytest.approx(3.0)
    assert wide.low < narrow.low < 3 < narrow.high < wide.high
    same = mean_estimate(np.asarray([3.0, 3.0]))
    assert (same.low, same.high) == (3.0, 3.0)


def test_arms_are_resampled_together():
    below_R = np.asarray([1.0, 10.0, 100.0])
    found = ratio_estimate(2 * below_R, below_R)
    assert (found.low, found.estimate, found.high) == pytest.approx((2.0, 2.0, 2.0))


def test_the_exponent_of_a_power_law():
    x = np.asarray([4.0, 16.0, 64.0])
    found = bootstrap(power_law(x), *((3 * x**-0.5)[:, None] * np.ones(4)))
    assert (found.low, found.estimate, found.high) == pytest.approx((-0.5, -0.5, -0.5))


def test_what_cannot_be_measured_has_no_value():
    found = bootstrap(lambda x: x.mean(axis=-1), np.asarray([1.0, np.nan]))
    assert np.isnan([found.estimate, found.low, found.high]).all()


def test_norms_of_several_settings_keep_their_places():
    """Settings [P, A]; of each the table [K, C, S, R] and the histograms."""
    rng = np.random.default_rng(0)
    norms = rng.lognormal(0, 1, (2, 4, 3, 5, 2, 50))
    kept = stacked([stacked([reduced(one) for one in step]) for step in norms])
    assert kept.of("median", "key").shape == (2, 4, 3, 2)
    assert kept.of("median", "key")[1, 2, 0, 1] == np.median(norms[1, 2, 0, 3, 1])
    one = kept.at(1, 2)
    assert one.of("rms", "value")[2].tolist() == kept.of("rms", "value")[1, 2, 2].tolist()
    assert one.histogram_CSB[1, 4, :2] == pytest.approx(np.log10([norms[1, 2, 1, 4].min(), norms[1, 2, 1, 4].max()]))


@pytest.mark.parametrize(
    "norms", [np.random.default_rng(1).lognormal(0, 3, (3, 400)), np.zeros((2, 3)), np.ones((2, 3))]
)
def test_a_kept_histogram_is_what_tensorboard_makes_of_the_norms(tmp_path, norms):
    with EventWriter(tmp_path) as writer:
        writer.histogram(0, "norms", np.log10(norms[norms > 0]))
        write_histogram(writer, 0, "kept", histogram(norms))
    found = EventAccumulator(str(tmp_path)).Reload()
    whole, kept = (make_ndarray(found.Tensors(tag)[0].tensor_proto) for tag in ("norms", "kept"))
    assert whole.shape == (BUCKETS, 3)
    np.testing.assert_allclose(kept, whole, rtol=1e-12)
