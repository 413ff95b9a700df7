"""Pictures of attention: one head a picture, and the film strip of a sentence over training.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Words come from
users and are drawn as plain text, never as mathematics.
"""

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data.errors import printable

COLOURS = "Blues"
_DARK = 0.55
"""Above this weight, the value in a cell is written in white."""
_INK, _SOFT = "#22303c", "#6b7a87"
_ACCENT = "#d1495b"
"""Colour of the words that truly matter."""


@dataclass(frozen=True)
class MapLabels:
    """What stands at the axes of a map: the words, and which of them is hidden and which matter in each row."""

    words: tuple[str, ...]
    hidden: tuple[int, ...]
    """Position of the hidden word of each row."""
    relevant: NDArray[np.bool_]
    """[rows, words]: the truly relevant words."""

    def short(self, position: int) -> str:
        """A word as it fits beside the others."""
        word = printable(unicodedata.normalize("NFC", self.words[position]))
        return word if len(word) <= 12 else word[:11] + "…"


class MapPicture:
    """A map that is drawn again and again with other weights; the figure is made once, which halves the time."""

    def __init__(self, labels: MapLabels, title: str) -> None:
        rows, columns = len(labels.hidden), len(labels.words)
        self._title = title
        self._figure = Figure(figsize=(max(4.2, 0.42 * columns + 1.3), max(2.6, 0.42 * rows + 1.9)), dpi=100)
        FigureCanvasAgg(self._figure)
        axes = self._figure.add_axes((0.0, 0.0, 1.0, 1.0))
        _place(axes, self._figure, left=1.05, right=0.2, bottom=1.05, top=0.72)
        self._image = _draw_map(axes, np.zeros((rows, columns)), labels)
        self._cells = [[_value(axes, i, j) for j in range(columns)] for i in range(rows)]
        _label(axes, labels)
        axes.set_xlabel("key: word that is looked at", color=_SOFT, fontsize=8)
        axes.set_ylabel("query: hidden word", color=_SOFT, fontsize=8)
        self._heading = self._figure.text(0.03, 0.93, "", color=_INK, fontsize=10, va="center", weight="bold")
        note = "red frame: words that truly matter"
        self._figure.text(
            0.03, 0.93 - 0.24 / self._figure.get_figheight(), note, color=_ACCENT, fontsize=8, va="center"
        )

    def png(self, weights: NDArray[np.floating], step: int) -> bytes:
        """The map with these weights [rows, words], as PNG."""
        self._image.set_data(weights)
        for i, row in enumerate(self._cells):
            for j, cell in enumerate(row):
                _set_value(cell, float(weights[i, j]))
        self._heading.set_text(f"{self._title}, step {step:,}")
        return _png(self._figure)


def film_strip(maps: Sequence[NDArray[np.floating]], steps: Sequence[int], labels: MapLabels, title: str) -> bytes:
    """A sentence's maps [heads, rows, words] at several steps, one column a step and one row a head, as PNG."""
    heads, rows, columns = maps[0].shape
    cell, gap = 0.24, 0.28
    width, height = columns * cell, rows * cell
    figure = Figure(figsize=(1.15 + len(steps) * (width + gap), 1.35 + heads * (height + gap)), dpi=110)
    FigureCanvasAgg(figure)
    for t, step in enumerate(steps):
        for head in range(heads):
            left = 1.05 + t * (width + gap)
            bottom = 0.8 + (heads - 1 - head) * (height + gap)
            box = np.asarray([left, bottom, width, height]) / np.tile(figure.get_size_inches(), 2)
            axes = figure.add_axes(tuple(box))
            _draw_map(axes, maps[t][head], labels)
            _label(axes, labels, words=head == heads - 1, queries=t == 0, size=7)
            if head == 0:
                axes.set_title(f"step {step:,}", fontsize=8, color=_SOFT, pad=3)
            if t == 0:
                axes.set_ylabel(f"head {head + 1}", fontsize=8, color=_SOFT)
    high = figure.get_figheight()
    figure.text(
        0.12 / figure.get_figwidth(), 1 - 0.2 / high, title, fontsize=10, color=_INK, weight="bold", va="center"
    )
    return _png(figure)


def _draw_map(axes: mpl.axes.Axes, weights: NDArray[np.floating], labels: MapLabels) -> mpl.image.AxesImage:
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    for i, j in zip(*np.nonzero(labels.relevant), strict=True):
        frame = mpl.patches.Rectangle((j - 0.45, i - 0.45), 0.9, 0.9, fill=False, edgecolor=_ACCENT, linewidth=1.1)
        axes.add_patch(frame)
    for spine in axes.spines.values():
        spine.set_color("#c7d0d8")
    axes.tick_params(length=0)
    return image


def _label(axes: mpl.axes.Axes, labels: MapLabels, words: bool = True, queries: bool = True, size: int = 9) -> None:
    columns = [labels.short(j) for j in range(len(labels.words))] if words else []
    axes.set_xticks(
        range(len(columns)),
        columns,
        rotation=90 if len(columns) > 8 else 60,
        fontsize=size,
        color=_INK,
        parse_math=False,
    )
    rows = [labels.short(i) for i in labels.hidden] if queries else []
    axes.set_yticks(range(len(rows)), rows, fontsize=size, color=_INK, parse_math=False)


def _value(axes: mpl.axes.Axes, row: int, column: int) -> mpl.text.Text:
    return axes.text(column, row, "", ha="center", va="center", fontsize=7.5)


def _set_value(cell: mpl.text.Text, value: float) -> None:
    cell.set_text(f"{value:.2f}".removeprefix("0") if value < 0.995 else "1")
    cell.set_color("white" if value > _DARK else _INK if value >= 0.05 else "#b4bec7")


def _place(axes: mpl.axes.Axes, figure: Figure, left: float, right: float, bottom: float, top: float) -> None:
    """Margins in inches."""
    wide, high = figure.get_size_inches()
    axes.set_position((left / wide, bottom / high, 1 - (left + right) / wide, 1 - (bottom + top) / high))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor="white", pil_kwargs={"compress_level": 1})
    return buffer.getvalue()
