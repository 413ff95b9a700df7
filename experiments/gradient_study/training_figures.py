"""The figures of part c of the gradient study: along training. See `gradient_figures`."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.gradient_study.comparisons import UNSCALED
from experiments.gradient_study.figures import band, log_axes
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import NAMES, SCALED, SCALES, statistics
from experiments.gradient_study.stage_gradients import ALL_STAGES
from experiments.reports.plots import label, legend, line, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def training_course(study: Study) -> "Figure":
    """Sigma, the gradient of W_Q and excess along training, for the three arms."""
    figure, axes = panels(5, len(study.trained), height=2.2, sharex=True, sharey="row")
    for column, size in zip(axes.T, study.trained, strict=True):
        own = size.own_PAR("W_Q")
        rows = [size.sigma_PAR, own["rms"], own["median"], own["dead"], size.excess_PAR]
        for one, values_PAR in zip(column, rows, strict=True):
            for a, scale in enumerate(SCALES):
                band(one, np.asarray(size.steps) + 1, values_PAR[:, a], a, NAMES[scale])
    titles = ("sigma of the scores", "RMS of dL/dW_Q", "median of dL/dW_Q", "dead rows of dL/dW_Q", "excess, nats")
    for (r, c), one in np.ndenumerate(axes):
        log_axes(one, y="dead" not in titles[r])
        if "median" in titles[r]:
            one.set_ylim(bottom=1e-7)
        head = f"d = {study.trained[c].d}" if r == 0 else ""
        label(one, head, "update + 1" if r == len(titles) - 1 else "", titles[r] if c == 0 else "")
    legend(figure, axes[0, 0])
    return figure


def same_parameters(study: Study) -> "Figure":
    """Unscaled over scaled for one and the same parameters, along the training of each arm."""
    figure, axes = panels(2, len(study.trained), height=2.4, sharex=True, sharey="row")
    place = ALL_STAGES.index("W_Q")
    for column, size in zip(axes.T, study.trained, strict=True):
        for a, scale in enumerate(SCALES):
            found = [statistics(size.norms_PACSRT[p, a][:, place : place + 1]) for p in range(len(size.steps))]
            for one, name in zip(column, ("rms", "median"), strict=True):
                values_PC = np.stack([step[name][:, 0].mean(axis=-1) for step in found])
                ratio_P = values_PC[:, UNSCALED] / values_PC[:, SCALED]
                line(one, np.asarray(size.steps) + 1, ratio_P, a, f"trained under {NAMES[scale]}")
                one.axhline(1, color="#5b6b78", linewidth=0.9)
    for (r, c), one in np.ndenumerate(axes):
        log_axes(one)
        title = f"{('RMS', 'median')[r]}: unscaled / scaled" if c == 0 else ""
        label(one, f"d = {study.trained[c].d}" if r == 0 else "", "update + 1" if r == 1 else "", title)
        one.set_ylim((1e-2, 30) if r == 0 else (1e-6, 30))
    legend(figure, axes[0, 0])
    return figure
