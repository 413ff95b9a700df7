"""What the terminal shows of an ablation: the plan and the time that it takes before it, the answers after it."""

from collections.abc import Sequence
from pathlib import Path

import jax
from rich.console import Console

from experiments.ablation.comparison import SURE, can_show, evaluated_seeds, lowest_p, number_of_comparisons
from experiments.ablation.config import SEED
from experiments.ablation.findings import EXCESS, Findings, answers, counted, show
from experiments.ablation.plan import Group, Plan
from experiments.commands.console import say, say_prose
from experiments.statistics.significance import EXACT_SEEDS, smallest_p

# The speeds that `expected_seconds` rests on, measured on 2 CPU cores (x86-64, jax 0.10.2, english, batch 256, d_model
# 32, 2 heads, d_head 4 to 256): right to a factor of two on other machines, and for other models.
_SENTENCE = 3.8e-6
"""Core seconds of an update for each sentence of the batch, whatever the size of a head."""
_PRODUCT = 4.8e-10
"""Further core seconds for each sentence and number in W_Q, W_K, W_V or W_O."""
_EVERY_VALUE = 2.0
"""Factor of both where keys and values are formed (QK-norm)."""
_ROW, _ROW_PRODUCT = 1.2e-5, 6.0e-9
"""The same two for each row that is measured at a recorded step."""
_COMPILING = 8.0
"""Seconds that the compilation of a program takes."""


def print_plan(plan: Plan, console: Console, waiting: Sequence[Group]) -> None:
    """Print what would be trained, and about how long it takes.

    Args:
      plan: what is trained.
      console: where to print.
      waiting: the programs that have not ended yet, whose time is shown.
    """
    counts = [(count, name) for count, name in plan.config.grid.settled().counts() if name != SEED]
    axes = [f"{count} {name}" for count, name in counts] + [f"{len(plan.labels[SEED])} seeds"]
    programs, ended = counted(len(plan.groups), "compiled program"), len(plan.groups) - len(waiting)
    already = f", of which {ended} have ended before; left:" if ended else ","
    updates = sum(group.updates for group in waiting)
    platform, devices = jax.devices()[0].platform, jax.device_count()
    about = f"about {duration(expected_seconds(waiting, devices))} " if platform == "cpu" else ""
    say_prose(console, f"{len(plan.runs):,} runs = {' x '.join(axes)}")
    say_prose(console, f"{programs}{already} {updates:,} updates, {about}on {counted(devices, f'{platform} device')}")
    if left_out := plan.config.report.left_out:
        say_prose(console, f"left out, being about values that this grid does not have: {'; '.join(left_out)}", "dim")
    if not can_show(plan):
        compared, seeds = number_of_comparisons(plan), evaluated_seeds(plan)
        enough = (f"{n} seeds" for n in range(2, EXACT_SEEDS + 2) if compared * smallest_p(n) < SURE)
        say_prose(
            console,
            f"{counted(compared, 'comparison')} with {counted(seeds, 'seed')}: no corrected p-value can fall below"
            f" {SURE:g} (lowest {lowest_p(plan):.2g}); {next(enough, 'a smaller grid')} would do",
        )
    for group in plan.groups if len(plan.groups) > 1 else ():
        say_prose(console, f"  {group.number:3}  {len(group.runs):5,} runs  {_name(plan, group)}", "dim")


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
        say_prose(console, line.replace("**", ""))
    for one in found.verdicts:
        say_prose(console, f"  {one.verdict:10} {one.statement}: predicted {one.predicted}, measured {show(one.found)}")
    if found.diverged:
        say_prose(console, f"{found.diverged} of {len(found.plan.runs):,} runs diverged; runs.csv says at which update")
    say_prose(console, EXCESS, "dim")
    console.print()
    say(console, f"{duration(seconds)}. The answer is in  {folder / 'report.md'}")


def expected_seconds(groups: Sequence[Group], devices: int) -> float:
    """Seconds that these programs take on so many CPU cores, compilation included."""
    return sum(_group_seconds(group) for group in groups) / devices + _COMPILING * len(groups)


def _group_seconds(group: Group) -> float:
    """Core seconds of one program's runs."""
    config = group.config
    numbers = config.model.heads * config.model.d_head * config.model.d_model
    update = config.train.batch * (_SENTENCE + _PRODUCT * numbers) * (_EVERY_VALUE if config.model.qk_norm else 1.0)
    rows = 2 * config.evaluate.sentences * (config.track.records + 1) * len(group.runs)
    return group.updates * update + rows * (_ROW + _ROW_PRODUCT * numbers)


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours, as text."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
