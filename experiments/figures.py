"""Pictures of attention: one head a picture, and the film strip of a sentence over training.

Colours mean the same in every picture (0 is pale, 1 is dark), so steps, heads and runs can be compared. Words come from
users and are drawn as plain text, never as mathematics.
"""

import functools
import io
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from data.errors import printable

COLOURS = "Blues"
_DPI = 100
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
    """A sentence's map, drawn again and again with other weights.

    What never changes (words, axes) is drawn once with matplotlib; cells, values and heading are painted on a copy of
    it, which takes a fifth of the time of drawing it all.
    """

    def __init__(self, labels: MapLabels) -> None:
        rows, columns = len(labels.hidden), len(labels.words)
        self._labels = labels
        width = max(4.2, 0.35 * columns + 1.2)
        size = width / 4.2  # letters grow with the picture, so that they read alike in a card of fixed width
        left, bottom, top = 0.85 * size, 0.8 * size, 0.6 * size
        high = max(2.2 * size, 0.35 * rows + bottom + top)
        figure = Figure(figsize=(width, high), dpi=_DPI)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((left / width, bottom / high, 1 - (left + 0.12) / width, 1 - (bottom + top) / high))
        _draw_map(axes, np.zeros((rows, columns)), labels)
        _label(axes, labels, size=9 * size)
        axes.set_xlabel("key: word that is looked at", color=_SOFT, fontsize=8 * size)
        axes.set_ylabel("query: hidden word", color=_SOFT, fontsize=8 * size)
        note = "red frame: words that truly matter; blank: below .005"
        figure.text(0.02, 1 - 0.4 * size / high, note, color=_ACCENT, fontsize=7.5 * size, va="center")
        with _any_script():
            canvas.draw()
        self._background = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        corners = axes.transData.transform([(j - 0.5, i - 0.5) for i in range(rows + 1) for j in range(columns + 1)])
        corners[:, 1] = self._background.height - corners[:, 1]  # pictures count from the top
        self._corners = corners.round().astype(int).reshape(rows + 1, columns + 1, 2)
        self._fonts = _font(7.5 * min(size, 1.2)), _font(10 * size, bold=True)
        self._heading_at = 0.02 * self._background.width, 0.17 * size * _DPI

    def png(self, weights: NDArray[np.floating], heading: str) -> bytes:
        """The map with these weights [rows, words], as PNG."""
        picture = self._background.copy()
        draw = ImageDraw.Draw(picture)
        colours = mpl.colormaps[COLOURS](np.asarray(weights, float), bytes=True)
        for i, j in np.ndindex(*weights.shape):
            (x0, y0), (x1, y1) = self._corners[i, j].tolist(), self._corners[i + 1, j + 1].tolist()
            draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=tuple(colours[i, j, :3].tolist()))
            value = float(weights[i, j])
            if value >= 0.005:
                middle = (x0 + x1) / 2, (y0 + y1) / 2
                draw.text(middle, _shown(value), fill=_ink(value), font=self._fonts[0], anchor="mm")
            if self._labels.relevant[i, j]:
                draw.rectangle((x0 + 1, y0 + 1, x1 - 2, y1 - 2), outline=_ACCENT, width=2)
        draw.text(self._heading_at, heading, fill=_INK, font=self._fonts[1], anchor="lm")
        return _encode(picture)


def _shown(weight: float) -> str:
    return f"{weight:.2f}".removeprefix("0") if weight < 0.995 else "1"


def _ink(weight: float) -> str:
    """A colour that reads on the cell of this weight."""
    return "white" if weight > _DARK else _INK if weight >= 0.05 else "#8d9aa6"


@functools.cache
def _font(points: float, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The typeface of the axes' words, which matplotlib brings along."""
    face = font_manager.FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")
    return ImageFont.truetype(font_manager.findfont(face), round(points * _DPI / 72))


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
    return _encode(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


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


def _encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()
