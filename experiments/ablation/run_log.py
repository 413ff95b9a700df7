"""What is written of the runs: `summary.json`, TensorBoard's scalars and hparams, and the table `runs.csv`."""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.ablation.grid import label_of
from experiments.ablation.metrics import Summary, last_record, run_summary, step_values
from experiments.ablation.plan import Group, Plan
from experiments.ablation.results import Results
from experiments.measuring.metrics import TRAINED, meaning
from experiments.run_directory.files import write_text
from experiments.run_directory.summary_file import write_summary
from experiments.tracking.event_writer import EventWriter

COMPARED = (
    TRAINED,
    "excess/held_out/all",
    "relation/weight/all",
    "attention_statistics/saturated_rows",
    "attention_statistics/score_std",
    "loss",
)
"""The metrics by which TensorBoard's hparams page compares the runs."""


def write_runs(folder: Path, plan: Plan, group: Group, results: Results) -> None:
    """Write a folder for each run of a group: `folder/<run's name>/`."""
    for i, run in enumerate(group.runs):
        own = folder / run.name
        own.mkdir(parents=True, exist_ok=True)
        with _new_events(own) as writer:
            writer.hparams(hparams(plan, run.number), COMPARED, run.name)
            for t in range(last_record(group, results, i) + 1):
                values = step_values(group, results, i, t)
                writer.scalars(int(results.step_T[t]), values, {tag: meaning(tag) for tag in values})
            writer.hparams_end(bool(results.diverged_at_R[i] < 0))
        write_summary(own, {**plan.values[run.number], **run_summary(group, results, i)})


def hparams(plan: Plan, number: int) -> dict[str, bool | float | str]:
    """The values that a run was made with for TensorBoard, which wants one type for all runs."""
    return {name: _converter(plan.types[name])(value) for name, value in plan.values[number].items()}


def _converter(types: set[type]) -> Callable[[Any], bool | float | str]:
    return bool if types == {bool} else float if types <= {int, float} else label_of


def write_table(folder: Path, plan: Plan, summaries: Sequence[Summary]) -> None:
    """Write `runs.csv`: a row for each run, numbers in full; a cell is empty where `summary.json` says null."""
    numbered = zip(plan.runs, plan.values, summaries, strict=True)
    rows = [{"run": run.name, **values, **summary} for run, values, summary in numbered]
    rows = [{k: "" if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in rows]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "runs.csv", buffer.getvalue())


def write_report_events(folder: Path, images: Mapping[str, bytes]) -> None:
    """Show the report and its figures (PNG) in TensorBoard."""
    with _new_events(folder) as writer:
        writer.text(0, "report", (folder / "report.md").read_text(encoding="utf-8"))
        for name, png in images.items():
            writer.image(0, f"figures/{name}", png)


def _new_events(folder: Path) -> EventWriter:
    """The events of a folder, begun anew: TensorBoard would show those of a stopped process or an old report too."""
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    return EventWriter(folder)
