"""What the terminal shows of an ablation: the plan before it, the answers after it."""

from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from experiments.ablation.comparison import SURE, can_show, lowest_p, number_of_comparisons
from experiments.ablation.cost import duration, expected_seconds
from experiments.ablation.findings import EXCESS, Findings, answers
from experiments.ablation.plan import Group, Plan
from experiments.ablation.roles import SEED
from experiments.ablation.tables import show
from experiments.commands.console import say
from experiments.statistics.significance import EXACT_SEEDS, smallest_p


def print_plan(plan: Plan, console: Console, waiting: Sequence[Group] | None = None) -> None:
    """Print what would be trained, and about how long it takes.

    Args:
      plan: what is trained.
      console: where to print.
      waiting: the programs that have not ended yet, whose time is shown; by default all.
    """
    waiting = plan.groups if waiting is None else waiting
    counts = [f"{len(labels)} {'seeds' if name == SEED else name}" for name, labels in plan.labels.items()]
    programs, ended = _count(len(plan.groups), "compiled program"), len(plan.groups) - len(waiting)
    already = f", of which {ended} have ended before; left:" if ended else ","
    updates = sum(group.updates for group in waiting)
    platform, devices = jax.devices()[0].platform, jax.device_count()
    about = f"about {duration(expected_seconds(waiting, devices))} " if platform == "cpu" else ""
    say(console, f"{len(plan.runs):,} runs = {' x '.join(counts)}")
    say(console, f"{programs}{already} {updates:,} updates, {about}on {_count(devices, f'{platform} device')}")
    if not can_show(plan):
        say(console, _too_few_seeds(plan))
    for group in plan.groups if len(plan.groups) > 1 else ():
        say(console, f"  {group.number:3}  {len(group.runs):5,} runs  {_name(plan, group)}", "dim")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"


def _too_few_seeds(plan: Plan) -> str:
    """That no difference can be shown, and with how many seeds it could."""
    compared, seeds = number_of_comparisons(plan), len(plan.labels[SEED])
    enough = next((n for n in range(2, EXACT_SEEDS + 2) if compared * smallest_p(n) < SURE), None)
    remedy = f"{enough} seeds" if enough else "a smaller grid"
    return (
        f"{_count(compared, 'comparison')} with {_count(seeds, 'seed')}: no corrected p-value can fall below {SURE:g}"
        f" (lowest {lowest_p(plan):.2g}); {remedy} would do"
    )


def _name(plan: Plan, group: Group) -> str:
    """The values that the runs of a group share and others do not have."""
    own = {name: {run.labels[name] for run in group.runs} for name in plan.labels}
    return "; ".join(
        f"{name} {', '.join(label for label in labels if label in own[name])}"
        for name, labels in plan.labels.items()
        if len(own[name]) < len(labels)
    )


def print_findings(found: Findings, folder: Path, seconds: float, console: Console) -> None:
    """Print the results in short.

    Args:
      found: what the runs show.
      folder: the run directory.
      seconds: how long the ablation took.
      console: where to print.
    """
    for line in answers(found):
        say(console, line.replace("**", ""))
    for one in found.verdicts:
        say(console, f"  {one.verdict:10} {one.statement}: predicted {one.predicted}, measured {show(one.found)}")
    if found.diverged:
        say(console, f"{found.diverged} of {len(found.plan.runs):,} runs diverged; runs.csv says at which update")
    say(console, EXCESS, "dim")
    console.print()
    say(console, f"{duration(seconds)}. The answer is in  {folder / 'report.md'}")
