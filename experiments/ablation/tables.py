"""What the runs of an ablation show in numbers, worked out once, and the tables of its report."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from experiments.ablation.comparison import Comparison, Setting, comparisons, corrected
from experiments.ablation.figures import setting_name
from experiments.ablation.plan import Plan
from experiments.ablation.verdicts import Verdict, verdicts
from experiments.reports.report import Report, escaped
from experiments.statistics.intervals import Interval


@dataclass(frozen=True)
class Findings:
    """What the runs show, worked out once."""

    settings: list[Setting]
    compared: list[list[Comparison]]
    """Of each setting."""
    holm: list[list[float]]
    verdicts: list[Verdict]


def findings(plan: Plan, settings: list[Setting]) -> Findings:
    """Everything that the report says in numbers."""
    compared = [comparisons(plan, setting) for setting in settings]
    return Findings(settings, compared, corrected(compared), verdicts(plan, settings))


def show(found: Interval) -> str:
    """A number and its interval, where there is one."""
    return f"{found.estimate:.3g}" if math.isnan(found.low) else str(found)


def write_tables(report: Report, plan: Plan, found: Findings) -> None:
    """The table of all arms, and the same in numbers as `arms.csv`."""
    roles = plan.roles
    several = any(setting.labels for setting in found.settings)
    named = [("setting", several), (roles.x, roles.x), (roles.variant, roles.variant)]
    named.append((f"best {roles.tuned}", roles.tuned))
    kept = [bool(shown) for _, shown in named]
    keys = [name for name, shown in named if shown]
    rows: list[list[Any]] = []
    numbers: list[list[Any]] = []
    for setting, compared, holm in zip(found.settings, found.compared, found.holm, strict=True):
        by_arm = {(one.variant, one.x): (one, p) for one, p in zip(compared, holm, strict=True)}
        for x, v in itertools.product(range(len(setting.sizes)), range(len(setting.variants))):
            best = setting.tuned[setting.best_VX[v, x]]
            arm = setting_name(setting), setting.sizes[x], setting.variants[v], best
            own = [value for value, shown in zip(arm, kept, strict=True) if shown]
            excess, beside = setting.excess(v, x), by_arm.get((v, x))
            rows.append([*map(escaped, own), show(excess), *_shown(beside)])
            numbers.append([*own, *_numbers(excess), *_in_numbers(beside)])
    report.heading("In numbers")
    base = escaped(roles.baseline)
    report.table([*keys, "excess, nats", f"minus {base}", f"over {base}", "p", "p (Holm)"], rows)
    given = f" at the {roles.tuned} that counts, taken as given (intervals choose it anew)" if roles.tuned else ""
    report.text(
        f"p: sign flips of the seeds' differences{given}; Holm: corrected for all comparisons of this table at once."
    )
    ends = [f"{name}{end}" for name in ("excess", "difference", "ratio") for end in ("", "_low", "_high")]
    report.csv("arms", [*keys, *ends, "p", "p_holm"], numbers)


def _shown(beside: tuple[Comparison, float] | None) -> list[str]:
    if beside is None:
        return ["", "", "", ""]
    one, holm = beside
    p, corrected_p = ("" if math.isnan(value) else f"{value:.2g}" for value in (one.p, holm))
    return [show(one.difference), show(one.ratio), p, corrected_p]


def _in_numbers(beside: tuple[Comparison, float] | None) -> list[Any]:
    if beside is None:
        return [""] * 8
    one, holm = beside
    return [*_numbers(one.difference), *_numbers(one.ratio), _number(one.p), _number(holm)]


def _numbers(found: Interval) -> list[Any]:
    return [_number(value) for value in (found.estimate, found.low, found.high)]


def _number(value: float) -> Any:
    """A number for a table; empty where there is none, as for the interval of a single seed."""
    return "" if math.isnan(value) else value
