"""Figures of an ablation with a place of its own for each variant, where curves in one panel would hide each other."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.ablation.comparison import KINDS, Comparison, Setting
from experiments.ablation.figures import FOLLOWED, Places, draw_excess, draw_map, over_training
from experiments.ablation.plan import Plan
from experiments.reports.plots import COLOURS, INK, as_text, colour_bar, label, line, log_axes, panels
from experiments.statistics.intervals import interquartile_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MANY = 10
"""With more variants than this each has a panel of its own, beside the baseline."""
_COLUMNS = 7
_WIDEST = 11.0
"""Inches that maps have side by side."""
_BASELINE = "#9aa7b2"
_STYLES = {"Worse": (COLOURS[0], "o"), "Better": (COLOURS[1], "s"), "No difference shown": (_BASELINE, "D")}
"""Colour and mark of each kind of comparison."""


def are_many(settings: Sequence[Setting]) -> bool:
    """Whether each variant has a panel of its own: there are many, and no axis x or further setting beside them."""
    return len(settings) == 1 and len(settings[0].variants) > MANY and len(settings[0].sizes) == 1


def ratios_figure(plan: Plan, settings: Sequence[Setting], comparisons: Sequence[Comparison]) -> "Figure":
    """How many times the excess of the baseline each variant has, with its interval; a panel for each setting.

    For ablations without an axis x.
    """
    others = len(settings[0].variants) - 1
    figure, axes = panels(1, len(settings), width=3.4 if len(settings) > 1 else 5.6, height=0.9 + 0.21 * others)
    for one, setting in zip(axes[0], settings, strict=True):
        own = [comparison for comparison in comparisons if comparison.setting is setting]
        for row, comparison in enumerate(own):
            _draw_ratio(one, row, comparison)
        one.axvline(1, color=_BASELINE, linewidth=1.2, zorder=1)
        one.set_xscale("log")
        one.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        names = [as_text(setting.variants[comparison.variant]) for comparison in own]
        one.set_yticks(range(others), names if one is axes[0, 0] else [""] * others)
        one.set_ylim(others - 0.5, -0.5)
        label(one, setting.name, f"times the excess of {plan.roles.baseline}")
    shown = [kind for kind in KINDS if any(comparison.kind == kind for comparison in comparisons)]
    for kind in shown:
        colour, mark = _STYLES[kind]
        axes[0, 0].plot([], [], color=colour, marker=mark, linestyle="none", label=kind.lower())
    figure.legend(loc="outside upper center", ncols=len(shown), fontsize=8.5, frameon=False)
    return figure


def _draw_ratio(axes: "Axes", row: int, comparison: Comparison) -> None:
    colour, mark = _STYLES[comparison.kind]
    ratio = comparison.ratio
    axes.plot([ratio.estimate], [row], color=colour, marker=mark, markersize=5, zorder=3)
    axes.hlines(row, ratio.low, ratio.high, color=colour, linewidth=1.8, zorder=2)
    beside = axes.get_yaxis_transform()
    axes.text(1.02, row, f"{ratio.estimate:.3g}", transform=beside, va="center", fontsize=8, color=INK)


def tuned_panels(plan: Plan, setting: Setting) -> "Figure":
    """Excess at every tuned value; a panel for each variant, with the baseline in grey behind it."""
    figure, (cells,) = _cells(setting, 1)
    places, base = range(len(setting.tuned)), setting.variants.index(plan.roles.baseline)
    for v, one in enumerate(cells):
        draw_excess(one, setting.variants[v : v + 1], setting.tuned, 10, [[setting.tuning(v, 0, i) for i in places]])
        at_base = [setting.tuning(base, 0, i).estimate for i in places]
        one.plot(one.get_lines()[0].get_xdata(), at_base, color=_BASELINE, linewidth=1.2, zorder=1)
        one.tick_params(axis="x", labelrotation=90)
    _same_limits(cells, logarithmic=True)
    _name(cells, setting, plan.roles.tuned, "excess, nats")
    return figure


def training_panels(plan: Plan, setting: Setting, places: Places) -> "Figure":
    """How sharp attention is and how large its scores are, over training; panels as in `tuned_panels`."""
    figure, blocks = _cells(setting, len(FOLLOWED))
    base = setting.variants.index(plan.roles.baseline)
    for cells, (name, (shown, scale)) in zip(blocks, FOLLOWED.items(), strict=True):
        at_base = interquartile_mean(over_training(setting, places, base, 0, name)[1].T)
        for v, one in enumerate(cells):
            step_T, values_ST = over_training(setting, places, v, 0, name)
            one.plot(step_T + 1, at_base, color=_BASELINE, linewidth=1.2, zorder=1)
            middle_T, low_T, high_T = interquartile_mean(values_ST.T), values_ST.min(axis=0), values_ST.max(axis=0)
            line(one, step_T + 1, middle_T, 0, "", low_T, high_T)
            one.set(xscale="log")
        _same_limits(cells, logarithmic=scale == "log")
        _name(cells, setting, "update + 1", shown)
    return figure


def maps_panels(setting: Setting, places: Places, words: Sequence[str], masked: Sequence[int]) -> "Figure":
    """The maps of `maps_figure` side by side."""
    width, height, count = 0.45 + 0.21 * len(words), 0.62 + 0.24 * len(masked), len(setting.variants)
    columns = max(1, min(count, int(_WIDEST / width)))
    figure, axes = panels(math.ceil(count / columns), columns, width, height)
    image = None
    for v, one in enumerate(axes.flat):
        one.set_visible(v < count)
        if v < count:
            image = draw_map(one, places[setting.median_run(v, 0)], words, masked)
            one.tick_params(labelbottom=v + columns >= count, labelleft=v % columns == 0)
            label(one, setting.variants[v])
    colour_bar(figure, image, axes, "attention weight")
    return figure


def _cells(setting: Setting, blocks: int) -> tuple["Figure", list[list["Axes"]]]:
    """`blocks` times a panel for each variant, each block in rows of its own, whose last one may have empty places."""
    count = len(setting.variants)
    rows = math.ceil(count / _COLUMNS)
    figure, axes = panels(blocks * rows, _COLUMNS, width=1.5, height=1.45)
    for number, one in enumerate(axes.flat):
        one.set_visible(number % (rows * _COLUMNS) < count)
    return figure, [list(block.flat[:count]) for block in np.split(axes, blocks)]


def _same_limits(cells: Sequence["Axes"], *, logarithmic: bool) -> None:
    """The same y axis in all panels; on a logarithmic one, numbers that are 0 have no place."""
    low, high = (pick(one.get_ylim()[end] for one in cells) for end, pick in ((0, min), (1, max)))
    if logarithmic:
        high *= 1.3
        drawn = np.concatenate([np.ravel(curve.get_ydata()) for one in cells for curve in one.get_lines()])
        low = float(np.min(drawn[drawn > 0], initial=high)) / 1.5
    for one in cells:
        one.set_ylim(low, high)
        if logarithmic:
            log_axes(one, x=False)


def _name(cells: Sequence["Axes"], setting: Setting, x: str, y: str) -> None:
    """Titles; numbers at the left and below alone, and what the axes are once, in the middle."""
    middle = (math.ceil(len(cells) / _COLUMNS) - 1) // 2 * _COLUMNS, len(cells) - 1 - (_COLUMNS - 1) // 2
    for v, one in enumerate(cells):
        label(one, setting.variants[v], x if v == middle[1] else "", y if v == middle[0] else "")
        one.tick_params(which="both", labelleft=v % _COLUMNS == 0, labelbottom=v + _COLUMNS >= len(cells))
