"""The simulated layer meets the exact law; the control arm is the arm itself; an escape takes exp(M)."""

import dataclasses

import numpy as np
import pytest

from data.drawing_tables import sampler_tables
from data.world import load_world
from experiments.gradient_study.config import EscapeConfig, LayerConfig, SimulatedConfig
from experiments.gradient_study.norm_statistics import peak_sigma, ratio_at
from experiments.gradient_study.side_experiments import (
    KEYS,
    control_differences,
    escape_times,
    planted_query,
    weights,
)
from experiments.gradient_study.simulated_layer import simulate
from experiments.gradient_study.theory import PEAKS, QUERY_TABLE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def simulated():
    """Two sizes of six; the command measures all of them, with ten times the tokens."""
    return simulate(SimulatedConfig(sizes=(16, 64), tokens=16384, softmax_rows=4096), 0, 2, lambda _: None)


@pytest.mark.parametrize("d", [16, 64])
def test_the_table_of_the_query_gradient(simulated, d):
    """RMS and mean within 3 %, medians above 0.1 within 10 %."""
    size = simulated.sizes.index(d)
    found = {name: simulated.norms.of(name, "query")[size].mean(axis=-1) for name in ("rms", "mean", "median")}
    for scale, expected in enumerate(QUERY_TABLE[d][:2]):
        assert found["rms"][scale] == pytest.approx(expected[0], rel=0.03)
        assert found["mean"][scale] == pytest.approx(expected[1], rel=0.03)
        assert found["median"][scale] == pytest.approx(expected[2], rel=0.1)
    assert found["rms"][2] == pytest.approx(QUERY_TABLE[d][2][0], rel=0.03)


def test_the_variance_of_the_dot_products(simulated):
    np.testing.assert_allclose(simulated.dot_variance_NR.mean(axis=1), [16, 64], rtol=0.02)


def test_small_scores(simulated):
    for size, root in ((0, 4), (1, 8)):
        assert ratio_at(simulated.small, "rms", "query", size).estimate == pytest.approx(root, rel=0.01)
        assert ratio_at(simulated.small, "rms", "value", size).estimate == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("n", PEAKS)
def test_the_peaks(simulated, n):
    assert peak_sigma(simulated.sigma_S, simulated.softmax[n].square_SR).estimate == pytest.approx(PEAKS[n], rel=0.1)


def test_a_scale_is_other_weights_and_another_learning_rate():
    """P7: 200 updates of the real model in float64."""
    world = load_world("english")
    tables = sampler_tables(world, ("subject", "verb", "object"))
    config = LayerConfig(d_model=8, heads=2)
    found = control_differences(config, world, tables, [3])
    assert found["sgd"].max() < 1e-12
    assert found["adam"].max() < 1e-12
    assert found["unadapted"].min() > 1e-4  # without it, the two part
    assert found["moved"].min() > 1e-3  # they did move


@pytest.mark.usefixtures("float64")
def test_a_query_is_planted_on_key_1(assert_close):
    key_BKHD = np.random.default_rng(0).standard_normal((1, KEYS, 1, 16))
    found = weights(planted_query(key_BKHD, 5.0), key_BKHD)[0, 0, 0]
    expected = np.where(np.arange(KEYS) == 1, np.exp(5.0), 1.0)
    assert_close(found, expected / expected.sum(), 1e-12)


def test_an_escape_takes_exp_m():
    config = EscapeConfig(margins=(6, 7, 8))
    times = escape_times(config, 0, 3)
    growth = np.log(times["sgd"].mean(axis=1))
    assert np.diff(growth) == pytest.approx([1, 1], abs=0.3)
    assert np.all(np.diff(times["adam"].mean(axis=1)) > 0)
    assert times["adam"][-1].mean() < times["sgd"][-1].mean() / 5


def test_an_escape_that_takes_too_long_is_no_number():
    config = dataclasses.replace(EscapeConfig(), margins=(0, 1, 12), limit=500)
    times = escape_times(config, 0, 2)["sgd"]
    assert np.isfinite(times[0]).all()
    assert np.isnan(times[-1]).all()
