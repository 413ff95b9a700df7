"""Query and keys of an explained guess as points in one plane, a panel for each head."""

from typing import TYPE_CHECKING

from experiments.replay.explanation import Explanation
from experiments.replay.plane_picture import FRAME_SIDE, Panel, PointStyle, plane_figure
from experiments.view.plane_points import in_one_plane
from experiments.view.word_groups import default_colouring

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PER_LINE = 4
"""Heads beside each other."""


def explanation_plane_figure(told: Explanation) -> "Figure":
    """The figure: colours mean the form of words where they have forms, else their class."""
    query_HD, key_KHD = told.row["query"], told.row["key"]
    planes = [in_one_plane(query_HD[None, None, h], key_KHD[None, :, h], h) for h in range(len(query_HD))]
    row = [Panel(one, 0, told.step) for one in planes]
    by = default_colouring(told.word_groups)
    groups_V, place = told.word_groups[by], told.question.masked
    groups = [groups_V[token] for token in told.question.tokens]
    words = list(told.shown)
    style = PointStyle(by, [groups[place]], groups, list(dict.fromkeys(groups_V)), [f"[{told.masked_word}]"], words)
    title = f"{' '.join(words)}\n{told.run}; in %: how much of the sum of squares the plane holds"
    return plane_figure([row[h : h + _PER_LINE] for h in range(0, len(row), _PER_LINE)], style, title, FRAME_SIDE)
