"""What Wortsman et al. 2023 say of the loss against the size of the logits, and the verdicts: see `logit_size`.

Imports no jax. Letters: A sizes kappa, L learning rates, S seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.claims import Claim, above, between
from experiments.statistics.intervals import Interval, bootstrap_interval, crossing, interquartile_mean, paired_ratio

Floats = NDArray[np.float64]
NAME = "Wortsman 2023"
FLAT, WORSE = 2.0, 5.0
"""A loss that changes by less than the first factor is flat; one that rises by more than the second deteriorates."""
KNEE = 3.0
"""The knee is where the excess crosses this multiple of its value at the smallest kappa."""
PAPER_KNEE = 1e3


@dataclass(frozen=True)
class LogitSizeResult:
    """Excess on trained contexts, nats, by size, learning rate and seed."""

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

    def at(self, kappa: float) -> Floats:
        """The excess [S] of the size nearest to `kappa`."""
        return np.asarray(self.best_AS[np.abs(np.log(np.asarray(self.kappas) / kappa)).argmin()])

    def knee(self) -> Interval:
        """Where the excess leaves its flat part; see the function `knee`."""
        return bootstrap_interval(lambda *arms_S: knee(self.kappas, *arms_S), *self.best_AS)


def knee(kappas: tuple[float, ...], *excess_AS: Floats) -> Floats:
    """The kappa at which the excess first crosses KNEE times its first value, between sizes on a log-log line.

    The largest kappa where it never does. Takes the excess of each size [..., S], gives [...].
    """
    log_A = np.log(np.stack([interquartile_mean(one) for one in excess_AS]))
    crossed = crossing(kappas, np.log(KNEE) + log_A[0] - log_A)
    return np.where(np.isnan(crossed), kappas[-1], crossed)


def claims(result: LogitSizeResult) -> list[Claim]:
    """What the figure says, beside what was measured: a flat part, a knee, its place, and the end."""
    first_S, before_S, last_S = result.best_AS[0], result.at(1.0), result.best_AS[-1]
    blind = bootstrap_interval(lambda a: interquartile_mean(a) / result.blind, last_S)
    flat = f"flat at first: loss at kappa 1 over that at {result.kappas[0]:g}"
    end = f"at kappa {result.kappas[-1]:g}, loss over that of a model that does not attend"
    risen, place = f"then a knee: loss at kappa {result.kappas[-1]:g} over that at 1", f"{PAPER_KNEE:g} (to a factor 3)"
    return [
        between(NAME, flat, paired_ratio(before_S, first_S), 1 / FLAT, FLAT, f"1 (to a factor {FLAT:g})"),
        above(NAME, risen, paired_ratio(last_S, before_S), WORSE),
        between(NAME, "place of the knee, in kappa", result.knee(), PAPER_KNEE / 3, PAPER_KNEE * 3, place),
        above(NAME, end, blind, 1.0),
    ]
