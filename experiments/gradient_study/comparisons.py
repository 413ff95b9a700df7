"""Comparisons of the arms: ratios of unscaled to scaled gradients, where they cross, and where softmax peaks.

N sizes; otherwise the letters of `norm_statistics`.
"""

import numpy as np

from experiments.gradient_study.norm_statistics import SCALED, UNSCALED, Floats, Norms, bootstrap, ratio_estimate
from experiments.gradient_study.results import Simulated
from experiments.statistics.intervals import Interval, crossing, log_slope, mean


def ratio_at(norms: Norms, statistic: str, stage: str, size: int = -1) -> Interval:
    """Unscaled over scaled, at the size of that index."""
    table_CR = norms.of(statistic, stage)[size]
    return ratio_estimate(table_CR[UNSCALED], table_CR[SCALED])


def ratios(norms: Norms, statistic: str, stage: str) -> Floats:
    """Unscaled over scaled at every size [N], of the means over seeds."""
    mean_NC = norms.of(statistic, stage).mean(axis=-1)
    return np.asarray(mean_NC[..., UNSCALED] / mean_NC[..., SCALED])


def ratio_slope(norms: Norms, sizes: tuple[int, ...], stage: str, smallest: int) -> Interval:
    """Exponent in d, from `smallest` on, of the RMS ratio."""
    d = np.asarray(sizes, float)
    used = d >= smallest
    if used.sum() < 2:
        return Interval.unknown()
    table_NCR = norms.of("rms", stage)[used]

    def slope(unscaled_N: Floats, scaled_N: Floats) -> Floats:
        return log_slope(np.log(d[used]), mean(unscaled_N) / mean(scaled_N))

    return bootstrap(slope, table_NCR[:, UNSCALED], table_NCR[:, SCALED])


def median_crossing(norms: Norms, sizes: tuple[int, ...], stage: str) -> Interval:
    """The d at which the unscaled median falls below the scaled one; see `bootstrap` of resamples that never cross."""
    table_NCR = norms.of("median", stage)

    def where(unscaled_N: Floats, scaled_N: Floats) -> Floats:
        return crossing(sizes, np.log(np.maximum(mean(unscaled_N), 1e-300) / mean(scaled_N)))

    return bootstrap(where, table_NCR[:, UNSCALED], table_NCR[:, SCALED])


def escape_rise(margins: tuple[int, ...], times_NR: Floats) -> Interval:
    """Slope of log(time) in the margin, by least squares over the margins at most 2 below the last."""
    late = np.asarray(margins) >= margins[-1] - 2
    return bootstrap(lambda times_N: log_slope(np.asarray(margins)[late], mean(times_N)), times_NR[late])


def peak_sigma(simulated: Simulated, n: int) -> Interval:
    """Where the RMS of ||J|| is largest: a parabola in log sigma through the highest point and its neighbours."""
    x = np.log(simulated.sigma_S)

    def peak(square_S: Floats) -> Floats:
        rms_S = np.sqrt(mean(square_S))
        top = np.clip(np.argmax(rms_S, axis=0), 2, len(x) - 3)
        near_x = np.stack([x[top + step] for step in range(-2, 3)])
        near_y = np.stack([np.take_along_axis(rms_S, (top + step)[None], axis=0)[0] for step in range(-2, 3)])
        return np.exp(_vertex(near_x, near_y))

    return bootstrap(peak, simulated.softmax[n].square_SR)


def _vertex(x: Floats, y: Floats) -> Floats:
    """Where the parabola of least squares through points (first axis) has its top."""
    origin = x.mean(axis=0)
    powers = np.stack([(x - origin) ** k for k in range(3)], axis=-1)
    normal = np.einsum("p...i,p...j->...ij", powers, powers)
    right = np.einsum("p...i,p...->...i", powers, y)
    solved = np.linalg.solve(normal, right[..., None])[..., 0]
    return origin - solved[..., 1] / (2 * solved[..., 2])
