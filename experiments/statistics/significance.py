"""Could a difference between paired arms be chance? P-values over seeds, and their correction for many questions.

sign_flip_p(unscaled_S, scaled_S)    could the difference be chance?
holm([p, q, r])                      corrected p-values of several questions asked at once
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from experiments.statistics.intervals import Floats, checked

EXACT_SEEDS = 12
"""Up to so many seeds a p-value counts every one of the 2^S ways to flip signs."""
DRAWS = 10_000
"""Ways to flip signs that are drawn for a p-value beyond."""


def sign_flip_p(arm_S: ArrayLike, other_S: ArrayLike, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p-value of the mean paired difference: how often it is as large with random signs.

    If the arms did not differ, each seed's difference could as well have the other sign. Up to EXACT_SEEDS seeds every
    choice of signs is counted, and p is exact; beyond, `draws` random ones and the one that was found. The smallest p
    there can be is that of `smallest_p`: fewer than 6 seeds can never show a difference at the 5 % level.
    `scipy.stats.permutation_test` gives the same exact p-values, in 30 times the time and after 0.9 s of import.

    Args:
      arm_S: one number a seed.
      other_S: the same of the other arm; the same seeds in the same places.
      draws: random choices of signs beyond EXACT_SEEDS seeds.
      seed: of these draws.

    Raises:
      ValueError: as for `bootstrap_interval`.
    """
    difference_S = np.subtract(*checked((arm_S, other_S)))
    seeds = difference_S.size
    exact = seeds <= EXACT_SEEDS
    if exact:
        bits_NS = np.arange(2**seeds)[:, None] >> np.arange(seeds) & 1
    else:
        bits_NS = np.random.default_rng(seed).integers(0, 2, (draws, seeds))
    flipped_N = np.abs((1 - 2 * bits_NS) @ difference_S)
    # Sums that are equal but for the order of adding are ties, and count.
    reached_N = flipped_N >= abs(difference_S.sum()) - 1e-12 * np.abs(difference_S).sum()
    return float(reached_N.mean() if exact else (1 + reached_N.sum()) / (1 + draws))


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
    adjusted_M = np.minimum(np.maximum.accumulate(raised_M), 1.0)
    return np.asarray(adjusted_M[np.argsort(order_M)])  # in the order given
