"""From what was measured to the verdict on each prediction; here those on training (P7, P8, P9), and all together."""

from collections.abc import Callable

import numpy as np

from experiments import gradient_size_checks as size
from experiments import gradient_softmax_checks as saturation
from experiments.gradient_comparisons import INVERSE, Floats
from experiments.gradient_control import STEPS
from experiments.gradient_predictions import Check, above, below, near
from experiments.gradient_statistics import Estimate, bootstrap, slope_estimate
from experiments.gradient_study import Study

_VANISHING = 1e-12


def all_checks(study: Study) -> list[Check]:
    """Every check, P1 first."""
    parts: list[Callable[[Study], list[Check]]] = [
        size.variance,
        size.small_scores,
        size.large_scores_simulated,
        size.large_scores_layer,
        saturation.carrying,
        size.values,
        saturation.peaks,
        _control,
        _inverse,
        _escape,
        saturation.kurtosis,
    ]
    return [check for part in parts for check in part(study)]


def _control(study: Study) -> list[Check]:
    def worst(name: str) -> Estimate:
        values = study.control[name]
        return Estimate(float(values.max()), float(values.min()), float(values.max()))

    return [
        below("P7", f"largest relative difference after {STEPS} updates, gradient descent (range)", _VANISHING,
              worst("sgd")),
        below("P7", "the same under Adam (rate times sqrt(s), epsilon / sqrt(s))", _VANISHING, worst("adam")),
        above("P7", "the same under gradient descent with the learning rate not adapted", 1e-3, worst("unadapted")),
    ]  # fmt: skip


def _inverse(study: Study) -> list[Check]:
    x = np.asarray([one.d for one in study.trained], float)
    found = []
    for moment, when, exponent in ((0, "at the start", -0.5), (-1, "after training", 0.0)):
        sigma_NR = np.stack([one.sigma_PAR[moment, INVERSE] for one in study.trained])
        what = f"under 1/d: exponent of the scores' std in d, {when}"
        found.append(near("P8", what, exponent, slope_estimate(x, sigma_NR), 0.2, relative=False))
    return found


def _escape(study: Study) -> list[Check]:
    margins = np.asarray(study.config.escape.margins, float)
    found = []
    for name, shown in (("sgd", "gradient descent"), ("adam", "Adam")):
        times_NR = study.escape[name]
        growth = bootstrap(lambda t: (t[1:].mean(axis=-1) / t[:-1].mean(axis=-1)).min(axis=0), times_NR)
        found.append(above("P9", f"{shown}: smallest growth of the time from one margin to the next", 1.0, growth))
    late = margins >= margins[-1] - 2
    x = margins[late] - margins[late].mean()

    def slope(times: Floats) -> Floats:
        return np.tensordot(x / np.sum(x**2), np.log(times.mean(axis=-1)), axes=(0, 0))

    exponent = bootstrap(slope, study.escape["sgd"][late])
    return [*found, near("P9", "gradient descent: rise of log(time) for each unit of M, last margins (exp(M): 1)", 1.0,
                         exponent, 0.1)]  # fmt: skip
