"""The table of all runs: status, age, excess, weight on relevant words, and the config values in which they differ."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from data.errors import InputError
from experiments.commands.console import shown
from experiments.commands.tables import TableColumn, print_table
from experiments.config.schema import Value, values_of
from experiments.run_directory.folders import command_of
from experiments.run_directory.saved_run import load_run

_METRICS = {
    "excess": ("excess/trained/all", 4),
    "held out": ("excess/held_out/all", 4),
    "weight": ("relation/weight/all", 2),
}
"""The metric in each column of the table, and its digits after the point."""
_LEAST_PROSE = 24
"""Columns that a status or a list of differences needs to be readable."""
_UNITS = {"d": 86_400, "h": 3_600, "min": 60}
"""Seconds of each unit, the largest first."""


@dataclass(frozen=True)
class Row:
    """One row of the table: a training, of one run or of several, whose medians it shows."""

    run: str
    age: float
    """Seconds since it was started."""
    status: str
    config: dict[str, Value] = field(default_factory=dict)
    """Every config value by its dotted name; empty where the config is unknown."""
    steps: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """By the column; a column without a number is missing."""


def load_row(folder: Path) -> Row:
    """The row of the training in `folder`; one that cannot be read says so in its status."""
    name, age, command = folder.name, time.time() - (folder / "config.yaml").stat().st_mtime, command_of(folder)
    if command != "train":
        return Row(name, age, f"{command}: see its report.md")
    config: dict[str, Value] = {}
    try:
        run = load_run(folder)
        config = values_of(run.config)
        summaries = [one.summary for one in run.runs.values()] if run.runs else [run.summary]
    except InputError as error:
        return Row(name, age, "did not end" if "no such file" in str(error) else "cannot be read", config)
    statuses = [str(summary.get("status")) for summary in summaries]
    counted = [f"{statuses.count(s)} {s}" if len(statuses) > 1 else s for s in dict.fromkeys(statuses)]
    found = {
        column: [summary[metric] for summary in summaries if isinstance(summary.get(metric), float)]
        for column, (metric, _) in _METRICS.items()
    }
    medians = {column: float(np.median(values)) for column, values in found.items() if values}
    return Row(name, age, ", ".join(counted), config, summaries[0].get("steps"), medians)


def print_runs(rows: Sequence[Row], console: Console) -> None:
    """Print the table of all runs; a config value that more than half of them share is left out."""
    configs = [row.config for row in rows if row.config]
    shared = {name: _shared([one[name] for one in configs]) for name in (configs[0] if configs else ())}

    def column(name: str, cells: Sequence[str], least: int = 0) -> TableColumn:
        right = name not in ("run", "status", "differs in")
        shown_cells = [Text(shown(console, cell)) for cell in cells]
        return TableColumn(Text(name), shown_cells, "right" if right else "left", least=least)

    metrics = {
        name: [f"{row.metrics[name]:.{digits}f}" if name in row.metrics else "" for row in rows]
        for name, (_, digits) in _METRICS.items()
    }
    columns = [
        column("run", [row.run for row in rows]),
        column("status", [row.status for row in rows], _LEAST_PROSE),
        column("age", [_age(row.age) for row in rows]),
        column("steps", [str(row.steps or "") for row in rows]),
        *(column(name, cells) for name, cells in metrics.items()),
    ]
    differences = [
        ", ".join(f"{name} {_written(value)}" for name, value in row.config.items() if repr(value) != shared[name])
        for row in rows
    ]
    if any(differences):
        columns.append(column("differs in", differences, _LEAST_PROSE))
    print_table(console, columns)


def _shared(values: Sequence[Value]) -> str | None:
    """The value that more than half of the runs have, as `repr` writes it; None where there is none."""
    value, count = Counter(map(repr, values)).most_common(1)[0]
    return value if 2 * count > len(values) else None


def _written(value: Value) -> str:
    """A value as a config has it: true, and words without brackets."""
    return (
        str(value).lower() if isinstance(value, bool) else " ".join(value) if isinstance(value, tuple) else str(value)
    )


def _age(seconds: float) -> str:
    unit = next((unit for unit, size in _UNITS.items() if seconds >= size), None)
    return f"{seconds / _UNITS[unit]:.0f} {unit}" if unit else f"{max(seconds, 0):.0f} s"
