"""The runs of an ablation arranged for comparison: each variant at its best tuned value, seeds paired.

Letters: V variants, X values along x, L tuned values, S seeds. An axis that the grid does not have has one value, "".

The best tuned value (say, of the learning rate) is the one with the lowest interquartile mean over the seeds. An
interval chooses it anew in every resample, so it includes the luck of that choice; a p-value takes it as given. With
`report.tuning_seeds` it is chosen on seeds of its own; all else is of the other seeds and takes it as given.

A run counts with its excess at the end, but with no more than it had before its first update, whether it diverged (its
end is then its state before that), ends at 1e30 or at no number: leaving it out would favour what diverges.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from experiments.ablation.axes import short_name
from experiments.ablation.config import SEED
from experiments.ablation.plan import Plan
from experiments.ablation.run_log import Summary
from experiments.measuring.metrics import TRAINED
from experiments.statistics.intervals import Floats, Interval, Statistic, bootstrap_interval, interquartile_mean
from experiments.statistics.significance import holm, sign_flip_p, smallest_p

SURE = 0.05
"""A difference is shown if its corrected p-value is below this."""
KINDS = ("Worse", "Better", "No difference shown")


@dataclass(frozen=True)
class Comparison:
    """A variant beside the baseline, at one x."""

    setting: "Setting"
    variant: int
    x: int
    difference: Interval
    """Excess of the variant less that of the baseline, nats."""
    ratio: Interval
    p: float
    """Of sign flips of the paired differences, at the best tuned values; nan for a single seed."""
    p_holm: float = math.nan
    """The same, corrected for all comparisons of the report."""

    @property
    def kind(self) -> str:
        """Worse or better than the baseline, if a difference is shown."""
        shown = self.p_holm < SURE and (self.difference.low > 0 or self.difference.high < 0)
        worse, better, neither = KINDS
        return neither if not shown else worse if self.difference.estimate > 0 else better


@dataclass(frozen=True, eq=False)
class Setting:
    """All arms under one combination of the axes other than variant, tuned, x and seed."""

    labels: dict[str, str]
    variants: list[str]
    sizes: list[str]
    tuned: list[str]
    excess_VXLS: Floats
    """Excess on trained contexts at the end, nats."""
    number_VXLS: NDArray[np.int64]
    """Number of the run."""
    tuning_VXLS: Floats | None = None
    """The excess of seeds of their own, on which the best tuned value is chosen; None: it is chosen on those above."""

    @property
    def name(self) -> str:
        """Its values on the other axes: "norm layer, optimizer sgd"; empty if there are no other axes."""
        return ", ".join(f"{short_name(name)} {value}" for name, value in self.labels.items())

    @property
    def prefix(self) -> str:
        """The name, to stand before a statement about this setting."""
        return f"{self.name}: " if self.labels else ""

    @cached_property
    def best_VX(self) -> NDArray[np.int64]:
        """The place of the best tuned value."""
        return np.asarray(interquartile_mean(self.chosen_on_VXLS).argmin(axis=2))

    @property
    def chosen_on_VXLS(self) -> Floats:
        """The excess on which the best tuned value is chosen."""
        return self.excess_VXLS if self.tuning_VXLS is None else self.tuning_VXLS

    def _to_choose(self, variant: int, x: int) -> Floats:
        """The excess [L, S] of an arm at the tuned values among which a resample chooses: all, or the one chosen."""
        if self.tuning_VXLS is None:
            return np.asarray(self.excess_VXLS[variant, x])
        return self.at_best(variant, x)[None]

    def at_best(self, variant: int, x: int) -> Floats:
        """The excess [S] of an arm at its best tuned value."""
        return np.asarray(self.excess_VXLS[variant, x, self.best_VX[variant, x]])

    def excess(self, variant: int, x: int) -> Interval:
        """The excess of an arm at its best."""
        return at_best_interval(lambda a: a, self._to_choose(variant, x))

    def tuning(self, variant: int, x: int, tuned: int) -> Interval:
        """The excess of an arm at the given tuned value, of the seeds on which the best is chosen."""
        return at_best_interval(lambda a: a, self.chosen_on_VXLS[variant, x, [tuned]])

    def worse_inside(self, variant: int, x: int) -> float | None:
        """Of a best tuned value that is the lowest or the highest: how many times its excess the next one has.

        None if the best lies between others, or there is one value alone.
        """
        excess_L = interquartile_mean(self.chosen_on_VXLS[variant, x])
        best, last = int(self.best_VX[variant, x]), len(excess_L) - 1
        if not last or 0 < best < last:
            return None
        return float(excess_L[1 if best == 0 else last - 1] / excess_L[best])

    def ratio(self, variant: int, other: int, x: int) -> Interval:
        """Excess of a variant over that of another, each at its best."""
        return at_best_interval(lambda a, b: a / b, self._to_choose(variant, x), self._to_choose(other, x))

    def difference(self, variant: int, other: int, x: int) -> Interval:
        """Excess of a variant less that of another, each at its best."""
        return at_best_interval(lambda a, b: a - b, self._to_choose(variant, x), self._to_choose(other, x))

    def growth(self, variant: int, other: int) -> Interval:
        """How many times larger `ratio` is at the last x than at the first."""
        ends = (self._to_choose(v, x) for x in (-1, 0) for v in (variant, other))
        return at_best_interval(lambda a, b, c, d: (a / b) / (c / d), *ends)

    def compared(self, variant: int, base: int, x: int) -> Comparison:
        """A variant beside the baseline; its p-value is not corrected yet."""
        pair = self.at_best(variant, x), self.at_best(base, x)
        p = sign_flip_p(*pair) if len(pair[0]) > 1 else math.nan
        return Comparison(self, variant, x, self.difference(variant, base, x), self.ratio(variant, base, x), p)

    def median_run(self, variant: int, x: int) -> int:
        """Number of the run with the (lower) median excess of its arm, at the best tuned value."""
        order_S = np.argsort(self.at_best(variant, x), kind="stable")
        return int(self.number_VXLS[variant, x, self.best_VX[variant, x], order_S[(len(order_S) - 1) // 2]])


def at_best_interval(function: Statistic, *arms_LS: Floats) -> Interval:
    """A function of arms, each an interquartile mean [...] at its best tuned value, with its 95 % interval.

    All arms have the same number of tuned values.
    """

    def statistic(*rows_S: Floats) -> Floats:
        parts = np.split(np.stack([interquartile_mean(row_S) for row_S in rows_S]), len(arms_LS))
        return np.asarray(function(*(part.min(axis=0) for part in parts)))

    rows = [row_S for arm_LS in arms_LS for row_S in arm_LS]
    if len(rows[0]) < 2:  # one seed: no interval
        return Interval.unknown(float(statistic(*rows)))
    return bootstrap_interval(statistic, *rows)


def settings_of(plan: Plan, summaries: Sequence[Summary]) -> list[Setting]:
    """Every setting of a plan, from the summaries of its runs in order."""
    roles, labels = plan.roles, plan.labels
    excess_R = np.asarray([counted_excess(summary) for summary in summaries])
    variants, sizes, seeds = (labels.get(name, [""]) for name in (roles.variant, roles.x, SEED))
    by_setting: dict[tuple[str, ...], dict[tuple[str, ...], int]] = {}
    for run in plan.runs:
        place = tuple(run.labels.get(name, "") for name in (roles.variant, roles.x, roles.tuned, SEED))
        by_setting.setdefault(tuple(run.labels[name] for name in roles.others), {})[place] = run.number
    found = []
    for own, number_of in by_setting.items():
        tuned = rising(dict.fromkeys(value for _, _, value, _ in number_of))
        number_R = np.asarray([number_of[place] for place in itertools.product(variants, sizes, tuned, seeds)])
        number_VXLS = number_R.reshape(len(variants), len(sizes), len(tuned), len(seeds))
        number_VXLS, first_VXLS = number_VXLS[..., roles.tuning_seeds :], number_VXLS[..., : roles.tuning_seeds]
        chosen_on_VXLS = excess_R[first_VXLS] if roles.tuning_seeds else None
        name = dict(zip(roles.others, own, strict=True))
        found.append(Setting(name, variants, sizes, tuned, excess_R[number_VXLS], number_VXLS, chosen_on_VXLS))
    return found


def rising(labels: Iterable[str]) -> list[str]:
    """Labels in rising order if all are numbers, else as they are: edges are those of what was tried."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return list(labels)


def counted_excess(summary: Summary) -> float:
    """The excess that a run counts with, nats."""
    end, start = float(summary.get(TRAINED, math.nan)), float(summary[f"start/{TRAINED}"])
    return min(end, start) if math.isfinite(end) else start


def comparisons(plan: Plan, settings: Sequence[Setting]) -> list[Comparison]:
    """Every variant beside the baseline, at every x of every setting, the p-values corrected for all of them."""
    variants = plan.labels.get(plan.roles.variant, [])
    base = variants.index(plan.roles.baseline) if variants else 0
    return corrected(
        [
            one.compared(variant, base, x)
            for one in settings
            for variant in range(len(variants))
            if variant != base
            for x in range(len(one.sizes))
        ]
    )


def corrected(found: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with their p-values corrected by Holm's method; nan if there are none to correct."""
    p = [one.p for one in found]
    p_holm = holm(p).tolist() if np.isfinite(p).all() else p
    return [replace(one, p_holm=value) for one, value in zip(found, p_holm, strict=True)]


def number_of_comparisons(plan: Plan) -> int:
    """The number of comparisons of all settings together, which Holm's method corrects for."""
    lengths = {name: len(labels) for name, labels in plan.labels.items() if name not in (plan.roles.tuned, SEED)}
    variants = lengths.get(plan.roles.variant, 1)
    return math.prod(lengths.values()) // variants * (variants - 1)


def lowest_p(plan: Plan) -> float:
    """The lowest corrected p-value that a plan's seeds and comparisons allow."""
    return min(1.0, number_of_comparisons(plan) * smallest_p(evaluated_seeds(plan)))


def evaluated_seeds(plan: Plan) -> int:
    """The number of seeds that are shown; others may have chosen the best tuned values."""
    return len(plan.labels[SEED]) - plan.roles.tuning_seeds


def can_show(plan: Plan) -> bool:
    """Whether any difference can be shown with a plan's seeds, at the level SURE."""
    return lowest_p(plan) < SURE
