"""Pictures of attention: one head a picture.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Everything is
laid out for the size at which it is shown and painted twice as large (`FINE`), sharp on fine screens and if enlarged.
Words come from users and are drawn as plain text. A picture keeps its white page on a dark one.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.pictures.canvas import BLUES, INK, PAPER, PURPLES, SHADES, SOFT, canvas, shade
from experiments.pictures.grid import FINE, Grid, Legend, MapLabels, shortened, side_width

__all__ = ["MapLabels", "MapPicture"]

_CARD = 350 * FINE
"""Width of TensorBoard's image cards."""


@dataclass(frozen=True)
class _Kind:
    """How a quantity is drawn."""

    scale: str
    darkest: str
    rows: str
    columns: str
    unit: str = ""


_KINDS = {
    "weight": _Kind(BLUES, "1", "query: masked word", "key: word that is looked at"),
    "relevance": _Kind(PURPLES, "1 nat or more", "masked word", "known word: what it tells, in nats", ", in nats"),
}


class MapPicture:
    """A sentence's map in one size, drawn again and again with other values: one head a picture.

    `kind` says what the values are: attention weights, or exact relevance in nats.
    """

    def __init__(self, labels: MapLabels, kind: Literal["weight", "relevance"] = "weight") -> None:
        self._kind, (rows, columns) = _KINDS[kind], labels.relevant.shape
        # For a longer sentence everything grows with the picture, so that it looks the same in a card of fixed width.
        side = side_width(labels, 21) / _CARD
        self._unit = unit = max(1, 30 * columns / (0.92 - side) / _CARD)
        width, letters = round(_CARD * unit), round(21 * unit)
        left = side_width(labels, letters) + round(30 * unit)
        wide = min((width - left - round(14 * unit)) // columns, round(120 * unit))
        self._grid = grid = Grid(labels, (wide, round(min(max(wide, 36 * unit), max(60, 250 / rows) * unit))), letters)
        legend = Legend(self._kind.darkest, round(18 * unit), width - round(28 * unit), (("", "blank: below .005"),))
        top = round(52 * unit) + legend.height + round(12 * unit)
        below = top + grid.height + grid.below
        self._page = page = canvas(width, max(below + round(40 * unit), top + round(280 * unit)), self._kind.scale)
        legend.paint(page, round(14 * unit), round(50 * unit))
        grid.write_rows(page, left, top)
        grid.write_columns(page, left, top + grid.height)
        page.write((left, below + 16 * unit), self._kind.columns, round(18 * unit), SOFT)
        middle = top + max(grid.height, 250 * unit) / 2
        page.write((18 * unit, middle), self._kind.rows, round(18 * unit), SOFT, anchor=0.5, angle=90)
        self.corner = left, top
        """Where the cells begin, in pixels."""
        self.cell = grid.cell
        """Width and height of a cell."""

    def png(self, values: NDArray[np.floating], heading: str) -> bytes:
        """The map with these values [rows, words], as PNG."""
        page, unit, (left, top), (wide, high) = self._page.copy(), self._unit, self.corner, self.cell
        if not heading.endswith(self._kind.unit):
            heading += self._kind.unit
        size = round(26 * unit)
        page.write((14 * unit, 28 * unit), shortened(heading, size, round(670 * unit)), size, bold=True)
        self._grid.paint(page, values, left, top)
        size, colours = round(min(0.46 * wide, 21 * unit)), shade(values)
        for i, j in np.ndindex(*values.shape):
            if text := _shown(float(values[i, j])):
                on = int(colours[i, j])
                ink = PAPER if 0.55 * SHADES < on < SHADES else INK
                page.digits((left + (j + 0.5) * wide, top + (i + 0.5) * high), text, size, (ink, on))
        return page.png()


def _shown(value: float) -> str:
    """The text of a value in its cell."""
    if not math.isfinite(value):
        return "?"
    if value < 0.995:
        return f"{value:.2f}".removeprefix("0") if value >= 0.005 else ""
    return f"{value:.1f}".removesuffix(".0")
