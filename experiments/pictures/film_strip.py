"""Pictures of a sentence over the training: a strip, one column a step, or a film, one frame a step."""

import io
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from experiments.pictures.canvas import BLUES, INK, LINE, SOFT, Canvas, canvas, text_tile
from experiments.pictures.map_parts import CARD, FINE, Grid, Legend, MapLabels, shortened, side_width

_SHEET = 960 * FINE
"""Widest sheet of maps, as wide as a README shows."""
_FILM = 600 * FINE
"""Widest frame of a film, so that its file stays small."""
_PAD = _GAP = 20


class _Sheet:
    """Maps of one sentence side by side, as many a line as fit, and several below each other; painted in one go."""

    def __init__(
        self, labels: MapLabels, captions: list[str], sides: list[str], title: str, widest: int, extra: int = 0
    ) -> None:
        letters, columns, card = 22, len(labels.words), widest == CARD
        self._left = _PAD + (34 if any(sides) else 0) + side_width(labels, letters)
        caption = max(text_tile(text, 20).width for text in captions)
        per_line, wide = _fit(len(captions), columns, caption, widest - self._left - _PAD, 30 if card else 24)
        self._grid = grid = Grid(labels, (wide, 28 if card else max(wide, 28)), letters)
        self._pitch = max(grid.width, caption) + _GAP
        width = max(self._left + per_line * self._pitch - _GAP + _PAD, min(widest, 420 * FINE))
        legend = Legend("1", 20, width - 2 * _PAD, "row: query, the masked word; column: key, a word it looks at")
        self.extra_at = _PAD, 56 + legend.height + extra // 2
        self._top, self._down, self.per_line = 56 + legend.height + extra + 44, grid.height + _GAP, per_line
        self.band = len(sides) * self._down - _GAP + grid.below + 64
        lines = math.ceil(len(captions) / per_line)
        self.page = page = canvas(width, self._top + lines * self.band - 44, BLUES)
        page.write((_PAD, 30), shortened(title, 26, width - 2 * _PAD), 26, bold=True)
        legend.paint(page, _PAD, 52)
        for n, text in enumerate(captions):
            left, top = self._at(n, 0)
            page.write((left + grid.width / 2, top - 18), text, 20, SOFT, anchor=0.5)
            grid.write_columns(page, left, self._at(n, len(sides) - 1)[1] + grid.height)
        for line, (side, text) in itertools.product(range(lines), enumerate(sides)):
            left, top = self._at(line * per_line, side)
            grid.write_rows(page, left, top)
            page.write((_PAD + 10, top + grid.height / 2), text, 20, SOFT, anchor=0.5, angle=90)

    def _at(self, n: int, side: int) -> tuple[int, int]:
        line, column = divmod(n, self.per_line)
        return self._left + column * self._pitch, self._top + line * self.band + side * self._down

    def room(self, height: float) -> int:
        """How many captions a sheet of that height has room for; at least 2."""
        return max(2, int((height - self._top + 44) // self.band) * self.per_line)

    def paint(self, page: Canvas, n: int, side: int, values: NDArray[np.floating]) -> None:
        self._grid.paint(page, values, *self._at(n, side))


def _fit(maps: int, columns: int, caption: int, room: int, narrow: int) -> tuple[int, int]:
    """How many maps a line, and how wide a cell: few lines, but cells no narrower than words need.

    From 30 on, slanted words are as large as the others.
    """
    for lines in itertools.count(1):
        per_line = math.ceil(maps / lines)
        wide = min(52 if lines == 1 else 44, ((room + _GAP) // per_line - _GAP) // columns)
        if per_line == 1 or (wide >= narrow and per_line * (caption + _GAP) <= room + _GAP):
            break
    return per_line, max(wide, 16)


def film_strip(
    maps: Sequence[NDArray[np.floating]], steps: Sequence[int], labels: MapLabels, title: str, card: bool = False
) -> bytes:
    """A sentence's maps [heads, rows, words] at several steps, one column a step and one row a head, as PNG.

    As wide as a README; or, if `card`, as a card of TensorBoard: then it has several lines, and no more steps than
    leave it at most 2.5 times as high as wide (the first and the last always).
    """
    heads, chosen = [f"head {head + 1}" for head in range(len(maps[0]))], list(range(len(steps)))
    width = CARD if card else _SHEET
    sheet = _Sheet(labels, [f"step {step:,}" for step in steps], heads, title, width)
    if card and len(steps) > (most := sheet.room(2.5 * CARD)):
        chosen = np.linspace(0, len(steps) - 1, most).round().astype(int).tolist()
        sheet = _Sheet(labels, [f"step {steps[n]:,}" for n in chosen], heads, title, width)
    for column, head in np.ndindex(len(chosen), len(heads)):
        sheet.paint(sheet.page, column, head, maps[chosen[column]][head])
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
