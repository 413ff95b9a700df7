"""The map of a sentence, one head a picture: a line for each word and a column for each word.

A picture is as wide as a card of TensorBoard, where it reads without being enlarged. A short sentence's is so low that
it also reads in the cards of the first dashboard ("time series"), which leave 215 pixels for its height.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.pictures.canvas import BLUES, INK, PAPER, PURPLES, SHADES, canvas, shade
from experiments.pictures.map_parts import CARD, FINE, Grid, Legend, MapLabels, shortened, side_width

_KINDS = {
    "weight": (BLUES, "1", "never masked: no loss, nothing learnt", "row: query, the masked word",
               "column: key, a word it looks at", ""),
    "relevance": (PURPLES, "1 nat or more", "never masked in training", "row: masked word",
                  "column: known word, what it tells", ", in nats"),
}  # fmt: skip
"""How a quantity is drawn: its scale, texts of the darkest colour, hatched lines, rows and columns; its unit."""
_BESIDE = 190
"""Room that a legend beside a map needs."""
_LOW = 215 * FINE
"""Height of pictures that have the legend beside the map: that of the first dashboard's cards."""
_TOP, _PAD, _LETTERS = 46, 14, 22
_CELLS = 48, 72
"""Side of the smallest cells that a number of such letters fits in, and of the largest."""


class MapPicture:
    """A sentence's map in one size, drawn again and again with other values: one head a picture.

    `kind` says what the values are: attention weights, or exact relevance in nats.
    """

    def __init__(self, labels: MapLabels, kind: Literal["weight", "relevance"] = "weight") -> None:
        scale, darkest, hatched, row_text, column_text, self._suffix = _KINDS[kind]
        columns = len(labels.words)
        # A sentence of more words than a card has room for is painted larger, to be read at its actual size.
        room = CARD - side_width(labels, _LETTERS, square=True) - 2 * _PAD
        self._unit = unit = max(1, math.ceil(28 * columns / room))
        width, letters, pad, top = CARD * unit, _LETTERS * unit, _PAD * unit, _TOP * unit
        left = pad + side_width(labels, letters, square=True)
        beside = _low_grid(labels, room - _BESIDE - 2 * _PAD)
        wide = min((width - left - pad) // columns, _CELLS[1] * unit) // 2 * 2
        self._grid = grid = beside or Grid(labels, (wide, wide), letters, square=True)
        legend_left = left + grid.width + 2 * pad if beside else pad
        legend = Legend(darkest, 20 * unit, width - legend_left - pad, "blank: below .005",
                        row_text, column_text, hatched=hatched)  # fmt: skip
        below = top + grid.height + grid.below
        bottom = max(below, top + legend.height) if beside else below + legend.height
        self._page = page = canvas(width, max(bottom + pad, _LOW if beside else 0), scale)
        legend.paint(page, legend_left, top if beside else below)
        grid.write_rows(page, left, top)
        grid.write_columns(page, left, top + grid.height)
        self.corner = left, top
        """Where the cells begin, in pixels."""
        self.lines = grid.lines
        """The line of cells in which each row of values stands: that of its masked word."""
        self.cell = grid.cell
        """Width and height of a cell."""

    def png(self, values: NDArray[np.floating], heading: str) -> bytes:
        """The map with these values [rows, words], as PNG; the rows are those of the masked words."""
        page, unit, (left, top), (wide, high) = self._page.copy(), self._unit, self.corner, self.cell
        size, title = 26 * unit, heading.removesuffix(self._suffix) + self._suffix
        page.write((_PAD * unit, 26 * unit), shortened(title, size, 670 * unit), size, bold=True)
        self._grid.paint(page, values, left, top)
        size, colours = round(min(0.46 * wide, 22 * unit)), shade(values)
        for i, j in np.ndindex(*values.shape):
            if text := _shown(float(values[i, j])):
                on = int(colours[i, j])
                ink = PAPER if 0.55 * SHADES < on < SHADES else INK
                middle = left + (j + 0.5) * wide, top + (self._grid.lines[i] + 0.5) * high
                page.digits(middle, text, size, (ink, on))
        return page.png()


def _low_grid(labels: MapLabels, room: int) -> Grid | None:
    """The cells of a map that has its legend beside it: as large as a low picture allows; None if they need more room.

    The smallest cells make a picture a little higher, if need be.
    """
    smallest, largest = _CELLS
    grid = None
    for side in range(min(room // len(labels.words), largest) // 2 * 2, smallest - 1, -2):
        grid = Grid(labels, (side, side), _LETTERS, square=True)
        if _TOP + grid.height + grid.below + _PAD <= _LOW:
            break
    return grid


def _shown(value: float) -> str:
    """The text of a value in its cell."""
    if not math.isfinite(value):
        return "?"
    if value < 0.995:
        return f"{value:.2f}".removeprefix("0") if value >= 0.005 else ""
    return f"{value:.1f}".removesuffix(".0")
