"""Tables on the terminal that are whole whatever its width: one that is too wide is shown in blocks of its columns.

    print_table(console, [TableColumn(Text("run"), names), TableColumn(Text("excess"), numbers, "right")])

Each block begins with the first column. Where the output is no terminal (a file, a pipe, a notebook, which scrolls),
the table has its full width.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.segment import SegmentLines
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

from experiments.commands.console import NARROWEST

_ISOLATE, _END = "\u2068", "\u2069"
"""Around a word that is written from right to left, as in `words`."""
_PALE, _DARK = (235, 241, 250), (8, 81, 156)
"""Background of a weight of 0 and of 1, as in the pictures."""
CONTINUED = "..."
"""The heading of the first column in every block after the first."""


@dataclass(frozen=True)
class TableColumn:
    """A column: its heading, and a cell for each row."""

    heading: Text
    cells: Sequence[Text]
    justify: Literal["left", "center", "right"] = "left"
    style: str = ""
    joined: bool = False
    """It stays beside the column before it, if a block has room for both."""
    least: int = 0
    """A column of prose may be wrapped to this width, if there is no room for more; 0: it keeps its own."""

    @property
    def width(self) -> int:
        """The width at which nothing is wrapped."""
        return max(cell_len(line) for text in (self.heading, *self.cells) for line in text.plain.split("\n"))

    def narrowest(self, most: int) -> int:
        """The smallest width that it may have in a block, `most` at most."""
        return min(self.width, most, self.least or most)


def print_table(console: Console, columns: Sequence[TableColumn], gap: int = 2) -> None:
    """Print a table whole, in as many blocks as it needs; without any heading, an empty line parts them.

    Args:
      console: where to print.
      columns: the first is repeated in every block.
      gap: spaces between two columns.
    """
    room = max(console.width, NARROWEST) if console.is_terminal else _full(columns, gap)
    options = console.options.update(width=room)
    for number, block in enumerate(_blocks(columns, room, gap)):
        if number and not any(column.heading.plain for column in columns):
            console.print()
        lines = console.render_lines(_table(console, block, gap, number > 0), options, pad=False)
        console.print(SegmentLines(lines, new_lines=True), crop=False, end="")


def weight_cell(weight: float, masked: bool = False) -> Text:
    """A weight on a background as dark as it is large; in brackets where the masked word itself stands."""
    if not math.isfinite(weight):
        return Text("  -  ")
    red, green, blue = (round(pale + weight * (dark - pale)) for pale, dark in zip(_PALE, _DARK, strict=True))
    ink = "white" if weight > 0.45 else "rgb(60,70,90)"
    shown = f"{weight:.2f}".removeprefix("0") if weight < 0.995 else "1.0"
    text = f"[{shown}]" if masked else f" {shown} "
    return Text(text, style=Style.parse(f"{ink} on rgb({red},{green},{blue})"))


def fitting(columns: Sequence[TableColumn], room: int, dots: bool = True) -> list[TableColumn]:
    """As many of the columns as fit into `room`, a blank before each, and then, with `dots`, an ellipsis."""
    if sum(column.width + 1 for column in columns) <= room:
        return list(columns)
    count, left = 0, room - (len(CONTINUED) + 1) * dots
    while left - columns[count].width - 1 >= 0:
        left -= columns[count].width + 1
        count += 1
    rows = len(columns[0].cells)
    return [*columns[: max(count, 1)], *([TableColumn(Text(), [Text(CONTINUED, "dim")] * rows)] if dots else [])]


def _full(columns: Sequence[TableColumn], gap: int) -> int:
    return sum(column.width + gap for column in columns) - gap


def _blocks(columns: Sequence[TableColumn], room: int, gap: int) -> list[list[tuple[TableColumn, int]]]:
    """The columns of each block with their widths, `room` in sum at most."""
    first, *rest = columns
    key = first.width if _full(columns, gap) <= room else min(first.width, room // 2)
    most = room - key - gap
    groups: list[list[TableColumn]] = []
    for column in rest:
        if column.joined and _needed([*groups[-1], column], most, gap) <= most:
            groups[-1].append(column)
        else:
            groups.append([column])
    blocks: list[list[TableColumn]] = [[]]
    for group in groups:
        if blocks[-1] and _needed([*blocks[-1], *group], most, gap) > most:
            blocks.append([])
        blocks[-1] += group
    return [[(first, key), *_widened(block, most, gap)] for block in blocks]


def _needed(columns: Sequence[TableColumn], most: int, gap: int) -> int:
    return sum(column.narrowest(most) + gap for column in columns) - gap


def _widened(block: Sequence[TableColumn], most: int, gap: int) -> list[tuple[TableColumn, int]]:
    """The columns of a block with their widths: prose gets what the others leave."""
    widths = [column.narrowest(most) for column in block]
    for place, column in enumerate(block):
        left = most - sum(widths) - gap * (len(block) - 1)
        widths[place] += min(left, column.width - widths[place])
    return list(zip(block, widths, strict=True))


def _table(console: Console, block: Sequence[tuple[TableColumn, int]], gap: int, continued: bool) -> Table:
    headed = any(column.heading.plain for column, _ in block)
    table = Table(
        *(
            Column(_wrapped(console, column.heading, width), justify=column.justify, style=column.style, width=width)
            for column, width in block
        ),
        box=None,
        padding=(0, gap, 0, 0),
        pad_edge=False,
        header_style="dim",
        show_header=headed,
    )
    if continued and headed:
        table.columns[0].header = CONTINUED
    for cells in zip(*(column.cells for column, _ in block), strict=True):
        table.add_row(*(_wrapped(console, cell, width) for cell, (_, width) in zip(cells, block, strict=True)))
    return table


def _wrapped(console: Console, text: Text, width: int) -> Text:
    """A cell in lines of this width; a word that is longer is parted, and stays isolated in each line."""
    if all(cell_len(line) <= width for line in text.plain.split("\n")):
        return text
    lines, isolated = [], False
    for line in text.wrap(console, width, overflow="fold"):
        before, isolated = isolated, (isolated + line.plain.count(_ISOLATE)) > line.plain.count(_END)
        lines.append(Text.assemble(_ISOLATE * before, line, _END * isolated))
    return Text("\n").join(lines)
