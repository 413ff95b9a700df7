"""List all runs: status, age, excess, weight on relevant words, and the config values in which they differ.

python -m experiments.runs
python -m experiments.runs --root runs --sort excess
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from catmat_command import as_called
from data.errors import is_file, is_folder, require
from experiments.commands.console import say
from experiments.commands.options import OneLineParser
from experiments.commands.process import run_command
from experiments.replay.run_table import load_row, print_runs
from experiments.run_directory.folders import ROOT, folders_in


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    parser = OneLineParser(
        prog="python -m experiments.runs",
        description="List all runs of a folder: status, age, updates, excess, weight, and the config values in which "
        "the runs differ. Excess is how far the model's probabilities for a masked word are from the exact ones (their "
        "KL divergence) in nats, the natural unit of information; 0 is perfect. Weight is that of attention on "
        "the relevant words. Of several seeds the median is shown.",
    )
    parser.add_argument(
        "--root", default=str(ROOT), metavar="DIR", help=f"the folder that holds the runs (default: {ROOT})"
    )
    parser.add_argument(
        "--sort", choices=("name", "excess", "age"), default="name", help="order of the rows (default: name)"
    )
    options = parser.parse_args(arguments)
    root = Path(options.root)
    require(is_folder(root), f"--root {root}: no such folder; train something first, or name where the runs lie")
    runs = [load_row(folder) for folder in folders_in(root, "--root") if is_file(folder / "config.yaml")]
    console = Console(highlight=False)
    if not runs:
        say(console, as_called(f"no runs in {root}; python -m experiments.train --config toy.yaml makes one"))
        return 0
    keys = {"name": lambda row: row.run, "excess": lambda row: row.metrics.get("excess", np.inf),
            "age": lambda row: row.age}  # fmt: skip
    print_runs(sorted(runs, key=keys[options.sort]), console)
    return 0


if __name__ == "__main__":
    run_command(main)
