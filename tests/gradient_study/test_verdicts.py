"""Every check of the gradient study follows what was measured: confirmed where it is true, refuted where it is not."""

import dataclasses

import numpy as np
import pytest
from synthetic_study import PLACE, make_study, norms_of

from experiments.gradient_study import checks, report, sections
from experiments.gradient_study.norm_statistics import (
    ALL_STAGES,
    INVERSE,
    SCALED,
    STATISTICS,
    UNSCALED,
    median_crossing,
    reduced,
    stacked,
)
from experiments.gradient_study.results import PREDICTIONS
from experiments.gradient_study.theory import PEAKS
from experiments.statistics.claims import above


@pytest.fixture(scope="module")
def study():
    return make_study(30_000)


@pytest.fixture
def changed(study):
    """`changed(pick, change)` changes the view that `pick` gives of the study, until the test ends."""
    kept = []

    def do(pick, change):
        view = pick(study)
        kept.append((view, view.copy()))
        view[...] = change(view.copy())
        return study

    yield do
    for view, values in reversed(kept):
        view[...] = values


def times(factor):
    return lambda x: x * factor


def table(norms, i, scale, stage):
    """All statistics of one stage at one size under one scale, a view [K, R]."""
    return norms.table_KCSR[:, i, scale, PLACE[stage]]


def query(i, scale=UNSCALED, stage="query"):
    return lambda study: table(study.simulated.norms, i, scale, stage)


def small(study):
    return table(study.simulated.small, -1, UNSCALED, "query")


def layer(norm, stage, i=-1):
    return lambda study: table(study.layer.by_norm[norm].norms, i, UNSCALED, stage)


def kurtosis_of(pick):
    return lambda study: pick(study)[STATISTICS.index("kurtosis")]


def softmax(n, name, i=slice(None)):
    return lambda study: getattr(study.simulated.softmax[n], name)[i]


def control(name):
    return lambda study: study.control[name]


def escape(name, i):
    return lambda study: study.escape[name][i]


def sigma(record):
    return lambda study: study.trained[-1].sigma_PAR[record, INVERSE]


def one_seed(value):
    """The others are as they were."""
    return lambda x: np.asarray([value, *x[1:]])


def falls(x):
    """Mean squares; sigma rises along the first axis."""
    return x / np.arange(1.0, len(x) + 1)[:, None] ** 4


def rises(x):
    return x * np.arange(1.0, len(x) + 1)[:, None] ** 2


FALSE = [
    (checks.law, 0, query(-1), times(1.2)),
    (checks.law, 1, query(-1), times(1.2)),
    (checks.law, 2, query(0, SCALED), times(1.3)),
    (checks.law, 3, softmax(16, "square_SR", -1), times(1.2**2)),
    (checks.law, 4, softmax(16, "mean_SR", -1), times(1.2)),
    (checks.law, 5, softmax(6, "median_SR"), times(1.3)),
    (checks.variance, 0, lambda study: study.simulated.dot_variance_NR, times(1.1)),
    (checks.variance, 1, lambda study: study.layer.by_norm["layer"].dot_square_NR, times(1.3)),
    (checks.small_scores, 0, small, times(1.1)),
    (checks.small_scores, 1, layer("none", "W_Q"), times(1.1)),
    (checks.small_scores, 2, layer("none", "W_Q"), times(1.1)),
    (checks.small_scores, 3, layer("none", "W_K"), times(1.1)),
    (checks.small_scores, 4, layer("none", "W_K"), times(1.1)),
    (checks.small_scores, 5, layer("none", "W_V"), times(1.1)),
    (checks.large_scores_simulated, 0, query(-1), times(0.05)),
    (checks.large_scores_simulated, 1, query(-1), times(0.05)),
    (checks.large_scores_simulated, 2, query(-1), times(1e7)),
    (checks.large_scores_simulated, 3, query(3), times(2.0)),  # d = 48, where the medians have crossed
    (checks.large_scores_layer, 0, layer("layer", "W_Q", 0), times(0.1)),
    (checks.large_scores_layer, 1, layer("layer", "W_Q"), times(0.1)),
    (checks.large_scores_layer, 2, layer("layer", "W_Q"), times(0.1)),
    (checks.large_scores_layer, 3, layer("layer", "W_Q"), times(10.0)),
    (checks.large_scores_layer, 4, layer("layer", "W_Q", slice(None)), times(1.5)),
    (checks.carrying, 0, softmax(6, "square_SR", -1), times(2)),
    (checks.carrying, 1, softmax(16, "fourth_SR", -1), times(4)),
    (checks.values, 0, query(-1, stage="value"), times(0.5)),
    (checks.values, 1, query(-1, stage="value"), times(2.0)),  # above sqrt(n)
    (checks.values, 2, layer("layer", "value"), times(0.5)),
    (checks.values, 3, layer("layer", "W_V"), times(0.5)),
    *[(checks.peaks, i, softmax(n, "square_SR"), falls) for i, n in enumerate(PEAKS)],
    (checks.peaks, 5, softmax(2, "square_SR"), rises),
    (checks.peaks, 6, softmax(4, "square_SR"), rises),
    (checks.control, 0, control("sgd"), one_seed(1e-6)),
    (checks.control, 1, control("adam"), one_seed(1e-6)),
    (checks.control, 2, control("unadapted"), one_seed(1e-9)),
    (checks.inverse, 0, sigma(0), times(10.0)),
    (checks.inverse, 1, sigma(-1), times(10.0)),
    (checks.escape, 0, escape("sgd", 5), times(10.0)),
    (checks.escape, 1, escape("adam", 5), times(10.0)),
    (checks.escape, 2, escape("sgd", -1), times(2.0)),
    (checks.kurtosis, 0, kurtosis_of(query(-1)), np.zeros_like),
    (checks.kurtosis, 1, kurtosis_of(layer("layer", "W_Q")), np.zeros_like),
]


def test_what_is_true_is_confirmed(study):
    claims = checks.all_checks(study)
    assert [check for check in claims if check.verdict != "confirmed"] == []
    assert list(dict.fromkeys(check.subject for check in claims)) == list(PREDICTIONS)
    assert len(claims) == len(FALSE)  # each of them is seen to fail below


@pytest.mark.parametrize(("part", "place", "pick", "change"), FALSE)
def test_what_is_false_is_refuted(changed, part, place, pick, change):
    assert part(changed(pick, change))[place].verdict == "refuted"


@pytest.mark.parametrize("part", [checks.law, checks.small_scores, checks.large_scores_simulated])
def test_seeds_that_contradict_each_other_decide_nothing(changed, part):
    spread_R = np.asarray([1e-9, 1.0, 1e3])
    changed(small, times(spread_R))
    assert "undecided" in {check.verdict for check in part(changed(query(-1), times(spread_R)))}


def test_the_law_of_other_numbers_of_keys_is_in_no_table(study):
    simulated = dataclasses.replace(study.config.simulated, keys=7)
    claims = checks.law(dataclasses.replace(study, config=dataclasses.replace(study.config, simulated=simulated)))
    assert [check.statement.partition(":")[0] for check in claims] == ["softmax alone ||J||"] * 3


def test_the_value_that_decides_the_law_is_named(changed):
    claims = checks.law(changed(query(4, SCALED), times(0.9)))
    assert claims[0].statement.endswith("15 values, here d = 64, 1/sqrt(d)")  # 5 sizes, 3 scales
    assert claims[2].statement.split(", ")[1] == "8 values"  # two medians of ten are below 0.1


def test_a_value_of_the_law_that_is_refuted_is_not_hidden_by_one_that_is_unsure(changed):
    changed(query(-1), times(np.asarray([1e-9, 1.0, 1e3])))
    assert checks.law(changed(query(4, SCALED), times(0.9)))[0].verdict == "refuted"


def crossing_norms(unscaled_R):
    """Two sizes; the unscaled median starts at twice the scaled one, and ends at what is given for each seed."""
    tokens = [norms_of(ALL_STAGES, query=[[2.0], [1.0], [1.0]]), norms_of(ALL_STAGES)]
    seeds = [np.repeat(norms[:, :, :1], len(unscaled_R), axis=2) for norms in tokens]
    seeds[1][UNSCALED, PLACE["query"]] *= np.asarray(unscaled_R)[:, None]
    return stacked([reduced(one) for one in seeds])


def test_medians_that_often_do_not_cross_have_no_interval():
    """Seed 0 alone keeps the mean above 1 wherever it is drawn twice."""
    found = median_crossing(crossing_norms([2.5, 0.1, 0.1, 0.1]), (4, 16), "query")
    assert 4 < found.estimate < 16
    assert np.isnan([found.low, found.high]).all()
    assert str(found).endswith("(no interval)")
    assert above("P3", "", found, 1.0).verdict == "undecided"
    sure = median_crossing(crossing_norms([0.6, 0.5, 0.5, 0.5]), (4, 16), "query")
    assert (sure.low, sure.estimate, sure.high) == pytest.approx((4, 8, 16))  # no third size shows how the curve bends


def test_sentences_follow_what_was_measured(study, changed):
    assert "acts like a learning rate" in report._in_the_model(study)
    assert "too large and too small" in report._in_theory(study)
    assert "Presumably" not in sections._values(study)  # the weights' gradient is the same there
    assert "divides by the gradient's size" in sections._escapes(study)
    changed(layer("none", "W_Q"), times(1.1))
    changed(layer("layer", "weights"), times(0.5))
    changed(query(-1), times(1e7))
    changed(lambda study: study.escape["adam"][-3:], lambda x: 1e4 * np.exp([[2.0], [4.0], [6.0]]) * x / x)
    assert "acts like a learning rate" not in report._in_the_model(study)
    assert "too large and too small" not in report._in_theory(study)
    assert "Presumably the norm" in sections._values(study)
    assert "divides by the gradient's size" not in sections._escapes(study)


def test_the_curves_that_are_said_to_lie_on_each_other(changed):
    parts = [changed(layer("none", "W_K"), times(1.25)).layer.by_norm["none"].norms]
    assert sections._apart(parts, "W_V", "W_O") == "0.0 %"
    assert sections._apart(parts, "W_K", "W_Q") == "25.0 %"
