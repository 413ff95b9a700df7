"""From what was measured to the verdicts: P4, P6 and P10 on saturation, P7 to P9 on training, and all together."""

from collections.abc import Callable

import numpy as np

from experiments.gradient_study import checks_sizes as size
from experiments.gradient_study.checks_law import law
from experiments.gradient_study.comparisons import escape_rise, peak_sigma
from experiments.gradient_study.config import CONTROL_STEPS
from experiments.gradient_study.norm_statistics import INVERSE, UNSCALED, bootstrap, ratio_estimate, slope_estimate
from experiments.gradient_study.results import Study
from experiments.gradient_study.theory import PEAKS, carrying_share
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
        _carrying,
        size.values,
        _peaks,
        _control,
        _inverse,
        _escape,
        _kurtosis,
    ]
    return [claim for part in parts for claim in part(study)]


def _carrying(study: Study) -> list[Claim]:
    """P4."""
    sigma, found = float(study.simulated.sigma_S[-1]), []
    for n in (6, 16):
        one = study.simulated.softmax[n]
        share = bootstrap(lambda square, fourth: mean(square) ** 2 / mean(fourth), one.square_SR[-1], one.fourth_SR[-1])
        what = f"softmax alone, n = {n}, sigma = {sigma:g}: carrying share of the Jacobian's norm"
        found.append(near("P4", what, share, carrying_share(n, sigma), 0.1))
    return found


def _peaks(study: Study) -> list[Claim]:
    """P6."""
    simulated = study.simulated
    found = [
        near("P6", f"softmax alone, n = {n}: sigma of the largest RMS", peak_sigma(simulated, n), peak, 0.1)
        for n, peak in PEAKS.items()
    ]
    for n in (2, 4):
        square_SR = simulated.softmax[n].square_SR
        fall = bootstrap(lambda at, first: np.sqrt(mean(at) / mean(first)), square_SR[simulated.place(1)], square_SR[0])
        what = f"softmax alone, n = {n}: RMS at sigma 1 over that at {simulated.sigma_S[0]:g}"
        found.append(below("P6", what, fall, 1.0))
    return found


def _kurtosis(study: Study) -> list[Claim]:
    """P10."""
    simulated, layer = study.simulated, study.layer
    found = []
    for what, norms, stage, sizes in (
        ("simulated, unscaled: kurtosis of dL/dq", simulated.norms, "query", simulated.sizes),
        ("real layer with norm, unscaled: kurtosis of dL/dW_Q", layer.by_norm["layer"].norms, "W_Q", layer.sizes),
    ):
        table_NR = norms.of("kurtosis", stage)[:, UNSCALED]
        growth = ratio_estimate(table_NR[-1], table_NR[0])
        found.append(above("P10", f"{what}, d = {sizes[-1]} over d = {sizes[0]}", growth, 1.0))
    return found


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
