"""Measure what `docs/evidence.md` tells, from finished runs of several seeds, and keep it in docs/measured/evidence.

    python -m experiments.train --config lab.yaml --run-dir runs/ten/english
    python -m experiments.train --config lab.yaml --world telling_preposition --run-dir runs/ten/telling_preposition
    python docs/write_evidence.py runs/ten/english runs/ten/telling_preposition
    python docs/write_numbers.py                        writes the numbers into the document

The folders bear the names of the worlds. For each there are four files, a line for a seed, a table or a measure.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.world import World, load_world
from experiments.explaining.agreement import MEASURES, Agreement, measure_agreement, row_taus
from experiments.explaining.disagreements import disagreements
from experiments.explaining.evidence_tables import measure_evidence
from experiments.explaining.formation import measure_formation
from experiments.run_directory.saved_run import SavedRun, load_run
from experiments.statistics.intervals import bootstrap_interval, mean
from experiments.training import runtime

MEASURED = Path(__file__).parent / "measured" / "evidence"


def main(folders: Sequence[str]) -> None:
    """Measure the runs in each folder."""
    if not folders:
        sys.exit(__doc__)
    runtime.prepare()
    for folder in folders:
        whole = load_run(folder)
        runs, world, name = list(whole.runs.values()), load_world(whole.config.world), Path(folder).name
        _write(f"{name}_tables", _tables(runs, world))
        _write(f"{name}_formation", _formation(runs, world))
        found = [measure_agreement(run, world) for run in runs]
        _write(f"{name}_agreement", _agreement(found))
        _write(f"{name}_misled", _misled(found))


def _tables(runs: Sequence[SavedRun], world: World) -> list[dict[str, object]]:
    """How well evidence follows the world, by seed and table; then over all of them, and over the seeds."""
    lines: list[dict[str, object]] = []
    both = [[measure_evidence(run, world, t).tables for t in (-1, 0)] for run in runs]
    for run, (now, before) in zip(runs, both, strict=True):
        for pair, table in now.items():
            numbers = (table.r, table.slope, before[pair].r, before[pair].slope)
            lines.append(_tables_line(run.folder.name, " -> ".join(pair), numbers))
    r, untrained = (np.asarray([[table.r for table in one[i].values()] for one in both]) for i in (0, 1))
    slope = [table.slope for one in both for table in one[0].values()]
    lines.append(_tables_line("all", "median", (np.median(r), np.median(slope), np.median(np.abs(untrained)), np.nan)))
    lines.append(_tables_line("all", "lowest", (r.min(), min(slope), np.abs(untrained).min(), np.nan)))
    lines.append(_tables_line("all", "highest", (r.max(), max(slope), np.abs(untrained).max(), np.nan)))
    lines.append(_tables_line("all", "below .98", ((r < 0.98).sum(), np.nan, np.nan, np.nan)))
    for pair in both[0][0]:
        column = [list(both[0][0]).index(pair)]
        middle, least = np.median(r[:, column]), r[:, column].min()
        lines.append(
            _tables_line("median", " -> ".join(pair), (middle, np.nan, np.median(np.abs(untrained[:, column])), np.nan))
        )
        lines.append(_tables_line("lowest", " -> ".join(pair), (least, np.nan, np.nan, np.nan)))
    return lines


def _tables_line(seed: str, table: str, numbers: Sequence[float]) -> dict[str, object]:
    names = ("r", "slope", "untrained_r", "untrained_slope")
    return {"seed": seed, "table": table, **dict(zip(names, map(float, numbers), strict=True))}


def _formation(runs: Sequence[SavedRun], world: World) -> list[dict[str, object]]:
    """The first recorded step at which each mixture is as good as the final model; by seed, and the median."""
    settled = [measure_formation(run, world).settled() for run in runs]
    lines: list[dict[str, object]] = [
        {"seed": run.folder.name, **steps} for run, steps in zip(runs, settled, strict=True)
    ]
    over = {"median": np.median, "lowest": np.min, "highest": np.max}
    lines += [
        {"seed": name, **{kind: float(of([one[kind] for one in settled])) for kind in settled[0]}}
        for name, of in over.items()
    ]
    return [
        *lines,
        {"seed": "earlier", "old_weights": sum(one["old_weights"] < one["final_weights"] for one in settled)},
    ]


def _agreement(found: Sequence[Agreement]) -> list[dict[str, object]]:
    """Kendall's tau of each measure: mean over the seeds, and its interval; and where nothing small is tied."""
    lines: list[dict[str, object]] = []
    for name in MEASURES:
        line: dict[str, object] = {"measure": name}
        for kind in ("trained", "untrained"):
            interval = bootstrap_interval(mean, [getattr(one.taus[name], kind).estimate for one in found])
            line |= {kind: interval.estimate, f"{kind}_low": interval.low, f"{kind}_high": interval.high}
        raw = [
            np.nanmean(row_taus(one.trained.weight_GAK[:, -1], one.measures()[name], one.rows.cells_GK, 0))
            for one in found
        ]
        lines.append(line | {"nothing_tied": float(np.mean(raw))})
    return lines


def _misled(found: Sequence[Agreement]) -> list[dict[str, object]]:
    """Per cent of the rows in which the largest weight misleads, or cannot tell; mean over the seeds."""
    lines: list[dict[str, object]] = []
    for name in ("cut", "exact"):
        for model in ("trained", "untrained"):
            each = [disagreements(one, name, model == "trained") for one in found]
            misled, tied = ([100 * len(getattr(one, kind)) / one.rows for one in each] for kind in ("misled", "tied"))
            lines.append({"measure": name, "model": model, "misled": float(np.mean(misled)), "lowest": min(misled),
                          "highest": max(misled), "tied": float(np.mean(tied))})  # fmt: skip
    return lines


def _write(name: str, lines: Sequence[dict[str, object]]) -> None:
    MEASURED.mkdir(parents=True, exist_ok=True)
    with (MEASURED / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(lines[0]), lineterminator="\n", restval="")
        table.writeheader()
        for line in lines:
            table.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in line.items()})


if __name__ == "__main__":
    main(sys.argv[1:])
