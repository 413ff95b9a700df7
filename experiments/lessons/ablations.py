"""What the reader's own ablations found out about the scale of the dot products, if there are any."""

import csv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from experiments.run_directory.folders import ROOT, quoted

_SCALE, _WIDTH = "model.scale", "model.d_head"


@dataclass(frozen=True)
class ScaleAblation:
    """The excess of models without a scale, over that of models with 1/sqrt(d): the ratio and its 95 % interval."""

    run: str
    d_head: str
    ratio: float
    low: float
    high: float


def scale_ablation(root: Path = ROOT) -> ScaleAblation | None:
    """Of the newest ablation below `root` that compares the two, the width with the largest ratio."""
    tables = sorted(root.glob("*/arms.csv"), key=lambda path: path.stat().st_mtime, reverse=True)
    return next((found for path in tables if (found := _read(path)) is not None), None)


def _read(path: Path) -> ScaleAblation | None:
    """What one table says; None where it is about something else, or cannot be read."""
    with suppress(OSError, UnicodeDecodeError, csv.Error, KeyError, ValueError):
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row[_SCALE] == "none" and row["ratio"]]
        found = [
            ScaleAblation(
                quoted(path.parent),
                row.get(_WIDTH, ""),
                *(float(row[name]) for name in ("ratio", "ratio_low", "ratio_high")),
            )
            for row in rows
        ]
        return max(found, key=lambda one: one.ratio, default=None)
    return None
