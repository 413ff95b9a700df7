"""What `summary.json` says of a run."""

from typing import Any

from experiments.measuring.answers import row_results
from experiments.measuring.experiment import Record, Training
from experiments.measuring.metrics import excess_metrics, relation_metrics, scores


def summary(training: Training, first: Record, last: Record, run: int, versions: dict[str, str]) -> dict[str, Any]:
    """What `summary.json` says of one run; `relation/weight/<word>` is of the first watched sentence.

    A word that is called as one of the names that every run has (`all`, `head-1`) is left out.
    """
    config, diverged_at = training.config, int(last.diverged_at_R[run])
    status = "diverged" if diverged_at >= 0 else "finished" if last.step == training.steps[-1] else "interrupted"
    words: dict[str, float] = {}
    for row, weight_H in zip(
        row_results(training, last, run), scores(training, first, last, run).weight_GH, strict=True
    ):
        if row.sentence == 0:
            words.setdefault(f"relation/weight/{row.words[row.masked]}", float(weight_H.mean()))
    return {
        "status": status,
        **({"diverged_at": diverged_at} if diverged_at >= 0 else {}),
        "seed": config.seed + run,
        "steps": last.step,
        "loss": float(last.loss_R[run]),
        **excess_metrics(training, last, run),
        **words,  # before the names that every world has: a word may be called `all`
        **relation_metrics(training, first, last, run),
        "seconds/training": round(last.seconds, 3),
        "updates_per_second": round(last.rate * config.seeds, 1),
        "world": training.world.name,
        "world_fingerprint": training.world.fingerprint,
        "versions": versions,
    }
