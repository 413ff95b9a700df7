"""The table of an ablation's report: every arm in numbers."""

import dataclasses
import itertools
import math
from collections.abc import Iterable

from experiments.ablation.comparison import Setting
from experiments.ablation.findings import Findings
from experiments.ablation.roles import Roles
from experiments.reports.report import Report, escaped
from experiments.statistics.intervals import Interval, short

_NONE = Interval(math.nan, math.nan, math.nan)


def show(found: Interval) -> str:
    """A number with its interval; without it for a single seed, empty if there is no number."""
    if math.isnan(found.low):
        return "" if math.isnan(found.estimate) else short(found.estimate)
    return str(found)


def write_tables(report: Report, found: Findings) -> None:
    """The table of all arms, and the same in full precision as `arms.csv`."""
    roles = found.plan.roles
    by_arm = {(one.setting, one.variant, one.x): one for one in found.comparisons}
    arms = [
        (s, x, v) for s in found.settings for x, v in itertools.product(range(len(s.sizes)), range(len(s.variants)))
    ]
    rows, numbers = [], []
    for setting, x, v in arms:
        labels = _labels(roles, setting, x, v).values()
        beside = by_arm.get((setting, v, x))  # None for the baseline
        intervals = [setting.excess(v, x), *((beside.difference, beside.ratio) if beside else (_NONE, _NONE))]
        p = (beside.p, beside.p_holm) if beside else (math.nan, math.nan)
        rows.append(
            [*map(escaped, labels), *map(show, intervals), *("" if math.isnan(one) else f"{one:.2g}" for one in p)]
        )
        numbers.append([*labels, *cells(intervals, p)])
    keys, base = _labels(roles, *arms[0]), escaped(roles.baseline)
    report.heading("In numbers")
    report.table([*keys, "excess, nats", f"minus {base}", f"over {base}", "p", "p (Holm)"], rows)
    given = f" at the best {roles.tuned}, taken as given (intervals choose it anew)" if roles.tuned else ""
    report.text(
        f"p: sign flips of the seeds' differences{given}; Holm: corrected for all comparisons of this table at once."
    )
    ends = [f"{name}{end}" for name in ("excess", "difference", "ratio") for end in ("", "_low", "_high")]
    report.csv("arms", [*keys, *ends, "p", "p_holm"], numbers)


def _labels(roles: Roles, setting: Setting, x: int, variant: int) -> dict[str, str]:
    """What an arm is, by the columns of the table; an axis that the grid does not have is no column."""
    arm = [("setting", setting.name), (roles.x, setting.sizes[x]), (roles.variant, setting.variants[variant]),
           (f"best {roles.tuned}", setting.tuned[setting.best_VX[variant, x]])]  # fmt: skip
    return {column: value for column, value in arm if value}


def cells(intervals: Iterable[Interval], p: Iterable[float]) -> list[float | str]:
    """The cells of a CSV file; empty where there is no number, as for the interval of a single seed."""
    values = [*(end for one in intervals for end in dataclasses.astuple(one)), *p]
    return ["" if math.isnan(value) else value for value in values]
