"""Where a ratio that falls along x crosses 1, and how far seeds and interpolation let that be known.

crossing([4, 16, 64], log_ratio)                         by a straight line in log x
crossing_range([4, 16, 64], log_ratio)                   from where to where, whatever the curve between the sizes
crossing_interval([4, 16, 64], log_ratio_of, *arms_S)    that range over resampled seeds, as an `Interval`
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from experiments.statistics.intervals import Floats, Interval, Statistic, bootstrap_interval


def crossing(x: ArrayLike, log_ratio: Floats) -> Floats:
    """Where a falling log ratio [N, ...] first becomes negative, by interpolation in log x [N]; nan: nowhere."""
    falls = (log_ratio[1:] < 0) & (log_ratio[:-1] >= 0)
    first, found = np.argmax(falls, axis=0), falls.any(axis=0)
    before, after = (np.take_along_axis(log_ratio, (first + step)[None], axis=0)[0] for step in (0, 1))
    share = before / np.where(found, before - after, 1.0)
    left, right = np.log(x)[first], np.log(x)[first + 1]
    return np.where(found, np.exp(left + share * (right - left)), np.nan)


def crossing_range(x: ArrayLike, log_ratio: Floats) -> Floats:
    """From where to where in x a falling log ratio [N, ...] may first become negative [2, ...]; nan: nowhere.

    A straight line between the two sizes around the crossing errs by the curvature, which seeds do not show: between
    sizes a factor of 4 apart it gave 29 where more sizes gave 37. So the curve is taken for the parabola through these
    two sizes and the next smaller one, and for that through them and the next larger one (both in log x); what they
    differ by is what interpolation may be wrong by. Where a neighbour is missing, all that is known is the two sizes.
    """
    at, last = np.log(x), len(log_ratio) - 1
    falls = (log_ratio[1:] < 0) & (log_ratio[:-1] >= 0)
    first, found = np.argmax(falls, axis=0), falls.any(axis=0)

    def value(place: NDArray[np.intp]) -> Floats:
        return np.take_along_axis(log_ratio, np.clip(place, 0, last)[None], axis=0)[0]

    left, right = at[first], at[first + 1]
    above, below = np.where(found, value(first), 1.0), np.where(found, value(first + 1), -1.0)
    slope, shares = (below - above) / (right - left), []
    for place in (first - 1, first + 2):
        known = (place >= 0) & (place <= last)
        other = at[np.clip(place, 0, last)]
        # Newton's form: the line through the two sizes, and bend (x - left) (x - right).
        off_line = np.where(known, value(place) - above - slope * (other - left), 0.0)
        bend = off_line / np.where(known, (other - left) * (other - right), 1.0) * (right - left) ** 2
        linear = below - above - bend
        shares.append(2 * above / (np.sqrt(linear**2 - 4 * bend * above) - linear))
    inside = (first > 0) & (first + 2 <= last)
    ends = np.where(inside, np.sort(np.stack(shares), axis=0), np.stack([np.zeros_like(left), np.ones_like(left)]))
    return np.where(found, np.exp(left + ends * (right - left)), np.nan)


def crossing_interval(
    x: ArrayLike,
    log_ratio: Statistic,
    *arms_S: ArrayLike,
    nowhere: float = math.nan,
    missing: float | None = None,
) -> Interval:
    """Where a ratio of arms first falls below 1; the interval covers seeds and interpolation, see `crossing_range`.

    Args:
      x: the sizes, rising.
      log_ratio: of the arms, the log of the ratio at each size [N, ...]; see `Statistic`.
      *arms_S: as for `bootstrap_interval`.
      nowhere: where a ratio that never falls below 1 is said to cross; by default it has no value.
      missing: as for `bootstrap_interval`.
    """

    def end(number: int) -> Interval:
        def statistic(*arms: Floats) -> Floats:
            place = crossing_range(x, log_ratio(*arms))[number]
            return np.where(np.isnan(place), nowhere, place)

        return bootstrap_interval(statistic, *arms_S, missing=missing)

    low, high = end(0), end(1)
    return Interval(math.sqrt(low.estimate * high.estimate), low.low, high.high)
