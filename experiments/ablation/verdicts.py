"""Predictions of an ablation beside what was measured, and the verdict: see `statistics.verdict`.

A prediction is about the ratio of two variants' excess.
"""

import math
from dataclasses import dataclass

from experiments.ablation.comparison import Setting
from experiments.ablation.config import Prediction
from experiments.ablation.plan import Plan
from experiments.ablation.roles import Roles
from experiments.statistics.claims import verdict
from experiments.statistics.intervals import Interval


@dataclass(frozen=True)
class Verdict:
    """One prediction in one setting."""

    prediction: Prediction
    setting: Setting
    found: Interval
    verdict: str


def stated(one: Prediction, roles: Roles) -> tuple[str, str]:
    """What a prediction is about, and what it says."""
    ratio = f"excess of {one.of} over that of {one.over}"
    if one.where:
        ratio += " (" + ", ".join(f"{axis} {label}" for axis, label in one.where) + ")"
    if one.grows:
        return f"{ratio}: how many times larger at the largest {roles.x} than at the smallest", "more than 1"
    at = f" at {roles.x} {one.at}" if one.at else ""
    return f"{ratio}{at}", _range(one.at_least, one.at_most)


def _range(low: float, high: float) -> str:
    if math.isinf(high):
        return f"at least {low:g}"
    return f"at most {high:g}" if not low else f"{low:g} to {high:g}"


def verdicts(plan: Plan, settings: list[Setting]) -> list[Verdict]:
    """Every prediction in every setting that it is about."""
    found = []
    for one in plan.config.predictions.items:
        for setting in settings:
            if all(setting.labels[axis] == label for axis, label in one.where):
                interval, (low, high) = _measured(one, setting), (one.at_least, one.at_most)
                if one.grows:
                    low, high = 1.0, math.inf
                found.append(Verdict(one, setting, interval, verdict((interval.low, interval.high), low, high)))
    return found


def _measured(one: Prediction, setting: Setting) -> Interval:
    pair = setting.variants.index(one.of), setting.variants.index(one.over)
    if one.grows:
        return setting.growth(*pair)
    return setting.ratio(*pair, setting.sizes.index(one.at) if one.at else 0)
