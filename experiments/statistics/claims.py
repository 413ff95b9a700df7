"""What a paper or a theory says, beside what was measured here, and the verdict.

    near("P8", "exponent in d, after training", found, 0.0, 0.2, relative=False)

What agrees with a statement is a constant in the code that makes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experiments.statistics.intervals import Interval, short

VERDICTS = ("confirmed", "refuted", "undecided")


@dataclass(frozen=True)
class Claim:
    """One statement of a paper or a prediction beside what was measured, and its verdict."""

    subject: str
    """The paper or the prediction that says so."""
    statement: str
    predicted: str
    found: Interval
    verdict: str
    """One of VERDICTS."""


def verdict(found: Interval, low: float, high: float) -> str:
    """On the claim that the number `found` lies from `low` to `high`.

    Confirmed where the whole interval agrees, refuted where all of it contradicts, undecided where it does both, and
    where there is no interval (nan).
    """
    if low <= found.low and found.high <= high:
        return "confirmed"
    return "refuted" if found.high < low or found.low > high else "undecided"


def between(subject: str, statement: str, found: Interval, low: float, high: float, predicted: str = "") -> Claim:
    """Predicted to lie from `low` to `high`; `predicted` says so in other words."""
    predicted = predicted or f"{short(low)} to {short(high)}"
    return Claim(subject, statement, predicted, found, verdict(found, low, high))


def above(subject: str, statement: str, found: Interval, bound: float, predicted: str = "") -> Claim:
    """Predicted to be larger than `bound`."""
    return between(subject, statement, found, bound, math.inf, predicted or f"more than {short(bound)}")


def below(subject: str, statement: str, found: Interval, bound: float, predicted: str = "") -> Claim:
    """Predicted to be smaller than `bound`."""
    return between(subject, statement, found, -math.inf, bound, predicted or f"less than {short(bound)}")


def near(subject: str, statement: str, found: Interval, value: float, tolerance: float, relative: bool = True) -> Claim:
    """Predicted to be `value`, to within `tolerance` (as a share of `value`, or in its unit)."""
    slack = abs(value) * tolerance if relative else tolerance
    shown = f"{100 * tolerance:.0f} %" if relative else f"{tolerance:g}"
    return between(subject, statement, found, value - slack, value + slack, f"{short(value)} (to {shown})")


def exact(subject: str, statement: str, predicted: str, found: float, true: bool) -> Claim:
    """A statement that is true or not, without chance; `found` is the number that shows it."""
    return Claim(subject, statement, predicted, Interval.exact(found), "confirmed" if true else "refuted")


def overall(claims: Sequence[Claim]) -> str:
    """The verdict on a subject from all its claims: "confirmed", or "in part (2 confirmed, 1 refuted)"."""
    verdicts = {claim.verdict for claim in claims}
    return verdicts.pop() if len(verdicts) == 1 else f"in part ({counted(claims)})"


def counted(claims: Sequence[Claim]) -> str:
    """How many claims have each verdict: "2 confirmed, 1 refuted"."""
    verdicts = [claim.verdict for claim in claims]
    return ", ".join(f"{verdicts.count(kind)} {kind}" for kind in VERDICTS if kind in verdicts)
