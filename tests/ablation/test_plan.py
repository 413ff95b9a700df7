"""The plan of an ablation: its grid becomes runs and programs, and a mistake in it is refused in one line."""

import io
import math
import re
import subprocess
import sys
import typing
from dataclasses import replace
from pathlib import Path

import pytest
from refusals import assert_refused, refused
from rich.console import Console

from data.errors import InputError
from data.yaml_file import parse_yaml
from experiments.ablate import main
from experiments.ablation.comparison import can_show, counted_excess, lowest_p, number_of_comparisons
from experiments.ablation.config import AblationConfig, load_ablation, without_unmeasured
from experiments.ablation.findings import cells, show
from experiments.ablation.grid import Grid
from experiments.ablation.plan import make_plan
from experiments.ablation.report import predictions_page
from experiments.ablation.terminal import duration, expected_seconds, print_plan
from experiments.config.loader import config_names, load_config, make_as, to_yaml
from experiments.measuring.metrics import TRAINED
from experiments.statistics.intervals import Interval

ROOT = Path(__file__).parents[2]
GRID = """\
command: ablate
base: {seeds: 2, model: {d_mlp: 0}, train: {steps: 3}}
grid:
  model.d_head: [2, 3]
  variant:
    standard: {}
    none: {model.scale: none}
    half: {model.scale: 0.5, model.query_start: 2}
    normed: {model.qk_norm: true}
  train.learning_rate: [1e-3, 0.02]
  train.steps: [3, 5]
"""


def config_of(text=GRID):
    return make_as(AblationConfig, parse_yaml(text, "test.yaml"))


def test_axes_that_keep_shapes_share_a_program():
    plan = make_plan(config_of())
    assert [len(group.runs) for group in plan.groups] == [3 * 8, 8, 3 * 8, 8]
    assert len({group.spec for group in plan.groups}) == 4
    first = plan.groups[0]
    assert {run.config.model.d_head for run in first.runs} == {2}
    assert {run.labels["variant"] for run in first.runs} == {"standard", "none", "half"}
    assert first.updates == 3 * 4 * (3 + 5)
    assert plan.groups[1].spec.model.qk_norm


def test_every_combination_is_a_run_with_its_own_values():
    plan = make_plan(config_of())
    assert [run.number for run in plan.runs] == list(range(2 * 4 * 2 * 2 * 2))
    assert len({run.name for run in plan.runs}) == 64
    one = next(run for run in plan.runs if run.name == "d_head-3_variant-half_learning_rate-0.02_steps-5_seed-1")
    assert (one.config.model.d_head, one.config.model.scale, one.config.model.query_start) == (3, 0.5, 2.0)
    assert (one.config.train.learning_rate, one.config.train.steps) == (0.02, 5)
    assert (one.config.seed, one.config.seeds, one.config.model.d_mlp) == (1, 1, 0)
    names = ["d_head", "qk_norm", "query_start", "scale"]
    varying = [*(f"model.{name}" for name in names), "train.learning_rate", "train.steps", "seed"]
    assert list(plan.values[one.number].items()) == [
        ("variant", "half"), *zip(varying, (3, False, 2.0, 0.5, 0.02, 5, 1), strict=True),
    ]  # fmt: skip
    roles = plan.roles
    assert (roles.variant, roles.tuned, roles.x) == ("variant", "train.learning_rate", "model.d_head")
    assert (roles.others, roles.baseline) == (("train.steps",), "standard")


def test_another_optimiser_or_world_is_another_program():
    config = load_ablation(None, {}, ["train.optimizer=adamw,sgd", "world=english,german", "seed=4,2"])
    plan = make_plan(config)
    assert [len(group.runs) for group in plan.groups] == [2, 2, 2, 2]
    assert [run.config.seed for run in plan.runs[:2]] == [4, 2]
    assert {group.shared.world.name for group in plan.groups} == {"english", "german"}
    assert plan.groups[0].shared is plan.groups[2].shared is not plan.groups[1].shared


BY_OPTIMIZER = """\
command: ablate
base: {seeds: 3}
grid:
  train.optimizer: [adamw, sgd]
  model.scale: [none, inverse]
  train.learning_rate: {train.optimizer: {adamw: [0.01, 0.1], sgd: [0.1, 1, 3]}}
report: {variant: model.scale}
"""


def test_tuned_values_may_depend_on_another_axis():
    config = config_of(BY_OPTIMIZER)
    plan = make_plan(config)
    tried = [(run.config.train.optimizer, run.config.train.learning_rate) for run in plan.runs]
    pairs = [("adamw", 0.01), ("adamw", 0.1), ("sgd", 0.1), ("sgd", 1.0), ("sgd", 3.0)]
    assert [*dict.fromkeys(tried)] == pairs
    assert len(tried) == 5 * 2 * 3
    assert [run.number for run in plan.runs] == list(range(30))
    assert number_of_comparisons(plan) == 2
    assert make_as(AblationConfig, parse_yaml(to_yaml(config), "again")) == config
    console = Console(file=io.StringIO(), width=200)
    print_plan(plan, console, plan.groups)
    pairs_shown = "5 pairs of train.optimizer and train.learning_rate"
    assert console.file.getvalue().startswith(f"30 runs = {pairs_shown} x 2 model.scale x 3 seeds\n")
    one = make_plan(replace(config, grid=config.grid.changed("train.optimizer=sgd")))
    assert one.labels["train.learning_rate"] == ["0.1", "1", "3"]
    assert len(one.runs) == 3 * 2 * 3


@pytest.mark.parametrize(
    ("before", "after", "place", "remedy"),
    [
        ("sgd: [0.1, 1, 3]", "adam: [1]", "test.yaml:6: grid.train.learning_rate", "sgd"),
        ("train.optimizer: {", "model.norm: {", "test.yaml:6: grid.train.learning_rate", "model.norm"),
        ("[0.01, 0.1]", "[0.1, 0.1]", "test.yaml:6: grid.train.learning_rate.train.optimizer.adamw.1", "0.1"),
        ("{variant: model.scale}", "{variant: train.optimizer}", "test.yaml:6: grid.train.learning_rate", "optimizer"),
        ("{variant: model.scale}", "{variant: model.scale, tuning_seeds: 3}", "report.tuning_seeds", "3"),
        ("{variant: model.scale}", "{variant: train.learning_rate, tuning_seeds: 1}", "test.yaml:6", "tuned"),
    ],
)
def test_values_that_depend_on_nothing_known_are_refused(before, after, place, remedy):
    with refused(place, remedy):
        make_plan(config_of(BY_OPTIMIZER.replace(before, after)))


def test_the_seeds_of_an_axis_count_once():
    seeds = ",".join(map(str, range(101)))  # 101 x 101 would be too many runs
    assert len(make_plan(load_ablation(None, {}, [f"seed={seeds}"])).runs) == 101


def test_an_axis_on_the_command_line():
    text = GRID + "report: {baseline: none}\npredictions: [{of: half, over: none, at: 2, at_least: 1}]\n"
    config = config_of(text)
    grid = config.grid.changed("variant=none,half").changed("model.d_head=8").changed("model.norm=layer,none")
    assert [axis.name for axis in grid.axes] == [
        "model.d_head", "variant", "train.learning_rate", "train.steps", "model.norm",
    ]  # fmt: skip
    assert (grid.axis("variant").labels, grid.axis("model.d_head").labels) == (["none", "half"], ["8"])
    own = config.grid.changed("variant={wide: {model.d_mlp: 8}, narrow: {model.d_mlp: 2}}").axis("variant")
    assert own.plain() == {"wide": {"model.d_mlp": 8}, "narrow": {"model.d_mlp": 2}}
    changed = make_as(AblationConfig, parse_yaml(text, "test.yaml"))
    changed = without_unmeasured(type(changed)(**{**vars(changed), "grid": grid}))
    assert changed.predictions == ()  # it was about d_head 2
    assert without_unmeasured(config).predictions == config.predictions


def test_a_long_axis_is_read_without_working_out_types_anew(monkeypatch):
    """20,000 values took 10 s of it."""
    asked = []
    hints = typing.get_type_hints
    monkeypatch.setattr(typing, "get_type_hints", lambda schema: asked.append(schema) or hints(schema))
    values = list(map(str, range(1, 501)))
    assert Grid().changed(f"train.batch={','.join(values)}").axes[0].labels == values
    assert len(asked) < 20


def test_a_changed_grid_inherits_neither_title_nor_predictions_stated_before(tmp_path):
    config = load_ablation("scaling.yaml", {}, ["model.d_head=8,64", "train.steps=5,6"])
    whole = load_ablation("scaling.yaml", {})
    assert config.title == "An ablation of model.d_head, model.scale, train.learning_rate, train.steps"
    assert config.report.changed_axes == ("model.d_head", "train.steps")
    assert len(config.predictions) + len(config.report.left_out) == len(whole.predictions)
    assert "none over inverse_sqrt at 256" in config.report.left_out
    predictions_page(tmp_path, make_plan(config))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "stated before this run" not in text
    assert "none over inverse_sqrt at 256" in text
    assert make_as(AblationConfig, parse_yaml(to_yaml(config), "again")) == config
    assert load_ablation("scaling.yaml", {"title": "Mine"}, ["model.d_head=8,64"]).title == "Mine"
    assert (whole.report.changed_axes, whole.report.left_out) == ((), ())


def test_values_that_differ_late_have_names_of_their_own():
    grid = load_ablation(None, {}, ["train.learning_rate=0.1234567,0.1234568,1e-05,1000"]).grid
    assert grid.axes[0].labels == ["0.1234567", "0.1234568", "1e-05", "1000"]


def test_a_config_is_written_and_read_back():
    text = GRID + (
        "report: {baseline: none, tuned: train.learning_rate}\n"
        "predictions:\n"
        "  - {of: half, over: none, at: 2, at_least: 1, at_most: 3, where: {train.steps: 5}}\n"
        "  - {of: half, over: none, grows: true}\n"
    )
    config = config_of(text)
    assert make_as(AblationConfig, parse_yaml(to_yaml(config), "again.yaml")) == config
    assert len(config.predictions) == 2


# (lines of the file after its first, where the mistake is, what the message names)
WRONG_FILES = [
    ("grid: {model.d_hed: [4]}", "grid.model.d_hed", ["model.d_head"]),
    ("grid: {model.d_head: []}", "grid.model.d_head", ["empty"]),
    ("grid: {model.d_head: 4}", "grid.model.d_head", ["[a, b]", "4"]),
    ("grid: {model.d_head: [4, many]}", "grid.model.d_head.1", ["whole number"]),
    ("grid: {model.d_head: [4, 5000]}", "grid.model.d_head.1", ["1", "4096", "5000"]),
    ("grid: {model.d_head: [4, 8, 4]}", "grid.model.d_head.2", ["4", "twice"]),
    ("grid: {model.scale: [none, inverse_root]}", "grid.model.scale.1", ["inverse_sqrt", "learned", "inverse_root"]),
    ("grid: {seeds: [1, 2]}", "grid.seeds", ["axis", "base"]),
    ("grid: {track.images: [1, 2]}", "grid.track.images", ["axis", "model"]),
    ("base: {seeds: 2}\ngrid: {seed: [1, 2]}", "grid.seed", ["base", "2"]),
    ("grid: {task.hidden: [[subject]]}", "grid.task.hidden", ["task.masked"]),
    ("grid: {v: {a: {model.scal: none}}}", "grid.v.a.model.scal", ["model.scale"]),
    ("grid: {v: {a: {task.hidden: [subject]}}}", "grid.v.a.task.hidden", ["task.masked"]),
    ("grid: {v: {a: {model.scale: true}}}", "grid.v.a.model.scale", ["true"]),
    ("grid: {v: {a: {}, b: {}}}", "grid.v.b", ["a", "same"]),
    ("grid: {steps: {a: {}}}", "grid.steps", ["column", "name"]),
    ("grid: {p_holm: {a: {}}}", "grid.p_holm", ["p_holm"]),
    ("grid: {v: {}}", "grid.v", ["values"]),
    ("grid: {v: {a: {model.d_head: 9999}}}", "grid.v.a: model.d_head", ["4096", "9999"]),
    ("grid: {v: {'a b': {}}}", "grid.v.a b", ["letters", "digits"]),
    ("grid: {model.d_head: [4], v: {a: {model.d_head: 2}}}", "grid.v", ["model.d_head", "axis"]),
    ("grid: {}", "grid", ["add"]),
    ("base: {seeds: 9000}\ngrid: {model.d_head: [1, 2]}", "grid", ["2 model.d_head", "9000 seeds", "10,000"]),
    ("grid: {model.d_head: [2]}\nreport: {x: model.d_hed}", "report.x", ["model.d_hed", "model.d_head"]),
    ("grid: {model.scale: [none]}\nreport: {baseline: non}", "report.baseline", ["model.scale", "non", "none"]),
    ("grid: {model.scale: [1]}\npredictions: [{of: 1}]", "predictions.0", ["over", "missing"]),
    ("grid: {model.scale: [1]}\npredictions: [{of: 1, over: 2, at_least: 1}]", "predictions.0", ["model.scale", "2"]),
    ("grid: {model.scale: [1]}\npredictions: [{of: 1, over: 1}]", "predictions.0", ["at_least", "at_most"]),
    ("grid: {model.scale: [1, 2]}\npredictions: [{of: 1, over: 1, at_least: 1}]", "predictions.0.over", ["of", "1"]),
    (
        "grid: {model.scale: [1, 2]}\npredictions: [{of: 1, over: 2, at_least: 2, at_most: 1}]",
        "predictions.0.at_least",
        ["2", "at_most", "1"],
    ),
    ("grid: {world: [englisch]}", "world 'englisch'", ["english"]),
    ("gird: {model.d_head: [4]}", "gird", ["grid"]),
]


@pytest.mark.parametrize(("lines", "place", "named"), WRONG_FILES)
def test_a_wrong_grid_is_told_in_one_line(lines, place, named):
    with pytest.raises(InputError) as error:
        make_plan(config_of(f"command: ablate\n{lines}\n"))
    line = re.match(r"test\.yaml:[23]: |", str(error.value))[0]
    assert_refused(error.value, line + place, *named)


@pytest.mark.parametrize(
    ("arguments", "place", "named"),
    [
        (["--grid", "model.d_hed=4"], "--grid model.d_hed", ["model.d_head"]),
        (["--grid", "model.d_head=4,4"], "--grid model.d_head: item 2", ["4", "twice"]),
        (["--grid", "model.d_head=4,x"], "--grid model.d_head: item 2", ["whole number"]),
        (["--grid", "model.d_head=0,4"], "--grid model.d_head: item 1", ["1", "4096", "0"]),
        (["--grid", "model.d_head="], "--grid model.d_head=", ["NAME=VALUE,VALUE"]),
        (["--grid", "=4"], "--grid =4", ["NAME=VALUE,VALUE"]),
        (["--grid", "model.d_head=4,,8"], "--grid model.d_head: [4,,8]:", ["commas"]),
        (["--grid", "variant={标准: {}}"], "--grid variant", ["标准", "folders", "a to z"]),
        (["--grid", "标准={a: {}}"], "--grid 标准", ["标准", "folders", "a to z"]),
        (["--grid", "model.d_head=[]"], "--grid model.d_head", ["empty"]),
        (["--grid", "model.scale=nune"], "--grid model.scale: item 1", ["nune", "inverse_sqrt", "none"]),
        (["--grid", "model.d_head=4", "--grid", "model.d_head=16"], "--grid model.d_head", ["twice", "4", "16"]),
        (["--grid", "task.masked=[subject],[verb]"], "--grid task.masked", ["task.masked=[[subject],[verb]]"]),
        (["--grid", "task.masked=[subject]"], "--grid task.masked", ["task.masked=[[subject]]"]),
        (["--grid", "task.hidden=[subject],[verb]"], "--grid task.hidden", ["task.masked=[[subject],[verb]]"]),
        (["--grid", "model.d_head=[4],[16]"], "--grid model.d_head: [4],[16]:", ["brackets", "[a, b]"]),
        (["--config", "scaling_full.yaml", "--grid", "variant=qknorm"], "--grid variant: item 1", ["qknorm"]),
        (["--train.steps", "x"], "--train.steps", ["whole number"]),
        (["--train.step", "3"], "unknown option --train.step", ["--train.steps"]),
        (["--model.d_head", "8"], "--model.d_head", ["axis", "--grid model.d_head=8"]),
        (["--config", "toy.yaml"], "configs/toy.yaml", ["command", "experiments.train"]),
        (["--config", "scalin.yaml"], "scalin.yaml", ["scaling.yaml"]),
        (["--resume", "nowhere"], "nowhere", ["ablation"]),
        (["--resume", "nowhere", "--grid", "seed=1"], "--resume", ["config"]),
    ],
)
def test_a_wrong_option_is_told_in_one_line_and_nothing_is_written(tmp_path, monkeypatch, arguments, place, named):
    monkeypatch.chdir(tmp_path)
    with refused(place, *named):
        main(arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_code_2_before_anything_is_compiled(tmp_path):
    command = [sys.executable, "-m", "experiments.ablate", "--grid", "model.d_hed=4"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert_refused(done.stderr, "--grid model.d_hed", "model.d_head")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_prints_the_plan_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--config", "scaling.yaml", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("600 runs = 4 model.d_head x 3 model.scale x 5 train.learning_rate x 10 seeds\n")
    assert re.search(r"^4 compiled programs, 600,000 updates, about \d+ min on \d+ ", shown, re.MULTILINE)
    assert re.search(r"^ +2 +150 runs +model.d_head 16$", shown, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_expected_time_grows_with_the_work():
    small, more = make_plan(config_of()), make_plan(config_of(GRID.replace("seeds: 2", "seeds: 40")))
    assert expected_seconds(small.groups, 2) < expected_seconds(more.groups, 2) < expected_seconds(more.groups, 1)
    assert [duration(seconds) for seconds in (3.4, 600.0, 9000.0)] == ["3 s", "10 min", "2.5 h"]
    console = Console(file=io.StringIO(), width=200)
    print_plan(small, console, small.groups)
    assert "variant normed" in console.file.getvalue()
    print_plan(small, console, small.groups[1:2])  # of 4 one is left
    assert re.search(r"of which 3 have ended before; left: 32 updates, about \d+ s on", console.file.getvalue())


@pytest.mark.parametrize(
    ("seeds", "lowest", "says"),
    [
        (1, 1.0, "12 comparisons with 1 seed: no corrected p-value can fall below 0.05 (lowest 1); 9 seeds would do"),
        (
            8,
            12 * 2 / 256,
            "12 comparisons with 8 seeds: no corrected p-value can fall below 0.05 (lowest 0.094); 9 seeds",
        ),
        (9, 12 * 2 / 512, None),
        (13, 12 / 10_001, None),
    ],
)
def test_a_plan_says_whether_its_seeds_can_show_anything(seeds, lowest, says):
    plan = make_plan(config_of(GRID.replace("seeds: 2", f"seeds: {seeds}")))
    assert number_of_comparisons(plan) == 3 * 2 * 2  # beside the baseline, for each d_head and number of updates
    assert lowest_p(plan) == pytest.approx(lowest)
    console = Console(file=io.StringIO(), width=200)
    print_plan(plan, console, plan.groups)
    line = next((line for line in console.file.getvalue().splitlines() if "comparison" in line), None)
    assert (line is None) == (says is None)
    assert line is None or line.startswith(says)


@pytest.mark.parametrize(
    ("end", "diverged_at", "counts"),
    [(0.1, None, 0.1), (1e30, None, 3.0), (math.nan, None, 3.0), (0.1, 7, 0.1), (1e30, 7, 3.0), (math.nan, 7, 3.0)],
)
def test_no_run_counts_with_more_than_its_start(end, diverged_at, counts):
    assert counted_excess({TRAINED: end, f"start/{TRAINED}": 3.0, "diverged_at": diverged_at}) == counts


def test_a_table_is_empty_where_a_single_seed_has_no_interval():
    alone, nothing = Interval(0.5, math.nan, math.nan), Interval(math.nan, math.nan, math.nan)
    assert cells([alone, Interval(0.5, 0.4, 0.6)], [math.nan, 0.25]) == [0.5, "", "", 0.5, 0.4, 0.6, "", 0.25]
    assert [show(one) for one in (alone, nothing, Interval(0.5, 0.4, 0.6))] == ["0.500", "", "0.500 [0.400, 0.600]"]


def test_the_shipped_configs():
    scaling = ["scaling.yaml", "scaling_full.yaml", "scaling_quick.yaml"]
    assert config_names(AblationConfig) == ["mirror.yaml", "parts.yaml", *scaling]
    runs = {}
    for name in config_names(AblationConfig):
        plan = make_plan(load_ablation(name, {}))
        runs[name] = len(plan.runs)
        assert plan.config.predictions
        assert can_show(plan) or name == "mirror.yaml"  # which has three seeds, and shows intervals alone
        made = "after a trial with one seed; " if name in scaling else "before "  # the grids of scaling grew since
        assert plan.config.report.predictions_made.startswith(made)
        text = (ROOT / "configs" / name).read_text(encoding="utf-8")
        assert f"python -m experiments.ablate --config {name}" in text.partition("format:")[0]
    assert runs["scaling.yaml"] == 600
    assert runs["scaling_quick.yaml"] < 100
    with pytest.raises(InputError) as error:
        load_config("scaling.yaml", {})
    line = re.match(r"configs/scaling\.yaml:\d+", str(error.value))[0]
    assert_refused(error.value, f"{line}: command", "train")
