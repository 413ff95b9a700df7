"""What a run is in the end: its watched rows beside the exact answers, and `summary.json`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.loop import Record, Training
from experiments.measure import one_run
from experiments.metrics import excess_metrics, relation_metrics, scores


@dataclass(frozen=True)
class RowResult:
    """What a run does with one hidden word of a watched sentence, beside the exact answer."""

    sentence: int
    hidden: int
    """Position of the hidden word."""
    words: tuple[str, ...]
    weights_HK: NDArray[np.float32]
    guess: tuple[str, float]
    """The most probable word and its probability, by the model."""
    exact: tuple[str, float]
    """The same, by the exact posterior."""


def row_results(training: Training, record: Record, run: int) -> list[RowResult]:
    """The rows of all watched sentences, for one run at one record."""
    probes, words = training.material.probes, training.world.vocabulary.words
    observation = one_run(record.measured.observation, run)
    logits_GV = observation.forward.logits_BQV[:, 0].astype(np.float64)
    with np.errstate(invalid="ignore"):  # a diverged run's logits can be infinite
        guess_GV = np.exp(logits_GV - logits_GV.max(axis=1, keepdims=True))
        guess_GV /= guess_GV.sum(axis=1, keepdims=True)
    results = []
    for g, sentence in enumerate(probes.sentence_G):
        tokens = training.sentences[sentence][0]
        length = len(tokens)
        best, true = int(guess_GV[g].argmax()), int(probes.posterior_GV[g].argmax())
        results.append(
            RowResult(
                sentence=int(sentence),
                hidden=int(probes.hidden_G[g]),
                words=tuple(words[token] for token in tokens),
                weights_HK=observation.forward.weights_BHQK[g, :, 0, :length],
                guess=(words[best], float(guess_GV[g, best])),
                exact=(words[true], float(probes.posterior_GV[g, true])),
            )
        )
    return results


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
            words.setdefault(f"relation/weight/{row.words[row.hidden]}", float(weight_H.mean()))
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
