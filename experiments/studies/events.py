"""A report in TensorBoard; its event files are written anew with each report.

TensorBoard opens with no run selected, and looks empty, where it lists more than 40. So a study adds few runs to its
list: its report, and at most MOST lines. Four studies and ten trainings are then 38.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from experiments.commands.words import table_width
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.tags import REPORT

MOST = 6
"""The most runs that a study adds to TensorBoard's list beside its report."""
_PICTURE = re.compile(r"!\[[^\]]*\]\((\w+)\.png\)")
_SVG = re.compile(r" \(\[SVG\]\(\w+\.svg\)\)")
_TABLE = re.compile(r"(?m)^\|.*\|\n\|(?: --- \|)+\n(?:\|.*\|$\n?)*")
_BAR = re.compile(r"(?<!\\)\|")
_PROSE = 40
"""A cell with more characters is a sentence."""


def new_writer(folder: Path) -> EventWriter:
    """The writer of a new event file in a folder, which is made; those of an earlier report are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_events(folder)
    return EventWriter(folder)


def remove_events(folder: Path, below: str = "") -> None:
    """Remove the event files of a folder, or of those in it that the pattern `below` names ("d16-*")."""
    for old in folder.glob(f"{below}/events.out.tfevents.*" if below else "events.out.tfevents.*"):
        old.unlink()


def write_report_events(
    folder: Path, images: Mapping[str, bytes], charts: Mapping[str, tuple[str, str, str]] | None = None
) -> None:
    """Show the report in a folder, `report.md`, its figures (PNG, by name), and `charts` as `EventWriter` has them."""
    text = (folder / "report.md").read_text(encoding="utf-8")
    text = _SVG.sub(
        "", _PICTURE.sub(r"Picture: `figures/\1`, in the dashboard Images.", text)
    )  # no file is served there
    text = _TABLE.sub(lambda found: _unbroken(found[0]), text)
    with new_writer(folder) as writer:
        writer.text(0, REPORT, text)
        for name, png in images.items():
            writer.image(0, f"figures/{name}", png)
        if charts:
            writer.band_charts("Median and range of the seeds", charts)


def _unbroken(table: str) -> str:
    """A Markdown table for a page of any width: in a narrow one, TensorBoard breaks words and numbers of its cells.

    Columns of a fixed width, with which the page scrolls; where cells are sentences, a line of a list for each row.
    """
    rows = [[cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]] for line in table.splitlines()]
    del rows[1]  # the rule
    head, *body = rows
    if any(len(cell) > _PROSE for row in body for cell in row):
        lines = []
        for row in filter(any, body):
            first, *others = [(name, cell) for name, cell in zip(head, row, strict=True) if cell]
            parts = [cell if len(cell) > _PROSE or not name else f"{name}: {cell}" for name, cell in others]
            lines.append(f"* {'; '.join([first[1], *parts])}")
        return "\n".join(lines) + "\n"
    plain = [[html.unescape(cell.replace("**", "").replace("`", "")) for cell in row] for row in rows]
    widths = [max(table_width(cell) for cell in column) for column in zip(*plain, strict=True)]
    padded = [
        "  ".join(cell + " " * (n - table_width(cell)) for cell, n in zip(row, widths, strict=True)) for row in plain
    ]
    return "".join(f"    {line.rstrip()}\n" for line in padded)
