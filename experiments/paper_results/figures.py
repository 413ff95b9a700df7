"""The figures of the paper report, one function each, on the axes of `reports.plots`. Bands are 95 % intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.paper_results.entropy_theorem import SHOWN as RUNS
from experiments.paper_results.entropy_theorem import EntropyResult, entropy_bound
from experiments.paper_results.logit_knee import LogitSizeResult
from experiments.paper_results.sigma_growth import SCALES, SHOWN, MupResult
from experiments.reports.plots import COLOURS, MARKS, label, legend, line, panels
from experiments.statistics.intervals import Floats, Interval, bootstrap_interval, interquartile_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARK = "#5b6b78"
_ROWS = 1500
"""Recorded rows that are drawn of each run and length; the claims are about all of them."""


def entropy_figure(result: EntropyResult) -> "Figure":
    """Entropy of recorded rows against their length r, above the bound; a panel for each number of words."""
    lengths = sorted({int(keys) for rows in result.recorded.values() for keys in np.unique(rows.keys_N)})[:4]
    figure, axes = panels(1, len(lengths), width=4.4)
    for one, keys in zip(axes[0], lengths, strict=True):
        for number, (scale, rows) in enumerate(result.recorded.items()):
            here_N = np.flatnonzero(rows.keys_N == keys)
            some_N = here_N[:: max(1, len(here_N) // _ROWS)]
            style = {"color": COLOURS[number], "marker": MARKS[number], "s": 6, "alpha": 0.4, "linewidths": 0}
            one.scatter(rows.norm_N[some_N], rows.entropy_N[some_N], **style, label=f"row of a run, {RUNS[scale]}")
        norm_N = np.geomspace(1e-2, 1e3, 400)
        one.plot(norm_N, entropy_bound(norm_N, np.asarray(keys)), color="black", linewidth=1.4, label="theorem 3.1")
        one.set_xscale("log")
        one.set_xlim(0.01, 500)
        label(one, f"sentences of {keys} words", "r: length of the centred row of scores", "entropy, nats")
    legend(figure, axes[0, 0])
    return figure


def logit_size_figure(result: LogitSizeResult) -> "Figure":
    """Excess against kappa: at the learning rate that counts, and at each of them."""
    figure, axes = panels(1, 2, width=4.4, sharey=True)
    _band(axes[0, 0], result.kappas, result.best_AS, 0, "ours, best learning rate")
    for number, rate in enumerate(result.rates):
        _band(axes[0, 1], result.kappas, result.excess_ALS[:, number], number + 1, f"learning rate {rate:g}")
    for one in axes[0]:
        one.axhline(result.blind, color=_MARK, linewidth=1, linestyle=":", label="a model that does not attend")
        one.set_xscale("log")
        one.set_yscale("log")
    axes[0, 0].axvline(1e3, color=_MARK, linewidth=1, linestyle="--", label="where the paper's loss deteriorates")
    for one, title in zip(axes[0], ("best learning rate", "every learning rate"), strict=True):
        label(one, title, "kappa: size of the logits", "excess loss, nats" if one is axes[0, 0] else "")
        one.legend(fontsize=8, facecolor="white", edgecolor="none", loc="lower right")
    return figure


def mup_figure(result: MupResult) -> "Figure":
    """Sigma of the scores against d, at the start and after training, under both scales."""
    figure, axes = panels(1, 2, width=4.4, sharey=True)
    for one, title, sigma_DCS in zip(
        axes[0], ("at the start", "after training"), (result.before_DCS, result.after_DCS), strict=True
    ):
        for number, scale in enumerate(SCALES):
            _band(one, result.sizes, sigma_DCS[:, number], number, f"scale {SHOWN[scale]}")
        one.set_xscale("log", base=2)
        one.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        one.set_yscale("log")
        label(one, title, "d (components of a head)", "sigma (std of a row's scores)" if one is axes[0, 0] else "")
    falling_D = interquartile_mean(result.before_DCS[0, 0]) * np.sqrt(result.sizes[0] / np.asarray(result.sizes))
    axes[0, 0].plot(result.sizes, falling_D, color=_MARK, linestyle=":", label="falling like d^(-1/2)")
    legend(figure, axes[0, 0])
    return figure


def interval(values_S: Floats) -> Interval:
    """Interquartile mean over seeds, with its interval."""
    return bootstrap_interval(interquartile_mean, values_S)


def _band(axes: "Axes", x: Sequence[float], values_NS: Floats, number: int, name: str) -> None:
    found = [interval(values_S) for values_S in values_NS]
    line(axes, x, [f.estimate for f in found], number, name, [f.low for f in found], [f.high for f in found])
