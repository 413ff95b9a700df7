"""Statistics over seeds: how sure one can be of a number that ten trainings show.

    interquartile_mean(excess_S)                     the middle half's mean: one odd seed does not move it
    bootstrap_interval(interquartile_mean, excess_S) with its 95 % interval
    paired_ratio(unscaled_S, scaled_S)               of two arms trained from the same seeds, with its interval
    sign_flip_p(unscaled_S, scaled_S)                could the difference be chance?
    holm([p, q, r])                                  the same, of several questions asked at once

The seed is the unit (S): what was measured within a run (tokens, rows, steps) is one number before it comes here, since
its parts are not independent. Arms are paired: place s of every array is the same seed, so the same start and the same
data. Pure NumPy, and a pure function of its arguments: random draws come from the `seed` that is passed.

Values that are not finite are refused, and so is a single seed. A run that diverged is a result: leaving it out would
favour the arm that diverges. Say what it counts as (say, the loss of a uniform guess), and put that in its place.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Statistic = Callable[..., Any]
"""Of one array [..., S] for each arm, over the last axis: gives [...]. It meets all resamples at once."""
EXACT_SEEDS = 12
"""Up to so many seeds a p-value counts every one of the 2^S ways to flip signs."""
DRAWS = 10_000
"""Ways to flip signs that are drawn for a p-value beyond."""


@dataclass(frozen=True)
class Interval:
    """A number and the interval that it may as well lie in."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def mean(values_S: ArrayLike) -> Any:
    """Mean over the last axis."""
    return np.asarray(values_S, float).mean(axis=-1)


def interquartile_mean(values_S: ArrayLike) -> Any:
    """Mean of the middle half, over the last axis (Agarwal et al. 2021, arXiv 2108.13264).

    A quarter of the values, rounded down, is left out at either end: of 10 values the lowest 2 and the highest 2, of 3
    or fewer none.
    """
    ordered_S = np.sort(np.asarray(values_S, float), axis=-1)
    cut = ordered_S.shape[-1] // 4
    return ordered_S[..., cut : ordered_S.shape[-1] - cut].mean(axis=-1)


def bootstrap_interval(
    statistic: Statistic, *arms_S: ArrayLike, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """A statistic of one or several paired arms, with its bootstrap interval.

    Seeds are drawn with replacement, the same ones in every arm, and the interval holds the middle of what the
    statistic then gives. Plain percentiles cover too little when seeds are few (a mean of 10: 90 %, not 95 %), so they
    are taken further out, as far as Student's t lies beyond the normal distribution (the expanded percentile interval
    of Hesterberg 2015, arXiv 1411.5279). Measured on means of normal values, 95 % asked for: 95 % with 10 seeds,
    92 % with 5, 88 % with 4. With 3 it is the range of the values and holds the mean 75 times in 100.

    Args:
      statistic: of the arms, such as `mean`; see `Statistic`.
      *arms_S: one number a seed and arm; the same seeds in the same places.
      level: how often the interval should hold the true value.
      resamples: how often seeds are drawn.
      seed: of the draws.

    Raises:
      ValueError: fewer than 2 seeds, arms of different lengths, or something that is not finite.
    """
    arms = _checked(arms_S)
    seeds = arms[0].size
    estimate = float(statistic(*arms))
    drawn_N = resampled(statistic, *arms, resamples=resamples, seed=seed)
    if not (math.isfinite(estimate) and np.isfinite(drawn_N).all()):
        raise ValueError("statistic: is not finite in every resample; is something divided by 0?")
    return Interval(estimate, *middle(drawn_N, seeds, level))


def resampled(statistic: Statistic, *arms_S: NDArray[Any], resamples: int, seed: int = 0) -> Floats:
    """The statistic of every resample: seeds (the last axis) drawn with replacement, the same ones in every arm."""
    seeds = arms_S[0].shape[-1]
    chosen_NS = np.random.default_rng(seed).integers(0, seeds, (resamples, seeds))
    return np.asarray(statistic(*(arm_S[..., chosen_NS] for arm_S in arms_S)))


def middle(drawn_N: Floats, seeds: int, level: float = 0.95) -> tuple[float, float]:
    """The ends of the interval that resamples give (see `bootstrap_interval`)."""
    low, high = np.quantile(drawn_N, [tail(level, seeds), 1 - tail(level, seeds)])
    return float(low), float(high)


def verdict(found: tuple[float, float], low: float, high: float) -> str:
    """On the claim that a number with the interval `found` lies from `low` to `high`.

    Confirmed where the whole interval agrees, refuted where all of it contradicts, undecided where it does both, and
    where there is none (nan).
    """
    if low <= found[0] and found[1] <= high:
        return "confirmed"
    return "refuted" if found[1] < low or found[0] > high else "undecided"


def paired_difference(
    arm_S: ArrayLike, other_S: ArrayLike, statistic: Statistic = interquartile_mean, **options: Any
) -> Interval:
    """statistic(arm) - statistic(other), with its interval; `options` are those of `bootstrap_interval`."""
    return bootstrap_interval(lambda a, b: statistic(a) - statistic(b), arm_S, other_S, **options)


def paired_ratio(
    arm_S: ArrayLike, other_S: ArrayLike, statistic: Statistic = interquartile_mean, **options: Any
) -> Interval:
    """statistic(arm) / statistic(other), with its interval; `options` are those of `bootstrap_interval`."""
    return bootstrap_interval(lambda a, b: statistic(a) / statistic(b), arm_S, other_S, **options)


def sign_flip_p(arm_S: ArrayLike, other_S: ArrayLike, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p-value of the mean paired difference: how often it is as large with random signs.

    If the arms did not differ, each seed's difference could as well have the other sign. Up to EXACT_SEEDS seeds every
    choice of signs is counted, and p is exact; beyond, `draws` random ones and the one that was found. The smallest p
    there can be is that of `smallest_p`: fewer than 6 seeds can never show a difference at the 5 % level.

    Args:
      arm_S: one number a seed.
      other_S: the same of the other arm; the same seeds in the same places.
      draws: random choices of signs beyond EXACT_SEEDS seeds.
      seed: of these draws.

    Raises:
      ValueError: as for `bootstrap_interval`.
    """
    first_S, second_S = _checked((arm_S, other_S))
    difference_S = first_S - second_S
    seeds = difference_S.size
    if seeds <= EXACT_SEEDS:
        bits_NS = np.arange(2**seeds)[:, None] >> np.arange(seeds) & 1
    else:
        bits_NS = np.random.default_rng(seed).integers(0, 2, (draws, seeds))
    flipped_N = np.abs((1 - 2 * bits_NS) @ difference_S)
    # Sums that are equal but for the order of adding are ties, and count.
    reached_N = flipped_N >= abs(difference_S.sum()) - 1e-12 * np.abs(difference_S).sum()
    if seeds <= EXACT_SEEDS:
        return float(reached_N.mean())
    return float((1 + reached_N.sum()) / (1 + draws))


def smallest_p(seeds: int) -> float:
    """The smallest p-value that `sign_flip_p` can give: 2 / 2^S; with 5 seeds .0625. Beyond EXACT_SEEDS 1 / 10,001."""
    return 2 / 2**seeds if seeds <= EXACT_SEEDS else 1 / (1 + DRAWS)


def holm(p_M: Sequence[float]) -> Floats:
    """P-values of M questions asked at once, corrected by Holm's method, in the order given.

    Those below .05 stay below it with a chance of at most 5 % that any of them is wrong, however they depend on each
    other: the smallest is multiplied by M, the next by M - 1, ..., and none falls below a smaller one's.

    Raises:
      ValueError: something that is no probability.
    """
    values_M = np.asarray(p_M, float)
    if values_M.ndim != 1 or not ((values_M >= 0) & (values_M <= 1)).all():
        raise ValueError(f"p: must be a list of numbers from 0 to 1, not {values_M.tolist()}")
    order_M = np.argsort(values_M, kind="stable")
    raised_M = values_M[order_M] * np.arange(values_M.size, 0, -1)
    adjusted_M = np.empty_like(values_M)
    adjusted_M[order_M] = np.minimum(np.maximum.accumulate(raised_M), 1.0)
    return adjusted_M


def _checked(arms: Sequence[ArrayLike]) -> list[Floats]:
    """The arms as arrays, if a statistic over seeds can be taken of them."""
    arrays = [np.asarray(arm, float) for arm in arms]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or arrays[0].ndim != 1:
        raise ValueError(f"arms: must have one number for each of the same seeds, not shapes {sorted(shapes)}")
    if arrays[0].size < 2:
        raise ValueError(f"arms: one seed shows no spread; must have at least 2, not {arrays[0].size}")
    bad = sum(int((~np.isfinite(array)).sum()) for array in arrays)
    if bad:
        total = sum(array.size for array in arrays)
        raise ValueError(
            f"arms: {bad} of {total} values are not finite (diverged runs?); put what they count as in their place"
        )
    return arrays


def tail(level: float, seeds: int) -> float:
    """Share of the resamples beyond either end of the expanded percentile interval."""
    normal = NormalDist()
    z, freedom = normal.inv_cdf((1 + level) / 2), seeds - 1
    # Quantile of Student's t, to 1 % from 3 degrees of freedom on: Abramowitz and Stegun, 26.7.5.
    t = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    t += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    return normal.cdf(-math.sqrt(seeds / freedom) * t)
