"""The arithmetic that an ablation's verdicts rest on, against numbers worked out by hand."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from data.yaml_file import parse_yaml
from experiments.ablation import report
from experiments.ablation.comparison import Comparison, corrected, settings_of
from experiments.ablation.config import AblationConfig
from experiments.ablation.figures import over_training
from experiments.ablation.findings import answers, edges, findings
from experiments.ablation.plan import make_plan
from experiments.ablation.training import ATTENTION_STATISTICS
from experiments.config.loader import make_as
from experiments.measuring.metrics import TRAINED
from experiments.statistics.intervals import Interval, interquartile_mean

# 3 variants V, 2 sizes X, 4 rates L, 8 seeds S, in another order than the report's; the baseline stands second.
GRID = """\
command: ablate
base: {seeds: 8}
grid:
  train.learning_rate: [0.001, 0.003, 0.01, 0.03]
  variant: {Few: {}, Base: {model.scale: none}, more: {model.scale: 0.5}}
  width: {Narrow: {model.d_head: 2}, WIDE: {model.d_head: 3}}
report: {variant: variant, baseline: Base, x: width}
predictions:
  - {of: Few, over: Base, at: Narrow, at_least: 2}
  - {of: Few, over: Base, at: WIDE, at_least: 2}
  - {of: Few, over: Base, at: Narrow, at_least: 3.5}
  - {of: Base, over: Few, grows: true}
  - {of: Few, over: Base, grows: true}
"""
RATE = "train.learning_rate"
RATES, VARIANTS, SIZES = ["0.001", "0.003", "0.01", "0.03"], ["Few", "Base", "more"], ["Narrow", "WIDE"]
BEST = [[1, 2], [2, 3], [0, 1]]
FEW, BASE, MORE = range(3)
NARROW, WIDE = range(2)
# What the arms of a seed share; the middle half (-1, 0, 0, 1) has mean 0, and seed 0 is the lower median.
SEED_S = [0, 3, -1, -3, 1, 0, 2, -2]
AT_BEST = {
    (BASE, NARROW): [4] * 8,
    (BASE, WIDE): [20] * 8,
    (FEW, NARROW): [12] * 8,
    (FEW, WIDE): [10] * 8,
    (MORE, NARROW): [5, 3, 5, 3, 3, 3, 5, 5],  # sorted with SEED_S 0, 3, 3, 4, 4, 5, 6, 7
    (MORE, WIDE): [25, 15, 25, 25, 25, 25, 25, 25],  # 18, 22, 23, 24, 25, 25, 26, 27
}


def plan_of(text):
    return make_plan(make_as(AblationConfig, parse_yaml(text, "arms.yaml")))


def findings_of(plan, excess, gone=()):
    """What runs show that end at `excess` of their labels; those numbered in `gone` diverged to no number."""
    ends = [math.nan if one.number in gone else excess(one.labels) for one in plan.runs]
    at = [3 if one.number in gone else None for one in plan.runs]
    start = {f"start/{TRAINED}": 99_999}
    return findings(plan, [start | {TRAINED: e, "diverged_at": t} for e, t in zip(ends, at, strict=True)])


def excess_of(labels):
    """10 more for each step away from the best rate; one odd run at a best rate, that a mean would mind."""
    arm = VARIANTS.index(labels["variant"]), SIZES.index(labels["width"])
    away = abs(RATES.index(labels["train.learning_rate"]) - BEST[arm[0]][arm[1]])
    odd = 100 * ((*arm, away, labels["seed"]) == (FEW, NARROW, 0, "1"))
    return AT_BEST[arm][int(labels["seed"])] + SEED_S[int(labels["seed"])] + 10 * away + odd


def number_of(variant, size, rate, seed):
    """Runs are numbered in the order of the grid, seeds innermost."""
    return ((rate * 3 + variant) * 2 + size) * 8 + seed


@pytest.fixture(scope="module")
def plan():
    return plan_of(GRID)


@pytest.fixture(scope="module")
def found(plan):
    gone = number_of(MORE, NARROW, 3, 5)
    return findings_of(plan, excess_of, [gone])


@pytest.fixture
def setting(found):
    (one,) = found.settings
    return one


def test_every_run_stands_at_its_own_place():
    """3 variants, 2 sizes, 4 rates, 1 seed and 5 batches, whose digits make the excess."""
    text = GRID.replace("seeds: 8", "seeds: 1").replace("grid:\n", "grid:\n  train.batch: [8, 16, 24, 32, 40]\n")
    text += "  - {of: Few, over: Base, at: WIDE, at_most: 0.1, where: {train.batch: 24}}\n"
    plan, batches = plan_of(text), ["8", "16", "24", "32", "40"]
    axes = {"train.batch": batches, "variant": VARIANTS, "width": SIZES, "train.learning_rate": RATES}

    def digits(labels):
        return float("".join(str(own.index(labels[name]) + 1) for name, own in axes.items()))

    shown = findings_of(plan, digits)
    assert [one.labels for one in shown.settings] == [{"train.batch": batch} for batch in batches]
    for b, one in enumerate(shown.settings, start=1):
        assert (one.variants, one.sizes, one.tuned) == (VARIANTS, SIZES, RATES)
        assert one.excess_VXLS.shape == (3, 2, 4, 1)
        for v, x, rate in itertools.product(range(3), range(2), range(4)):
            assert one.excess_VXLS[v, x, rate, 0] == 1000 * b + 100 * (v + 1) + 10 * (x + 1) + rate + 1
            assert one.number_VXLS[v, x, rate, 0] == (((b - 1) * 4 + rate) * 3 + v) * 2 + x
    third = [one for one in shown.verdicts if one.predicted == "at most 0.1"]
    assert [(one.subject, one.verdict) for one in third] == [("batch 24", "undecided")]
    assert third[0].statement == "batch 24: excess of Few over that of Base (train.batch 24) at width WIDE"
    assert third[0].found.estimate == pytest.approx(3121 / 3221)  # a single seed: no interval
    assert answers(shown)[2].startswith("batch 16: **Few** has 0.955 (at width Narrow), ")  # 2111 / 2211
    assert answers(shown)[2].endswith(" of **Base**. A difference cannot be shown with 1 seed.")


def test_a_diverged_run_counts_with_its_start(found, setting):
    assert found.diverged == 1
    assert setting.excess_VXLS[MORE, NARROW, 3, 5] == 99_999


def test_each_arm_counts_at_its_best_rate(setting):
    assert setting.best_VX.tolist() == BEST
    assert setting.at_best(MORE, WIDE).tolist() == [25, 18, 24, 22, 26, 25, 27, 23]
    found = [[setting.excess(v, x).estimate for x in range(2)] for v in range(3)]
    np.testing.assert_allclose(found, [[12, 10], [4, 20], [4, 24.25]])


def test_the_median_run(setting):
    assert setting.median_run(FEW, NARROW) == number_of(FEW, NARROW, 1, 0)
    assert setting.median_run(BASE, WIDE) == number_of(BASE, WIDE, 3, 0)
    assert setting.median_run(MORE, WIDE) == number_of(MORE, WIDE, 1, 2)  # 24 of 18, 22, 23, 24, 25, ...


def test_two_arms_beside_each_other(setting):
    def estimates(function):
        return [function(v, BASE, x).estimate for v in (FEW, MORE) for x in (NARROW, WIDE)]

    np.testing.assert_allclose(estimates(setting.ratio), [3, 0.5, 1, 1.2125])
    np.testing.assert_allclose(estimates(setting.difference), [8, -10, 0, 4.25])
    assert setting.growth(BASE, FEW).estimate == pytest.approx((20 / 10) / (4 / 12))
    assert setting.growth(FEW, BASE).estimate == pytest.approx(1 / 6)
    same = setting.difference(FEW, BASE, WIDE)  # seeds are paired: all of them say the same
    np.testing.assert_allclose([same.low, same.high], -10)
    odd = setting.difference(FEW, BASE, NARROW)
    assert odd.low == pytest.approx(8)
    assert odd.high > 9


def test_p_values_by_hand(found):
    """All of a sign: 2 of 256 flips reach it. As many up as down: all do. One of 8 down: those, and 8 others twice."""
    compared = found.comparisons
    assert [(one.variant, one.x) for one in compared] == [(FEW, 0), (FEW, 1), (MORE, 0), (MORE, 1)]
    assert [one.p for one in compared] == [2 / 256, 2 / 256, 1, 18 / 256]
    assert [one.p_holm for one in compared] == [8 / 256, 8 / 256, 1, 36 / 256]


def test_all_settings_are_corrected_together():
    nothing = Interval(0, 0, 0)
    found = [Comparison(setting, 0, 0, nothing, nothing, p) for setting, p in (("a", 0.5), ("b", 0.01), ("b", 0.02))]
    assert [(one.setting, one.p, one.p_holm) for one in corrected(found)] == [
        ("a", 0.5, 0.5), ("b", 0.01, 0.03), ("b", 0.02, 0.04),
    ]  # fmt: skip
    alone = [dataclasses.replace(one, p=math.nan) for one in found]  # a single seed
    assert all(math.isnan(one.p_holm) for one in corrected(alone))
    assert corrected([]) == []


def test_verdicts(found):
    assert [one.verdict for one in found.verdicts] == ["confirmed", "refuted", "undecided", "confirmed", "refuted"]
    estimates = [one.found.estimate for one in found.verdicts]
    np.testing.assert_allclose(estimates, [3, 0.5, 3, 6, 1 / 6])
    assert 2 < found.verdicts[2].found.low < 3 < 3.5 < found.verdicts[2].found.high


def test_answers_in_words(found):
    few, more = answers(found)
    assert few.startswith("**Few** has 3 (at width Narrow), 0.5 (at width WIDE) times the excess of **Base**.")
    assert few.endswith("**. Worse at Narrow; better at WIDE.")
    assert more.startswith("**more** has 1 (at width Narrow), 1.21 (at width WIDE) times the excess of **Base**.")
    assert more.endswith("**. No difference shown at Narrow, WIDE.")


def test_a_best_value_at_the_edge_is_named_and_a_flat_one_is_called_flat(found):
    """Base at WIDE has 30 beside 20; of 200 and 210 the place says little."""
    assert edges(found) == (["Base (at width WIDE), 0.03", "more (at width Narrow), 0.001"], [])
    flat = findings_of(found.plan, lambda labels: 200 + excess_of(labels))
    assert edges(flat) == ([], ["Base (at width WIDE), 0.03", "more (at width Narrow), 0.001"])
    inside = GRID.replace("[0.001, 0.003, 0.01, 0.03]", "[0.01, 0.001, 0.03]")  # edges of what is tried, not of a list
    lowest = findings_of(plan_of(inside), lambda labels: {"0.001": 9, "0.01": 5, "0.03": 9}[labels[RATE]])
    assert edges(lowest) == ([], [])
    assert [one.tuned for one in lowest.settings] == [["0.001", "0.01", "0.03"]]


NOISE = """\
command: ablate
base: {seeds: 24}
grid:
  train.learning_rate: [1, 2, 3, 4, 5, 6, 7, 8]
  train.batch: [2, 3, 4, 5, 6, 7, 8, 9]
  variant: {a: {}, b: {model.scale: none}, c: {model.scale: 0.5}}
report: {x: train.batch}
"""


@pytest.mark.parametrize(("tuning_seeds", "low", "high"), [(0, 0.85, 0.97), (12, 0.98, 1.02)])
def test_seeds_of_their_own_for_tuning_take_the_luck_out_of_the_best(tuning_seeds, low, high):
    """24 arms of pure noise around 1: the best of 8 rates looks better than it is on the seeds that chose it alone."""
    rng = np.random.default_rng(1)
    plan = plan_of(NOISE.replace("{x:", f"{{tuning_seeds: {tuning_seeds}, x:"))
    noise = rng.normal(1, 0.2, len(plan.runs))
    (one,) = settings_of(plan, [{f"start/{TRAINED}": 99, TRAINED: value, "diverged_at": None} for value in noise])
    assert one.at_best(0, 0).shape == (24 - tuning_seeds,)
    best = [interquartile_mean(one.at_best(v, x)) for v in range(3) for x in range(8)]
    assert low < np.mean(best) < high
    assert one.excess(2, 7).estimate == pytest.approx(best[-1])
    if tuning_seeds:
        assert {plan.runs[number].labels["seed"] for number in one.number_VXLS.flat} == {*map(str, range(12, 24))}


@pytest.mark.parametrize(("tuning_seeds", "says"), [(0, ["same 8 seeds"]), (3, ["3 seeds", "other 5"])])
def test_the_report_says_which_seeds_choose(tmp_path, monkeypatch, tuning_seeds, says):
    plan = plan_of(GRID.replace("{variant:", f"{{tuning_seeds: {tuning_seeds}, variant:"))
    monkeypatch.setattr(report, "add_figures", lambda *_: None)  # they show what was trained
    report.write_report(tmp_path, findings_of(plan, excess_of), {}, ["jax 1"])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert [one for one in says if one not in text] == []
    assert "report.tuning_seeds" not in text or not tuning_seeds
    assert ("Fewer than 8 seeds" in text) == bool(tuning_seeds)  # five are left


def test_of_a_single_value_nothing_is_called_tuned(tmp_path, monkeypatch):
    plan = plan_of(GRID.replace("[0.001, 0.003, 0.01, 0.03]", "[0.001]"))
    monkeypatch.setattr(report, "add_figures", lambda *_: None)  # they show what was trained
    report.write_report(tmp_path, findings_of(plan, excess_of), {}, ["jax 1"])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "chosen" not in text
    assert "best value" not in text


def test_each_setting_has_the_tuned_values_of_its_own():
    """Two rates of AdamW, three of gradient descent; the excess is 10 times the place of the rate, plus the seed."""
    grid = """\
      command: ablate
      base: {seeds: 2}
      grid:
        train.learning_rate: {train.optimizer: {adamw: [0.1, 0.01], sgd: [3, 0.1, 1]}}
        train.optimizer: [sgd, adamw]
        model.scale: [none, inverse]
      report: {variant: model.scale}
    """
    rates = {"sgd": ["0.1", "1", "3"], "adamw": ["0.01", "0.1"]}
    shown = findings_of(plan_of(grid), lambda labels: 10 * rates[labels["train.optimizer"]].index(labels[RATE]) + 1)
    assert [(one.name, one.tuned) for one in shown.settings] == [(f"optimizer {n}", own) for n, own in rates.items()]
    assert [one.excess_VXLS[1, 0, :, 1].tolist() for one in shown.settings] == [[1, 11, 21], [1, 11]]
    assert len(edges(shown)[0]) == 4


def test_what_is_followed_is_that_of_the_best_rate(setting):
    """Two programs of 96 runs each; a number is 1000 t + run, and its heads lie 0.5 to either side."""
    number_TNRH = np.zeros((3, len(ATTENTION_STATISTICS), 192, 2))
    run_TRH = 1000 * np.arange(3)[:, None, None] + np.arange(192)[:, None] + [-0.5, 0.5]
    number_TNRH[:, ATTENTION_STATISTICS.index("score_std")] = run_TRH
    programs = [
        SimpleNamespace(step_T=np.array([0, 5, 9]), attention_TNRH=number_TNRH[:, :, part::2]) for part in (0, 1)
    ]
    places = {number: (None, programs[number % 2], number // 2) for number in range(192)}
    step_T, values_ST = over_training(setting, places, MORE, WIDE, "score_std")
    assert step_T.tolist() == [0, 5, 9]
    first = number_of(MORE, WIDE, 1, 0)
    assert values_ST.tolist() == [[first + s, 1000 + first + s, 2000 + first + s] for s in range(8)]
