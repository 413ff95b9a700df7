"""The table of all runs, whole at every width."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.config.loader import load_config
from experiments.config.schema import values_of
from experiments.replay.run_table import Row, print_runs

METRICS = {"excess": 0.0017, "held out": 0.0049, "weight": 1.0}
ROWS = [
    Row("toy-001", 3, "finished", values_of(load_config("toy.yaml", {})), 1000, METRICS),
    Row("gro\u00dfe-002", 300, "8 finished", values_of(load_config("toy.yaml", {"model.d_head": "64"})), 900, METRICS),
    Row("scaling-003", 90_000, "ablate: see its report.md"),
]


def lines(rows, width=None):
    terminal = {"force_terminal": True, "color_system": None, "width": width} if width else {}
    console = Console(file=io.StringIO(), **terminal)
    print_runs(rows, console)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_nothing_is_cut_off(width):
    shown, words = lines(ROWS, width), " ".join(lines(ROWS)).split()
    assert all(cell_len(line) <= width for line in shown)
    assert set(words) == set(" ".join(shown).split()) - {"..."}


def test_a_file_gets_a_line_a_run():
    heads, *runs = lines(ROWS)
    assert heads.split("  ")[0] == "run"
    assert [run.split()[0] for run in runs] == ["toy-001", "gro\u00dfe-002", "scaling-003"]
    assert [run[heads.index("differs in") :] for run in runs] == ["model.d_head 16", "model.d_head 64", ""]
    assert [run[heads.index("excess") :][:6] for run in runs] == ["0.0017", "0.0017", ""]


def test_what_most_runs_share_is_not_repeated():
    configs = [values_of(load_config("toy.yaml", given)) for given in ({}, {"seed": "7"}, {"model.d_head": "64"})]
    heads, *runs = lines([Row(f"toy-00{n}", 3, "finished", config) for n, config in enumerate(configs)])
    assert [run[heads.index("differs in") :] for run in runs] == ["", "seed 7", "model.d_head 64"]


def test_values_are_written_as_in_a_config():
    given = ({}, {"track.diagnostics": "true"}, {"probes": "['the dog sat on the mat .']"})
    configs = [values_of(load_config("toy.yaml", of)) for of in given]
    heads, *runs = lines([Row(f"toy-00{n}", 3, "finished", config) for n, config in enumerate(configs)])
    shown = [run[heads.index("differs in") :] for run in runs]
    assert shown == ["", "track.diagnostics true", "probes the dog sat on the mat ."]
