"""Pictures of a sentence over the training: a strip, one column a step, or a film, one frame a step."""

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.pictures.attention_map import FINE, Grid, Legend, MapLabels, shortened, side_width
from experiments.pictures.canvas import BLUES, INK, LINE, SOFT, Canvas, canvas, text_tile

_SHEET = 960 * FINE
"""Widest sheet of maps, as wide as a README shows."""
_FILM = 600 * FINE
"""Widest frame of a film, so that its file stays small."""


class _Sheet:
    """Maps of one sentence side by side, as many a line as fit, and several below each other; painted in one go."""

    def __init__(
        self, labels: MapLabels, captions: list[str], sides: list[str], title: str, widest: int, extra: int = 0
    ) -> None:
        letters, pad, gap, columns = 21, 20, 20, len(labels.words)
        self._left = pad + (34 if any(sides) else 0) + side_width(labels, letters)
        caption = max(text_tile(text, 20).width for text in captions)
        per_line, wide = _fit(len(captions), columns, caption, gap, widest - self._left - pad)
        self._grid = grid = Grid(labels, (wide, max(wide, 27)), letters)
        self._pitch = max(grid.width, caption) + gap
        width = max(self._left + per_line * self._pitch - gap + pad, 420 * FINE)
        axes = "row: query, the masked word; column: key, a word it looks at"
        legend = Legend("1", 20, width - 2 * pad, axes)
        self.extra_at = pad, 56 + legend.height + extra // 2
        self._top, self._down, self._per_line = 56 + legend.height + extra + 44, grid.height + gap, per_line
        self._band = len(sides) * self._down - gap + grid.below + 64
        lines = math.ceil(len(captions) / per_line)
        self.page = page = canvas(width, self._top + lines * self._band - 44, BLUES)
        page.write((pad, 30), shortened(title, 26, width - 2 * pad), 26, bold=True)
        legend.paint(page, pad, 52)
        for n, text in enumerate(captions):
            left, top = self._at(n, 0)
            page.write((left + grid.width / 2, top - 18), text, 20, SOFT, anchor=0.5)
            grid.write_columns(page, left, self._at(n, len(sides) - 1)[1] + grid.height)
        for line, (side, text) in itertools.product(range(lines), enumerate(sides)):
            left, top = self._at(line * per_line, side)
            grid.write_rows(page, left, top)
            page.write((pad + 10, top + grid.height / 2), text, 20, SOFT, anchor=0.5, angle=90)

    def _at(self, n: int, side: int) -> tuple[int, int]:
        line, column = divmod(n, self._per_line)
        return self._left + column * self._pitch, self._top + line * self._band + side * self._down

    def paint(self, page: Canvas, n: int, side: int, values: NDArray[np.floating]) -> None:
        self._grid.paint(page, values, *self._at(n, side))


def _fit(maps: int, columns: int, caption: int, gap: int, room: int) -> tuple[int, int]:
    """How many maps a line, and how wide a cell: few lines, but cells no narrower than words need."""
    for lines in itertools.count(1):
        per_line = math.ceil(maps / lines)
        wide = min(52 if lines == 1 else 44, ((room + gap) // per_line - gap) // columns)
        if per_line == 1 or (wide >= 24 and per_line * (caption + gap) <= room + gap):
            break
    return per_line, max(wide, 16)


def film_strip(maps: Sequence[NDArray[np.floating]], steps: Sequence[int], labels: MapLabels, title: str) -> bytes:
    """A sentence's maps [heads, rows, words] at several steps, one column a step and one row a head, as PNG."""
    heads = [f"head {head + 1}" for head in range(len(maps[0]))]
    sheet = _Sheet(labels, [f"step {step:,}" for step in steps], heads, title, _SHEET)
    for n, head in np.ndindex(len(steps), len(heads)):
        sheet.paint(sheet.page, n, head, maps[n][head])
    return sheet.page.png()


def film_gif(maps: Sequence[NDArray[np.floating]], steps: Sequence[int], labels: MapLabels, title: str) -> bytes:
    """The same as a film: one frame a step, heads side by side; the last frame stays longer, then it starts again."""
    sheet = _Sheet(labels, [f"head {head + 1}" for head in range(len(maps[0]))], [""], title, _FILM, extra=60)
    frames = []
    for n, step in enumerate(steps):
        page, (left, middle) = sheet.page.copy(), sheet.extra_at
        page.write((left, middle), f"step {step:,}", 30, bold=True)
        for dot in range(len(steps)):
            x = left + 280 + 30 * dot
            page.draw.ellipse((x - 7, middle - 7, x + 7, middle + 7), fill=INK if dot == n else LINE)
        for head, values in enumerate(maps[n]):
            sheet.paint(page, head, 0, values)
        frames.append(page.finished())
    buffer, durations = io.BytesIO(), [700] * (len(frames) - 1) + [2500]
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()
