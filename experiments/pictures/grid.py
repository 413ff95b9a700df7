"""The parts of every map of attention: its cells, the words around them, and the legend."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data.errors import printable
from experiments.pictures.canvas import ACCENT, INK, LINE, PAPER, SOFT, Canvas, text_tile

FINE = 2
"""Pictures are painted this many times as large as they are shown."""
_NOTHING = 255
"""No mark; a colour that nothing has."""


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
        return word if not word or widths[-1] <= 12 else word[: int((widths <= 11).sum())] + "…"

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

    def __init__(self, darkest: str, size: int, room: int, more: Sequence[tuple[str, str]] = ()) -> None:
        self._size, left, line = size, 0, 0
        self._items: list[tuple[int, int, str, str]] = []
        marks = ("scale", darkest), ("frame", "relevant word"), ("dashes", "[MASK], the masked place")
        for mark, text in (*marks, *more):
            wide = self._wide(mark) + text_tile(text, size).width
            if left and left + wide > room:
                left, line = 0, line + 1
            self._items.append((left, line, mark, text))
            left += wide + round(1.2 * size)
        self.height = round(1.6 * size) * (line + 1)

    def _wide(self, mark: str) -> int:
        return round({"": 0, "scale": 6.5}.get(mark, 1.6) * self._size)

    def paint(self, page: Canvas, left: int, top: int) -> None:
        size = self._size
        for at, line, mark, text in self._items:
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
            page.write((x + self._wide(mark), y), text, size, SOFT)


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
