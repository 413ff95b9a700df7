"""The runs of an ablation arranged for comparison: each variant at its best value of what is tuned, seeds paired.

Letters: V variants, X values along x, L tuned values, S seeds. What the grid does not vary has one value, "".

The value that counts (say, the learning rate) is the one with the lowest interquartile mean over the seeds. An interval
chooses it anew in every resample, so it holds the luck of that choice too; a p-value takes it as given. A run counts
with its excess at the end, but with no more than it had before its first update, whether it diverged (its end is then
its state before that), ends at 1e30 or at no number: leaving it out would favour what diverges.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.ablation.metrics import EXCESS
from experiments.ablation.plan import Plan
from experiments.ablation.roles import SEED
from experiments.statistics.intervals import Interval, bootstrap_interval, interquartile_mean
from experiments.statistics.significance import holm, sign_flip_p, smallest_p

Floats = NDArray[np.float64]
SURE = 0.05
"""A difference is shown where its corrected p-value is below."""


@dataclass(frozen=True)
class Comparison:
    """A variant beside the baseline, at one x."""

    variant: int
    x: int
    difference: Interval
    """Excess of the variant less that of the baseline, nats."""
    ratio: Interval
    p: float
    """Of sign flips of the paired differences, at the tuned values that count; nan for a single seed."""


@dataclass(frozen=True)
class Setting:
    """All arms under one combination of the axes beside variant, tuned and x."""

    labels: dict[str, str]
    variants: list[str]
    sizes: list[str]
    tuned: list[str]
    excess_VXLS: Floats
    """Excess on trained contexts at the end, nats."""
    number_VXLS: NDArray[np.int64]
    """Number of the run."""
    diverged_VXLS: NDArray[np.bool_]

    @cached_property
    def best_VX(self) -> NDArray[np.int64]:
        """Which tuned value counts."""
        return np.asarray(interquartile_mean(self.excess_VXLS).argmin(axis=2))

    def at_best(self, variant: int, x: int) -> Floats:
        """The excess [S] of an arm at the tuned value that counts."""
        return np.asarray(self.excess_VXLS[variant, x, self.best_VX[variant, x]])

    def excess(self, variant: int, x: int) -> Interval:
        """The excess of an arm, tuned."""
        return tuned(lambda a: a, self.excess_VXLS[variant, x])

    def ratio(self, variant: int, other: int, x: int) -> Interval:
        """Excess of a variant over that of another, each tuned."""
        return tuned(lambda a, b: a / b, self.excess_VXLS[variant, x], self.excess_VXLS[other, x])

    def difference(self, variant: int, other: int, x: int) -> Interval:
        """Excess of a variant less that of another, each tuned."""
        return tuned(lambda a, b: a - b, self.excess_VXLS[variant, x], self.excess_VXLS[other, x])

    def growth(self, variant: int, other: int) -> Interval:
        """How many times larger `ratio` is at the last x than at the first."""
        excess_VXLS = self.excess_VXLS
        ends = [excess_VXLS[v, x] for x in (-1, 0) for v in (variant, other)]
        return tuned(lambda a, b, c, d: (a / b) / (c / d), *ends)

    def median_run(self, variant: int, x: int) -> int:
        """Number of the run whose excess is the (lower) median of its arm, tuned."""
        order_S = np.argsort(self.at_best(variant, x), kind="stable")
        best = self.best_VX[variant, x]
        return int(self.number_VXLS[variant, x, best, order_S[(len(order_S) - 1) // 2]])


def tuned(function: Any, *arms_LS: Floats) -> Interval:
    """A function of arms, each the interquartile mean [...] at its best tuned value, with its 95 % interval."""
    ends = np.cumsum([len(arm_LS) for arm_LS in arms_LS])[:-1]

    def statistic(*rows_S: Floats) -> Any:
        parts = np.split(np.stack([interquartile_mean(row_S) for row_S in rows_S]), ends)
        return function(*(part.min(axis=0) for part in parts))

    rows = [row_S for arm_LS in arms_LS for row_S in arm_LS]
    if len(rows[0]) < 2:  # one seed: no interval
        return Interval(float(statistic(*rows)), math.nan, math.nan)
    return bootstrap_interval(statistic, *rows)


def settings_of(plan: Plan, summaries: Sequence[Mapping[str, Any]]) -> list[Setting]:
    """Every setting of a plan, from the summaries of its runs in order."""
    roles, labels = plan.roles, plan.labels
    axes = [labels.get(name, [""]) for name in (roles.variant, roles.x, roles.tuned, SEED)]
    found = {tuple(member.labels.items()): member.number for member in plan.members}
    names = list(plan.members[0].labels)
    result = []
    for values in itertools.product(*(labels[name] for name in roles.others)):
        other = dict(zip(roles.others, values, strict=True))

        def number(place: tuple[str, ...], other: dict[str, str] = other) -> int:
            own = {**other, **dict(zip((roles.variant, roles.x, roles.tuned, SEED), place, strict=True))}
            return found[tuple((name, own[name]) for name in names)]

        shape = tuple(len(axis) for axis in axes)
        numbers = [number(place) for place in itertools.product(*axes)]
        excess_VXLS = np.reshape([_excess(summaries[n]) for n in numbers], shape)
        diverged_VXLS = np.reshape([summaries[n]["diverged_at"] is not None for n in numbers], shape)
        number_VXLS = np.reshape(numbers, shape)
        result.append(Setting(other, axes[0], axes[1], axes[2], excess_VXLS, number_VXLS, diverged_VXLS))
    return result


def _excess(summary: Mapping[str, Any]) -> float:
    found, before = float(summary.get(EXCESS, math.nan)), float(summary[f"start/{EXCESS}"])
    return min(found, before) if math.isfinite(found) else before


def comparisons(plan: Plan, setting: Setting) -> list[Comparison]:
    """Every variant beside the baseline, at every x."""
    if not plan.roles.variant:
        return []
    base = setting.variants.index(plan.roles.baseline)
    found = []
    for variant, x in itertools.product(range(len(setting.variants)), range(len(setting.sizes))):
        if variant != base:
            pair = setting.at_best(variant, x), setting.at_best(base, x)
            p = sign_flip_p(*pair) if len(pair[0]) > 1 else math.nan
            found.append(
                Comparison(variant, x, setting.difference(variant, base, x), setting.ratio(variant, base, x), p)
            )
    return found


def number_of_comparisons(plan: Plan) -> int:
    """How many comparisons all settings have together: as many as Holm's method corrects for."""
    roles = plan.roles
    if not roles.variant:
        return 0
    return (len(plan.labels[roles.variant]) - 1) * math.prod(
        len(plan.labels.get(n, [""])) for n in (*roles.others, roles.x)
    )


def lowest_p(plan: Plan) -> float:
    """The lowest corrected p-value that a plan's seeds and comparisons allow."""
    return min(1.0, number_of_comparisons(plan) * smallest_p(len(plan.labels[SEED])))


def can_show(plan: Plan) -> bool:
    """Whether any difference can be shown with a plan's seeds, at the level SURE."""
    return lowest_p(plan) < SURE


def corrected(found: Sequence[Sequence[Comparison]]) -> list[list[float]]:
    """The p-values of all comparisons of all settings by Holm's method, arranged as they were."""
    flat = [one.p for own in found for one in own]
    values = iter(holm(flat).tolist() if flat and np.isfinite(flat).all() else [math.nan] * len(flat))
    return [[next(values) for _ in own] for own in found]
