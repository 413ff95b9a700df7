"""The figures of an ablation's report, one function each, on the axes of `report_writer`. Bands are 95 % intervals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.ablation.comparison import Setting
from experiments.ablation.plan import Plan
from experiments.ablation.results import ATTENTION_STATISTICS, Results
from experiments.reports.plots import as_text, label, legend, line, panels
from experiments.statistics.intervals import Interval, bootstrap_interval, interquartile_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Where = Mapping[int, tuple[Results, int]]
"""The results of each run by its number, and its place among them."""
SHARPNESS, SIZE = "max_weight", "score_std"
_FOLLOWED = {SHARPNESS: "largest weight of a row", SIZE: "std of a row's scores"}
_INK = "#5b6b78"
_HOPELESS = 10.0


def excess_figure(plan: Plan, settings: list[Setting]) -> "Figure":
    """Excess of each variant along x at its best tuned value; a panel for each setting."""
    figure, axes = panels(1, len(settings), width=4.0, height=3.2, sharey="row")
    for one, setting in zip(axes[0], settings, strict=True):
        x = _positions(one, setting.sizes, "log2")
        for v, name in enumerate(setting.variants):
            _band(one, x, [setting.excess(v, i) for i in range(len(setting.sizes))], v, name)
        _log_nats(one)
        label(one, setting_name(setting), plan.roles.x, "excess, nats" if one is axes[0, 0] else "")
    _legend(figure, axes)
    return figure


def tuned_figure(plan: Plan, settings: list[Setting]) -> "Figure":
    """Excess of each variant at every tuned value; a row for each setting, a column for each x."""
    sizes = settings[0].sizes
    figure, axes = panels(len(settings), len(sizes), width=2.9, height=2.6, sharey="row")
    for row, setting in zip(axes, settings, strict=True):
        for i, (one, size) in enumerate(zip(row, sizes, strict=True)):
            x = _positions(one, setting.tuned, "log")
            for v, name in enumerate(setting.variants):
                found = [_interval(setting.excess_VXLS[v, i, rate]) for rate in range(len(setting.tuned))]
                _band(one, x, found, v, name)
            _log_nats(one)
            title = f"{_short(plan.roles.x)} {size}".strip()
            title = f"{setting_name(setting)}\n{title}" if i == 0 and setting.labels else title
            label(one, title, plan.roles.tuned, "excess, nats" if i == 0 else "")
    _legend(figure, axes)
    return figure


def training_figure(plan: Plan, setting: Setting, where: Where) -> "Figure":
    """How sharp attention is and how large its scores are, over training; a column for each x."""
    figure, axes = panels(len(_FOLLOWED), len(setting.sizes), width=2.9, height=2.5, sharey="row")
    last = len(_FOLLOWED) - 1
    for n, (name, shown) in enumerate(_FOLLOWED.items()):
        for i, (one, size) in enumerate(zip(axes[n], setting.sizes, strict=True)):
            for v, variant in enumerate(setting.variants):
                step_T, values_ST = followed(setting, where, v, i, name)
                middle = interquartile_mean(values_ST.T)
                line(one, step_T + 1, middle, v, variant, values_ST.min(axis=0), values_ST.max(axis=0))
            one.set_xscale("log")
            if name == SIZE:
                one.set_yscale("log")
            title = f"{_short(plan.roles.x)} {size}".strip() if n == 0 else ""
            label(one, title, "update + 1" if n == last else "", shown if i == 0 else "")
    _legend(figure, axes)
    return figure


def followed(setting: Setting, where: Where, variant: int, x: int, name: str) -> tuple[Any, NDArray[np.float64]]:
    """The recorded steps [T] and a number of `health` [S, T], mean of the heads, of an arm at its best tuned value."""
    numbers = setting.number_VXLS[variant, x, setting.best_VX[variant, x]]
    results = where[int(numbers[0])][0]
    rows = [
        where[int(n)][0].attention_TNRH[:, ATTENTION_STATISTICS.index(name), where[int(n)][1]].mean(axis=-1)
        for n in numbers
    ]
    return results.step_T, np.asarray(rows, float)


def maps_figure(plan: Plan, setting: Setting, where: Where, words: list[str], masked: list[int]) -> "Figure":
    """Final maps of the first watched sentence (mean of the heads) of the median seed; a row for each variant.

    Args:
      plan: the ablation's plan.
      setting: whose arms are shown.
      where: the results of each run.
      words: the words of the sentence.
      masked: the masked places, one a row of a map.
    """
    shown = [as_text(word) for word in words]
    shape = len(setting.variants), len(setting.sizes)
    width = 0.75 + 0.21 * len(words)
    figure, axes = panels(*shape, width=width, height=0.62 + 0.24 * len(masked))
    for (v, i), one in np.ndenumerate(axes):
        results, run = where[setting.median_run(v, i)]
        weights_RK = results.weights_TRGHK[-1, run, : len(masked), :, : len(words)].mean(axis=1)
        one.imshow(weights_RK, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        one.grid(visible=False)
        one.set_xticks(range(len(words)), shown if v == shape[0] - 1 else [], rotation=90)
        one.set_yticks(range(len(masked)), [shown[place] for place in masked] if i == 0 else [])
        for row, place in enumerate(masked):
            one.text(place, row, "?", ha="center", va="center", fontsize=7, color=_INK)
        title = f"{_short(plan.roles.x)} {setting.sizes[i]}".strip() if v == 0 else ""
        label(one, title, "", setting.variants[v] if i == 0 else "")
    return figure


def setting_name(setting: Setting) -> str:
    """The values of the further axes."""
    return ", ".join(f"{_short(name)} {value}" for name, value in setting.labels.items())


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _positions(axes: Any, labels: list[str], scale: str) -> list[float]:
    """Where the values of an axis are drawn: as numbers on a logarithmic scale, or side by side."""
    try:
        values = [float(text) for text in labels]
    except ValueError:
        values = []
    if not values or min(values) <= 0:
        axes.set_xticks(range(len(labels)), [as_text(text) for text in labels])
        return [float(i) for i in range(len(labels))]
    axes.set_xscale("log", **({"base": 2} if scale == "log2" else {}))
    axes.set_xticks(values, labels)
    axes.minorticks_off()
    return values


def _log_nats(axes: Any) -> None:
    """Excess on a logarithmic scale, up to what is far worse than an untrained model (a run can end at 1e30)."""
    axes.set_yscale("log")
    if axes.get_ylim()[1] > _HOPELESS:
        axes.set_ylim(top=_HOPELESS)


def _interval(values_S: NDArray[np.float64]) -> Interval:
    if len(values_S) < 2:
        return Interval(float(values_S[0]), float("nan"), float("nan"))
    return bootstrap_interval(interquartile_mean, values_S)


def _band(axes: Any, x: list[float], found: list[Interval], number: int, name: str) -> None:
    line(axes, x, [f.estimate for f in found], number, name, [f.low for f in found], [f.high for f in found])


def _legend(figure: "Figure", axes: Any) -> None:
    if axes[0, 0].get_legend_handles_labels()[1]:
        legend(figure, axes[0, 0])
