"""What is written of each run of an ablation: `summary.json`, and scalars and hparams for TensorBoard. No pictures."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.ablation.grid import label_of
from experiments.ablation.metrics import EXCESS, last_record, run_summary, step_values
from experiments.ablation.plan import Group, Member, Plan, value_of
from experiments.ablation.results import Results
from experiments.measuring.measurement import EvaluationData
from experiments.measuring.metrics import meaning
from experiments.run_directory.files import write_text
from experiments.run_directory.summary_file import write_summary
from experiments.tracking.event_writer import EventWriter

COMPARED = (
    EXCESS,
    "excess/held_out/all",
    "relation/weight/all",
    "attention_statistics/saturated_rows",
    "attention_statistics/score_std",
    "loss",
)
"""The metrics by which TensorBoard's hparams page compares the runs."""


def write_members(folder: Path, plan: Plan, group: Group, data: EvaluationData, results: Results) -> None:
    """Write a folder for each run of a group: `folder/<what varies>/`."""
    for run, member in enumerate(group.members):
        own = folder / member.name
        own.mkdir(parents=True, exist_ok=True)
        for old in own.glob("events.out.tfevents.*"):
            old.unlink()  # of a process that was stopped while it wrote; TensorBoard would show both
        with EventWriter(own) as writer:
            writer.hparams(hparams(plan, member), COMPARED, member.name)
            for t in range(last_record(group, results, run) + 1):
                values = step_values(group, data, results, run, t)
                writer.scalars(int(results.step_T[t]), values, {tag: meaning(tag) for tag in values})
            writer.hparams_end(bool(results.diverged_at_R[run] < 0))
        write_summary(own, {**member_values(plan, member), **run_summary(group, data, results, run)})


def member_values(plan: Plan, member: Member) -> dict[str, Any]:
    """What a run was made with: its value on every axis with names, and every config value in which runs differ."""
    named = {axis.name: member.labels[axis.name] for axis in plan.config.grid.axes if axis.named}
    values = {name: value_of(member.config, name) for name in plan.varying}
    return named | {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def hparams(plan: Plan, member: Member) -> dict[str, bool | float | str]:
    """The same for TensorBoard, which wants one type for all runs."""
    values = member_values(plan, member)
    kinds = {name: {type(member_values(plan, one)[name]) for one in _one_of_each(plan)} for name in values}
    return {name: _typed(value, kinds[name]) for name, value in values.items()}


def _one_of_each(plan: Plan) -> Sequence[Member]:
    """A few members that have every value of every axis among them."""
    found: dict[tuple[str, str], Member] = {}
    for member in plan.members:
        for pair in member.labels.items():
            found.setdefault(pair, member)
    return list({member.number: member for member in found.values()}.values())


def _typed(value: Any, kinds: set[type]) -> bool | float | str:
    if kinds == {bool}:
        return bool(value)
    if kinds <= {int, float}:
        return float(value)
    return value if isinstance(value, str) else label_of(value)


def write_runs(folder: Path, plan: Plan, summaries: Sequence[Mapping[str, Any]]) -> None:
    """Write `runs.csv`: a row for each run, numbers in full; empty where `summary.json` says null."""
    buffer = io.StringIO()
    rows = [
        {"run": member.name, **member_values(plan, member), **summary}
        for member, summary in zip(plan.members, summaries, strict=True)
    ]
    rows = [{k: "" if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in rows]
    header = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(buffer, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "runs.csv", buffer.getvalue())
