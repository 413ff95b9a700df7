"""Measure speed: the command from start to prompt, the attention tab, updates a second, and a part of an ablation.

python -m experiments.benchmark
python -m experiments.benchmark --repeats 5 --updates 300
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from data.errors import require
from experiments.ablation.config import load_ablation
from experiments.commands.options import OneLineParser
from experiments.commands.process import run_command
from experiments.config.loader import load_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default those of the process); returns the exit code."""
    parser = OneLineParser(
        prog="python -m experiments.benchmark",
        description="Measure catmat's speed on this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--config", default="toy.yaml", metavar="FILE", help="the config whose training is timed")
    parser.add_argument("--updates", type=int, default=200, metavar="N", help="updates in each measurement")
    parser.add_argument(
        "--ablation", default="scaling.yaml", metavar="FILE", help="the ablation of which a part is timed"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, metavar="N", help="measurements of each kind; their median is shown"
    )
    options = parser.parse_args(arguments)
    for name in ("updates", "repeats"):
        require(getattr(options, name) >= 1, f"--{name}: must be at least 1, not {getattr(options, name)}")
    config, ablation = load_config(options.config, {}), load_ablation(options.ablation, {})
    # Imported late: --help and a mistake in what was given are answered without loading JAX.
    from experiments.run_directory.folders import run_folders
    from experiments.speed.command_times import command_times, explain_times, machine, show
    from experiments.speed.tab_times import show_tab_times
    from experiments.speed.update_speed import show_sweep_speed, show_update_speed

    show(machine())
    show("")
    with tempfile.TemporaryDirectory() as folder:
        whole = command_times(options.config, options.repeats, Path(folder))
        run = run_folders(whole, config.seed, config.seeds)[0]
        explain_times(run, options.repeats, Path(folder))
        show_tab_times(run, Path(folder), options.repeats)
    show_update_speed(config, options.updates, options.repeats)
    show_sweep_speed(ablation, options.updates, options.repeats)
    return 0


if __name__ == "__main__":
    run_command(main)
