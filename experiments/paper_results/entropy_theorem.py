"""Zhai et al. 2023 (arXiv 2303.06296), theorem 3.1: the least entropy that a row of attention can have.

Let r be the length of a row of T logits after their mean is taken off (softmax does not see the mean), or any bound of
it. With b = exp(-r sqrt(T / (T - 1)))

    entropy >= ln(1 + (T - 1) b) + r sqrt(T (T - 1)) b / (1 + (T - 1) b)      nats

and one row attains it: one logit stands out and all others are equal. So entropy can fall exponentially in r, and no
faster. The paper bounds r by spectral norms, |W_K W_Q^T| |X X^T|; here r is the row's own length, the smallest bound
there is. As the bound falls with r, a row that keeps it here keeps the paper's.

Here are the theorem, what was measured of it, and the verdicts; `entropy_bound` measures. Imports no jax.

Letters: N rows, T logits of a row.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.claims import Claim, exact

Floats = NDArray[np.float64]
NAME = "Zhai 2023"
SHOWN = {"inverse_sqrt": "scale 1/sqrt(d)", "none": "no scale"}
"""What readers see of the scales of the real runs."""
DIGITS = 5e-6
"""Entropies that differ by less agree to 5 digits after the point."""
ROUNDING = 1e-12
"""What random rows, in 64 bits, may lie below the bound, nats."""
ROUNDING_32 = 1e-5
"""The same of recorded rows, whose scores and weights were computed in 32 bits."""


@dataclass(frozen=True)
class Distance:
    """How far rows lie above the bound."""

    rows: int
    below: int
    """How many lie below it, by more than rounding."""
    least: float
    """The smallest distance of an entropy to its bound, nats; negative where one lies below."""


@dataclass(frozen=True)
class Rows:
    """Rows of attention: their length r, entropy and bound, nats."""

    keys_N: NDArray[np.int64]
    norm_N: Floats
    entropy_N: Floats
    bound_N: Floats

    def distance(self, rounding: float) -> Distance:
        """How far the rows lie above the bound; by `rounding` they may lie below it."""
        distance_N = self.entropy_N - self.bound_N
        return Distance(distance_N.size, int((distance_N < -rounding).sum()), float(distance_N.min()))


@dataclass(frozen=True)
class EntropyResult:
    """What was measured."""

    extremal: Rows
    """The extremal row of each T and r, through the model's softmax."""
    random: Distance
    recorded: dict[str, Rows]
    """For each scale: every row of every record of every seed."""


def entropy_bound(norm_N: Floats, keys_N: NDArray[np.int64]) -> Floats:
    """The least entropy, nats, of rows of `keys_N` logits whose centred length is at most `norm_N`."""
    others_N = keys_N - 1.0
    falling_N = np.exp(-norm_N * np.sqrt(keys_N / others_N))
    share_N = 1 + others_N * falling_N
    return np.log(share_N) + norm_N * np.sqrt(keys_N * others_N) * falling_N / share_N


def extremal_row(norm: float, keys: int) -> Floats:
    """The row [T] of centred length `norm` that attains the bound."""
    row = np.full(keys, -1.0)
    row[0] = keys - 1.0
    return np.asarray(norm * row / np.sqrt(keys * (keys - 1.0)))


def entropy(weights_NT: NDArray[np.floating]) -> Floats:
    """Entropy of rows of weights, nats."""
    weights_NT = np.asarray(weights_NT, np.float64)
    return -np.sum(weights_NT * np.log(np.where(weights_NT > 0, weights_NT, 1.0)), axis=-1)


def claims(result: EntropyResult) -> list[Claim]:
    """The theorem's two statements beside what was measured."""
    error = float(np.abs(result.extremal.entropy_N - result.extremal.bound_N).max())
    attained = "the extremal row attains the bound: largest difference, nats"
    found = [exact(NAME, attained, "0 to 5 digits", error, error < DIGITS)]
    kinds = [("random rows", result.random, ROUNDING)]
    for scale, rows in result.recorded.items():
        kinds.append((f"recorded rows, {SHOWN[scale]}", rows.distance(ROUNDING_32), ROUNDING_32))
    for kind, distance, rounding in kinds:
        what = f"no row lies below the bound: least distance of {distance.rows:,} {kind}, nats"
        found.append(exact(NAME, what, f"0 or more (rounding: {rounding:g})", distance.least, distance.below == 0))
    return found
