"""Queries and keys in one plane as pictures: panels that share their axes, with one legend of colours below all.

Diamonds are queries, circles are keys. Colours are those of Paul Tol's "muted" scheme, which people with any colour
vision can tell apart; places have a scale from dark to light, since they have an order.
"""

import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from data.errors import printable
from experiments.replay.plane_labels import write_labels
from experiments.reports.plots import INK, as_text, figure_files, label, panels
from experiments.view.plane_points import SEVERAL, PlaneOverTime

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499")
_SCALE = "440154 3b528b 21918c 5ec962 fde725"
"""Of places; Matplotlib's viridis."""
_GREY, _AXES = "#c3ccd4", "#d4dbe1"
_LARGE, _SMALL = (46, 69), (20, 50)
"""Areas of a key's mark and of a query's: with words beside them, and of many without."""
_SIDE, FRAME_SIDE = 2.3, 3.6
"""Of a panel in a strip; in a film, or of one step; inches."""
_PER_LINE, _HEADS_PER_LINE, _PLACES = 5, 4, 6
"""Most steps of a strip and heads of a film beside each other; most places that a legend names."""
_NEARLY_WHITE = 246
"""Of 255: Pillow looks colours up in steps of a few."""
_SEVERAL = {"form": "forms", "class": "classes", "slot": "slots"}


@dataclass(frozen=True)
class PointStyle:
    """How the points are drawn, the same in all panels."""

    by: str
    """What the groups are, one of `word_groups.COLOURINGS`."""
    query_groups: Sequence[str]
    key_groups: Sequence[str]
    order: Sequence[str] = ()
    """All groups of the world in order, so that a group has one colour in all its pictures; not needed of places."""
    query_labels: Sequence[str] = ()
    """Words beside the points; none if they are too many."""
    key_labels: Sequence[str] = ()

    @property
    def is_place(self) -> bool:
        return self.by == "place"

    @property
    def names(self) -> list[str]:
        """The groups that have a colour of their own, also those that are not there; of more than 9 the first."""
        if not self.is_place:
            return [name for name in self.order if name][: len(COLOURS)]
        return sorted({*self.key_groups, *self.query_groups}, key=int)

    def colour(self, name: str) -> Any:
        """The colour of a group."""
        names = self.names
        if name == SEVERAL:
            return "white"
        if name not in names:
            return _GREY
        if not self.is_place:
            return COLOURS[names.index(name)]
        return _on_scale(names.index(name) / max(1, len(names) - 1))


def _on_scale(x: float) -> tuple[float, ...]:
    """Red, green and blue, 0 to 1, of a number from 0 to 1."""
    anchors = np.asarray([[int(one[i : i + 2], 16) / 255 for i in (0, 2, 4)] for one in _SCALE.split()])
    return tuple(float(np.interp(x, np.linspace(0, 1, len(anchors)), channel)) for channel in anchors.T)


@dataclass(frozen=True)
class Panel:
    """One head at one step."""

    plane: PlaneOverTime
    s: int
    """Number of the step among those of the plane."""
    step: int


def plane_strip(planes: Sequence[PlaneOverTime], steps: Sequence[int], style: PointStyle, title: str) -> "Figure":
    """All steps: a row for each head, a column for each step, on several lines if they are many."""
    lines = math.ceil(len(steps) / _PER_LINE)
    per_line = math.ceil(len(steps) / lines)
    rows = []
    for first, plane in itertools.product(range(0, len(steps), per_line), planes):
        here = range(first, min(first + per_line, len(steps)))
        rows.append([Panel(plane, s, steps[s]) for s in here])
    return plane_figure(rows, style, title, _SIDE)


def plane_gif(planes: Sequence[PlaneOverTime], steps: Sequence[int], style: PointStyle, title: str) -> bytes:
    """A film: a frame for each step, heads beside each other; the last stays longer, then it starts again."""
    frames = []
    for s, step in enumerate(steps):
        row = [Panel(plane, s, step) for plane in planes]
        rows = [row[h : h + _HEADS_PER_LINE] for h in range(0, len(row), _HEADS_PER_LINE)]
        png = figure_files(plane_figure(rows, style, title, FRAME_SIDE), "frame")[".png"]
        frames.append(Image.open(io.BytesIO(png)).convert("RGB"))
    few = _with_palette(frames[-1])  # it has all colours: they are in the legend
    drawn = [frame.quantize(palette=few, dither=Image.Dither.NONE) for frame in frames]
    buffer, durations = io.BytesIO(), [700] * (len(drawn) - 1) + [2500]
    drawn[0].save(buffer, "gif", save_all=True, append_images=drawn[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def _with_palette(frame: Image.Image) -> Image.Image:
    """A frame in few colours, of which those that are nearly white are the white that the page is."""
    few = frame.quantize(128, dither=Image.Dither.NONE)
    colours = np.asarray(few.getpalette(), np.uint8).reshape(-1, 3)
    colours[(colours > _NEARLY_WHITE).all(axis=1)] = 255
    few.putpalette(colours.tobytes())
    return few


def plane_figure(rows: Sequence[Sequence[Panel]], style: PointStyle, title: str, side: float) -> "Figure":
    """Panels in rows; `side` is that of one, inches."""
    figure, axes = panels(len(rows), len(rows[0]), width=side, height=side + 0.25)
    layout: Any = figure.get_layout_engine()
    layout.set(h_pad=0.07)  # else a caption touches the panel above
    for (i, j), one in np.ndenumerate(axes):
        if j < len(rows[i]):
            _draw(one, rows[i][j], style)
        else:
            one.set_axis_off()
    _legend(figure, style)
    figure.suptitle(as_text("\n".join(map(printable, title.split("\n")))), fontsize=9.5, color=INK)
    return figure


def _draw(axes: Any, panel: Panel, style: PointStyle) -> None:
    plane, edge = panel.plane, 1.1 * panel.plane.reach
    query_Q2, key_P2, share = plane.query_SQ2[panel.s], plane.key_SP2[panel.s], plane.share_S[panel.s]
    label(
        axes,
        f"head {plane.head + 1}, step {panel.step:,}: {'not finite' if np.isnan(share) else f'{100 * share:.0f} %'}",
    )
    axes.grid(visible=False)
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[], aspect="equal")
    axes.axhline(0, color=_AXES, linewidth=0.8, zorder=0)
    axes.axvline(0, color=_AXES, linewidth=0.8, zorder=0)
    of_key, of_query = _LARGE if style.key_labels else _SMALL
    of_queries, of_keys = ([style.colour(g) for g in groups] for groups in (style.query_groups, style.key_groups))
    axes.scatter(*key_P2.T, s=of_key, c=of_keys, linewidths=0.5, edgecolors=INK, zorder=2)
    axes.scatter(*query_Q2.T, s=of_query, c=of_queries, marker="D", linewidths=1.1, edgecolors=INK, zorder=3)
    if words := [*style.query_labels, *style.key_labels]:
        write_labels(axes, np.concatenate([query_Q2, key_P2]), words)


def _legend(figure: "Figure", style: PointStyle) -> None:
    """What marks and colours mean, below all panels."""
    from matplotlib.lines import Line2D  # noqa: PLC0415

    def mark(shape: str, fill: Any, name: str) -> Line2D:
        return Line2D([], [], linestyle="", marker=shape, markerfacecolor=fill, markeredgecolor=INK, markersize=6,
                      label=as_text(printable(name)))  # fmt: skip

    names, both = style.names, {*style.key_groups, *style.query_groups}
    if style.is_place:
        spread = np.linspace(0, len(names) - 1, min(len(names), _PLACES)).round().astype(int)
        shown = [(names[i], f"place {names[i]}") for i in spread]
    else:
        shown = [(name, name) for name in names if name in both]
    handles = [mark("D", "none", "query of a blank"), mark("o", "none", "key of a word")]
    handles += [mark("s", style.colour(name), text) for name, text in shown]
    handles += [mark("s", "white", f"blank of several {_SEVERAL[style.by]}")] if SEVERAL in both else []
    handles += [mark("s", _GREY, "other words")] if both - {SEVERAL, *names} else []
    columns = max(1, int(figure.get_figwidth() / 1.3))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), columns), fontsize=8,
                  frameon=False, handletextpad=0.2, columnspacing=1.2)  # fmt: skip
