"""Relation scores: how much of the attention lies on the relevant words.

The score of a row is the weight on its relevant words (at least 20 % of the row's largest exact relevance). It
means something only beside its baselines: the untrained model, uniform attention, and attention by position alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.inference import relevant_words
from data.vocabulary import MASK, PAD
from experiments.measuring.measurement import Measurement
from experiments.measuring.probes import OtherRows, Probes
from experiments.training.arrays import Array

Floats = NDArray[np.float32]
MEANINGS = {
    "relation/weight": "Attention on the relevant words (at least 20 % of the row's largest exact relevance), mean "
    "over the watched rows. Its level means something only beside the baselines.",
    "relation/weight/best_head": "The same for the head that is best on other sentences than these.",
    "relation/untrained": "Baseline: the same weight before the first update.",
    "relation/position_only": "Baseline: the same weight if every head looked at places as it does on average.",
    "relation/uniform": "Baseline: the same weight if all words got the same.",
    "cut_cost": "Share of watched rows in which the words whose removal costs most are the relevant ones.",
    "relevance/mean_error": "Mean |model relevance - exact relevance| over the words of the watched rows, in nats.",
    "relevance/largest_error": "Largest |model relevance - exact relevance| of any word in the watched rows, in nats.",
    "relevance/model": "Model relevance of the relevant words, mean, in nats; compare `relevance/exact`.",
    "relevance/exact": "Exact relevance of the relevant words, mean, in nats: what a perfect model shows.",
}


@dataclass(frozen=True)
class RelationScores:
    """Scores of each probe row, for every head and for the mean of the heads."""

    weight_GH: NDArray[np.float64]
    """Weight on the relevant words, each head."""
    untrained_GH: NDArray[np.float64]
    """The same before the first update."""
    position_GH: NDArray[np.float64]
    """The same, if each head looked at places as it does on average."""
    uniform_G: NDArray[np.float64]
    """The same, if all words got the same weight."""
    costliest_G: NDArray[np.bool_]
    """Whether the words whose removal (from all heads) costs most are the relevant ones."""
    best_head: int
    """The head with the highest score on other sentences than the probes."""


def relation_scores(probes: Probes, other: OtherRows, trained: Measurement, untrained: Measurement) -> RelationScores:
    """The scores of one run on the probe rows.

    Args:
      probes: the rows that are scored.
      other: the rows on which the best head is chosen.
      trained: what was measured of the run; no stacked axis.
      untrained: the same before its first update.
    """
    relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
    words_GK = probes.tokens_GK != PAD
    return RelationScores(
        weight_GH=on_relevant(trained.weights_GHK, relevant_GK),
        untrained_GH=on_relevant(untrained.weights_GHK, relevant_GK),
        position_GH=on_relevant(by_place(probes, trained.evaluation.position_map_PHK), relevant_GK),
        costliest_G=_costliest_are(relevant_GK, trained.observation.cut_cost_GJK[:, -1]),
        uniform_G=relevant_GK.sum(axis=1) / words_GK.sum(axis=1),
        best_head=int(on_relevant(trained.other_weights_OHK, other.relevant_OK).mean(axis=0).argmax()),
    )


def by_place(probes: Probes, position_map_PHK: Array) -> Floats:
    """The maps of the probe rows [G, H, K], if each head looked at places as it does on average."""
    words_GK = probes.tokens_GK != PAD
    by_place_GHK = position_map_PHK[probes.masked_G] * words_GK[:, None]
    return np.asarray(by_place_GHK / np.maximum(by_place_GHK.sum(axis=2, keepdims=True), 1e-9))


def on_relevant(weights_GHK: Floats, relevant_GK: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weight on the relevant words [G, H]."""
    return np.asarray((weights_GHK.astype(np.float64) * relevant_GK[:, None]).sum(axis=2))


def _costliest_are(relevant_GK: NDArray[np.bool_], cost_GK: Array) -> NDArray[np.bool_]:
    rows = [
        set(most_costly(cost_GK, count)[g]) == set(np.flatnonzero(relevant_GK[g]))
        for g, count in enumerate(relevant_GK.sum(axis=1))
    ]
    return np.asarray(rows)


def most_costly(cost_GK: Array, count: int = 2) -> NDArray[np.int64]:
    """The `count` keys of each row whose removal costs most [G, count], the most costly first."""
    return np.argsort(-cost_GK, axis=1, kind="stable")[:, :count]


def relation_metrics(probes: Probes, scores: RelationScores, trained: Measurement) -> dict[str, float]:
    """Over the watched rows of one run: weight on the relevant words beside its baselines; cuts; relevance."""
    model_GK = trained.observation.model_relevance_GK
    error_GK = np.abs(model_GK - probes.relevance_GK)
    visible_GK = (probes.tokens_GK != PAD) & (probes.tokens_GK != MASK)
    relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
    heads = {f"relation/weight/head-{h + 1}": float(score) for h, score in enumerate(scores.weight_GH.mean(axis=0))}
    return {
        "relation/weight/all": float(scores.weight_GH.mean()),
        **heads,
        "relation/weight/best_head": float(scores.weight_GH[:, scores.best_head].mean()),
        "relation/untrained": float(scores.untrained_GH.mean()),
        "relation/position_only": float(scores.position_GH.mean()),
        "relation/uniform": float(scores.uniform_G.mean()),
        "cut_cost/right_words": float(scores.costliest_G.mean()),
        "relevance/mean_error": float(error_GK[visible_GK].mean()),
        "relevance/largest_error": float(error_GK.max()),
        "relevance/model": float(model_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
        "relevance/exact": float(probes.relevance_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
    }
