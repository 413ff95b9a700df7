"""What a paper says, beside what was measured here, and the verdict: see `statistics.verdict`.

What agrees with a claim about a number is a constant in the code that states the claim.
"""

import math
from dataclasses import dataclass

from experiments.statistics import Interval, verdict


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


def exact(paper: str, statement: str, predicted: str, found: str, holds: bool) -> Claim:
    """A claim that is true or not, without chance."""
    return Claim(paper, statement, predicted, found, "confirmed" if holds else "refuted")
