"""Which arms of an ablation TensorBoard lists, from made-up numbers: nothing is trained."""

import pytest

from data.yaml_file import parse_yaml
from experiments.ablation.config import AblationConfig
from experiments.ablation.events import listed_arms, listed_text
from experiments.ablation.findings import findings
from experiments.ablation.plan import make_plan
from experiments.config.loader import make_as
from experiments.measuring.metrics import TRAINED
from experiments.studies.events import MOST

HEAD = """\
command: ablate
base: {seeds: 2}
grid:
  train.learning_rate: [0.01, 0.02]
"""
VARIANTS = """\
  variant: {base: {}, a: {model.scale: none}, b: {model.scale: 0.5}, c: {model.scale: 0.25}, d: {model.softcap: 9},
            e: {model.qk_norm: true}, f: {model.sink: zero}}
report: {baseline: base}
"""
SIZES = """\
  model.d_head: [4, 16, 64, 256]
"""
THREE = """\
  variant: {base: {}, a: {model.scale: none}, b: {model.scale: 0.5}}
"""


def found(grid, excess):
    """The findings of a grid whose runs have `excess(labels)`."""
    plan = make_plan(make_as(AblationConfig, parse_yaml(HEAD + grid, "tiny.yaml")))
    summaries = [{TRAINED: excess(run.labels), f"start/{TRAINED}": 9.0, "diverged_at": None} for run in plan.runs]
    return findings(plan, summaries)


def names(found):
    return [arm.name(found.plan) for arm in listed_arms(found)]


def test_of_many_variants_the_baseline_and_those_that_differ_most():
    excess = {"base": 1.0, "a": 3.0, "b": 1.1, "c": 0.1, "d": 0.6, "e": 0.95, "f": 2.0}
    one = found(VARIANTS, lambda labels: excess[labels["variant"]] + (labels["train.learning_rate"] == "0.02"))
    assert names(one) == [f"variant {name}" for name in ("base", "a", "b", "c", "d", "f")]  # all but e
    assert "6 of 7 arms" in listed_text(one)
    assert "variant f." in listed_text(one)


def test_each_beside_the_baseline_at_the_same_size():
    excess = {"base": [1, 1, 1, 1], "a": [1.1, 2, 60, 40], "b": [1, 1, 1.5, 1.2]}
    sizes = ["4", "16", "64", "256"]
    one = found(THREE + SIZES, lambda labels: excess[labels["variant"]][sizes.index(labels["model.d_head"])])
    assert names(one) == [
        f"d_head {d}, variant {v}" for d, v in
        (("16", "base"), ("16", "a"), ("64", "base"), ("64", "a"), ("256", "base"), ("256", "a"))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("grid", "count"), [(THREE, 3), (SIZES, 4), ("  model.d_model: [1, 2, 3, 4, 5, 6, 7]\n", MOST)]
)
def test_few_are_all_listed(grid, count):
    assert len(names(found(grid, lambda _: 1.0))) == count


def test_without_a_variant_sizes_over_the_whole_range():
    sizes = "  model.d_head: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n"
    assert names(found(sizes, lambda _: 1.0)) == [f"d_head {d}" for d in (1, 3, 4, 6, 7, 9)]
