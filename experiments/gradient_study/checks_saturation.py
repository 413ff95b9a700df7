"""Verdicts on what saturation does: P4, P6 and P10."""

import numpy as np

from experiments.gradient_study.comparisons import peak_sigma
from experiments.gradient_study.norm_statistics import UNSCALED, bootstrap, ratio_estimate
from experiments.gradient_study.results import Study
from experiments.gradient_study.theory import PEAKS, carrying_share
from experiments.statistics.claims import Claim, above, below, near
from experiments.statistics.intervals import mean


def carrying(study: Study) -> list[Claim]:
    """P4."""
    sigma, found = float(study.simulated.sigma_S[-1]), []
    for n in (6, 16):
        one = study.simulated.softmax[n]
        share = bootstrap(lambda square, fourth: mean(square) ** 2 / mean(fourth), one.square_SR[-1], one.fourth_SR[-1])
        what = f"softmax alone, n = {n}, sigma = {sigma:g}: carrying share of the Jacobian's norm"
        found.append(near("P4", what, share, carrying_share(n, sigma), 0.1))
    return found


def peaks(study: Study) -> list[Claim]:
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


def kurtosis(study: Study) -> list[Claim]:
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
