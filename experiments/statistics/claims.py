"""What a paper or a theory says, beside what was measured here, and the verdict.

What agrees with a claim about a number is a constant in the code that states the claim.
"""

import math
from dataclasses import dataclass

from experiments.statistics.intervals import Interval


def verdict(found: tuple[float, float], low: float, high: float) -> str:
    """On the claim that a number with the interval `found` lies from `low` to `high`.

    Confirmed where the whole interval agrees, refuted where all of it contradicts, undecided where it does both, and
    where there is none (nan).
    """
    if low <= found[0] and found[1] <= high:
        return "confirmed"
    return "refuted" if found[1] < low or found[0] > high else "undecided"


@dataclass(frozen=True)
class Claim:
    """One statement of a paper and its verdict."""

    paper: str
    statement: str
    predicted: str
    found: str
    verdict: str
    """confirmed, refuted or undecided."""


def between(paper: str, statement: str, predicted: str, found: Interval, low: float, high: float) -> Claim:
    """A claim that a number lies from `low` to `high`; `predicted` says so in the paper's terms."""
    return Claim(paper, statement, predicted, str(found), verdict((found.low, found.high), low, high))


def above(paper: str, statement: str, predicted: str, found: Interval, bound: float) -> Claim:
    """A claim that a number is larger than `bound`."""
    return between(paper, statement, predicted, found, bound, math.inf)


def exact(paper: str, statement: str, predicted: str, found: str, cache_key: bool) -> Claim:
    """A claim that is true or not, without chance."""
    return Claim(paper, statement, predicted, found, "confirmed" if cache_key else "refuted")
