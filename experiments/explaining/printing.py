"""What the reports of this package print with: paragraphs, numbers and a progress bar."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from data.errors import printable
from experiments.explaining.drawn_rows import Done

_SHOWN = 0.005
"""Smaller numbers are written as .00, without a sign."""


def paragraph(console: Console, text: str, style: str = "") -> None:
    """Print prose as one paragraph, wrapped at words; words of users in it are text."""
    console.print(Text(printable(text), style))


def two_digits(value: float, sign: str = "") -> str:
    """A number with two digits after the point: .55, -.07, 1.32; with "+" as the sign +.55."""
    text = format(value if abs(value) >= _SHOWN else 0.0, f"{sign}.2f") if value == value else "none"
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text


@contextmanager
def progress_bar(console: Console, what: str) -> Iterator[Done]:
    """A bar on the terminal while something is measured; no bar where the output is no terminal.

    with progress_bar(console, "agreement") as progress: measure_agreement(..., progress=progress)
    """
    columns = TextColumn("{task.description}"), BarColumn(24), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
