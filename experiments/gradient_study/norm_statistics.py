"""Many gradient norms in a few numbers, with intervals; and what is read off them: ratios, exponents, crossings, peaks.

One mean gradient norm proves nothing: a few tokens can carry it while the others get nothing. So every setting has RMS,
mean, median, 5 and 95 % quantiles, the share of dead rows, and the kurtosis. The seed is the unit: a statistic is taken
over the tokens of each seed, and its interval is a bootstrap over seeds. Norms are hundreds of megabytes, so they are
reduced to these numbers as soon as they are measured.

Letters: K statistics, N sizes, C scales, S stages, R seeds, T tokens, B buckets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.crossings import crossing_interval
from experiments.statistics.intervals import Interval, bootstrap_interval, log_slope, mean

Floats = NDArray[np.floating]
STATISTICS = ("rms", "mean", "median", "q05", "q95", "dead", "kurtosis", "carrying")
"""Names of what `statistics` gives; `carrying` is (E x^2)^2 / E x^4, the effective share of tokens with a gradient."""
SCALES = ("none", "inverse_sqrt", "inverse")
"""The three factors of the dot products, as in a model's config: 1, 1/sqrt(d), 1/d."""
NAMES = {"none": "unscaled", "inverse_sqrt": "1/sqrt(d)", "inverse": "1/d"}
"""What readers see of SCALES."""
UNSCALED, SCALED, INVERSE = range(3)
"""Places of SCALES."""
STAGES = ("weights", "scores", "query", "key", "value")
"""Stages inside attention, from its output back to its inputs."""
KERNELS = {"W_Q": "query", "W_K": "key", "W_V": "value", "W_O": "output"}
"""Parameter stages, and the name of each in the parameters."""
ALL_STAGES = (*STAGES, *KERNELS)
DEAD = 1e-3
"""A dead row has a norm below this share of the scaled arm's median in the same setting."""
MISSING = 0.025
"""Largest share of resamples without a value (medians that do not cross, say) beside which the rest has an interval."""
BUCKETS = 30
"""Of a histogram: as many as TensorBoard shows."""
_MOST_IN_HISTOGRAM = 20_000

bootstrap = partial(bootstrap_interval, missing=MISSING)
"""`bootstrap_interval` of statistics that need not have a value in every resample."""


@dataclass(frozen=True)
class Norms:
    """What is kept of the gradient norms of one setting, or of several, which are the first axes (here: ...)."""

    table_KCSR: Floats
    """Every statistic, [K, ..., C, S, R]; S are STAGES or ALL_STAGES."""
    histogram_CSB: Floats
    """Of log10 of the norms that are not 0, [..., C, S, 2 + BUCKETS]: least, largest, how many are in each bucket."""

    def of(self, statistic: str, stage: str) -> Floats:
        """One statistic of one stage, [..., C, R]."""
        return self.table_KCSR[STATISTICS.index(statistic), ..., ALL_STAGES.index(stage), :]

    def at(self, *place: int) -> "Norms":
        """Those of one setting, by its place on each of the first axes."""
        return Norms(np.moveaxis(self.table_KCSR, 0, -4)[place], self.histogram_CSB[place])


def reduced(norms_CSRT: Floats) -> Norms:
    """What is kept of the norms of one setting."""
    found = statistics(norms_CSRT)
    histograms = [[histogram(norms_RT) for norms_RT in norms_SRT] for norms_SRT in norms_CSRT]
    return Norms(np.stack([found[name] for name in STATISTICS]), np.asarray(histograms))


def stacked(parts: Sequence[Norms]) -> Norms:
    """Several settings, of which those of each part are the further axes."""
    return Norms(np.stack([one.table_KCSR for one in parts], axis=1), np.stack([one.histogram_CSB for one in parts]))


def scale_factors(d: int) -> tuple[float, float, float]:
    """The factors of SCALES for d components."""
    return 1.0, d**-0.5, 1.0 / d


def statistics(norms_CSRT: Floats) -> dict[str, Floats]:
    """Each of STATISTICS over the tokens, [C, S, R]."""
    x = np.asarray(norms_CSRT, np.float64)
    low, median, high = np.quantile(x, (0.05, 0.5, 0.95), axis=-1)
    square, mean = np.mean(x**2, axis=-1), x.mean(axis=-1)
    # One threshold for a stage, of all seeds together: the scaled arm's median.
    threshold_S = DEAD * np.median(x[SCALED].reshape(x.shape[1], -1), axis=-1)
    centred = x - mean[..., None]
    variance = np.maximum(np.mean(centred**2, axis=-1), 1e-150)
    fourth = np.maximum(np.mean(x**4, axis=-1), 1e-300)
    return {
        "rms": np.sqrt(square),
        "mean": mean,
        "median": median,
        "q05": low,
        "q95": high,
        "dead": np.mean(x < threshold_S[None, :, None, None], axis=-1),
        "kurtosis": np.mean(centred**4, axis=-1) / variance**2,
        "carrying": square**2 / fourth,
    }


def histogram(norms_RT: Floats) -> Floats:
    """Of log10 of the norms; see `Norms.histogram_CSB`. All 0 where every norm is."""
    x = np.log10(norms_RT[norms_RT > 0][:_MOST_IN_HISTOGRAM], dtype=np.float64)
    if not x.size:
        return np.zeros(2 + BUCKETS)
    counts, _ = np.histogram(x, BUCKETS, (x.min(), x.max()))
    return np.asarray([x.min(), x.max(), *counts])


def mean_estimate(values_R: Floats) -> Interval:
    """Mean over seeds."""
    return bootstrap(mean, values_R)


def ratio_estimate(above_R: Floats, below_R: Floats) -> Interval:
    """Ratio of the means over seeds, paired."""
    return bootstrap(lambda a, b: mean(a) / mean(b), above_R, below_R)


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
    return bootstrap(
        lambda unscaled_N, scaled_N: log_slope(np.log(d[used]), mean(unscaled_N) / mean(scaled_N)),
        table_NCR[:, UNSCALED],
        table_NCR[:, SCALED],
    )


def median_crossing(norms: Norms, sizes: tuple[int, ...], stage: str) -> Interval:
    """The d at which the unscaled median falls below the scaled one; see `bootstrap` of resamples that never cross.

    Its interval covers seeds and interpolation, see `crossing_range`.
    """
    table_NCR = norms.of("median", stage)

    def log_ratio(unscaled_N: Floats, scaled_N: Floats) -> Floats:
        return np.asarray(np.log(np.maximum(mean(unscaled_N), 1e-300) / mean(scaled_N)))

    return crossing_interval(sizes, log_ratio, table_NCR[:, UNSCALED], table_NCR[:, SCALED], missing=MISSING)


def escape_rise(margins: tuple[int, ...], times_NR: Floats) -> Interval:
    """Slope of log(time) in the margin, by least squares over the margins at most 2 below the last."""
    late = np.asarray(margins) >= margins[-1] - 2
    return bootstrap(lambda times_N: log_slope(np.asarray(margins)[late], mean(times_N)), times_NR[late])


def peak_sigma(sigma_S: Floats, square_SR: Floats) -> Interval:
    """Where the RMS of ||J|| is largest: a parabola in log sigma through the highest point and its neighbours."""
    x = np.log(sigma_S)

    def peak(square_S: Floats) -> Floats:
        rms_S = np.sqrt(mean(square_S))
        top = np.clip(np.argmax(rms_S, axis=0), 2, len(x) - 3)
        near_x = np.stack([x[top + step] for step in range(-2, 3)])
        near_y = np.stack([np.take_along_axis(rms_S, (top + step)[None], axis=0)[0] for step in range(-2, 3)])
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
