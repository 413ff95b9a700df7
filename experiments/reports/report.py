"""A report in a folder: Markdown, figures as PNG and SVG, tables as CSV. Shared by the commands that answer questions.

report = Report(folder, "What the scale does")
report.text("The median falls, the mean does not.")
report.figure("median", figure, "Median of the gradient norm.")
report.csv("norms", ["d", "median"], [[4, 0.408]])
report.save()
"""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.reports.plots import save_figure
from experiments.run_directory.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACTIVE = re.compile(r"[^\w .,;:/=+%()'\"-]|(?<!\w)_|_(?!\w)|:(?=/)")
"""Characters that Markdown or HTML may interpret; not a _ inside a word, nor plain punctuation."""


class Report:
    """The report that a command writes into its run directory."""

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        self._parts = [f"# {title}"]
        self.images: dict[str, bytes] = {}
        """The PNG of every figure so far."""

    def heading(self, text: str, *paragraphs: str) -> None:
        """A heading of the second level, and the first paragraphs under it."""
        self._parts += [f"## {text}", *paragraphs]

    def text(self, *paragraphs: str) -> None:
        """Paragraphs of Markdown."""
        self._parts += paragraphs

    def items(self, lines: Sequence[str]) -> None:
        """A list."""
        self._parts.append("\n".join(f"* {line}" for line in lines))

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table; bars inside a cell are escaped."""
        lines = [header, ["---"] * len(header), *rows]
        shown = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
        self._parts.append("\n".join(f"| {' | '.join(line)} |" for line in shown))

    def figure(self, name: str, figure: "Figure | None", caption: str) -> None:
        """A figure, saved as `name.png` and `name.svg` (None: it is saved elsewhere), with a caption."""
        if figure is not None:
            self.images[name] = save_figure(self.folder, name, figure)
        alternative = caption.partition(". ")[0].replace("[", "(").replace("]", ")")
        self._parts.append(f"![{alternative}]({name}.png)\n\n*{caption}* ([SVG]({name}.svg))")

    def csv(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table saved as `name.csv`, with seven digits of each number."""
        buffer = io.StringIO()
        lines = [[f"{cell:.7g}" if isinstance(cell, float) else cell for cell in row] for row in rows]
        csv.writer(buffer, lineterminator="\n").writerows([header, *lines])
        write_text(self.folder / f"{name}.csv", buffer.getvalue())

    def save(self) -> None:
        """Write `report.md`."""
        write_text(self.folder / "report.md", "\n\n".join(self._parts) + "\n")


def escaped(text: str) -> str:
    """`text` of a user for Markdown: active characters, and every blank but a space, become numeric references."""
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", text)
