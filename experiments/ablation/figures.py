"""The figures of an ablation's report, one function each, in the style of `reports.plots`. Bands are 95 % intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.ablation.axes import short_name
from experiments.ablation.comparison import Setting
from experiments.ablation.plan import Group, Plan
from experiments.ablation.training import ATTENTION_STATISTICS, Results
from experiments.reports.plots import as_text, colour_bar, label, legend, line, log_axes, panels
from experiments.statistics.intervals import Interval, interquartile_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Places = Mapping[int, tuple[Group, Results, int]]
"""Where each run is found by its number: its group, the results of the group, and its index in both."""
FOLLOWED = {"max_weight": ("largest weight of a row", "linear"), "score_std": ("std of a row's scores", "log")}
"""The attention statistics that are drawn over training: what they are, and their scale."""
_INK = "#5b6b78"
_HOPELESS = 10.0


def excess_figure(plan: Plan, settings: Sequence[Setting]) -> "Figure":
    """Excess of each variant along x at its best tuned value; a panel for each setting."""
    figure, axes = panels(1, len(settings), width=4.0, height=3.2, sharey="row")
    for one, setting in zip(axes[0], settings, strict=True):
        found = [[setting.excess(v, x) for x, _ in enumerate(setting.sizes)] for v, _ in enumerate(setting.variants)]
        draw_excess(one, setting.variants, setting.sizes, 2, found)
        label(one, setting.name, plan.roles.x, "excess, nats" if one is axes[0, 0] else "")
    return _with_legend(figure, axes[0, 0])


def tuned_figure(plan: Plan, settings: Sequence[Setting]) -> "Figure":
    """Excess of each variant at every tuned value; a row for each setting, a column for each x."""
    figure, axes = panels(len(settings), len(settings[0].sizes), width=2.9, height=2.6, sharey="row")
    for (row, x), one in np.ndenumerate(axes):
        setting = settings[row]
        places = range(len(setting.tuned))
        found = [[setting.tuning(v, x, place) for place in places] for v, _ in enumerate(setting.variants)]
        draw_excess(one, setting.variants, setting.tuned, 10, found)
        above = f"{setting.name}\n" if x == 0 and setting.labels else ""
        label(one, above + _column_title(plan, setting, x), plan.roles.tuned, "excess, nats" if x == 0 else "")
    return _with_legend(figure, axes[0, 0])


def training_figure(plan: Plan, setting: Setting, places: Places) -> "Figure":
    """How sharp attention is and how large its scores are, over training; a column for each x."""
    figure, axes = panels(len(FOLLOWED), len(setting.sizes), width=2.9, height=2.5, sharey="row")
    for (row, x), one in np.ndenumerate(axes):
        name, (shown, scale) = list(FOLLOWED.items())[row]
        for v, variant in enumerate(setting.variants):
            step_T, values_ST = over_training(setting, places, v, x, name)
            middle_T, low_T, high_T = interquartile_mean(values_ST.T), values_ST.min(axis=0), values_ST.max(axis=0)
            line(one, step_T + 1, middle_T, v, variant, low_T, high_T)
        one.set(xscale="log")
        if scale == "log":
            log_axes(one, x=False)
        label(
            one,
            _column_title(plan, setting, x) if row == 0 else "",
            "update + 1" if row == len(axes) - 1 else "",
            shown if x == 0 else "",
        )
    return _with_legend(figure, axes[0, 0])


def over_training(
    setting: Setting, places: Places, variant: int, x: int, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The recorded steps [T] and an attention statistic [S, T] (mean of the heads) of an arm at its best."""
    numbers = setting.number_VXLS[variant, x, setting.best_VX[variant, x]]
    runs, n = [places[int(number)][1:] for number in numbers], ATTENTION_STATISTICS.index(name)
    return runs[0][0].step_T, np.asarray([results.attention_TNRH[:, n, i].mean(axis=-1) for results, i in runs], float)


def maps_figure(plan: Plan, setting: Setting, places: Places, words: Sequence[str], masked: Sequence[int]) -> "Figure":
    """Final maps of the first watched sentence (mean of the heads) of the median seed; a row for each variant.

    Args:
      plan: the ablation's plan.
      setting: the setting whose arms are shown.
      places: where each run is found.
      words: the words of the sentence.
      masked: the positions that are masked, one for each row of a map.
    """
    columns = len(setting.sizes)
    width, height = 0.75 + 0.21 * len(words) + 0.7 / columns, 0.62 + 0.24 * len(masked)  # with room for the colour bar
    figure, axes = panels(len(setting.variants), columns, width, height)
    image = None
    for (v, x), one in np.ndenumerate(axes):
        image = draw_map(one, places[setting.median_run(v, x)], words, masked)
        one.tick_params(labelbottom=v == len(axes) - 1, labelleft=x == 0)
        label(one, _column_title(plan, setting, x) if v == 0 else "", "", setting.variants[v] if x == 0 else "")
    colour_bar(figure, image, axes, "attention weight")
    return figure


def draw_map(
    axes: "Axes", place: tuple[Group, Results, int], words: Sequence[str], masked: Sequence[int]
) -> "AxesImage":
    """The final map of a run, mean of the heads; `words` and `masked` as for `maps_figure`."""
    _, results, i = place
    weights_GK = results.weights_TRGHK[-1, i, : len(masked), :, : len(words)].mean(axis=1)
    shown = [as_text(word) for word in words]
    axes.grid(visible=False)
    axes.set_xticks(range(len(words)), shown, rotation=90)
    axes.set_yticks(range(len(masked)), [shown[at] for at in masked])
    for row, at in enumerate(masked):
        axes.text(at, row, "?", ha="center", va="center", fontsize=7, color=_INK)
    return axes.imshow(weights_GK, cmap="Blues", vmin=0, vmax=1, aspect="auto")


def _column_title(plan: Plan, setting: Setting, x: int) -> str:
    return f"{short_name(plan.roles.x)} {setting.sizes[x]}".strip()


def draw_excess(
    axes: "Axes", variants: Sequence[str], labels: Sequence[str], base: int, found: Sequence[Sequence[Interval]]
) -> None:
    """A line for each variant with its band, against the values named by `labels`; `base` of their log scale.

    Of a single value there is a point for each variant, side by side.
    """
    positions = _positions(axes, labels, base) if len(labels) > 1 else []
    if not positions:
        axes.set_xticks([(len(variants) - 1) / 2], [as_text(labels[0])])
        axes.set_xlim(-0.7, len(variants) - 0.3)
    for v, (name, own) in enumerate(zip(variants, found, strict=True)):
        middle, low, high = zip(*((one.estimate, one.low, one.high) for one in own), strict=True)
        line(axes, positions or [v], middle, v, name, low, high)
    if axes.get_ylim()[1] > _HOPELESS:  # far worse than an untrained model: a run can end at 1e30
        axes.set_ylim(top=_HOPELESS)
    log_axes(axes, x=False)


def _positions(axes: "Axes", labels: Sequence[str], base: int) -> list[float]:
    """Where the values of an axis are drawn: as numbers on a logarithmic scale, or side by side."""
    try:
        values = [float(text) for text in labels]
    except ValueError:
        values = []
    if not values or min(values) <= 0:
        axes.set_xticks(range(len(labels)), [as_text(text) for text in labels])
        return [float(i) for i in range(len(labels))]
    axes.set_xscale("log", base=base)
    axes.set_xticks(values, labels)
    axes.minorticks_off()
    return values


def _with_legend(figure: "Figure", axes: "Axes") -> "Figure":
    """The figure with a legend of the curves in `axes`, unless there is only one variant without a name."""
    if axes.get_legend_handles_labels()[1]:
        legend(figure, axes)
    return figure
