"""Verdicts on what saturation does: P4, P6 and P10."""

from typing import Any

import numpy as np

from experiments.gradient_study.comparisons import UNSCALED, peak_sigma, table_of
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import bootstrap, ratio_estimate
from experiments.gradient_study.predictions import Check, above, below, near
from experiments.gradient_study.theory import PEAKS, carrying_share


def carrying(study: Study) -> list[Check]:
    """P4."""
    simulated, found = study.simulated, []
    sigma = float(simulated.sigmas[-1])
    for n in (6, 16):
        norm_RT = simulated.jacobian[n][-1]
        share = bootstrap(
            lambda square, fourth: square.mean(axis=-1) ** 2 / fourth.mean(axis=-1),
            np.mean(norm_RT**2, axis=-1),
            np.mean(norm_RT**4, axis=-1),
        )
        what = f"softmax alone, n = {n}, sigma = {sigma:g}: carrying share of the Jacobian's norm"
        found.append(near("P4", what, carrying_share(n, sigma), share, 0.1))
    return found


def peaks(study: Study) -> list[Check]:
    """P6."""
    simulated = study.simulated
    found = [near("P6", f"softmax alone, n = {n}: sigma of the largest RMS", peak, peak_sigma(simulated, n), 0.1)
             for n, peak in PEAKS.items()]  # fmt: skip
    one = int(np.argmin(np.abs(simulated.sigmas - 1.0)))
    for n in (2, 4):
        square_SR = np.mean(simulated.jacobian[n] ** 2, axis=-1)
        fall = bootstrap(
            lambda at, first: np.sqrt(at.mean(axis=-1) / first.mean(axis=-1)), square_SR[one], square_SR[0]
        )
        found.append(
            below("P6", f"softmax alone, n = {n}: RMS at sigma 1 over that at {simulated.sigmas[0]:g}", 1.0, fall)
        )
    return found


def kurtosis(study: Study) -> list[Check]:
    """P10."""
    simulated, layer = study.simulated, study.layer
    measured: list[tuple[str, str, Any, str, tuple[int, ...]]] = [
        ("simulated", "q", simulated.norms_NCSRT, "query", simulated.sizes),
        ("real layer with norm", "W_Q", layer.by_norm["layer"].norms_NCSRT, "W_Q", layer.sizes),
    ]
    found = []
    for where, shown, norms, stage, sizes in measured:
        table_NCR = table_of(norms, "kurtosis", stage)
        growth = ratio_estimate(table_NCR[-1, UNSCALED], table_NCR[0, UNSCALED])
        what = f"{where}, unscaled: kurtosis of dL/d{shown}, d = {sizes[-1]} over d = {sizes[0]}"
        found.append(above("P10", what, 1.0, growth))
    return found
