"""Metrics: the numbers of a run at one step, under the names that TensorBoard and `summary.json` share.

Names never contain a user's word: a slot beyond subject, verb and object is `slot-4`.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from data.posterior import relevant_words
from data.vocabulary import MASK, PAD
from experiments.measuring.attention_statistics import MEANINGS as HEALTH_MEANINGS
from experiments.measuring.excess import KINDS, EvaluationSet
from experiments.measuring.experiment import Record, Training
from experiments.measuring.measurement import one_run
from experiments.measuring.relation import RelationScores, relation_scores
from experiments.measuring.row_gradients import groups, norm_metrics

COMPARED = ("excess/asked/all", "excess/held_out/all", "relation/weight/all", "relevance/mean_error", "loss")
"""The metrics by which runs are compared."""
MEANINGS = {
    "loss": "Cross-entropy of the hidden word in nats, mean over the updates since the record before.",
    "excess/asked": "KL(exact posterior || model) in nats on contexts that training asks for; 0 is perfect.",
    "excess/held_out": "The same on contexts that training never asked for: what was understood, not remembered.",
    "relation/weight": "Attention on the words that truly matter (at least 20 % of the row's largest exact relevance), "
    "mean over the watched rows. Its level means something only beside the baselines.",
    "relation/weight/best_head": "The same for the head that is best on other sentences than these.",
    "relation/untrained": "Baseline: the same weight before the first update.",
    "relation/position_only": "Baseline: the same weight if every head looked at places as it does on average.",
    "relation/uniform": "Baseline: the same weight if all words got the same.",
    "cut_cost": "Share of watched rows in which the words whose removal costs most are the ones that truly matter.",
    "relevance/mean_error": "Mean |model relevance - exact relevance| over the words of the watched rows, in nats.",
    "relevance/largest_error": "Largest |model relevance - exact relevance| of any word in the watched rows, in nats.",
    "relevance/model": "Model relevance of the words that truly matter, mean, in nats; compare `relevance/exact`.",
    "relevance/exact": "Exact relevance of the words that truly matter, mean, in nats: what a perfect model shows.",
    "gradient/rms": "Root mean square over rows of the norm of one row's gradient in this group of parameters.",
    "gradient/median": "Median over rows of that norm: where few rows carry all, it is far below the RMS.",
    "gradient/dead_rows": "Share of rows whose gradient is below 1/1000 of the median row's before the first update.",
    **{f"health/{name}": meaning for name, meaning in HEALTH_MEANINGS.items()},
}
"""What a metric means, by its name or the start of it."""


def meaning(name: str) -> str:
    """What the metric `name` means; the longest entry of MEANINGS that it begins with."""
    starts = (name[:i] for i in range(len(name), 0, -1) if i == len(name) or name[i] == "/")
    return next((MEANINGS[start] for start in starts if start in MEANINGS), "")


def slot_name(slot: str, number: int) -> str:
    """A slot's name where no user's word may stand (tags, keys): its own for content slots, else its number."""
    return slot if slot in CONTENT else f"slot-{number + 1}"


def excess_metrics(training: Training, record: Record, run: int) -> dict[str, float]:
    """`excess_values` of one run of a training."""
    return excess_values(
        training.config.task.hidden, training.material.examples, record.measured.evaluation.excess_G[run]
    )


def excess_values(hidden: Sequence[str], examples: EvaluationSet, excess_G: NDArray[np.floating]) -> dict[str, float]:
    """Excess by kind of context and slot: `excess/asked/subject`, ..., `excess/held_out/all`, in nats."""
    slots = [slot_name(slot, i) for i, slot in enumerate(hidden)]
    used_G = examples.share_EG.sum(axis=0) > 0
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
    model_GK = last.measured.observation.model_relevance_GK[run]
    error_GK = np.abs(model_GK - probes.relevance_GK)
    asked_GK = (probes.tokens_GK != PAD) & (probes.tokens_GK != MASK)
    relevant_GK = relevant_words(probes.relevance_GK.astype(np.float64))
    heads = {f"relation/weight/head-{h + 1}": float(score) for h, score in enumerate(found.weight_GH.mean(axis=0))}
    return {
        "relation/weight/all": float(found.weight_GH.mean()),
        **heads,
        "relation/weight/best_head": float(found.weight_GH[:, found.best_head].mean()),
        "relation/untrained": float(found.untrained_GH.mean()),
        "relation/position_only": float(found.position_GH.mean()),
        "relation/uniform": float(found.uniform_G.mean()),
        "cut_cost/right_words": float(found.costliest_G.mean()),
        "relevance/mean_error": float(error_GK[asked_GK].mean()),
        "relevance/largest_error": float(error_GK.max()),
        "relevance/model": float(model_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
        "relevance/exact": float(probes.relevance_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
    }


def step_metrics(training: Training, first: Record, record: Record, run: int) -> dict[str, float]:
    """Everything that is followed over training, of one run at one step."""
    health = record.measured.health
    values = {} if record.step == 0 else {"loss": float(record.loss_R[run])}
    values |= excess_metrics(training, record, run) | relation_metrics(training, first, record, run)
    for field in dataclasses.fields(health):
        name = f"health/{field.name.removesuffix('_H')}"
        values |= {f"{name}/head-{h + 1}": float(v) for h, v in enumerate(getattr(health, field.name)[run])}
    norms = (one.measured.gradient_norm_EG[run] for one in (record, first))
    return values | norm_metrics(groups(record.params), *norms)
