"""What `summary.json` says of a run."""

from typing import Any

from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import excess_metrics, on_relevant, relation_metrics, relevant_in, row_results
from experiments.training.trainer import RunRecord


def summary(
    experiment: Experiment,
    first: RunRecord[Measurement],
    last: RunRecord[Measurement],
    finished: bool,
    versions: dict[str, str],
) -> dict[str, Any]:
    """The final results of a run; `relation/weight/<word>` is that of the first watched sentence.

    A word that is called as one of the names that every run has (`all`, `head-1`) is left out.
    """
    diverged = last.diverged_at >= 0
    weight_GH = on_relevant(last.measurement.weights_GHK, relevant_in(experiment.data.probes))
    rows = zip(row_results(experiment, last), weight_GH, strict=True)
    words: dict[str, float] = {}
    for row, weight_H in rows:
        if row.sentence == 0:
            words.setdefault(f"relation/weight/{row.words[row.masked]}", float(weight_H.mean()))
    return {
        "status": "diverged" if diverged else "finished" if finished else "interrupted",
        **({"diverged_at": last.diverged_at} if diverged else {}),
        "seed": experiment.config.seed + last.run,
        "steps": last.step,
        "loss": last.loss,
        **excess_metrics(experiment, last),
        **words,  # before the names that every world has: a word may be called `all`
        **relation_metrics(experiment, first, last),
        "seconds/training": round(last.time.seconds, 3),
        "updates_per_second": round(last.time.rate * experiment.config.seeds, 1),
        "world": experiment.world.name,
        "world_fingerprint": experiment.world.fingerprint,
        "versions": versions,
    }
