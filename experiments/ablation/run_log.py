"""The numbers of each run of an ablation, and what is written of them: `summary.json` and `runs.csv`.

Their names are those that `experiments.train` gives them. Attention statistics are means over the heads here, so that
runs with different numbers of heads can be compared.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.ablation.plan import Group, Plan
from experiments.ablation.training import ATTENTION_STATISTICS, Results
from experiments.measuring.excess import excess_values
from experiments.measuring.metrics import by_place, on_relevant
from experiments.run_directory.files import replacing, write_summary

Summary = Mapping[str, Any]
"""The values of a run's `summary.json` by their names: numbers, its status, and None where there is no number."""


def step_values(group: Group, results: Results, i: int, t: int) -> dict[str, float]:
    """The metrics that are followed over training, of run `i` of a group at recorded step number `t`."""
    data = group.shared.data
    relevant_GK = relevant_words(data.probes.relevance_GK.astype(np.float64))
    return {
        **({"loss": float(results.loss_TR[t, i])} if t else {}),
        **excess_values(group.config.task.masked, data.examples, results.excess_TRG[t, i]),
        "relation/weight/all": float(on_relevant(results.weights_TRGHK[t, i], relevant_GK).mean()),
        **{
            f"attention_statistics/{name}": float(values_H.mean())
            for name, values_H in zip(ATTENTION_STATISTICS, results.attention_TNRH[t, :, i], strict=True)
        },
    }


def last_record(group: Group, results: Results, i: int) -> int:
    """The number of the recorded step at which run `i` ended; a run that is shorter than others waits from there on."""
    return int(np.flatnonzero(results.step_T <= group.runs[i].config.train.steps)[-1])


def run_summary(group: Group, results: Results, i: int) -> dict[str, Any]:
    """The final numbers of run `i` of a group, for `summary.json` and `runs.csv`."""
    diverged_at, t = int(results.diverged_at_R[i]), last_record(group, results, i)
    probes = group.shared.data.probes
    relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
    by_place_GHK = by_place(probes, results.position_RPHK[i])
    first = step_values(group, results, i, 0)
    return {
        "status": "diverged" if diverged_at >= 0 else "finished",
        "diverged_at": diverged_at if diverged_at >= 0 else None,
        "steps": int(results.step_T[t]),
        **step_values(group, results, i, t),
        **{f"start/{name}": value for name, value in first.items() if name.endswith("/all") and "excess" in name},
        "relation/untrained": first["relation/weight/all"],
        "relation/position_only": float(on_relevant(by_place_GHK, relevant_GK).mean()),
        "relation/uniform": float((relevant_GK.sum(axis=1) / (probes.tokens_GK != PAD).sum(axis=1)).mean()),
    }


def write_runs(folder: Path, plan: Plan, group: Group, results: Results) -> None:
    """Write a folder for each run of a group: `folder/<run's name>/`."""
    for i, run in enumerate(group.runs):
        own = folder / run.name
        own.mkdir(parents=True, exist_ok=True)
        write_summary(own, {**plan.values[run.number], **run_summary(group, results, i)})


def write_table(folder: Path, plan: Plan, summaries: Sequence[Summary]) -> None:
    """Write `runs.csv`: a row for each run, numbers in full; a cell is empty where `summary.json` says null."""
    rows = [
        {"run": run.name, **values, **summary}
        for run, values, summary in zip(plan.runs, plan.values, summaries, strict=True)
    ]
    rows = [{k: "" if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()} for row in rows]
    with replacing(folder / "runs.csv") as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
