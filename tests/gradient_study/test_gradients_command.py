"""The command from config to report, with sizes that take seconds; and one line for whatever is mistaken."""

import csv
import dataclasses
import io
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from refusals import refused
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.yaml_file import parse_yaml
from experiments.config.loader import config_names, load_as, load_config, make_as, to_yaml
from experiments.config.schema import Config, config_fields
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.measurements import measure, pieces
from experiments.gradient_study.norm_statistics import ALL_STAGES, SCALES, STATISTICS
from experiments.gradient_study.report import STUDY
from experiments.gradient_study.results import PREDICTIONS
from experiments.gradients import main

TINY = """\
command: gradients
seeds: 2
simulated: {sizes: [4, 8], tokens: 64, softmax_rows: 64}
layer: {sizes: [2, 4], seeds: 2, rows: 8, d_model: 4, heads: 1}
training: {sizes: [2, 4], steps: 2, batch: 8, records: 2, rows: 8, sentences: 8}
escape: {margins: [0, 1, 2], limit: 500}
"""


def config_of(text):
    return make_as(GradientConfig, parse_yaml(text, "test.yaml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory, quick_compiler):
    """(folder, what was printed) of the whole study."""
    folder, out = tmp_path_factory.mktemp("runs") / "tiny", io.StringIO()
    # The exact law need not be exact here.
    quick = SimpleNamespace(measure=partial(measure, control_seeds=2, law_draws=1000), pieces=pieces)
    with quick_compiler(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "measured_quickly", quick)
        study = dataclasses.replace(STUDY, measurements="measured_quickly")
        assert study.run(config_of(TINY), "tiny", str(folder), Console(file=out, width=200)) == 0
    return folder, out.getvalue()


@pytest.mark.long
def test_the_report(run):
    folder, printed = run
    text = (folder / "report.md").read_text(encoding="utf-8")
    for name, prediction in PREDICTIONS.items():
        assert f"**{name}**" in text
        assert prediction in text
        assert re.search(rf"^  {name} +(confirmed|refuted|undecided|in part)", printed, re.MULTILINE)
    pictures = re.findall(r"\]\((\w+)\.png\)", text)
    assert len(pictures) == 8
    for name in pictures:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert not re.search(r"\bnan\b|/tmp|/home", text)
    assert "report.md" in printed


@pytest.mark.long
def test_the_report_is_the_same_when_it_is_written_anew(run):
    """Figures, tables, text; and event files are not doubled."""
    folder, printed = run
    written = {path: path.read_bytes() for path in folder.glob("*.*") if path.suffix in (".md", ".csv", ".svg", ".png")}
    assert len(written) == 1 + 6 + 2 * 8
    for path in written:
        path.unlink()
    out = io.StringIO()
    without = dataclasses.replace(STUDY, measurements="")
    assert without.report_anew(str(folder), Console(file=out, width=200)) == 0
    assert {path: path.read_bytes() for path in written} == written
    again = out.getvalue().splitlines()
    assert again[:-1] == printed.splitlines()[-len(again) : -1]  # before it stands a line for each piece of work
    assert len(list(folder.glob("events*"))) == len(list((folder / "scale-none").iterdir())) == 1


@pytest.mark.long
def test_every_number_is_in_a_table(run):
    folder, _ = run
    with (folder / "gradients.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = {(r["part"], r["d"], r["trained_under"], r["update"], r["scale"], r["stage"], r["statistic"]) for r in rows}
    assert len(kept) == len(rows)
    assert {r["stage"] for r in rows if r["part"].startswith("layer")} == set(ALL_STAGES)
    assert {r["statistic"] for r in rows} == set(STATISTICS)
    assert {r["trained_under"] for r in rows if r["part"] == "training"} == set(SCALES)
    assert all(float(r["low"]) <= float(r["value"]) * (1 + 1e-6) + 1e-30 for r in rows)
    names = {path.name for path in folder.glob("*.csv")}
    assert names == {f"{n}.csv" for n in ("gradients", "softmax", "training", "scores", "escape", "verdicts")}


@pytest.mark.long
def test_tensorboard_shows_the_scales_side_by_side(run):
    folder, _ = run
    tags = {}
    lists = {path.parent.name for path in folder.rglob("events*")}
    assert lists == {folder.name, "scale-none", "scale-inverse", "scale-inverse_sqrt"}
    for name in ("scale-none", "scale-inverse"):
        accumulator = EventAccumulator(str(folder / name), size_guidance={"tensors": 0}).Reload()
        tags[name] = set(accumulator.Tags()["tensors"])
        if name == "scale-none":
            assert [event.step for event in accumulator.Tensors("simulated/query/rms")] == [4, 8]
    assert {"layer_norm_none/W_K/median", "simulated/scores/log10_norm"} <= tags["scale-inverse"]
    assert {"training_d4/sigma", "training_d4/excess", "training_d4/W_Q/dead"} <= tags["scale-inverse"]
    main_tags = set(EventAccumulator(str(folder)).Reload().Tags()["tensors"])
    assert "figures/simulated_query" in main_tags


@pytest.mark.long
def test_nothing_is_overwritten(run):
    folder, _ = run
    with refused(f"--run-dir {folder}", "empty"):
        main(["--run-dir", str(folder)])


def test_pieces_are_counted():
    assert pieces(config_of(TINY)) == 2 + 3 + 2 * 2 + 2 * 2


# (line of the section `simulated`, the value's name, what the message names beside it)
MISTAKES = [
    ("  sizes: [64, 16]", "sizes", ["rising"]),
    ("  sizes: [16]", "sizes", ["2 or more"]),
    ("  sizes: [a, b]", "sizes.0", ["whole number"]),
    ("  sizes: [1.5, 2]", "sizes.0", ["1.5"]),
    ("  sizes: 16", "sizes", ["list"]),
    ("  tokens: 1", "tokens", ["64", "1"]),
    ("  tokkens: 100", "tokkens", ["tokens"]),
    ("  keys: 1", "keys", ["2", "1"]),
]


@pytest.mark.parametrize(("line", "name", "named"), MISTAKES)
def test_a_mistake_is_told_with_its_line(line, name, named):
    with refused(f"test.yaml:3: simulated.{name}", *named):
        config_of(f"command: gradients\nsimulated:\n{line}\n")


@pytest.mark.parametrize(
    ("arguments", "place", "named"),
    [
        (["--layer.sizes", "[8, 4]"], "--layer.sizes", ["1", "4096", "[8, 4]"]),
        (["--layer.size", "[4, 8]"], "unknown option --layer.size", ["--layer.sizes"]),
        (["--escape.margins", "[0, 1, 90]"], "--escape.margins", ["30", "90"]),
        (["--training.steps", "x"], "--training.steps", ["whole number"]),
        (["--config", "gradient.yaml"], "gradient.yaml", ["gradients.yaml"]),
        (["--config", "toy.yaml"], "configs/toy.yaml", ["command", "experiments.train"]),
    ],
)
def test_a_mistaken_option_is_one_line(arguments, place, named):
    with refused(place, *named):
        main(arguments)


def test_a_config_of_this_command_is_refused_by_another():
    with refused("configs/gradients.yaml", "command", "train"):
        load_config("gradients.yaml", {})


def test_the_shipped_config_is_found_by_its_command_alone():
    assert config_names(GradientConfig) == ["gradients.yaml"]
    assert "gradients.yaml" not in config_names(Config)
    own = load_as(GradientConfig, "gradients.yaml", {})
    text = Path("configs/gradients.yaml").read_text(encoding="utf-8")
    assert text.startswith("#")
    assert "--config gradients.yaml" in text.partition("format:")[0]
    assert config_of(to_yaml(own)) == own
    assert load_as(GradientConfig, "gradients", {"layer.sizes": "[8, 64]"}).layer.sizes == (8, 64)


def test_the_meaning_and_the_bounds_of_every_value():
    for name, item in config_fields(GradientConfig):
        assert item.metadata["meaning"], name
        if isinstance(item.default, (int, float)):
            assert item.metadata["low"] <= item.default <= item.metadata["high"], name
