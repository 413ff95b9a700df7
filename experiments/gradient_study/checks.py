"""From what was measured to the verdict on each prediction; here those on training (P7, P8, P9), and all together."""

from collections.abc import Callable

import numpy as np

from experiments.gradient_study import checks_saturation as saturation
from experiments.gradient_study import checks_sizes as size
from experiments.gradient_study.checks_law import law
from experiments.gradient_study.comparisons import INVERSE, escape_rise
from experiments.gradient_study.folded_scale import STEPS
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import Estimate, bootstrap, slope_estimate
from experiments.gradient_study.predictions import Check, above, below, near

_VANISHING = 1e-12


def all_checks(study: Study) -> list[Check]:
    """Every check, the law's first, then P1."""
    parts: list[Callable[[Study], list[Check]]] = [
        law,
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
    """P7. An identity holds in every seed or not at all, so the worst seed decides, and there is no interval."""
    control = study.control
    worst = {name: float(control[name].max()) for name in ("sgd", "adam")}
    least = float(control["unadapted"].min())
    return [
        below("P7", f"largest relative difference after {STEPS} updates, gradient descent, worst seed", _VANISHING,
              Estimate(worst["sgd"], worst["sgd"], worst["sgd"])),
        below("P7", "the same under Adam (rate times sqrt(s), epsilon / sqrt(s))", _VANISHING,
              Estimate(worst["adam"], worst["adam"], worst["adam"])),
        above("P7", "gradient descent with the learning rate not adapted, least of the seeds", 1e-3,
              Estimate(least, least, least)),
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
    found = []
    for name, shown in (("sgd", "gradient descent"), ("adam", "Adam")):
        times_NR = study.escape[name]
        growth = bootstrap(lambda t: (t[1:].mean(axis=-1) / t[:-1].mean(axis=-1)).min(axis=0), times_NR)
        found.append(above("P9", f"{shown}: smallest growth of the time from one margin to the next", 1.0, growth))
    what = "gradient descent: rise of log(time) for each unit of M, last margins (exp(M): 1)"
    return [*found, near("P9", what, 1.0, escape_rise(study.config.escape.margins, study.escape["sgd"]), 0.1)]
