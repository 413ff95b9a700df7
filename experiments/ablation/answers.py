"""What the runs of an ablation show, in words: each variant beside the baseline, and where a grid ends too soon."""

from collections.abc import Sequence

import numpy as np

from experiments.ablation.comparison import SURE, Comparison, Setting, can_show
from experiments.ablation.figures import setting_name
from experiments.ablation.plan import Plan
from experiments.ablation.roles import SEED
from experiments.ablation.tables import Findings


def answers(plan: Plan, found: Findings) -> list[str]:
    """One line for each variant and setting: how its excess compares with the baseline's."""
    lines = []
    for setting, compared, holm in zip(found.settings, found.compared, found.holm, strict=True):
        for v, name in enumerate(setting.variants):
            own = [(one, p) for one, p in zip(compared, holm, strict=True) if one.variant == v]
            if own:
                ratios = ", ".join(f"{one.ratio.estimate:.3g}{at(plan, setting, one.x)}" for one, _ in own)
                prefix = f"{setting_name(setting)}: " if setting.labels else ""
                lines.append(f"{prefix}**{name}** has {ratios} times the excess of **{plan.roles.baseline}**."
                             f" {_judged(plan, setting, own)}")  # fmt: skip
    return lines


def _judged(plan: Plan, setting: Setting, own: Sequence[tuple[Comparison, float]]) -> str:
    """In words: where it is worse, where better, and where nothing was shown."""
    if not can_show(plan):
        seeds = len(plan.labels[SEED])
        return f"A difference cannot be shown with {seeds} seed{'s' if seeds > 1 else ''}."
    words: dict[str, list[str]] = {"Worse": [], "Better": [], "No difference shown": []}
    for one, p in own:
        sure = p < SURE and (one.difference.low > 0 or one.difference.high < 0)
        kind = "No difference shown" if not sure else "Worse" if one.difference.estimate > 0 else "Better"
        words[kind].append(setting.sizes[one.x])
    if not plan.roles.x:
        return next(f"{kind}." for kind, sizes in words.items() if sizes)
    said = "; ".join(f"{kind.lower()} at {', '.join(sizes)}" for kind, sizes in words.items() if sizes)
    return f"{said[0].upper()}{said[1:]}."  # capitalize() would write the sizes small


def at(plan: Plan, setting: Setting, x: int) -> str:
    """In brackets: which x is meant, where there is one."""
    return f" (at {plan.roles.x} {setting.sizes[x]})" if plan.roles.x else ""


def edges(plan: Plan, found: Findings) -> str:
    """The arms whose best tuned value is the first or the last."""
    named = []
    for setting in found.settings:
        last = len(setting.tuned) - 1
        if last < 1:
            return ""
        prefix = f"{setting_name(setting)}: " if setting.labels else ""
        named += [
            f"{prefix}{setting.variants[v]}{at(plan, setting, int(x))}"
            for v, x in np.argwhere((setting.best_VX == 0) | (setting.best_VX == last))
        ]
    return ", ".join(named)
