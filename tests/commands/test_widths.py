"""Whatever a command prints is whole at every width of a terminal: nothing is cut or lost, and nothing wider than it
but lines to copy, which a terminal wraps by itself.
"""

import contextlib
import io
import math
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

import catmat_command
from data.world import load_world
from data.yaml_file import parse_yaml
from experiments import ablate, benchmark, check_scale, explain, film, gradients, papers, runs, train
from experiments.ablation.comparison import Comparison
from experiments.ablation.config import AblationConfig
from experiments.ablation.findings import Findings
from experiments.ablation.plan import make_plan
from experiments.ablation.terminal import print_findings, print_plan
from experiments.config.loader import make_as
from experiments.config.schema import Config, values_of
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.report import STUDY as GRADIENTS
from experiments.measuring.metrics import RowResult
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.report import STUDY as PAPERS
from experiments.replay.ledger import Ledger
from experiments.replay.run_table import Row, print_runs
from experiments.scale_check import scale_names
from experiments.session import terminal
from experiments.speed import settings, update_speed
from experiments.speed.sections import machine, machine_line
from experiments.statistics.claims import above
from experiments.statistics.intervals import Interval
from experiments.training.record import TrainingTime

WIDTHS = [40, 60, 80, 200]
WORDS = ["the", "dog", "slept", "on", "the", "roof", "while", "the", "cat", "often", "sat", "on", "the", "mat", "."]
GRID = """\
command: ablate
base: {seeds: 2}
grid:
  model.d_head: [2, 64]
  variant: {standard: {}, qk_norm: {model.qk_norm: true}}
"""
TWICE = Interval(2.0, 1.5, 3.0)
METRICS = {
    **{f"excess/{kind}/all": 0.0123 for kind in ("trained", "held_out")},
    **{f"relation/{name}": 0.25 for name in ("weight/all", "untrained", "position_only", "uniform")},
}


def training(console, monkeypatch):
    """The report of a training of three seeds."""
    rows = [
        RowResult(0, m, tuple(WORDS), np.full((2, len(WORDS)), 0.07), (WORDS[m], 0.5), (WORDS[m], 0.75))
        for m in (1, 2, 5)
    ]
    monkeypatch.setattr(terminal, "print_ledger", lambda *_: None)  # in another form where it has no room: test_ledger
    for name in ("excess_metrics", "relation_metrics"):
        monkeypatch.setattr(terminal, name, lambda *_: METRICS)
    monkeypatch.setattr(terminal, "row_results", lambda *_: rows)
    record = SimpleNamespace(runs=lambda: [None] * 3, of=lambda _: None, time=TrainingTime(12.3, 1000))
    experiment = SimpleNamespace(config=Config(seeds=3), world=load_world("two_stories"), sentences=[None], told=0)
    vector, number, by_word = np.full(4, -1.5), np.full(len(WORDS), 0.07), np.full((len(WORDS), 4), 2.5)
    told = Ledger(
        9, 0, tuple(WORDS), 1, "/ sqrt(4)", vector, by_word, number, number, number, by_word, by_word, vector, 2
    )
    terminal.report(experiment, record, record, [told, told], Path("runs/toy-001"), console)


def plan_and_findings(console, _):
    plan = make_plan(make_as(AblationConfig, parse_yaml(GRID, "test.yaml")))
    print_plan(plan, console, plan.groups)
    setting = SimpleNamespace(prefix="", variants=["standard", "qk_norm"], sizes=["2", "64"])
    compared = [Comparison(setting, 1, x, TWICE, TWICE, math.nan) for x in (0, 1)]
    claim = above("prediction", "excess of qk_norm over that of standard at model.d_head 64", TWICE, 1.0)
    print_findings(Findings(plan, [], compared, [claim], 3), Path("runs/x-001"), 1.0, console)


def all_runs(console, _):
    metrics = {"excess": 0.0017, "held out": 0.0049, "weight": 1.0}
    configs = [values_of(Config()), values_of(Config(seed=3, world="german"))]
    rows = [Row(f"toy-{n:03d}", 300, "finished", config, 1000, metrics) for n, config in enumerate(configs)]
    print_runs([*rows, Row("scaling-003", 90_000, "ablate: see its report.md")], console)


def studies(console, _):
    for study, config in ((GRADIENTS, GradientConfig()), (PAPERS, PapersConfig())):
        study.plan(config, console=console)
        claims = [above(name, text, TWICE, low) for name, text in study.predictions.items() for low in (1.0, 4.0)]
        study._print(console, Path("runs/study-001"), claims, time.perf_counter())


def answer_of_the_scale_check(console, monkeypatch):
    monkeypatch.setattr(check_scale, "Console", lambda **_: console)
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    for function in ("scaled_twice", "over_queries"):
        check_scale.main([f"{__name__}:{function}", "--d-head", "16", "--expect", "1/sqrt(d_head)"])


def scaled_twice(query, key, value, axis=-1):
    scores = np.einsum("bqhd,bkhd->bhqk", query, key) / query.shape[-1]
    weights = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.einsum("bhqk,bkhd->bqhd", weights / weights.sum(axis=axis, keepdims=True), value)


def over_queries(query, key, value):
    return scaled_twice(query, key, value, axis=-2)


def speeds(console, monkeypatch):
    monkeypatch.setattr(settings, "Console", lambda **_: console)
    settings.show(machine_line(machine()))
    one = {"median": 12.3, "lowest": 10.0, "highest": 12345.6}
    contestant = {"rows": "masked*", "runs": 1, "updates_a_second": one, "to_baseline": one}
    found = {"shape": "d_model 32", "updates": 100, "baseline": "PyTorch eager, every row", "sweep": 64}
    found |= {"sweep_to_lone": one, "gains": {"masked row, PyTorch eager": one}, "left_out": ["PyTorch is left out"]}
    for line in update_speed.lines(found | {"contestants": {"catmat, masked* row": contestant}}):
        settings.show(line)


PRINTED = [training, plan_and_findings, all_runs, studies, answer_of_the_scale_check, speeds]


def lines_of(show, monkeypatch, width=None):
    """What `show` prints into a terminal of this width, or into a file."""
    options = {} if width is None else {"width": width, "force_terminal": True, "color_system": None}
    console = Console(file=io.StringIO(), highlight=False, **options)
    show(console, monkeypatch)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("show", PRINTED, ids=lambda show: show.__name__)
def test_what_is_printed_is_whole(show, monkeypatch):
    """A line that names a folder below `runs` is to be copied."""
    words = Counter(" ".join(lines_of(show, monkeypatch)).split())
    for width in WIDTHS:
        lines = lines_of(show, monkeypatch, width)
        assert not words - Counter(" ".join(lines).split()), width
        assert not [line for line in lines if cell_len(line) > width and "runs" not in line], width


NAMES = [f"  {name}" for name in scale_names(1)]
COMMANDS = (ablate, benchmark, check_scale, explain, film, gradients, papers, runs, train)


@pytest.mark.parametrize(
    "main", [*(command.main for command in COMMANDS), catmat_command.main], ids=lambda m: m.__module__
)
def test_help_is_whole(main, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["catmat", "--help"])
    found = {}
    for width in (1000, *WIDTHS):
        monkeypatch.setenv("COLUMNS", str(width))
        with contextlib.suppress(SystemExit):
            main()
        found[width] = capsys.readouterr().out
    for width in WIDTHS:
        assert found[width].split() == found[1000].split(), width
        wide = [line for line in found[width].splitlines() if len(line) > width]
        assert not [line for line in wide if not line.startswith(("usage: ", "  python -m")) and line not in NAMES], (
            width
        )
