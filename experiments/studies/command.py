"""A study from config to report: predict, measure, save the measurements, report from what was saved.

    STUDY = StudyCommand("gradients", TITLE, PREDICTIONS, MEASUREMENTS, Study, write_report)
    STUDY.run(config, "gradients")                  measures in runs/gradients-001, then reports
    STUDY.report_anew("runs/gradients-001")         reports once more, from measured.npz alone: in seconds

A report is written from the saved measurements alone, so it can be improved without measuring again. Predictions are
shown before the measurement, and their verdicts after it: a page, a table of the report, lines on the terminal.
"""

import importlib
import itertools
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from data.world import load_world
from experiments.commands.console import say, say_prose
from experiments.config.loader import to_yaml
from experiments.reports.report import Report
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import check_run_directory, make_run_directory, run_lock
from experiments.statistics.claims import Claim, counted, overall
from experiments.studies.saved import Found, read_saved, write_saved

HOW = (
    "In brackets: 95 % interval, by bootstrap over seeds. Confirmed: the whole interval agrees with the prediction."
    " Refuted: the whole interval contradicts it. Undecided: it does both, or there is none"
)
"""How to read the table of verdicts."""


class StudyConfig(Protocol):
    """The config of a study."""

    @property
    def world(self) -> str:
        """Name or path of its world."""


@dataclass(frozen=True)
class StudyCommand(Generic[Found]):
    """What a command measures, and how it reports it."""

    name: str
    """Of the command: experiments.NAME."""
    title: str
    predictions: Mapping[str, str]
    """What is predicted, by the name of each prediction."""
    measurements: str
    """The module that measures, imported only for that since it loads JAX. It has two functions:
    `measure(config, world, done)` calls `done` with the name of each piece of work, and `pieces(config)` counts them.
    """
    found: type[Found]
    """The dataclass of what is measured; its types say how it is saved."""
    write: Callable[[Path, Found, Mapping[str, str]], list[Claim]]
    """Writes the report, its figures and tables into a folder; gives the claims. The last argument is `versions`."""
    print_confirmed: bool = False
    """Whether claims that are confirmed are printed too."""
    part: Callable[..., Collection[str]] | None = None
    """The names of the predictions that a config is about; by default all."""

    def run(
        self, config: StudyConfig, called: str | None = None, run_dir: str | None = None, console: Console | None = None
    ) -> int:
        """Measure, write the run directory, print the verdicts.

        Args:
          config: what to measure.
          called: what run directories are called, `runs/<called>-001`; by default as the command.
          run_dir: a folder to use instead.
          console: where to print; by default the terminal.

        Returns:
          The exit code, 0: a refuted prediction is a result.

        Raises:
          InputError: a mistake in the config, the world or the folder.
        """
        from experiments.training import runtime  # imported late: it loads JAX

        module = importlib.import_module(self.measurements)
        console = console or Console(highlight=False)
        world = load_world(config.world)
        folder = make_run_directory(called or self.name, run_dir)
        began = time.perf_counter()
        columns = (TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
        progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        with writing(folder), run_lock(folder, new=True), progress as bar:
            write_text(folder / "config.yaml", to_yaml(config))
            write_text(
                folder / "report.md", predictions_page(self.title, self.stated(config))
            )  # before any measurement
            total = module.pieces(config)
            task, counter = bar.add_task("compiling", total=total), itertools.count(1)

            def done(piece: str) -> None:
                bar.update(task, advance=1, description=piece)
                number = next(counter)
                if not console.is_terminal:  # a log has no bar
                    say(console, f"{time.perf_counter() - began:6.0f} s  {number} of {total}  {piece}")

            found = module.measure(config, world, done)
            bar.update(task, description="writing the report")
            write_saved(folder, runtime.versions(), found)
            claims = self.write(folder, *read_saved(folder, self.name, self.found))
        return self._print(console, folder, claims, began)

    def plan(self, config: StudyConfig, run_dir: str | None = None, console: Console | None = None) -> int:
        """Print what `run` would measure and what is predicted of it; nothing is written. Gives the exit code, 0.

        Raises:
          InputError: as `run` does.
        """
        console = console or Console(highlight=False)
        load_world(config.world)
        if run_dir is not None:
            check_run_directory(run_dir)
        pieces = importlib.import_module(self.measurements).pieces(config)
        say_prose(console, self.title)
        say_prose(console, f"{pieces} pieces of work. What is predicted:")
        for name, text in self.stated(config).items():
            say_prose(console, f"  {name}  {text}")
        return 0

    def stated(self, config: StudyConfig) -> dict[str, str]:
        """The predictions that `config` is about."""
        names = self.predictions if self.part is None else self.part(config)
        return {name: text for name, text in self.predictions.items() if name in names}

    def report_anew(self, run: str, console: Console | None = None) -> int:
        """Write the report of an earlier run anew, from what it measured; gives the exit code, 0.

        Raises:
          InputError: the folder `run` holds no measurements of this command, or cannot be written to.
        """
        console, folder, began = console or Console(highlight=False), Path(run), time.perf_counter()
        found, versions = read_saved(folder, self.name, self.found)
        with writing(folder), run_lock(folder):
            claims = self.write(folder, found, versions)
        return self._print(console, folder, claims, began)

    def _print(self, console: Console, folder: Path, claims: list[Claim], began: float) -> int:
        """Print the verdict on every prediction, and the claims that it rests on; gives the exit code."""
        console.print()
        say_prose(console, f"{len(claims)} statements: {counted(claims)}")
        by_subject = grouped(claims)
        width = max(map(len, by_subject))
        for name, own in by_subject.items():
            say_prose(console, f"  {name:{width}} {overall(own)}")
            for one in own:
                if self.print_confirmed or one.verdict != "confirmed":
                    found = f"predicted {one.predicted}, measured {one.found}: {one.verdict}"
                    say_prose(console, f"    {one.statement}: {found}", "dim" if one.verdict == "confirmed" else "")
        console.print()
        say(console, f"{time.perf_counter() - began:.0f} s. The report is in  {folder / 'report.md'}")
        return 0


def predictions_page(title: str, predictions: Mapping[str, str]) -> str:
    """The report as it stands before anything is measured: the predictions alone."""
    lines = [f"* **{name}** {text}" for name, text in predictions.items()]
    return "\n\n".join([f"# {title}", "Being measured. What is predicted:", "\n".join(lines)]) + "\n"


def verdict_table(report: Report, predictions: Mapping[str, str], claims: Sequence[Claim]) -> None:
    """Every prediction with its verdict, and below it the claims that it rests on."""
    rows = []
    for name, own in grouped(claims).items():
        rows.append([f"**{name}**", f"**{predictions[name]}**", "", "", f"**{overall(own)}**"])
        rows += [["", one.statement, one.predicted, str(one.found), one.verdict] for one in own]
    report.table(["", "what", "predicted", "measured", "verdict"], rows)


def grouped(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    """The claims by their subjects, in order."""
    subjects = dict.fromkeys(claim.subject for claim in claims)
    return {name: [claim for claim in claims if claim.subject == name] for name in subjects}
