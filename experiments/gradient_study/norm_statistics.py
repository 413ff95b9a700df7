"""Many gradient norms in a few numbers, with intervals.

One mean gradient norm proves nothing: a few tokens can carry it while the others get nothing. So every setting has RMS,
mean, median, 5 and 95 % quantiles, the share of dead rows, and the kurtosis. The seed is the unit: a statistic is taken
over the tokens of each seed, and its interval is a bootstrap over seeds.

Letters: C scales, S stages, R seeds, T tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.intervals import middle, resampled

Floats = NDArray[np.floating]
STATISTICS = ("rms", "mean", "median", "q05", "q95", "dead", "kurtosis", "carrying")
"""Names of what `statistics` gives; `carrying` is (E x^2)^2 / E x^4, the effective share of tokens with a gradient."""
SCALES = ("none", "inverse_sqrt", "inverse")
"""The three factors of the dot products, as in a model's config: 1, 1/sqrt(d), 1/d."""
NAMES = {"none": "unscaled", "inverse_sqrt": "1/sqrt(d)", "inverse": "1/d"}
"""What readers see of SCALES."""
SCALED = SCALES.index("inverse_sqrt")
DEAD = 1e-3
"""A dead row has a norm below this share of the scaled arm's median in the same setting."""
MISSING = 0.025
"""Largest share of resamples without a value (medians that do not cross, say) beside which the rest has an interval."""
_RESAMPLES = 4000


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


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval: nan where there is none, the number itself where there is no chance in it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.value == self.high or np.isnan(self.value):
            return short(self.value)
        if np.isnan(self.low):
            return f"{short(self.value)} (no interval)"
        return f"{short(self.value)} [{short(self.low)}, {short(self.high)}]"


def short(value: float) -> str:
    """Three digits, as people write them."""
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else "none"
    if 1e-2 <= abs(value) < 1e4:
        digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
        return f"{value:.{digits}f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def bootstrap(function: Callable[..., Any], *samples_R: Floats) -> Estimate:
    """`function` of the seeds' values, with an interval over resampled seeds (see `statistics.tail`).

    There is no interval where more than MISSING of the resamples have no value: what is left would look too sure.

    Args:
      function: of arrays whose last axis is the seeds (and, where resampled, one more before it); vectorised.
      samples_R: one array of a number for each seed [..., R]; all are resampled together, so that differences and
        ratios of arms stay paired.
    """
    value = function(*samples_R)
    if not np.isfinite(value):
        return Estimate(float("nan"), float("nan"), float("nan"))
    drawn = resampled(function, *samples_R, resamples=_RESAMPLES)
    missing = np.isnan(drawn)
    if missing.mean() > MISSING:
        return Estimate(float(value), float("nan"), float("nan"))
    return Estimate(float(value), *middle(drawn[~missing], samples_R[0].shape[-1]))


def mean_estimate(values_R: Floats) -> Estimate:
    """Mean over seeds."""
    return bootstrap(lambda x: x.mean(axis=-1), values_R)


def ratio_estimate(above_R: Floats, below_R: Floats) -> Estimate:
    """Ratio of the means over seeds, paired."""
    return bootstrap(lambda a, b: a.mean(axis=-1) / b.mean(axis=-1), above_R, below_R)


def slope_estimate(x: Floats, values_NR: Floats) -> Estimate:
    """Slope of the log of the seeds' mean against log x, by least squares: the exponent of a power law."""
    centred = np.log(x) - np.log(x).mean()
    weights = centred / np.sum(centred**2)

    def slope(values: Floats) -> Floats:
        logs = np.log(values.mean(axis=-1))
        return np.tensordot(weights, logs, axes=(0, 0))

    return bootstrap(slope, values_NR)
