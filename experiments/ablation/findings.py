"""What the runs of an ablation show: each variant beside the baseline, the predictions and their verdicts."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.ablation.comparison import Comparison, Setting, can_show, comparisons, settings_of
from experiments.ablation.config import Prediction
from experiments.ablation.metrics import Summary
from experiments.ablation.plan import Plan
from experiments.ablation.roles import SEED, Roles
from experiments.statistics.claims import Claim, between

EXCESS = (
    "Excess is how far the model's probabilities for a masked word are from the exact ones (their KL divergence) in"
    " nats, the natural unit of information (the toss of a coin brings 0.69 nats), averaged over the masked slots of"
    " trained contexts, the combinations of words around the masked one that training shows; 0 is perfect."
)
_KINDS = ("Worse", "Better", "No difference shown")


@dataclass(frozen=True)
class Findings:
    """The results of an ablation in numbers."""

    plan: Plan
    settings: list[Setting]
    comparisons: list[Comparison]
    verdicts: list[Claim]
    """Of each prediction in each setting that it is about; the subject is the setting."""

    @property
    def diverged(self) -> int:
        """How many runs diverged."""
        return sum(int(setting.diverged_VXLS.sum()) for setting in self.settings)


def findings(plan: Plan, summaries: Sequence[Summary]) -> Findings:
    """Everything that the report says in numbers, from the summaries of the runs in order."""
    settings = settings_of(plan, summaries)
    verdicts = [
        _verdict(plan, one, setting)
        for one in plan.config.predictions
        for setting in settings
        if all(setting.labels[axis] == label for axis, label in one.where)
    ]
    return Findings(plan, settings, comparisons(plan, settings), verdicts)


def _verdict(plan: Plan, one: Prediction, setting: Setting) -> Claim:
    of, over = (setting.variants.index(label) for label in (one.of, one.over))
    found = setting.growth(of, over) if one.grows else setting.ratio(of, over, setting.sizes.index(one.at))
    about, predicted = statement(one, plan.roles)
    return between(setting.name, setting.prefix + about, found, *one.bounds, predicted)


def statement(one: Prediction, roles: Roles) -> tuple[str, str]:
    """The quantity that a prediction is about, and the range that it predicts."""
    ratio = f"excess of {one.of} over that of {one.over}"
    if one.where:
        ratio += " (" + ", ".join(f"{axis} {label}" for axis, label in one.where) + ")"
    if one.grows:
        return f"{ratio}: how many times larger at the largest {roles.x} than at the smallest", "more than 1"
    low, high = one.bounds
    predicted = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}" if low else f"at most {high:g}"
    return ratio + (f" at {roles.x} {one.at}" if one.at else ""), predicted


def answers(found: Findings) -> list[str]:
    """One line for each variant and setting: how its excess compares with the baseline's."""
    arms = itertools.groupby(found.comparisons, lambda one: (one.setting, one.variant))
    return [_answer(found.plan, list(arm)) for _, arm in arms]


def _answer(plan: Plan, arm: Sequence[Comparison]) -> str:
    setting = arm[0].setting
    ratios = ", ".join(f"{one.ratio.estimate:.3g}{_at(plan, setting, one.x)}" for one in arm)
    return (f"{setting.prefix}**{setting.variants[arm[0].variant]}** has {ratios} times the excess of"
            f" **{plan.roles.baseline}**. {_judged(plan, arm)}")  # fmt: skip


def _judged(plan: Plan, arm: Sequence[Comparison]) -> str:
    """At which x a variant is worse or better, and at which no difference is shown."""
    if not can_show(plan):
        seeds = len(plan.labels[SEED])
        return f"A difference cannot be shown with {seeds} seed{'s' if seeds > 1 else ''}."
    if not plan.roles.x:
        return f"{arm[0].kind}."
    sizes = {kind: [one.setting.sizes[one.x] for one in arm if one.kind == kind] for kind in _KINDS}
    parts = "; ".join(f"{kind.lower()} at {', '.join(own)}" for kind, own in sizes.items() if own)
    return f"{parts[0].upper()}{parts[1:]}."  # capitalize() would write the sizes in lower case


def _at(plan: Plan, setting: Setting, x: int) -> str:
    """In brackets: the value of x, if there is such an axis."""
    return f" (at {plan.roles.x} {setting.sizes[x]})" if plan.roles.x else ""


def edges(found: Findings) -> str:
    """The arms whose best tuned value is the first or the last that was tried."""
    return ", ".join(
        f"{setting.prefix}{setting.variants[v]}{_at(found.plan, setting, int(x))}"
        for setting in found.settings
        if len(setting.tuned) > 1
        for v, x in np.argwhere((setting.best_VX == 0) | (setting.best_VX == len(setting.tuned) - 1))
    )
