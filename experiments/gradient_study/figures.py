"""The figures of the gradient study: one function each, on the axes of `reports.plots`.

Curves: the three scales have the same colour, mark and dash in every figure; bands are 95 % intervals over seeds.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.gradient_study.norm_statistics import (
    KERNELS,
    NAMES,
    SCALED,
    SCALES,
    STAGES,
    UNSCALED,
    Floats,
    Norms,
    peak_sigma,
    ratios,
)
from experiments.gradient_study.results import SPREAD_EDGES, Study
from experiments.reports.plots import COLOURS, DASHES, label, legend, line, log_axes, panels, style
from experiments.statistics.intervals import mean_intervals

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = {"rms": "RMS", "mean": "mean", "median": "median", "dead": "share of dead rows", "kurtosis": "kurtosis"}
_D = "d (components of a head)"
_APART, _CLOSE = (0.68, 0.7), (0.12, 0.12)
"""Gaps between axes with labels of their own and without, inches."""
_GREY, _LIGHT = "#5b6b78", "#9aa7b1"


def band(axes: "Axes", x: Sequence[float] | Floats, values_NR: Floats, number: int, name: str) -> None:
    """The seeds' mean as curve number `number`, with its interval."""
    mean_N, low_N, high_N = mean_intervals(values_NR).T
    line(axes, x, mean_N, number, name, low_N, high_N)


def simulated_query(study: Study) -> "Figure":
    """RMS, mean and median of |dL/dq| against d, beside the exact law."""
    simulated = study.simulated
    figure, axes = panels(1, 3, gaps=_APART)
    for m, (one, name) in enumerate(zip(axes[0], ("rms", "mean", "median"), strict=True)):
        for c, scale in enumerate(SCALES):
            band(one, simulated.sizes, simulated.norms.of(name, "query")[:, c], c, NAMES[scale])
            crosses = {"marker": "x", "linestyle": "", "color": "black", "label": "predicted" if c == 2 else None}
            one.plot(simulated.sizes, study.law.query_NCM[:, c, m], markersize=6, **crosses)
        log_axes(one)
        label(one, f"{SHOWN[name]} of |dL/dq|", _D, "gradient norm")
    legend(figure, axes[0, 0])
    return figure


def distributions(study: Study) -> "Figure":
    """How the tokens' |dL/dq| are spread, unscaled and scaled."""
    sizes, unit = study.simulated.sizes, study.config.simulated.output_gradient
    mean_NC = study.simulated.norms.of("mean", "query").mean(axis=-1) / unit
    chosen = [i for i, d in enumerate(sizes) if d in (4, 16, 64, 256, 1024)] or [0, len(sizes) - 1]
    figure, axes = panels(1, len(chosen), width=2.5, sharey=True, gaps=(0.15, 0))
    for one, i in zip(axes[0], chosen, strict=True):
        for c in (UNSCALED, SCALED):
            counts_B, name = study.simulated.spread_NCB[i, c], NAMES[SCALES[c]]
            one.stairs(counts_B / counts_B.sum(), SPREAD_EDGES, fill=True, color=COLOURS[c], alpha=0.45, label=name)
            at, mark = np.log10(mean_NC[i, c]), {"color": COLOURS[c], "linestyle": DASHES[c], "linewidth": 1.4}
            one.axvline(at, **mark, label=f"mean, {name}")
        one.set_xlim(-8, 1.5)
        shown = "log10 |dL/dq|" if unit == 1 else f"log10(|dL/dq| / {unit:g})"
        label(one, f"d = {sizes[i]}", shown, "share of tokens" if one is axes[0, 0] else "")
    legend(figure, axes[0, 0])
    return figure


def simulated_stages(study: Study) -> "Figure":
    """Unscaled over scaled at every stage of the simulated layer."""
    figure, axes = panels(1, 2, width=4.2, gaps=_APART)
    for one, name in zip(axes[0], ("rms", "median"), strict=True):
        _ratios(one, study.simulated.norms, study.simulated.sizes, name, STAGES)
        if name == "median":
            one.set_ylim(bottom=1e-8)
        log_axes(one)
        label(one, f"{SHOWN[name]}: unscaled / scaled", _D, "ratio")
    legend(figure, axes[0, 0])
    return figure


def _ratios(axes: "Axes", norms: Norms, sizes: Sequence[int], statistic: str, stages: Iterable[str]) -> None:
    for s, stage in enumerate(stages):
        line(axes, sizes, ratios(norms, statistic, stage), s, stage)
    axes.axhline(1, color=_GREY, linewidth=0.9)


def softmax_peaks(study: Study) -> "Figure":
    """RMS and median of ||J|| against sigma."""
    sigma_S = study.simulated.sigma_S
    figure, axes = panels(1, 2, width=4.2, gaps=_APART)
    left, right = axes[0]
    for number, (n, measured) in enumerate(study.simulated.softmax.items()):
        colour, _, dash = style(number)
        for one, values_S in ((left, measured.rms_S), (right, measured.overall_median_S)):
            one.plot(sigma_S, values_S, color=colour, linestyle=dash, linewidth=1.5, label=f"n = {n}")
        if n > 4:
            peak = peak_sigma(sigma_S, measured.square_SR).estimate
            height = np.interp(np.log(peak), np.log(sigma_S), measured.rms_S)
            left.plot(peak, height, marker="v", color=colour, markersize=7)
    right.set_ylim(1e-7, 1)
    for one, title in ((left, "RMS of ||J||; triangles: its peak"), (right, "median of ||J||")):
        log_axes(one, y=one is right)
        label(one, title, "sigma (std of the scores)", "||J||, Frobenius")
    legend(figure, left)
    return figure


def layer_ratios(study: Study) -> "Figure":
    """Unscaled over scaled for the four projections of the real layer, with the norm and without."""
    figure, axes = panels(2, 3, sharex=True, gaps=_APART)
    for row, (norm, shown) in zip(axes, (("layer", "with LayerNorm"), ("none", "without norm")), strict=True):
        for one, name in zip(row, ("rms", "mean", "median"), strict=True):
            _ratios(one, study.layer.by_norm[norm].norms, study.layer.sizes, name, KERNELS)
            root = [d**0.5 for d in study.layer.sizes]
            one.plot(study.layer.sizes, root, color=_LIGHT, linestyle=":", label="sqrt(d)")
            label(one, f"{shown}: {SHOWN[name]}", _D, "unscaled / scaled")
            one.set_ylim(0.05, 60)
            log_axes(one)
    legend(figure, axes[0, 0])
    return figure


def escape_and_kurtosis(study: Study) -> "Figure":
    """P9 and P10."""
    figure, axes = panels(1, 2, width=4.2, gaps=_APART)
    left, right = axes[0]
    margins = study.config.escape.margins
    for number, (name, shown) in enumerate((("sgd", "gradient descent"), ("adam", "Adam"))):
        band(left, margins, study.escape[name], number, shown)
    law = study.escape["sgd"][-1].mean() * np.exp(np.asarray(margins, float) - margins[-1])
    left.plot(margins, law, color=_LIGHT, linestyle=":", label="exp(M)")
    left.set_ylim(bottom=10)
    log_axes(left, x=False)
    label(left, "escape from a wrong key", "margin M of the wrong key's score", "updates until it is left")
    simulated, layer = study.simulated, study.layer.by_norm["layer"]
    root_N, sigma_N = np.sqrt(np.asarray(simulated.sizes, float)), layer.score_std_NCR[:, UNSCALED].mean(axis=-1)
    band(right, root_N, simulated.norms.of("kurtosis", "query")[:, UNSCALED], 0, "simulated, dL/dq")
    band(right, sigma_N, layer.norms.of("kurtosis", "W_Q")[:, UNSCALED], 1, "real layer, dL/dW_Q")
    log_axes(right)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    label(right, "kurtosis of the tokens' gradient norms", "sigma (std of the scores)", "kurtosis (normal: 3)")
    for one in axes[0]:
        one.legend(fontsize=8, frameon=False)
    return figure


def training_course(study: Study) -> "Figure":
    """Sigma, the gradient of W_Q and excess along training, for the three arms."""
    figure, axes = panels(5, len(study.trained), height=2.2, sharex=True, sharey="row", gaps=_CLOSE)
    for column, size in zip(axes.T, study.trained, strict=True):
        own = [size.own_PAR(statistic, "W_Q") for statistic in ("rms", "median", "dead")]
        rows = [size.sigma_PAR, *own, size.excess_PAR]
        for one, values_PAR in zip(column, rows, strict=True):
            for a, scale in enumerate(SCALES):
                band(one, np.asarray(size.steps) + 1, values_PAR[:, a], a, NAMES[scale])
    titles = ("sigma of the scores", "RMS of dL/dW_Q", "median of dL/dW_Q", "dead rows of dL/dW_Q", "excess, nats")
    for (r, c), one in np.ndenumerate(axes):
        if "median" in titles[r]:
            one.set_ylim(bottom=1e-7)
        log_axes(one, y="dead" not in titles[r])
        head = f"d = {study.trained[c].d}" if r == 0 else ""
        label(one, head, "update + 1" if r == len(titles) - 1 else "", titles[r] if c == 0 else "")
    legend(figure, axes[0, 0])
    return figure


def same_parameters(study: Study) -> "Figure":
    """Unscaled over scaled for one and the same parameters, along the training of each arm."""
    figure, axes = panels(2, len(study.trained), height=2.4, sharex=True, sharey="row", gaps=_CLOSE)
    for column, size in zip(axes.T, study.trained, strict=True):
        for one, statistic in zip(column, ("rms", "median"), strict=True):
            ratio_PA = ratios(size.norms, statistic, "W_Q")
            for a, scale in enumerate(SCALES):
                line(one, np.asarray(size.steps) + 1, ratio_PA[:, a], a, f"trained under {NAMES[scale]}")
            one.axhline(1, color=_GREY, linewidth=0.9)
    for (r, c), one in np.ndenumerate(axes):
        one.set_ylim((1e-2, 30) if r == 0 else (1e-6, 30))
        log_axes(one)
        title = f"{('RMS', 'median')[r]}: unscaled / scaled" if c == 0 else ""
        label(one, f"d = {study.trained[c].d}" if r == 0 else "", "update + 1" if r == 1 else "", title)
    legend(figure, axes[0, 0])
    return figure
