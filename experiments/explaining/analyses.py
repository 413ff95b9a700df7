"""What can be asked about a run beyond one sentence: measured with a progress bar, printed, as CSV, as pictures."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from data.errors import reporting_os_errors, require
from data.world import World, load_world
from experiments.explaining.agreement import measure_agreement
from experiments.explaining.agreement_report import agreement_table, print_agreement
from experiments.explaining.circuits import measure_circuits
from experiments.explaining.circuits_figures import looks_for_figure, speaks_for_figure
from experiments.explaining.circuits_report import circuit_cells, print_circuits
from experiments.explaining.comparison_runs import find_comparisons
from experiments.explaining.evidence_report import evidence_cells, print_evidence
from experiments.explaining.evidence_tables import measure_evidence
from experiments.explaining.formation import measure_formation
from experiments.explaining.formation_report import formation_cells, formation_figure, print_formation
from experiments.explaining.printing import paragraph, progress_bar
from experiments.replay.asked import chosen_run, nearest_step
from experiments.reports.plots import figure_files
from experiments.run_directory.saved_run import SavedRun

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cells = tuple[list[str], Sequence[Sequence[str | int | float]]]


@dataclass(frozen=True)
class Asked:
    """A run at a recorded step, and how many sentences are drawn."""

    saved: SavedRun
    world: World
    t: int
    sentences: int | None
    seed: int

    @property
    def drawn(self) -> dict[str, int]:
        """The arguments of every measurement; its own number of sentences unless one was given."""
        return {"seed": self.seed} | ({} if self.sentences is None else {"sentences": self.sentences})


@dataclass(frozen=True)
class Found:
    """What was measured, in all its forms."""

    print: Callable[[Console], None]
    cells: Cells
    figures: Mapping[str, Callable[[], "Figure"]]
    """Pictures by the end of their files' names, perhaps none."""


def analyse(
    kind: str, run: str | None, step: int | None, sentences: int | None, seed: int
) -> tuple[Callable[[Console], Found], list[str]]:
    """What measures an analysis of ANALYSES, given the terminal that shows how far it is; and notes.

    Raises:
      InputError: there is no such run.
    """
    saved, world, notes = chosen_run(run)
    t, more = nearest_step(saved, world, step)
    asked = Asked(saved, world, t, sentences, seed)
    return lambda console: ANALYSES[kind](asked, console), [*notes, *more]


def cells_csv(cells: Cells) -> str:
    """Lines of cells as CSV; numbers at full precision."""
    out = io.StringIO()
    lines = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    lines.writerows([[_cell(value) for value in line] for line in [cells[0], *cells[1]]])
    return out.getvalue()


def _cell(value: str | float) -> str | float:
    """A word that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def write_figures(found: Found, pictures: Mapping[str, Path]) -> None:
    """Write the pictures of an analysis, by their endings; of several each gets a name of its own.

    Raises:
      InputError: there are none, or they cannot be written.
    """
    require(found.figures or not pictures, "--png, --svg: this has no picture; leave them out, or use --csv")
    for name, draw in found.figures.items():
        drawn = figure_files(draw(), name) if pictures else {}
        for ending, path in pictures.items():
            place = path.with_name(f"{path.stem}{name}{path.suffix}")
            with reporting_os_errors(f"{place}: cannot be written", "name another file"), place.open("xb") as file:
                file.write(drawn[ending])


def _agreement(asked: Asked, console: Console) -> Found:
    """Of the run, and of models in which weights mislead, where there are some."""
    with progress_bar(console, "agreement") as progress:
        found = measure_agreement(asked.saved, asked.world, asked.t, **asked.drawn, progress=progress)
    others: list[tuple[str, Any]] = []
    for one in find_comparisons().values():
        if one.saved is None:
            others.append((f"To compare with a model {one.about}: {one.command}", None))
        elif one.saved.folder != asked.saved.folder:
            with progress_bar(console, "a model to compare with") as progress:
                world = load_world(one.saved.config.world)
                others.append((one.about, measure_agreement(one.saved, world, **asked.drawn, progress=progress)))

    def show(to: Console) -> None:
        print_agreement(found, to)
        for about, other in others:
            to.print()
            if other is None:
                paragraph(to, about, "dim")
            else:
                print_agreement(other, to, about)

    return Found(show, agreement_table(found), {})


def _evidence(asked: Asked, console: Console) -> Found:
    with progress_bar(console, "evidence") as progress:
        trained = measure_evidence(asked.saved, asked.world, asked.t, **asked.drawn, progress=progress)
    with progress_bar(console, "before training") as progress:
        untrained = measure_evidence(asked.saved, asked.world, 0, **asked.drawn, progress=progress)
    return Found(lambda to: print_evidence(trained, untrained, to), evidence_cells(trained), {})


def _circuits(asked: Asked, console: Console) -> Found:
    with progress_bar(console, "circuit tables") as progress:
        found = measure_circuits(asked.saved, asked.world, asked.t, **asked.drawn, progress=progress)
    figures = {"-looks-for": lambda: looks_for_figure(found), "-speaks-for": lambda: speaks_for_figure(found)}
    return Found(lambda to: print_circuits(found, to), circuit_cells(found), figures)


def _formation(asked: Asked, console: Console) -> Found:
    with progress_bar(console, "recorded steps") as progress:
        found = measure_formation(asked.saved, asked.world, **asked.drawn, progress=progress)
    figures = {"": lambda: formation_figure(found)}
    return Found(lambda to: print_formation(found, to), formation_cells(found), figures)


ANALYSES: dict[str, Callable[[Asked, Console], Found]] = {
    "agreement": _agreement,
    "evidence": _evidence,
    "circuits": _circuits,
    "formation": _formation,
}
"""Measured by their names, which are options of the command."""
