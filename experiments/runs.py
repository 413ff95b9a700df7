"""List all runs: status, age, excess, relation, and in what their configs differ.

python -m experiments.runs
python -m experiments.runs --root runs --sort excess
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.errors import InputError, printable
from data.files import is_file, is_folder
from experiments.command_line import OneLineParser, config_fields, run_command
from experiments.plain_text import say
from experiments.run_directory import ROOT, command_of, folders_in, load_run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    parser = OneLineParser(
        prog="python -m experiments.runs",
        description="List all runs of a folder: status, excess in nats, relation (weight on the words that truly "
        "matter), and the settings in which they differ. Of several seeds the median is shown.",
    )
    parser.add_argument("--root", default=str(ROOT), metavar="DIR", help=f"where the runs lie (default: {ROOT})")
    parser.add_argument(
        "--sort", choices=("name", "excess", "age"), default="name", help="order of the rows (default: name)"
    )
    options = parser.parse_args(arguments)
    root = Path(options.root)
    if not is_folder(root):
        raise InputError(f"--root {root}: no such folder; train something first, or name where the runs lie")
    runs = [_load(folder) for folder in folders_in(root, "--root") if is_file(folder / "config.yaml")]
    console = Console(highlight=False)
    if not runs:
        say(console, f"no runs in {root}; python -m experiments.train --config toy.yaml makes one")
        return 0
    keys = {"name": lambda r: r["run"], "excess": lambda r: r["excess"] or np.inf, "age": lambda r: r["age"]}
    console.print(_table(sorted(runs, key=keys[options.sort])))
    return 0


def _load(folder: Path) -> dict[str, Any]:
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
        found = [one.summary for one in run.members.values()] if run.members else [run.summary]
    except InputError as error:
        message = str(error)
        row["status"] = "did not end" if "no such file" in message else "cannot be read"
        return row
    statuses = [str(summary.get("status")) for summary in found]
    row["status"] = ", ".join(dict.fromkeys(f"{statuses.count(s)} {s}" if len(found) > 1 else s for s in statuses))
    row["steps"] = found[0].get("steps")
    names = {"excess": "excess/asked/all", "held_out": "excess/held_out/all", "relation": "relation/weight/all"}
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


def _table(rows: list[dict[str, Any]]) -> Table:
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


if __name__ == "__main__":
    run_command(main)
