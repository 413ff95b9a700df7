"""Figures and tables of an ablation without an axis x, and of many variants: what they draw is what was measured."""

from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refused

from data.yaml_file import parse_yaml
from experiments.ablation import report
from experiments.ablation.config import AblationConfig
from experiments.ablation.findings import findings
from experiments.ablation.plan import make_plan
from experiments.ablation.training import ATTENTION_STATISTICS
from experiments.ablation.variant_figures import are_many, maps_panels, ratios_figure, training_panels, tuned_panels
from experiments.config.loader import make_as, to_yaml
from experiments.measuring.metrics import TRAINED
from experiments.statistics.intervals import interquartile_mean

VARIANTS = 11
NAMES = ["base", *(f"arm_{v}" for v in range(1, VARIANTS))]
RATES = ["0.001", "0.01", "0.1"]
GRID = f"""\
command: ablate
base: {{seeds: 10}}
grid:
  variant: {{base: {{}}, {", ".join(f"{name}: {{model.scale: {v}}}" for v, name in enumerate(NAMES) if v)}}}
  train.learning_rate: [0.001, 0.01, 0.1]
"""


def excess_of(labels):
    """Least at the middle rate; arm 1 is half of the baseline, arm 2 like it, and the others are several times it."""
    times = [1, 0.5, 1, 3, 4, 5, 6, 7, 8, 9, 10][NAMES.index(labels["variant"])]
    seed = int(labels["seed"])
    noise = (seed % 3) * 0.01 * (1 if labels["variant"] != "arm_2" else -1)
    return 0.1 * (times + noise) * (1 if labels["train.learning_rate"] == "0.01" else 2)


def found_of(text):
    plan = make_plan(make_as(AblationConfig, parse_yaml(text, "arms.yaml")))
    return findings(plan, [{f"start/{TRAINED}": 99, TRAINED: excess_of(run.labels), "diverged_at": None}
                           for run in plan.runs])  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return found_of(GRID)


def recorded(count):
    """Numbers of `count` runs: the largest weight is 0.001 * run + t / 10, the spread of scores 0 at first."""
    attention_TNRH = np.zeros((3, len(ATTENTION_STATISTICS), count, 1))
    run_TR = 0.001 * np.arange(count) + np.arange(3)[:, None] / 10
    attention_TNRH[:, ATTENTION_STATISTICS.index("max_weight"), :, 0] = run_TR
    attention_TNRH[1:, ATTENTION_STATISTICS.index("score_std"), :, 0] = 1 + run_TR[1:]
    weights_TRGHK = np.zeros((1, count, 2, 1, 3))
    weights_TRGHK[..., 1] = np.arange(count)[:, None, None] / 1000
    results = SimpleNamespace(step_T=np.array([0, 5, 9]), attention_TNRH=attention_TNRH, weights_TRGHK=weights_TRGHK)
    return {number: (None, results, number) for number in range(count)}


def test_a_ratio_stands_at_its_arm_in_the_mark_of_its_verdict(found):
    (axes,) = ratios_figure(found.plan, found.settings, found.comparisons).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == NAMES[1:]
    drawn = [curve for curve in axes.get_lines() if curve.get_marker() != "None" and len(curve.get_xdata()) == 1]
    assert [float(curve.get_xdata()[0]) for curve in drawn] == [one.ratio.estimate for one in found.comparisons]
    assert [curve.get_ydata()[0] for curve in drawn] == list(range(VARIANTS - 1))
    marks = {"Worse": "o", "Better": "s", "No difference shown": "D"}
    assert [curve.get_marker() for curve in drawn] == [marks[one.kind] for one in found.comparisons]
    assert {one.kind for one in found.comparisons} == {"Better", "No difference shown", "Worse"}
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first arm above
    bars = [bar.get_segments()[0][:, 0] for bar in axes.collections]
    np.testing.assert_allclose(bars, [[one.ratio.low, one.ratio.high] for one in found.comparisons])


def test_each_variant_has_a_panel_with_the_baseline_behind(found):
    setting = found.settings[0]
    assert are_many(found.settings)
    panels = [axes for axes in tuned_panels(found.plan, setting).axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == NAMES
    best = interquartile_mean(setting.excess_VXLS[:, 0])
    for v, axes in enumerate(panels):
        own, behind = axes.get_lines()
        np.testing.assert_allclose(own.get_ydata(), best[v])
        np.testing.assert_allclose(behind.get_ydata(), best[0])
        assert axes.get_ylim() == panels[0].get_ylim()
        assert axes.get_ylim()[0] <= best.min() <= best.max() <= axes.get_ylim()[1]
    assert [axes.get_ylabel() for axes in panels].count("excess, nats") == 1
    assert [axes.get_xlabel() for axes in panels].count("train.learning_rate") == 1


def test_training_and_maps_are_those_of_the_best_rate(found):
    setting, places = found.settings[0], recorded(len(found.plan.runs))
    figure = training_panels(found.plan, setting, places)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == NAMES * 2
    for v in range(VARIANTS):
        first = (v * 3 + 1) * 10  # the middle rate
        mean_T = interquartile_mean(0.001 * np.arange(first, first + 10)) + np.arange(3) / 10
        behind, own = panels[v].get_lines()
        np.testing.assert_allclose(own.get_ydata(), mean_T)
        np.testing.assert_allclose(behind.get_ydata(), mean_T - 0.001 * (first - 10))
    assert panels[-1].get_ylim()[0] > 0  # on a logarithmic axis what is 0 has no place
    shown = [axes for axes in maps_panels(setting, places, ["a", "b", "c"], [0, 2]).axes if axes.images]
    values = [float(axes.images[0].get_array()[0, 1]) for axes in shown]
    np.testing.assert_allclose(values[:VARIANTS], [setting.median_run(v, 0) / 1000 for v in range(VARIANTS)])


def test_few_variants_share_a_panel_and_an_axis_x_needs_no_ratios(tmp_path):
    few = GRID.replace("arm_10: {model.scale: 10}", "").replace(", }", "}")
    assert not are_many(found_of(few).settings)
    wide = found_of(GRID + "  model.d_head: [2, 3]\n")
    assert not are_many(wide.settings)
    drawn = report.Report(tmp_path, "")
    report.add_ratios(drawn, wide)
    assert not drawn.images


def test_the_report_says_what_the_variants_are(tmp_path, monkeypatch, found):
    monkeypatch.setattr(report, "add_figures", lambda *_: None)  # they show what was trained
    images = report.write_report(tmp_path, found, {}, ["jax 1"])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert list(images) == ["ratios"]
    assert text.index("The answer") < text.index("(ratios.png)") < text.index("## What is compared")
    assert "\n| variant | config values |\n" in text
    assert "\n| base | those of the base |\n" in text
    assert "\n| arm_3 | model.scale 3 |\n" in text


def test_a_meaning_is_told_and_kept(tmp_path, monkeypatch):
    told = found_of(GRID.replace("arm_3: {", "arm_3: {meaning: three <b>times, "))
    monkeypatch.setattr(report, "add_figures", lambda *_: None)  # they show what was trained
    report.write_report(tmp_path, told, {}, ["jax 1"])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "\n| variant | what it is | config values |\n" in text
    assert "\n| arm_3 | three &#60;b&#62;times | model.scale 3 |\n" in text
    assert "\n| arm_4 |  | model.scale 4 |\n" in text
    again = make_as(AblationConfig, parse_yaml(to_yaml(told.plan.config), "config.yaml"))
    assert again == told.plan.config
    assert again.grid.axes[0].choices[3].meaning == "three <b>times"
    with refused("arms.yaml", "meaning", "text"):
        found_of(GRID.replace("arm_3: {", "arm_3: {meaning: 3, "))
