"""What three papers say, what was measured of it, and the verdicts. Imports no jax; `measurements` measures.

**Zhai et al. 2023 (arXiv 2303.06296), theorem 3.1: the least entropy that a row of attention can have.** Let r be the
length of a row of T logits after their mean is taken off (softmax does not see the mean), or any bound of it. With
b = exp(-r sqrt(T / (T - 1)))

    entropy >= ln(1 + (T - 1) b) + r sqrt(T (T - 1)) b / (1 + (T - 1) b)      nats

and one row attains it: one logit stands out and all others are equal. So entropy can fall exponentially in r, and no
faster. The paper bounds r by spectral norms, |W_K W_Q^T| |X X^T|; here r is the row's own length, the smallest bound
there is. As the bound falls with r, a row that keeps it here keeps the paper's.

**Wortsman et al. 2023** and **Yang et al. 2022**: see `arms`, which trains for them.

Letters: N rows, T logits of a row; A sizes kappa, L learning rates; D sizes of a head, C scales; S seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.paper_results.config import PapersConfig
from experiments.statistics.claims import Claim, above, between, exact, near
from experiments.statistics.crossings import crossing_interval
from experiments.statistics.intervals import (
    Floats,
    Interval,
    bootstrap_interval,
    interquartile_mean,
    paired_ratio,
    power_law,
)
from experiments.statistics.significance import holm, sign_flip_p

TITLE = "Results from papers, beside ours"
ZHAI, WORTSMAN, YANG = "Zhai 2023", "Wortsman 2023", "Yang 2022 (muP)"
PREDICTIONS = {
    ZHAI: "Theorem 3.1: no row of attention has less entropy than its length allows, and one row has as little as"
    " that.",
    WORTSMAN: "Figure 10: loss is flat while attention logits are small, deteriorates around kappa = 1000, and at"
    " kappa = 10,000 exceeds that of a model that does not attend.",
    YANG: "Under 1/d the scores shrink like d^(-1/2) at the start and do not depend on d after training; under"
    " 1/sqrt(d) they do not depend on d at the start and grow after training.",
}
ENTROPY_SCALES = {"inverse_sqrt": "scale 1/sqrt(d)", "none": "no scale"}
"""Scales of the real runs whose rows are recorded (without one, rows become sharp, and the bound small), in words."""
DIGITS = 5e-6
"""Entropies that differ by less agree to 5 digits after the point."""
ROUNDING = 1e-12
"""What random rows, in 64 bits, may lie below the bound, nats."""
ROUNDING_32 = 1e-5
"""The same of recorded rows, whose scores and weights were computed in 32 bits."""
FLAT, WORSE = 2.0, 5.0
"""Excess that changes by less than the first factor is flat; if it rises by more than the second it deteriorates."""
KNEE, PAPER_KNEE = 3.0, 1e3
"""The knee is where the excess crosses this multiple of its value at the smallest kappa; where the paper's lies."""
MUP_SCALES = {"inverse": "1/d", "inverse_sqrt": "1/sqrt(d)"}
"""The scales that are compared for muP, in words; in the order of C."""
MARGIN = 0.1
"""An exponent that differs by less from the predicted one agrees with it: a factor 1.5 from d = 4 to 256."""


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


def entropy_bound(norm_N: Floats, keys_N: NDArray[np.int64]) -> Floats:
    """The least entropy, nats, of rows of `keys_N` logits whose centred length is at most `norm_N`."""
    others_N = keys_N - 1.0
    falling_N = np.exp(-norm_N * np.sqrt(keys_N / others_N))
    share_N = 1 + others_N * falling_N
    return np.log(share_N) + norm_N * np.sqrt(keys_N * others_N) * falling_N / share_N


@dataclass(frozen=True)
class EntropyResult:
    """Rows held against Zhai's theorem."""

    extremal: Rows
    """The extremal row of each T and r, through the model's softmax."""
    random: Distance
    recorded: dict[str, Rows]
    """For each scale: every row of every record of every seed."""

    def claims(self) -> list[Claim]:
        """The theorem's two statements beside what was measured."""
        error = float(np.abs(self.extremal.entropy_N - self.extremal.bound_N).max())
        attained = "the extremal row attains the bound: largest difference, nats"
        recorded = [
            (f"recorded rows, {ENTROPY_SCALES[scale]}", rows.distance(ROUNDING_32), ROUNDING_32)
            for scale, rows in self.recorded.items()
        ]
        lie_above = [
            exact(
                ZHAI,
                f"no row lies below the bound: least distance of {distance.rows:,} {kind}, nats",
                f"0 or more (rounding: {rounding:g})",
                distance.least,
                distance.below == 0,
            )
            for kind, distance, rounding in [("random rows", self.random, ROUNDING), *recorded]
        ]
        return [exact(ZHAI, attained, "0 to 5 digits", error, error < DIGITS), *lie_above]


@dataclass(frozen=True)
class LogitSizeResult:
    """Excess on trained contexts, nats, by size, learning rate and seed; held against Wortsman's figure."""

    kappas: tuple[float, ...]
    rates: tuple[float, ...]
    d_head: int
    excess_ALS: Floats
    blind: float
    """Excess of the best guess that does not attend to any word, but knows the place of the masked one."""
    diverged: int

    @property
    def best_A(self) -> NDArray[np.int64]:
        """Which learning rate counts: the one with the lowest interquartile mean, chosen on the same seeds."""
        return np.asarray(interquartile_mean(self.excess_ALS).argmin(axis=1))

    @property
    def best_AS(self) -> Floats:
        """The excess at the learning rate that counts."""
        return np.asarray(self.excess_ALS[np.arange(len(self.kappas)), self.best_A])

    def knee(self) -> Interval:
        """The kappa at which the excess first crosses KNEE times its first value; the largest where it never does.

        Its interval covers seeds and interpolation.
        """

        def log_ratio(*excess_AS: Floats) -> Floats:
            log_A = np.log(np.stack([interquartile_mean(one) for one in excess_AS]))
            return np.asarray(np.log(KNEE) + log_A[0] - log_A)

        return crossing_interval(self.kappas, log_ratio, *self.best_AS, nowhere=self.kappas[-1])

    def claims(self) -> list[Claim]:
        """What the figure says, beside what was measured: a flat part, a knee, its place, and the end."""
        first, last = self.kappas[0], self.kappas[-1]
        nearest_to_1 = int(np.abs(np.log(self.kappas)).argmin())
        near_1 = f"{self.kappas[nearest_to_1]:g}"
        first_S, one_S, last_S = self.best_AS[[0, nearest_to_1, -1]]
        flat, risen = paired_ratio(one_S, first_S), paired_ratio(last_S, one_S)
        blind = bootstrap_interval(lambda a: interquartile_mean(a) / self.blind, last_S)
        at_first, place = f"1 (to a factor {FLAT:g})", f"{PAPER_KNEE:g} (to a factor 3)"
        return [
            between(
                WORTSMAN,
                f"flat at first: excess at kappa {near_1} over that at {first:g}",
                flat,
                1 / FLAT,
                FLAT,
                at_first,
            ),
            above(WORTSMAN, f"then a knee: excess at kappa {last:g} over that at {near_1}", risen, WORSE),
            between(WORTSMAN, "place of the knee, in kappa", self.knee(), PAPER_KNEE / 3, PAPER_KNEE * 3, place),
            above(WORTSMAN, f"at kappa {last:g}, excess over that of a model that does not attend", blind, 1.0),
        ]


@dataclass(frozen=True)
class MupResult:
    """Sigma of the scores by size, scale (those of MUP_SCALES) and seed; held against Yang's theory."""

    sizes: tuple[int, ...]
    before_DCS: Floats
    after_DCS: Floats
    diverged: int

    def exponents(self, sigma_DCS: Floats) -> list[Interval]:
        """The exponent of sigma's growth with d, under each scale."""
        growth = power_law(self.sizes, interquartile_mean)
        return [bootstrap_interval(growth, *sigma_DCS[:, c]) for c in range(len(MUP_SCALES))]

    def differences(self) -> tuple[list[Interval], Floats]:
        """After training, sigma under 1/sqrt(d) over that under 1/d, for each size, and Holm-corrected p-values."""
        pairs = [(sigma_CS[1], sigma_CS[0]) for sigma_CS in self.after_DCS]
        return [paired_ratio(*pair) for pair in pairs], holm([sign_flip_p(*np.log(pair)) for pair in pairs])

    def claims(self) -> list[Claim]:
        """The four exponents that theory gives, beside those measured."""
        start, end = (f"exponent of sigma in d {when}, under " for when in ("at the start", "after training"))
        before_C, after_C = self.exponents(self.before_DCS), self.exponents(self.after_DCS)
        return [
            near(YANG, f"{start}1/d", before_C[0], -0.5, MARGIN, relative=False),
            near(YANG, f"{start}1/sqrt(d)", before_C[1], 0.0, MARGIN, relative=False),
            near(YANG, f"{end}1/d", after_C[0], 0.0, MARGIN, relative=False),
            above(YANG, f"{end}1/sqrt(d)", after_C[1], 0.0, "more than 0 (at most 0.5)"),
        ]


@dataclass(frozen=True)
class Results:
    """What was measured; None for a paper that was not asked for."""

    config: PapersConfig
    entropy: EntropyResult | None = None
    logit_size: LogitSizeResult | None = None
    mup: MupResult | None = None

    def claims(self) -> list[Claim]:
        """Every statement and its verdict."""
        measured = (self.entropy, self.logit_size, self.mup)
        return [claim for result in measured if result is not None for claim in result.claims()]
