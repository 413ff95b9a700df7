"""Words beside points, where they touch nothing: of four places the first that is free; else a word is left out.

The same rule as that of the tab's plane (`view/assets/labels.js`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import printable
from experiments.reports.plots import INK, as_text

_LETTER, _HEIGHT, _AWAY, _MARK = 4.3, 8.0, 7.0, 4.5
"""Points of type, about: a letter's width, a line's height, from the middle of a mark, half a mark."""
_PLACES = ((_AWAY, 0.0, "left"), (-_AWAY, 0.0, "right"), (0.0, _AWAY + 3, "center"), (0.0, -_AWAY - 3, "center"))
_SHIFT = {"left": 0.0, "center": 0.5, "right": 1.0}
Box = tuple[float, float, float, float]


def write_labels(axes: Any, points_P2: NDArray[np.floating], words: Sequence[str]) -> None:
    """Write the words that have room; the first ones are placed first."""
    low, high = axes.get_xlim()
    width = axes.get_window_extent().width * 72 / axes.figure.dpi  # in points, about: before the layout is found
    middles = (points_P2 - low) / (high - low) * width
    taken: list[Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in middles.tolist()]
    for (x, y), at, word in zip(middles.tolist(), points_P2, words, strict=True):
        for dx, dy, anchor in _PLACES:
            box = _box(x + dx, y + dy, anchor, _LETTER * len(word))
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= width
            if inside and not any(_touch(box, other) for other in taken):
                axes.annotate(as_text(printable(word)), at, (dx, dy), textcoords="offset points", ha=anchor,
                              va="center", fontsize=7.5, color=INK, annotation_clip=False)  # fmt: skip
                taken.append(box)
                break


def _box(x: float, y: float, anchor: str, width: float) -> Box:
    left = x - _SHIFT[anchor] * width
    return left, y - _HEIGHT / 2, left + width, y + _HEIGHT / 2


def _touch(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
