"""What the runs of an ablation show in numbers, worked out once, and the tables of its report."""

import math
from dataclasses import dataclass
from typing import Any

from experiments.ablation_arms import Comparison, Setting, comparisons, corrected
from experiments.ablation_figures import setting_name
from experiments.ablation_plan import Plan
from experiments.ablation_verdicts import Verdict, verdicts
from experiments.report_writer import Report
from experiments.statistics import Interval


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
    """The table of all arms, and the same as CSV beside the single runs."""
    roles, several = plan.roles, any(setting.labels for setting in found.settings)
    report.heading("In numbers")
    header = [
        *(["setting"] if several else []),
        roles.x or "",
        roles.variant or "",
        f"best {roles.tuned}",
        "excess, nats",
    ]
    header += [f"less {roles.baseline}", f"over {roles.baseline}", "p", "p (Holm)"]
    rows: list[list[Any]] = []
    curves: list[list[Any]] = []
    for setting, compared, holm in zip(found.settings, found.compared, found.holm, strict=True):
        by_arm = {(one.variant, one.x): (one, p) for one, p in zip(compared, holm, strict=True)}
        for x, size in enumerate(setting.sizes):
            for v, name in enumerate(setting.variants):
                rate = setting.tuned[setting.best_VX[v, x]]
                row = [*([setting_name(setting)] if several else []), size, name, rate, show(setting.excess(v, x))]
                rows.append(row + _compared(by_arm.get((v, x))))
                curves += [
                    [setting_name(setting), size, name, value, float(one), bool(gone)]
                    for value, excess_S, gone_S in zip(
                        setting.tuned, setting.excess_VXLS[v, x], setting.diverged_VXLS[v, x], strict=True
                    )
                    for one, gone in zip(excess_S, gone_S, strict=True)
                ]
    report.table(header, rows)
    report.text("p: sign flips of the seeds' differences; Holm: corrected for all comparisons of this table at once.")
    report.csv("comparisons", header, rows)
    report.csv("excess", ["setting", roles.x or "x", roles.variant or "variant", roles.tuned or "tuned",
                          "excess", "diverged"], curves)  # fmt: skip


def _compared(one: tuple[Comparison, float] | None) -> list[str]:
    if one is None:
        return ["", "", "", ""]
    comparison, holm = one
    p, corrected_p = ("" if math.isnan(value) else f"{value:.2g}" for value in (comparison.p, holm))
    return [show(comparison.difference), show(comparison.ratio), p, corrected_p]
