"""Pictures of attention, one head each, and the parts that all maps share: cells with words around them, and a legend.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Everything is
laid out for the size at which it is shown and painted twice as large (`FINE`), sharp on fine screens and if enlarged.
Words come from users and are drawn as plain text. A picture keeps its white page on a dark one.
"""

import math
import unicodedata
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data.characters import can_end
from data.errors import printable
from experiments.pictures.canvas import (
    ACCENT,
    BLUES,
    INK,
    LINE,
    PAPER,
    PURPLES,
    SHADES,
    SOFT,
    Canvas,
    canvas,
    shade,
    text_tile,
)

FINE = 2
"""Pictures are painted this many times as large as they are shown."""
_NOTHING = 255
"""No mark; a colour that nothing has."""
_CARD = 350 * FINE
"""Width of TensorBoard's image cards."""
_KINDS = {
    "weight": (BLUES, "1", "query: masked word", "key: word that is looked at", ""),
    "relevance": (PURPLES, "1 nat or more", "masked word", "known word: what it tells, in nats", ", in nats"),
}
"""How a quantity is drawn: its scale, the text of the darkest colour, of the rows and of the columns, its unit."""


@dataclass(frozen=True)
class MapLabels:
    """The labels of a map: its words, and which word is masked and which are relevant in each row."""

    words: tuple[str, ...]
    masked: tuple[int, ...]
    """Position of the masked word of each row."""
    relevant: NDArray[np.bool_]
    """[rows, words]: the relevant words."""

    def short(self, position: int) -> str:
        """A word as it fits beside the others: at most 12 letters, or 6 of the wide ones of East Asia."""
        word = printable(unicodedata.normalize("NFC", self.words[position]))
        widths = np.cumsum([2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in word])
        if not word or widths[-1] <= 12:
            return word
        end = int((widths <= 11).sum())
        while end and not can_end(word, end):  # an accent stays with its letter, an emoji whole
            end -= 1
        return word[:end] + "…"

    @property
    def columns(self) -> list[str]:
        return [self.short(j) for j in range(len(self.words))]

    @property
    def rows(self) -> list[str]:
        return [self.short(i) for i in self.masked]


class Grid:
    """The cells of a sentence's maps, with the words around them and the marks that all its maps share."""

    def __init__(self, labels: MapLabels, cell: tuple[int, int], letters: int) -> None:
        self._labels, self.cell, self._letters, (rows, columns) = labels, cell, letters, labels.relevant.shape
        self.width, self.height = columns * cell[0], rows * cell[1]
        longest = max(text_tile(word, letters).width for word in labels.columns)
        self._angle = 0 if longest <= cell[0] - 6 else 60
        self._small = min(letters, round(0.74 * cell[0])) if self._angle else letters  # slanted words must not touch
        self.below = round(1.5 * letters if not self._angle else 0.87 * longest * self._small / letters + letters)
        """Height of the words below a map."""
        self._marks = Image.new("L", (self.width, self.height), _NOTHING)
        draw = ImageDraw.Draw(self._marks)
        for i, j in np.ndindex(rows, columns):
            x0, y0 = j * cell[0], i * cell[1]
            x1, y1 = x0 + cell[0] - 1, y0 + cell[1] - 1
            draw.line((x1, y0, x1, y1, x0, y1), fill=PAPER)  # thin gaps, so that cells can be counted
            if labels.relevant[i, j]:
                draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=ACCENT, width=3)
            if labels.masked[i] == j:
                _dashes(self._marks, (x0 + 1, y0 + 1, x1 - 2, y1 - 2))
        self._marked = self._marks.point([255] * _NOTHING + [0])

    def paint(self, page: Canvas, values: NDArray[np.floating], left: int, top: int) -> None:
        page.draw.rectangle((left - 1, top - 1, left + self.width, top + self.height), outline=LINE)
        page.cells(values, left, top, self.cell)
        page.image.paste(self._marks, (left, top), self._marked)

    def write_rows(self, page: Canvas, left: int, top: int) -> None:
        for i, word in enumerate(self._labels.rows):
            page.write((left - self._letters // 2, top + (i + 0.5) * self.cell[1]), word, self._letters, anchor=1)

    def write_columns(self, page: Canvas, left: int, top: int) -> None:
        anchor, lean = (1, 0.3 * self._small) if self._angle else (0.5, 0)
        for j, word in enumerate(self._labels.columns):
            at = left + (j + 0.5) * self.cell[0] + lean, top + 0.75 * self._letters
            page.write(at, word, self._small, anchor=anchor, angle=self._angle)


def _dashes(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """A rectangle of alternating dark and white dashes, visible on pale and on dark cells."""
    size = box[2] - box[0] + 1, box[3] - box[1] + 1
    stripes = np.add.outer(np.arange(size[1]), np.arange(size[0])) // 4 % 2
    outline = Image.new("L", size, 0)
    ImageDraw.Draw(outline).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=255, width=2)
    image.paste(Image.fromarray(np.where(stripes, PAPER, INK).astype(np.uint8)), box[:2], outline)


class Legend:
    """The meaning of colours and marks, on as many lines as needed."""

    def __init__(self, darkest: str, size: int, room: int, note: str) -> None:
        """`darkest` is what the darkest colour means; `note` a text without a mark, at the end."""
        self._size, left, line = size, 0, 0
        self._items: list[tuple[int, int, str, str, int]] = []
        marks = {
            "scale": (darkest, 6.5),
            "frame": ("relevant word", 1.6),
            "dashes": ("[MASK], the masked place", 1.6),
            "": (note, 0),
        }  # what is drawn, the text beside it, and the mark's width in letters
        for mark, (text, share) in marks.items():
            mark_width = round(share * size)
            width = mark_width + text_tile(text, size).width
            if left and left + width > room:
                left, line = 0, line + 1
            self._items.append((left, line, mark, text, mark_width))
            left += width + round(1.2 * size)
        self.height = round(1.6 * size) * (line + 1)

    def paint(self, page: Canvas, left: int, top: int) -> None:
        size = self._size
        for at, line, mark, text, mark_width in self._items:
            x, y = left + at, top + round(1.6 * size * (line + 0.5))
            box = x, y - size // 2, x + size, y + size // 2
            if mark == "scale":
                page.write((x, y), "0", size, SOFT)
                page.cells(np.linspace(0, 1, 5 * size)[None], x + size, box[1], (1, size))
                page.draw.rectangle((x + size - 1, box[1] - 1, x + 6 * size, box[3]), outline=LINE)
            elif mark == "frame":
                page.draw.rectangle(box, outline=ACCENT, width=3)
            elif mark == "dashes":
                _dashes(page.image, box)
            page.write((x + mark_width, y), text, size, SOFT)


def side_width(labels: MapLabels, letters: int) -> int:
    """Width needed to the left of a map, by the words of its rows and by slanted words below it."""
    rows = [text_tile(word, letters).width for word in labels.rows]
    leaning = [text_tile(word, letters).width / 2 - j * letters for j, word in enumerate(labels.columns)]
    return round(max(*rows, *leaning) + letters)


def shortened(text: str, size: int, room: int) -> str:
    """A text, cut to the length that fits."""
    text = printable(unicodedata.normalize("NFC", text[:500]))
    while len(text) > 1 and (wide := text_tile(text, size, bold=True).width) > room:
        text = text[: min(len(text) - 2, int(len(text) * room / wide))] + "…"
    return text


class MapPicture:
    """A sentence's map in one size, drawn again and again with other values: one head a picture.

    `kind` says what the values are: attention weights, or exact relevance in nats.
    """

    def __init__(self, labels: MapLabels, kind: Literal["weight", "relevance"] = "weight") -> None:
        scale, darkest, row_text, column_text, self._suffix = _KINDS[kind]
        rows, columns = labels.relevant.shape
        # For a longer sentence everything grows with the picture, so that it looks the same in a card of fixed width.
        side = side_width(labels, 21) / _CARD
        self._unit = unit = max(1, 30 * columns / (0.92 - side) / _CARD)
        width, letters = round(_CARD * unit), round(21 * unit)
        left = side_width(labels, letters) + round(30 * unit)
        wide = min((width - left - round(14 * unit)) // columns, round(120 * unit))
        self._grid = grid = Grid(labels, (wide, round(min(max(wide, 36 * unit), max(60, 250 / rows) * unit))), letters)
        legend = Legend(darkest, round(18 * unit), width - round(28 * unit), "blank: below .005")
        top = round(52 * unit) + legend.height + round(12 * unit)
        below = top + grid.height + grid.below
        self._page = page = canvas(width, max(below + round(40 * unit), top + round(280 * unit)), scale)
        legend.paint(page, round(14 * unit), round(50 * unit))
        grid.write_rows(page, left, top)
        grid.write_columns(page, left, top + grid.height)
        page.write((left, below + 16 * unit), column_text, round(18 * unit), SOFT)
        middle = top + max(grid.height, 250 * unit) / 2
        page.write((18 * unit, middle), row_text, round(18 * unit), SOFT, anchor=0.5, angle=90)
        self.corner = left, top
        """Where the cells begin, in pixels."""
        self.cell = grid.cell
        """Width and height of a cell."""

    def png(self, values: NDArray[np.floating], heading: str) -> bytes:
        """The map with these values [rows, words], as PNG."""
        page, unit, (left, top), (wide, high) = self._page.copy(), self._unit, self.corner, self.cell
        size, title = round(26 * unit), heading.removesuffix(self._suffix) + self._suffix
        page.write((14 * unit, 28 * unit), shortened(title, size, round(670 * unit)), size, bold=True)
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
