"""From what was measured to the verdict on each prediction; here those on training (P7, P8, P9), and all together."""

from collections.abc import Callable

import numpy as np

from experiments.gradient_study import checks_saturation as saturation
from experiments.gradient_study import checks_sizes as size
from experiments.gradient_study.checks_law import law
from experiments.gradient_study.comparisons import escape_rise
from experiments.gradient_study.config import CONTROL_STEPS
from experiments.gradient_study.norm_statistics import INVERSE, bootstrap, slope_estimate
from experiments.gradient_study.results import Study
from experiments.statistics.claims import Claim, above, below, near
from experiments.statistics.intervals import Interval, mean

_VANISHING = 1e-12


def all_checks(study: Study) -> list[Claim]:
    """Every claim, the law's first, then P1."""
    parts: list[Callable[[Study], list[Claim]]] = [
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
    return [claim for part in parts for claim in part(study)]


def _control(study: Study) -> list[Claim]:
    """P7. An identity holds in every seed or not at all, so the worst seed decides, and there is no interval."""
    sgd, adam = (Interval.exact(float(study.control[name].max())) for name in ("sgd", "adam"))
    unadapted = Interval.exact(float(study.control["unadapted"].min()))
    what = f"largest relative difference after {CONTROL_STEPS} updates, gradient descent, worst seed"
    return [
        below("P7", what, sgd, _VANISHING),
        below("P7", "the same under Adam (rate times sqrt(s), epsilon / sqrt(s))", adam, _VANISHING),
        above("P7", "gradient descent with the learning rate not adapted, least of the seeds", unadapted, 1e-3),
    ]


def _inverse(study: Study) -> list[Claim]:
    found = []
    for record, when, exponent in ((0, "at the start", -0.5), (-1, "after training", 0.0)):
        sigma_NR = np.stack([one.sigma_PAR[record, INVERSE] for one in study.trained])
        slope = slope_estimate([one.d for one in study.trained], sigma_NR)
        found.append(near("P8", f"under 1/d: exponent of the scores' std in d, {when}", slope, exponent, 0.2, False))
    return found


def _escape(study: Study) -> list[Claim]:
    found = []
    for name, shown in (("sgd", "gradient descent"), ("adam", "Adam")):
        growth = bootstrap(lambda t: (mean(t[1:]) / mean(t[:-1])).min(axis=0), study.escape[name])
        found.append(above("P9", f"{shown}: smallest growth of the time from one margin to the next", growth, 1.0))
    what = "gradient descent: rise of log(time) for each unit of M, last margins (exp(M): 1)"
    return [*found, near("P9", what, escape_rise(study.config.escape.margins, study.escape["sgd"]), 1.0, 0.1)]
