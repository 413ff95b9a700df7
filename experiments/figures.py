"""Pictures of attention: one head a picture, and the film strip of a sentence over training.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Words come from
users and are drawn as plain text, never as mathematics.
"""

import io
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

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
    """A map that is drawn again and again with other weights.

    What never changes is drawn once and kept as a background: each picture then takes a third of the time.
    """

    def __init__(self, labels: MapLabels, title: str) -> None:
        rows, columns = len(labels.hidden), len(labels.words)
        self._title = title
        width = max(4.2, 0.35 * columns + 1.2)
        size = width / 4.2  # letters grow with the picture, so that they read alike in a card of fixed width
        left, bottom, top = 0.85 * size, 0.8 * size, 0.6 * size
        high = max(2.2 * size, 0.35 * rows + bottom + top)
        self._figure = Figure(figsize=(width, high), dpi=100)
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes(
            (left / width, bottom / high, 1 - (left + 0.12) / width, 1 - (bottom + top) / high)
        )
        self._image = _draw_map(self._axes, np.zeros((rows, columns)), labels)
        cells = [[_value(self._axes, i, j, 7.5 * min(size, 1.2)) for j in range(columns)] for i in range(rows)]
        _label(self._axes, labels, size=9 * size)
        self._axes.set_xlabel("key: word that is looked at", color=_SOFT, fontsize=8 * size)
        self._axes.set_ylabel("query: hidden word", color=_SOFT, fontsize=8 * size)
        place: dict[str, Any] = {"x": 0.02, "va": "center"}
        heading: dict[str, Any] = {"color": _INK, "fontsize": 10 * size, "weight": "bold"}
        self._heading = self._figure.text(y=1 - 0.17 * size / high, s="", **heading, **place)
        note = "red frame: words that truly matter; blank: below .005"
        self._figure.text(y=1 - 0.4 * size / high, s=note, color=_ACCENT, fontsize=7.5 * size, **place)
        self._cells = cells
        self._background = self._draw_background()

    def _draw_background(self) -> object:
        moving = [self._image, self._heading, *self._axes.patches, *(cell for row in self._cells for cell in row)]
        for artist in moving:
            artist.set_animated(True)  # left out of the background
        self._moving = moving
        with _any_script():
            self._canvas.draw()
        return self._canvas.copy_from_bbox(self._figure.bbox)

    def png(self, weights: NDArray[np.floating], step: int) -> bytes:
        """The map with these weights [rows, words], as PNG."""
        self._image.set_data(weights)
        for i, row in enumerate(self._cells):
            for j, cell in enumerate(row):
                _set_value(cell, float(weights[i, j]))
        self._heading.set_text(f"{self._title}, step {step:,}")
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            self._figure.draw_artist(artist)
        return _encode(np.asarray(self._canvas.buffer_rgba()))


def film_strip(maps: Sequence[NDArray[np.floating]], steps: Sequence[int], labels: MapLabels, title: str) -> bytes:
    """A sentence's maps [heads, rows, words] at several steps, one column a step and one row a head, as PNG."""
    heads, rows, columns = maps[0].shape
    cell, gap, left, bottom, top = 0.26, 0.22, 0.95, 0.62, 0.85
    width, height = columns * cell, rows * cell
    figure = Figure(figsize=(left + len(steps) * (width + gap), bottom + heads * (height + gap) + top - gap), dpi=120)
    canvas = FigureCanvasAgg(figure)
    wide, high = figure.get_size_inches()
    for t, step in enumerate(steps):
        for head in range(heads):
            low = bottom + (heads - 1 - head) * (height + gap)
            axes = figure.add_axes(((left + t * (width + gap)) / wide, low / high, width / wide, height / high))
            _draw_map(axes, maps[t][head], labels)
            _label(axes, labels, words=head == heads - 1, queries=t == 0, size=7)
            if head == 0:
                axes.set_title(f"step {step:,}", fontsize=8, color=_SOFT, pad=3)
            if t == 0:
                axes.set_ylabel(f"head {head + 1}", fontsize=8, color=_SOFT)
    figure.text(
        0.12 / wide,
        1 - 0.2 / high,
        printable(title),
        fontsize=10,
        color=_INK,
        weight="bold",
        va="center",
        parse_math=False,
    )
    note = "each row: where a hidden word looks; dark: much; red frame: words that truly matter"
    figure.text(0.12 / wide, 1 - 0.42 / high, note, fontsize=7.5, color=_SOFT, va="center")
    with _any_script():
        canvas.draw()
    return _encode(np.asarray(canvas.buffer_rgba()))


@contextmanager
def _any_script() -> Iterator[None]:
    """No warnings about characters that Matplotlib's font lacks: each is drawn as a box, whatever is said."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _draw_map(axes: mpl.axes.Axes, weights: NDArray[np.floating], labels: MapLabels) -> mpl.image.AxesImage:
    image = axes.imshow(weights, cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    for i, j in zip(*np.nonzero(labels.relevant), strict=True):
        frame = mpl.patches.Rectangle((j - 0.45, i - 0.45), 0.9, 0.9, fill=False, edgecolor=_ACCENT, linewidth=1.1)
        axes.add_patch(frame)
    for spine in axes.spines.values():
        spine.set_color("#c7d0d8")
    axes.tick_params(length=0)
    return image


def _label(axes: mpl.axes.Axes, labels: MapLabels, words: bool = True, queries: bool = True, size: float = 9) -> None:
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


def _value(axes: mpl.axes.Axes, row: int, column: int, size: float) -> mpl.text.Text:
    return axes.text(column, row, "", ha="center", va="center", fontsize=size)


def _set_value(cell: mpl.text.Text, value: float) -> None:
    shown = f"{value:.2f}".removeprefix("0") if value < 0.995 else "1"
    cell.set_text(shown if value >= 0.005 else "")
    cell.set_color("white" if value > _DARK else _INK if value >= 0.05 else "#8d9aa6")


def _encode(rgba: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgba).convert("RGB").save(buffer, format="png", compress_level=3)
    return buffer.getvalue()
