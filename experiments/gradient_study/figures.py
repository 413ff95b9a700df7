"""The figures of the gradient study: one function each, on the axes of `report_writer`.

Curves: the three scales have the same colour, mark and dash in every figure; bands are 95 % intervals over seeds.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.comparisons import UNSCALED, peak_sigma, table_of
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import NAMES, SCALED, SCALES, scale_factors
from experiments.gradient_study.stage_gradients import KERNELS, STAGES
from experiments.gradient_study.tables import intervals
from experiments.gradient_study.theory import query_norms
from experiments.reports.plots import COLOURS, DASHES, label, legend, line, panels, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.floating]
SHOWN = {"rms": "RMS", "mean": "mean", "median": "median", "dead": "share of dead rows", "kurtosis": "kurtosis"}
_D = "d (components of a head)"
_DRAWS = 20_000


def band(axes: Any, x: Any, values_NR: Floats, number: int, name: str) -> None:
    """The seeds' mean as curve number `number`, with its interval."""
    found_N3 = intervals(values_NR)
    line(axes, x, found_N3[:, 0], number, name, found_N3[:, 1], found_N3[:, 2])


def log_axes(axes: Any, x: bool = True, y: bool = True) -> None:
    """Logarithmic axes; the numbers at the horizontal one in full."""
    if x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if y:
        axes.set_yscale("log")


def simulated_query(study: Study) -> "Figure":
    """RMS, mean and median of |dL/dq| against d, beside the exact law."""
    simulated, n = study.simulated, study.config.simulated.keys
    figure, axes = panels(1, 3)
    predicted = {d: [query_norms(n, d, s, _DRAWS) for s in scale_factors(d)] for d in simulated.sizes}
    reduce: dict[str, Callable[[Floats], Any]] = {
        "rms": lambda x: np.sqrt(np.mean(x**2)),
        "mean": np.mean,
        "median": np.median,
    }
    for one, (name, function) in zip(axes[0], reduce.items(), strict=True):
        table_NCR = table_of(simulated.norms_NCSRT, name, "query")
        for c, scale in enumerate(SCALES):
            band(one, simulated.sizes, table_NCR[:, c], c, NAMES[scale])
            law = [function(predicted[d][c]) for d in simulated.sizes]
            one.plot(simulated.sizes, law, "x", color="black", markersize=6, label="predicted" if c == 2 else None)
        log_axes(one)
        label(one, f"{SHOWN[name]} of |dL/dq|", _D, "gradient norm")
    legend(figure, axes[0, 0])
    return figure


def distributions(study: Study) -> "Figure":
    """How the tokens' |dL/dq| are spread, unscaled and scaled."""
    simulated, place = study.simulated, STAGES.index("query")
    chosen = [i for i, d in enumerate(simulated.sizes) if d in (4, 16, 64, 256, 1024)] or [0, len(simulated.sizes) - 1]
    figure, axes = panels(1, len(chosen), width=2.5, sharey=True)
    for one, i in zip(axes[0], chosen, strict=True):
        for c in (UNSCALED, SCALED):
            x = np.log10(np.maximum(simulated.norms_NCSRT[i][c, place].ravel(), 1e-12))
            counts, edges = np.histogram(x, bins=np.linspace(-12, 2, 71))
            name = NAMES[SCALES[c]]
            one.stairs(counts / counts.sum(), edges, fill=True, color=COLOURS[c], alpha=0.45, label=name)
            mean = np.log10(np.mean(simulated.norms_NCSRT[i][c, place]))
            one.axvline(mean, color=COLOURS[c], linestyle=DASHES[c], linewidth=1.4, label=f"mean, {name}")
        one.set_xlim(-8, 1.5)
        label(one, f"d = {simulated.sizes[i]}", "log10 |dL/dq|", "share of tokens" if one is axes[0, 0] else "")
    legend(figure, axes[0, 0])
    return figure


def simulated_stages(study: Study) -> "Figure":
    """Unscaled over scaled at every stage of the simulated layer."""
    figure, axes = panels(1, 2, width=4.2)
    for one, name in zip(axes[0], ("rms", "median"), strict=True):
        _ratios(one, study.simulated.norms_NCSRT, study.simulated.sizes, name, STAGES)
        label(one, f"{SHOWN[name]}: unscaled / scaled", _D, "ratio")
    axes[0, 1].set_ylim(bottom=1e-8)
    legend(figure, axes[0, 0])
    return figure


def _ratios(axes: Any, norms_NCSRT: list[Floats], sizes: Any, statistic: str, stages: Any) -> None:
    for s, stage in enumerate(stages):
        table_NCR = table_of(norms_NCSRT, statistic, stage)
        ratio_N = table_NCR[:, UNSCALED].mean(axis=-1) / table_NCR[:, SCALED].mean(axis=-1)
        line(axes, sizes, ratio_N, s, stage)
    axes.axhline(1, color="#5b6b78", linewidth=0.9)
    log_axes(axes)


def softmax_peaks(study: Study) -> "Figure":
    """RMS, median and mean of ||J|| against sigma."""
    simulated = study.simulated
    figure, axes = panels(1, 2, width=4.2)
    for number, (n, norm_SRT) in enumerate(simulated.jacobian.items()):
        rms_S, median_S = np.sqrt(np.mean(norm_SRT**2, axis=(1, 2))), np.median(norm_SRT, axis=(1, 2))
        colour, _, dash = style(number)
        for one, values_S in zip(axes[0], (rms_S, median_S), strict=True):
            one.plot(simulated.sigmas, values_S, color=colour, linestyle=dash, linewidth=1.5, label=f"n = {n}")
        if n > 4:
            peak = peak_sigma(simulated, n).value
            height = np.interp(np.log(peak), np.log(simulated.sigmas), rms_S)
            axes[0, 0].plot(peak, height, marker="v", color=colour, markersize=7)
    for one, name in zip(axes[0], ("RMS", "median"), strict=True):
        log_axes(one, y=name == "median")
        label(
            one,
            f"{name} of ||J||{'; triangles: its peak' if name == 'RMS' else ''}",
            "sigma (std of the scores)",
            "||J||, Frobenius",
        )
    axes[0, 1].set_ylim(1e-7, 1)
    legend(figure, axes[0, 0])
    return figure


def layer_ratios(study: Study) -> "Figure":
    """Unscaled over scaled for the four projections of the real layer, with the norm and without."""
    figure, axes = panels(2, 3, sharex=True)
    for row, (norm, shown) in zip(axes, (("layer", "with LayerNorm"), ("none", "without norm")), strict=True):
        for one, name in zip(row, ("rms", "mean", "median"), strict=True):
            _ratios(one, study.layer.by_norm[norm].norms_NCSRT, study.layer.sizes, name, KERNELS)
            root = [d**0.5 for d in study.layer.sizes]
            one.plot(study.layer.sizes, root, color="#9aa7b1", linestyle=":", label="sqrt(d)")
            label(one, f"{shown}: {SHOWN[name]}", _D, "unscaled / scaled")
            one.set_ylim(0.05, 60)
    legend(figure, axes[0, 0])
    return figure


def escape_and_kurtosis(study: Study) -> "Figure":
    """P9 and P10."""
    figure, axes = panels(1, 2, width=4.2)
    margins = study.config.escape.margins
    for number, (name, shown) in enumerate((("sgd", "gradient descent"), ("adam", "Adam"))):
        band(axes[0, 0], margins, study.escape[name], number, shown)
    last = float(study.escape["sgd"][-1].mean())
    law = [last * np.exp(m - margins[-1]) for m in margins]
    axes[0, 0].plot(margins, law, color="#9aa7b1", linestyle=":", label="exp(M)")
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(bottom=10)
    label(axes[0, 0], "escape from a wrong key", "margin M of the wrong key's score", "updates until it is left")
    simulated, layer = study.simulated, study.layer
    sigma_N = np.sqrt(np.asarray(simulated.sizes, float))
    band(axes[0, 1], sigma_N, table_of(simulated.norms_NCSRT, "kurtosis", "query")[:, UNSCALED], 0, "simulated, dL/dq")
    measured = layer.by_norm["layer"]
    sigma_N = measured.score_std_NCR[:, UNSCALED].mean(axis=-1)
    band(axes[0, 1], sigma_N, table_of(measured.norms_NCSRT, "kurtosis", "W_Q")[:, UNSCALED], 1, "real layer, dL/dW_Q")
    log_axes(axes[0, 1])
    axes[0, 1].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0, 1].yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    label(axes[0, 1], "kurtosis of the tokens' gradient norms", "sigma (std of the scores)", "kurtosis (normal: 3)")
    for one in axes[0]:
        one.legend(fontsize=8, frameon=False)
    return figure
