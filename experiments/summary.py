"""The figures of a run: what the terminal, `summary.json` and TensorBoard say of it, worked out once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from experiments.evaluate import KINDS
from experiments.loop import Record, Training
from experiments.measure import one_run
from experiments.relation import RelationScores, most_costly, relation_scores


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
    relevance_K: NDArray[np.float32]
    """Exact relevance, nats."""
    model_relevance_K: NDArray[np.float32]
    excess: float
    costliest: tuple[int, ...]
    """The two positions whose removal costs most, in order."""


def row_results(training: Training, record: Record, run: int) -> list[RowResult]:
    """The rows of all watched sentences, for one run at one record."""
    probes, words = training.material.probes, training.world.vocabulary.words
    observation = one_run(record.measured.observation, run)
    logits_GV = observation.forward.logits_BQV[:, 0].astype(np.float64)
    guess_GV = np.exp(logits_GV - logits_GV.max(axis=1, keepdims=True))
    guess_GV /= guess_GV.sum(axis=1, keepdims=True)
    costliest_G2 = most_costly(observation.cut_cost_GJK[:, -1])
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
                relevance_K=probes.relevance_GK[g, :length],
                model_relevance_K=observation.model_relevance_GK[g, :length],
                excess=float(observation.excess_G[g]),
                costliest=tuple(int(k) for k in costliest_G2[g]),
            )
        )
    return results


def slot_name(slot: str, number: int) -> str:
    """A slot's name where no user's word may stand (tags, keys): its own for content slots, else its number."""
    return slot if slot in CONTENT else f"slot-{number + 1}"


def excess_metrics(training: Training, record: Record, run: int) -> dict[str, float]:
    """Excess by kind of context and slot: `excess/asked/subject`, ..., `excess/held_out/all`, in nats."""
    excess_G = record.measured.evaluation.excess_G[run]
    slots = [slot_name(slot, i) for i, slot in enumerate(training.config.task.hidden)]
    used_G = training.material.examples.share_EG.sum(axis=0) > 0
    metrics: dict[str, float] = {}
    for kind, values in zip(KINDS, np.split(np.where(used_G, excess_G, np.nan), len(KINDS)), strict=True):
        known = {slot: float(value) for slot, value in zip(slots, values, strict=True) if np.isfinite(value)}
        metrics |= {f"excess/{kind}/{slot}": value for slot, value in known.items()}
        if known:
            metrics[f"excess/{kind}/all"] = float(np.mean(list(known.values())))
    return metrics


def scores(training: Training, first: Record, last: Record, run: int) -> RelationScores:
    """The relation scores of one run, beside its own start."""
    material = training.material
    return relation_scores(material.probes, material.other, one_run(last.measured, run), one_run(first.measured, run))


def relation_metrics(training: Training, first: Record, last: Record, run: int) -> dict[str, float]:
    """Over the watched rows: weight on the words that truly matter, with its baselines; effect of cuts; relevance."""
    found, probes = scores(training, first, last, run), training.material.probes
    error_GK = one_run(last.measured.observation.model_relevance_GK, run) - probes.relevance_GK
    heads = {f"relation/weight/head-{h + 1}": float(score) for h, score in enumerate(found.weight_GH.mean(axis=0))}
    return {
        "relation/weight/all": float(found.weight_GH.mean()),
        **heads,
        "relation/weight/best_head": float(found.weight_GH[:, found.best_head].mean()),
        "relation/untrained": float(found.untrained_GH.mean()),
        "relation/position_only": float(found.position_GH.mean()),
        "relation/uniform": float(found.uniform_G.mean()),
        "cut_cost/right_words": float(found.costliest_G.mean()),
        "relevance/largest_error": float(np.abs(error_GK).max()),
    }


def summary(training: Training, first: Record, last: Record, run: int, versions: dict[str, str]) -> dict[str, Any]:
    """What `summary.json` says of one run."""
    config = training.config
    return {
        "status": "finished" if np.isfinite(last.loss_R[run]) else "diverged",
        "seed": config.seed + run,
        "steps": last.step,
        "loss": float(last.loss_R[run]),
        **excess_metrics(training, last, run),
        **relation_metrics(training, first, last, run),
        "seconds/training": round(last.seconds, 3),
        "updates_per_second": round(last.step * config.seeds / last.seconds, 1),
        "world": training.world.name,
        "world_fingerprint": training.world.fingerprint,
        "versions": versions,
    }
