"""What all pictures of a sentence share: its words, the cells of its maps with the words around them, and a legend.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Everything is
laid out for the size at which it is shown and painted twice as large (`FINE`), sharp on fine screens and if enlarged.
Lengths are even numbers of pixels where they can be: TensorBoard shows every second pixel, so that lines keep their
width. Words come from users and are drawn as plain text.
"""

import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data.characters import can_end
from data.errors import printable
from experiments.pictures.canvas import ACCENT, INK, LINE, PAPER, SOFT, Canvas, text_tile, text_width

FINE = 2
"""Pictures are painted this many times as large as they are shown."""
CARD = 350 * FINE
"""Width of the cards of TensorBoard's image dashboard."""
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
    """The cells of a sentence's maps, with the words around them and the marks that all its maps share.

    A map has a line of cells for each masked word or, if `square`, for each word of the sentence: the lines of words
    that training never masks are hatched.
    """

    def __init__(self, labels: MapLabels, cell: tuple[int, int], letters: int, square: bool = False) -> None:
        self.labels, self.cell, self._letters = labels, cell, letters
        rows, columns = labels.relevant.shape
        self.lines = labels.masked if square else tuple(range(rows))
        """Which line of cells each row of the map is."""
        self._side = labels.columns if square else labels.rows
        self.width, self.height = columns * cell[0], len(self._side) * cell[1]
        longest = max(text_tile(word, letters).width for word in labels.columns)
        self._angle = 0 if longest <= cell[0] - 4 else 60
        self._small = min(letters, round(0.74 * cell[0])) if self._angle else letters  # slanted words must not touch
        self.below = round(1.5 * letters if not self._angle else 0.87 * longest * self._small / letters + letters)
        """Height of the words below a map."""

    @cached_property
    def _marks(self) -> Image.Image:
        """Gaps between cells, frames within them, and hatched lines."""
        marks, (wide, high), labels = hatch(self.width, self.height), self.cell, self.labels
        draw = ImageDraw.Draw(marks)
        for i, line in enumerate(self.lines):
            for j in range(len(labels.words)):
                x0, y0 = j * wide, line * high
                draw.rectangle((x0, y0, x0 + wide - 1, y0 + high - 1), fill=PAPER)
                draw.rectangle((x0, y0, x0 + wide - 3, y0 + high - 3), fill=_NOTHING)
                # Frames stand apart from the cell's edge, so that those of neighbours do not become one.
                inner = x0 + 2, y0 + 2, x0 + wide - 5, y0 + high - 5
                if labels.relevant[i, j]:
                    draw.rectangle(inner, outline=ACCENT, width=2 if min(self.cell) < 40 else 4)
                if labels.masked[i] == j:
                    dashes(marks, inner)
        return marks

    @cached_property
    def _marked(self) -> Image.Image:
        return self._marks.point([255] * _NOTHING + [0])

    def paint(self, page: Canvas, values: NDArray[np.floating], left: int, top: int) -> None:
        """Paint a map of values [rows, words]."""
        page.draw.rectangle((left - 2, top - 2, left + self.width - 1, top + self.height - 1), outline=LINE, width=2)
        lines = np.zeros((len(self._side), len(self.labels.words)))
        lines[list(self.lines)] = values
        page.cells(lines, left, top, self.cell)
        page.image.paste(self._marks, (left, top), self._marked)

    def write_rows(self, page: Canvas, left: int, top: int) -> None:
        for line, word in enumerate(self._side):
            at = left - self._letters // 2, top + (line + 0.5) * self.cell[1]
            page.write(at, word, self._letters, INK if line in self.lines else SOFT, anchor=1)

    def write_columns(self, page: Canvas, left: int, top: int) -> None:
        anchor, lean = (1, 0.3 * self._small) if self._angle else (0.5, 0)
        for j, word in enumerate(self.labels.columns):
            at = left + (j + 0.5) * self.cell[0] + lean, top + 0.75 * self._letters
            page.write(at, word, self._small, anchor=anchor, angle=self._angle)


def dashes(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """A rectangle of alternating dark and white dashes, visible on pale and on dark cells."""
    size = box[2] - box[0] + 1, box[3] - box[1] + 1
    stripes = np.add.outer(np.arange(size[1]), np.arange(size[0])) // 4 % 2
    outline = Image.new("L", size, 0)
    ImageDraw.Draw(outline).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=255, width=2)
    image.paste(Image.fromarray(np.where(stripes, PAPER, INK).astype(np.uint8)), box[:2], outline)


def hatch(width: int, height: int) -> Image.Image:
    """Slanted thin lines on the page's colour."""
    stripes = np.where(np.arange(width + 14) % 14 < 2, LINE, PAPER).astype(np.uint8)
    return Image.fromarray(np.resize([stripes[k : k + width] for k in range(14)], (height, width)))


class Legend:
    """The meaning of colours and marks, on as many lines as needed."""

    def __init__(self, darkest: str, size: int, room: int, *notes: str, hatched: str = "") -> None:
        """`darkest` is what the darkest colour means, `hatched` what a hatched line is; `notes` have no mark."""
        self._size, left, line = size, 0, 0
        self._items: list[tuple[int, int, str, list[str], int]] = []
        marks = [("scale", darkest), ("frame", "relevant word"), ("dashes", "[ ], the masked place")]
        marks += [("hatch", hatched)] if hatched else []
        for mark, text in [*marks, *(("", note) for note in notes)]:
            mark_width = round({"scale": 6.5, "": 0}.get(mark, 1.6) * size)
            pieces = _wrapped(text, size, room - mark_width)
            width = mark_width + max(text_width(piece, size) for piece in pieces)
            if left and (left + width > room or len(pieces) > 1):
                left, line = 0, line + 1
            self._items.append((left, line, mark, pieces, mark_width))
            line += len(pieces) - 1
            left = left + width + round(1.2 * size) if len(pieces) == 1 else room
        self.height = round(1.6 * size) * (line + 1)

    def paint(self, page: Canvas, left: int, top: int) -> None:
        size = self._size
        for at, line, mark, pieces, mark_width in self._items:
            x, y = left + at, top + round(1.6 * size * (line + 0.5))
            box = x, y - size // 2, x + size, y + size // 2
            if mark == "scale":
                page.write((x, y), "0", size, SOFT)
                page.cells(np.linspace(0, 1, 5 * size)[None], x + size, box[1], (1, size))
                page.draw.rectangle((x + size - 1, box[1] - 1, x + 6 * size, box[3]), outline=LINE)
            elif mark == "frame":
                page.draw.rectangle(box, outline=ACCENT, width=4)
            elif mark == "dashes":
                dashes(page.image, box)
            elif mark == "hatch":
                page.image.paste(hatch(size + 1, size + 1), box[:2])
                page.draw.rectangle(box, outline=LINE, width=2)
            for n, piece in enumerate(pieces):
                page.write((x + mark_width, y + round(1.6 * size * n)), piece, size, SOFT)


def _wrapped(text: str, size: int, room: int) -> list[str]:
    """A text on as many lines as it needs."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def side_width(labels: MapLabels, letters: int, square: bool = False) -> int:
    """Width needed to the left of a map, by the words of its rows and by slanted words below it."""
    rows = [text_tile(word, letters).width for word in (labels.columns if square else labels.rows)]
    leaning = [text_tile(word, letters).width / 2 - j * letters for j, word in enumerate(labels.columns)]
    return round(max(*rows, *leaning) + letters) // 2 * 2


def shortened(text: str, size: int, room: int) -> str:
    """A text, cut to the length that fits."""
    text = printable(unicodedata.normalize("NFC", text[:500]))
    while len(text) > 1 and (wide := text_tile(text, size, bold=True).width) > room:
        text = text[: min(len(text) - 2, int(len(text) * room / wide))] + "…"
    return text
