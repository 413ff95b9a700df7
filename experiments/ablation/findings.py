"""What the runs of an ablation show: each variant beside the baseline, in words and in numbers, and the verdicts."""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from experiments.ablation.comparison import (
    KINDS,
    Comparison,
    Setting,
    can_show,
    comparisons,
    evaluated_seeds,
    settings_of,
)
from experiments.ablation.config import Prediction, Roles
from experiments.ablation.plan import Plan
from experiments.ablation.run_log import Summary
from experiments.reports.report import Report, escaped
from experiments.statistics.claims import Claim, between
from experiments.statistics.intervals import Interval, short

EXCESS = (
    "Excess is how far the model's probabilities for a masked word are from the exact ones (their KL divergence) in"
    " nats, the natural unit of information (the toss of a coin brings 0.69 nats), averaged over the masked slots of"
    " trained contexts, the combinations of words around the masked one that training shows; 0 is perfect."
)
FLAT = 1.1
"""An optimum at an edge of what was tried is flat if the value next to it has at most so many times its excess."""


@dataclass(frozen=True)
class Findings:
    """The results of an ablation in numbers."""

    plan: Plan
    settings: list[Setting]
    comparisons: list[Comparison]
    verdicts: list[Claim]
    """Of each prediction in each setting that it is about; the subject is the setting."""
    diverged: int
    """How many runs diverged."""


def findings(plan: Plan, summaries: Sequence[Summary]) -> Findings:
    """Everything that the report says in numbers, from the summaries of the runs in order."""
    settings = settings_of(plan, summaries)
    return Findings(
        plan,
        settings,
        comparisons(plan, settings),
        verdicts=[
            _verdict(plan, one, setting)
            for one in plan.config.predictions
            for setting in settings
            if all(setting.labels[axis] == label for axis, label in one.where)
        ],
        diverged=sum(summary["diverged_at"] is not None for summary in summaries),
    )


def _verdict(plan: Plan, one: Prediction, setting: Setting) -> Claim:
    of, over = (setting.variants.index(label) for label in (one.of, one.over))
    found = setting.growth(of, over) if one.grows else setting.ratio(of, over, setting.sizes.index(one.at))
    about, predicted = statement(one, plan.roles)
    return between(setting.name, setting.prefix + about, found, *one.bounds, predicted)


def statement(one: Prediction, roles: Roles) -> tuple[str, str]:
    """The quantity that a prediction is about, and the range that it predicts."""
    where = ", ".join(f"{axis} {label}" for axis, label in one.where)
    ratio = f"excess of {one.of} over that of {one.over}" + (f" ({where})" if where else "")
    if one.grows:
        return f"{ratio}: how many times larger at the largest {roles.x} than at the smallest", "more than 1"
    low, high = one.bounds
    predicted = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}" if low else f"at most {high:g}"
    return ratio + (f" at {roles.x} {one.at}" if one.at else ""), predicted


def answers(found: Findings) -> list[str]:
    """One line for each variant and setting: how its excess compares with the baseline's; a name stands in **."""
    return [
        _answer(found.plan, list(arm))
        for _, arm in itertools.groupby(found.comparisons, lambda one: (one.setting, one.variant))
    ]


def _answer(plan: Plan, arm: Sequence[Comparison]) -> str:
    setting = arm[0].setting
    ratios = ", ".join(f"{one.ratio.estimate:.3g}{_at(plan, setting, one.x)}" for one in arm)
    return (f"{setting.prefix}**{setting.variants[arm[0].variant]}** has {ratios} times the excess of"
            f" **{plan.roles.baseline}**. {_judged(plan, arm)}")  # fmt: skip


def _judged(plan: Plan, arm: Sequence[Comparison]) -> str:
    """At which x a variant is worse or better, and at which no difference is shown."""
    if not can_show(plan):
        return f"A difference cannot be shown with {counted(evaluated_seeds(plan), 'seed')}."
    if not plan.roles.x:
        return f"{arm[0].kind}."
    sizes = {kind: ", ".join(one.setting.sizes[one.x] for one in arm if one.kind == kind) for kind in KINDS}
    parts = "; ".join(f"{kind.lower()} at {own}" for kind, own in sizes.items() if own)
    return f"{parts[0].upper()}{parts[1:]}."  # capitalize() would write the sizes in lower case


def _at(plan: Plan, setting: Setting, x: int) -> str:
    """In brackets: the value of x, if there is such an axis."""
    return f" (at {plan.roles.x} {setting.sizes[x]})" if plan.roles.x else ""


def counted(number: int, noun: str) -> str:
    """A number of things: "1 run", "2 runs"."""
    return f"{number} {noun}{'s' if number > 1 else ''}"


def edges(found: Findings) -> tuple[list[str], list[str]]:
    """The arms whose best tuned value is the lowest or the highest that was tried: steep ones and flat ones."""
    steep, flat = list[str](), list[str]()
    for setting in found.settings:
        for v, x in np.ndindex(setting.best_VX.shape):
            if (worse := setting.worse_inside(v, x)) is not None:
                arm = f"{setting.prefix}{setting.variants[v]}{_at(found.plan, setting, x)}"
                (flat if worse <= FLAT else steep).append(f"{arm}, {setting.tuned[setting.best_VX[v, x]]}")
    return steep, flat


def show(found: Interval) -> str:
    """A number with its interval; without it for a single seed, empty if there is no number."""
    if math.isnan(found.low):
        return "" if math.isnan(found.estimate) else short(found.estimate)
    return str(found)


def write_tables(report: Report, found: Findings) -> None:
    """The table of all arms, and the same in full precision as `arms.csv`."""
    roles, nothing = found.plan.roles, Interval.unknown()
    by_arm = {(one.setting, one.variant, one.x): one for one in found.comparisons}
    rows, numbers = [], []
    for setting in found.settings:
        for x, v in itertools.product(range(len(setting.sizes)), range(len(setting.variants))):
            labels = _labels(roles, setting, x, v).values()
            beside = by_arm.get((setting, v, x), Comparison(setting, v, x, nothing, nothing, math.nan))  # baseline
            intervals, p = (setting.excess(v, x), beside.difference, beside.ratio), (beside.p, beside.p_holm)
            rows.append(
                [*map(escaped, labels), *map(show, intervals), *("" if math.isnan(one) else f"{one:.2g}" for one in p)]
            )
            numbers.append([*labels, *cells(intervals, p)])
    keys, base = _labels(roles, found.settings[0], 0, 0), escaped(roles.baseline)
    report.heading("In numbers")
    report.table([*keys, "excess, nats", f"minus {base}", f"over {base}", "p", "p (Holm)"], rows)
    given = f" at the best {roles.tuned}" if found.plan.tuned else ""
    if given and not roles.tuning_seeds:
        given += ", taken as given by p; intervals choose it anew in each resample"
    report.text(
        f"p: sign flips of the seeds' differences{given}; Holm: corrected for all comparisons of this table at once."
    )
    ends = (f"{name}{end}" for name in ("excess", "difference", "ratio") for end in ("", "_low", "_high"))
    report.csv("arms", [*keys, *ends, "p", "p_holm"], numbers)


def _labels(roles: Roles, setting: Setting, x: int, variant: int) -> dict[str, str]:
    """What an arm is, by the columns of the table; an axis that the grid does not have is no column."""
    arm = [("setting", setting.name), (roles.x, setting.sizes[x]), (roles.variant, setting.variants[variant]),
           (f"best {roles.tuned}", setting.tuned[setting.best_VX[variant, x]])]  # fmt: skip
    return {column: value for column, value in arm if value}


def cells(intervals: Iterable[Interval], p: Iterable[float]) -> list[float | str]:
    """The cells of a CSV file; empty where there is no number, as for the interval of a single seed."""
    values = [*(end for one in intervals for end in astuple(one)), *p]
    return ["" if math.isnan(value) else value for value in values]
