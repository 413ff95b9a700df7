"""The figures of part c of the gradient study: along training. See `figures`."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.gradient_study.comparisons import ratios
from experiments.gradient_study.figures import band, log_axes
from experiments.gradient_study.norm_statistics import NAMES, SCALES
from experiments.gradient_study.results import Study
from experiments.reports.plots import label, legend, line, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def training_course(study: Study) -> "Figure":
    """Sigma, the gradient of W_Q and excess along training, for the three arms."""
    figure, axes = panels(5, len(study.trained), height=2.2, sharex=True, sharey="row")
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
    figure, axes = panels(2, len(study.trained), height=2.4, sharex=True, sharey="row")
    for column, size in zip(axes.T, study.trained, strict=True):
        for one, statistic in zip(column, ("rms", "median"), strict=True):
            ratio_PA = ratios(size.norms, statistic, "W_Q")
            for a, scale in enumerate(SCALES):
                line(one, np.asarray(size.steps) + 1, ratio_PA[:, a], a, f"trained under {NAMES[scale]}")
            one.axhline(1, color="#5b6b78", linewidth=0.9)
    for (r, c), one in np.ndenumerate(axes):
        one.set_ylim((1e-2, 30) if r == 0 else (1e-6, 30))
        log_axes(one)
        title = f"{('RMS', 'median')[r]}: unscaled / scaled" if c == 0 else ""
        label(one, f"d = {study.trained[c].d}" if r == 0 else "", "update + 1" if r == 1 else "", title)
    legend(figure, axes[0, 0])
    return figure
