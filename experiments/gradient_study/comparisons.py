"""Comparisons of the arms: ratios of unscaled to scaled gradients, where they cross, and where softmax peaks.

N sizes; otherwise the letters of `gradient_statistics`.
"""

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.norm_statistics import SCALED, SCALES, Estimate, bootstrap, ratio_estimate, statistics
from experiments.gradient_study.simulated_layer import Simulated
from experiments.gradient_study.stage_gradients import ALL_STAGES
from experiments.gradient_study.theory import crossing

Floats = NDArray[np.floating]
UNSCALED = SCALES.index("none")
INVERSE = SCALES.index("inverse")


def table_of(norms_NCSRT: list[Floats], statistic: str, stage: str) -> Floats:
    """One statistic of one stage, [N, C, R]."""
    place = ALL_STAGES.index(stage)
    return np.stack([statistics(norms[:, place : place + 1])[statistic][:, 0] for norms in norms_NCSRT])


def ratio_at(norms_NCSRT: list[Floats], statistic: str, stage: str, size: int = -1) -> Estimate:
    """Unscaled over scaled, at the size of that index."""
    table_CR = table_of(norms_NCSRT[size:][:1], statistic, stage)[0]
    return ratio_estimate(table_CR[UNSCALED], table_CR[SCALED])


def ratio_slope(norms_NCSRT: list[Floats], sizes: tuple[int, ...], stage: str, smallest: int) -> Estimate:
    """Exponent in d, from `smallest` on, of the RMS ratio."""
    used = [i for i, d in enumerate(sizes) if d >= smallest]
    if len(used) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"))
    table_NCR = table_of([norms_NCSRT[i] for i in used], "rms", stage)
    x = np.log(np.asarray([sizes[i] for i in used], float))
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)

    def slope(unscaled: Floats, scaled: Floats) -> Floats:
        return np.tensordot(weights, np.log(unscaled.mean(axis=-1) / scaled.mean(axis=-1)), axes=(0, 0))

    return bootstrap(slope, table_NCR[:, UNSCALED], table_NCR[:, SCALED])


def median_crossing(norms_NCSRT: list[Floats], sizes: tuple[int, ...], stage: str) -> Estimate:
    """The d at which the unscaled median falls below the scaled one; see `bootstrap` of resamples that never cross."""
    table_NCR = table_of(norms_NCSRT, "median", stage)
    x = np.asarray(sizes, float)

    def where(unscaled: Floats, scaled: Floats) -> Floats:
        log_ratio = np.log(np.maximum(unscaled.mean(axis=-1), 1e-300) / scaled.mean(axis=-1))
        return np.apply_along_axis(lambda column: crossing(x, column), 0, log_ratio)

    return bootstrap(where, table_NCR[:, UNSCALED], table_NCR[:, SCALED])


def escape_rise(margins: tuple[int, ...], times_NR: Floats) -> Estimate:
    """Slope of log(time) in the margin, by least squares over the margins at most 2 below the last."""
    late = np.asarray(margins) >= margins[-1] - 2
    x = np.asarray(margins, float)[late]
    weights = (x - x.mean()) / np.sum((x - x.mean()) ** 2)

    def slope(times: Floats) -> Floats:
        return np.tensordot(weights, np.log(times.mean(axis=-1)), axes=(0, 0))

    return bootstrap(slope, times_NR[late])


def peak_sigma(simulated: Simulated, n: int) -> Estimate:
    """Where the RMS of ||J|| is largest: a parabola in log sigma through the highest point and its neighbours."""
    square_SR, x = np.mean(simulated.jacobian[n] ** 2, axis=-1), np.log(simulated.sigmas)

    def peak(square: Floats) -> Floats:
        rms = np.sqrt(square.mean(axis=-1))
        top = np.clip(np.argmax(rms, axis=0), 2, len(x) - 3)
        near_x = np.stack([x[top + step] for step in range(-2, 3)])
        near_y = np.stack([np.take_along_axis(rms, (top + step)[None], axis=0)[0] for step in range(-2, 3)])
        return np.exp(_vertex(near_x, near_y))

    return bootstrap(peak, square_SR)


def _vertex(x: Floats, y: Floats) -> Floats:
    """Where the parabola of least squares through points (first axis) has its top."""
    origin = x.mean(axis=0)
    powers = np.stack([(x - origin) ** k for k in range(3)], axis=-1)
    normal = np.einsum("p...i,p...j->...ij", powers, powers)
    right = np.einsum("p...i,p...->...i", powers, y)
    solved = np.linalg.solve(normal, right[..., None])[..., 0]
    return origin - solved[..., 1] / (2 * solved[..., 2])
