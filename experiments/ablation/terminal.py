"""What a person sees of an ablation in the terminal: the plan before it, the answer after it."""

from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from experiments.ablation.comparison import SURE, can_show, lowest_p, number_of_comparisons
from experiments.ablation.cost import expected_seconds, told
from experiments.ablation.plan import Group, Plan
from experiments.ablation.roles import SEED
from experiments.ablation.tables import Findings, show
from experiments.ablation.verdicts import stated
from experiments.commands.console import say
from experiments.statistics.significance import EXACT_SEEDS, smallest_p


def print_plan(plan: Plan, console: Console, waiting: Sequence[Group] | None = None) -> None:
    """Say what would be trained, and about how long it takes.

    Args:
      plan: what is trained.
      console: where to print.
      waiting: the programs that have not ended yet, whose time is told; by default all.
    """
    waiting = plan.groups if waiting is None else waiting
    counts = [f"{len(labels)} {'seeds' if name == SEED else name}" for name, labels in plan.labels.items()]
    updates = sum(group.updates for group in waiting)
    programs = f"{len(plan.groups)} compiled program{'s' if len(plan.groups) > 1 else ''}"
    ended = len(plan.groups) - len(waiting)
    programs += f", of which {ended} have ended before; left:" if ended else ","
    on_cpu, devices = jax.devices()[0].platform == "cpu", jax.device_count()
    seconds = told(expected_seconds(waiting, devices))
    where = f"{devices} {jax.devices()[0].platform} device{'s' if devices > 1 else ''}"
    expected = f"about {seconds} on {where}" if on_cpu else f"on {where}"
    say(console, f"{len(plan.members):,} runs = {' x '.join(counts)}")
    say(console, f"{programs} {updates:,} updates, {expected}")
    if not can_show(plan):
        say(console, _too_few(plan))
    for group in plan.groups if len(plan.groups) > 1 else ():
        say(console, f"  {group.number:3}  {len(group.members):5,} runs  {group_name(plan, group)}", "dim")


def _too_few(plan: Plan) -> str:
    """That no difference can be shown, and what helps."""
    asked, seeds = number_of_comparisons(plan), len(plan.labels[SEED])
    enough = next((n for n in range(2, EXACT_SEEDS + 2) if asked * smallest_p(n) < SURE), None)
    what = f"{asked} comparison{'s' if asked > 1 else ''} with {seeds} seed{'s' if seeds > 1 else ''}"
    remedy = f"{enough} seeds" if enough else "a smaller grid"
    return f"{what}: no corrected p-value can fall below {SURE:g} (lowest {lowest_p(plan):.2g}); {remedy} would do"


def group_name(plan: Plan, group: Group) -> str:
    """The values that its runs share and others do not."""
    shared = []
    for name, labels in plan.labels.items():
        own = {member.labels[name] for member in group.members}
        if len(own) < len(labels):
            shared.append(f"{name} {', '.join(label for label in labels if label in own)}")
    return "; ".join(shared)


def print_answer(
    plan: Plan, folder: Path, lines: Sequence[str], found: Findings, seconds: float, console: Console
) -> None:
    """Say what came out, and where it lies.

    Args:
      plan: what was trained.
      folder: the run directory.
      lines: the answers, as in the report.
      found: what the runs show.
      seconds: how long it took.
      console: where to print.
    """
    for line in lines:
        say(console, line.replace("**", ""))
    for one in found.verdicts:
        what, expected = stated(one.prediction, plan.roles)
        say(console, f"  {one.verdict:10} {what}: predicted {expected}, measured {show(one.found)}")
    diverged = sum(int(setting.diverged_VXLS.sum()) for setting in found.settings)
    if diverged:
        say(console, f"{diverged} of {len(plan.members):,} runs diverged; runs.csv says at which update")
    console.print()
    say(console, f"{told(seconds)}. The answer is in  {folder / 'report.md'}")
