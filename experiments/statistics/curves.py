"""What is read off a curve: the exponent of a power law, and where a ratio crosses 1. Points are the first axis."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from experiments.statistics.intervals import Floats, Statistic, mean


def power_law(x: ArrayLike, statistic: Statistic = mean) -> Statistic:
    """The statistic that fits arms, one for each x, by a power of x, and gives its exponent.

    The slope of log statistic(arm) against log x, by least squares. Takes one array [..., S] for each x, gives [...].
    """
    return lambda *arms_S: log_slope(np.log(x), [statistic(arm_S) for arm_S in arms_S])


def log_slope(x: ArrayLike, values: Sequence[ArrayLike]) -> Floats:
    """Slope of the log of values [...], one for each x, against x, by least squares."""
    at = np.asarray(x, float)
    offset = at - at.mean()
    return np.asarray(np.tensordot(offset / np.sum(offset**2), np.log(np.stack(values)), axes=1))


def crossing(x: ArrayLike, log_ratio: Floats) -> Floats:
    """Where a falling log ratio [N, ...] first becomes negative, by interpolation in log x [N]; nan: nowhere."""
    falls = (log_ratio[1:] < 0) & (log_ratio[:-1] >= 0)
    first, found = np.argmax(falls, axis=0), falls.any(axis=0)
    before, after = (np.take_along_axis(log_ratio, (first + step)[None], axis=0)[0] for step in (0, 1))
    share = before / np.where(found, before - after, 1.0)
    left, right = np.log(x)[first], np.log(x)[first + 1]
    return np.where(found, np.exp(left + share * (right - left)), np.nan)
