"""From config to report: what `experiments.papers` does once its options are read."""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from data.world import World, load_world
from experiments.commands.console import say
from experiments.config.loader import to_yaml
from experiments.paper_results import coordinate_check, entropy_bound, logit_size
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.report import Results, write_report
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import make_run_directory
from experiments.run_directory.lock import run_lock
from experiments.statistics.claims import Claim
from experiments.training import runtime


def repeat(config: PapersConfig, run_dir: str | None = None, console: Console | None = None) -> int:
    """Repeat the papers' measurements, write the report, print the verdicts.

    Args:
      config: which papers, and how.
      run_dir: a new folder to use instead of `runs/papers-001`.
      console: where to print; by default the terminal.

    Returns:
      The exit code, 0: a refuted claim is a result.

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    console = console or Console(highlight=False)
    world = load_world(config.world)
    folder = make_run_directory("papers", run_dir)
    began = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
    with writing(folder), run_lock(folder, new=True), progress as bar:
        write_text(folder / "config.yaml", to_yaml(config))
        task = bar.add_task("compiling", total=sum(_pieces(config)[paper] for paper in config.papers))
        results = measure(config, world, lambda paper: bar.update(task, advance=1, description=paper))
        bar.update(task, description="writing the report")
        claims = results.claims()
        write_report(folder, config, results, claims, runtime.versions())
    _print(console, claims)
    console.print()
    say(console, f"{time.perf_counter() - began:.0f} s. The report is in  {folder / 'report.md'}")
    return 0


def measure(config: PapersConfig, world: World, done: Callable[[str], None]) -> Results:
    """Measure what `config.papers` names; `done` is told the paper after each piece of work."""
    results = Results()
    if "entropy" in config.papers:
        entropy = entropy_bound.measure(config, world, lambda: done(entropy_bound.NAME))
        results = dataclasses.replace(results, entropy=entropy)
    if "logit_size" in config.papers:
        arms = logit_size.prepare(config, world)
        measured = logit_size.measure(config, arms, lambda: done(logit_size.NAME))
        results = dataclasses.replace(results, logit_size=measured)
    if "mup" in config.papers:
        mup = coordinate_check.measure(config, world, lambda: done(coordinate_check.NAME))
        results = dataclasses.replace(results, mup=mup)
    return results


def _pieces(config: PapersConfig) -> dict[str, int]:
    """How many pieces of work each paper is."""
    return {
        "entropy": entropy_bound.PIECES,
        "logit_size": logit_size.PIECES,
        "mup": coordinate_check.pieces(config),
    }


def _print(console: Console, claims: list[Claim]) -> None:
    counts = Counter(claim.verdict for claim in claims)
    say(console, f"{len(claims)} statements: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}")
    for claim in claims:
        say(console, f"  {claim.verdict:10}{claim.paper}, {claim.statement}")
        say(console, f"            predicted {claim.predicted}; measured {claim.found}", "dim")
