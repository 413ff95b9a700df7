"""The gradient study from config to report: what `experiments.gradients` does once its options are read."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from data.world import load_world
from experiments.commands.console import say
from experiments.config.loader import to_yaml
from experiments.gradient_study.checks import all_checks
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.events import write_events
from experiments.gradient_study.measurements import measure, pieces
from experiments.gradient_study.predictions import PREDICTIONS, Check, overall
from experiments.gradient_study.report import predictions_page, write_report
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import make_run_directory
from experiments.run_directory.lock import run_lock
from experiments.training import runtime


def study(config: GradientConfig, name: str, run_dir: str | None = None, console: Console | None = None) -> int:
    """Measure, write the run directory, print the verdicts.

    Args:
      config: what to measure.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      console: where to print; by default the terminal.

    Returns:
      The exit code, 0.

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    console = console or Console(highlight=False)
    world = load_world(config.world)
    folder = make_run_directory(name, run_dir)
    began = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    with writing(folder), run_lock(folder, new=True), progress as bar:
        write_text(folder / "config.yaml", to_yaml(config))
        write_text(folder / "report.md", predictions_page())  # before anything is measured
        task = bar.add_task("compiling", total=pieces(config))
        measured = measure(config, world, lambda piece: bar.update(task, advance=1, description=piece))
        bar.update(task, description="writing the report")
        checks = all_checks(measured)
        images = write_report(folder, measured, checks, runtime.versions())
        write_events(folder, measured, images)
    _print(console, checks)
    console.print()
    say(console, f"{time.perf_counter() - began:.0f} s. The answer is in  {folder / 'report.md'}")
    return 0


def _print(console: Console, checks: list[Check]) -> None:
    console.print()
    say(console, "Predictions, and what was found")
    for name in PREDICTIONS:
        own = [check for check in checks if check.prediction == name]
        say(console, f"  {name:4} {overall(own)}")
        for check in own:
            if check.verdict != "confirmed":
                found = f"predicted {check.expected}, found {check.estimate}, {check.verdict}"
                say(console, f"       {check.what}: {found}")
