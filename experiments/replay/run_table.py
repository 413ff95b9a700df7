"""The table of all runs: status, age, excess, relation, and in what their configs differ."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from data.errors import InputError, printable
from experiments.config.fields import config_fields
from experiments.run_directory.folders import command_of
from experiments.run_directory.saved_run import load_run


def load_row(folder: Path) -> dict[str, Any]:
    """What the table says of one run; of several members the median."""
    age = time.time() - (folder / "config.yaml").stat().st_mtime
    row: dict[str, Any] = {"run": folder.name, "age": age, "status": "", "config": {}}
    row |= dict.fromkeys(("excess", "held_out", "relation", "steps"))
    command = command_of(folder)
    if command != "train":
        row["status"] = f"of experiments.{command}: see its report.md"
        return row
    try:
        run = load_run(folder)
        row["config"] = _values(run.config)
        found = [one.summary for one in run.runs.values()] if run.runs else [run.summary]
    except InputError as error:
        message = str(error)
        row["status"] = "did not end" if "no such file" in message else "cannot be read"
        return row
    statuses = [str(summary.get("status")) for summary in found]
    row["status"] = ", ".join(dict.fromkeys(f"{statuses.count(s)} {s}" if len(found) > 1 else s for s in statuses))
    row["steps"] = found[0].get("steps")
    names = {"excess": "excess/trained/all", "held_out": "excess/held_out/all", "relation": "relation/weight/all"}
    for column, name in names.items():
        values = [summary[name] for summary in found if isinstance(summary.get(name), float)]
        row[column] = float(np.median(values)) if values else None
    return row


def _values(config: Any) -> dict[str, Any]:
    values = {}
    for name, _ in config_fields():
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        values[name] = value
    return values


def run_table(rows: list[dict[str, Any]]) -> Table:
    """A row for each run; settings in which none differ are left out."""
    names = {name for row in rows for name in row["config"]}
    differ = [
        name for name, _ in config_fields()
        if name in names and len({repr(row["config"][name]) for row in rows if row["config"]}) > 1
    ]  # fmt: skip
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("run", "status", "age", "steps", "excess", "held out", "relation", "differs in"):
        table.add_column(column, justify="left" if column in ("run", "status", "differs in") else "right")
    for row in rows:
        excess, held_out, relation = (_number(row[n], d) for n, d in (("excess", 4), ("held_out", 4), ("relation", 2)))
        difference = ", ".join(f"{name} {row['config'][name]}" for name in differ if row["config"])
        cells = [row["run"], row["status"], _age(row["age"]), str(row["steps"] or ""), excess, held_out, relation]
        table.add_row(*(Text(printable(cell)) for cell in [*cells, difference]))
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
