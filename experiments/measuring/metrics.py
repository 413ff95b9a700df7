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
from experiments.measuring.attention_statistics import MEANINGS as ATTENTION_MEANINGS
from experiments.measuring.excess import KINDS, EvaluationSet
from experiments.measuring.experiment import Record, Training
from experiments.measuring.measurement import one_run
from experiments.measuring.relation import RelationScores, relation_scores
from experiments.measuring.row_gradients import groups, norm_metrics

COMPARED = ("excess/trained/all", "excess/held_out/all", "relation/weight/all", "relevance/mean_error", "loss")
"""The metrics by which runs are compared."""
MEANINGS = {
    "loss": "Cross-entropy of the masked word in nats, mean over the updates since the record before.",
    "excess/trained": "KL(exact posterior || model) in nats on contexts that training draws; 0 is perfect.",
    "excess/held_out": "The same on held-out contexts, which training never draws: understood, not remembered.",
    "relation/weight": "Attention on the relevant words (at least 20 % of the row's largest exact relevance), "
    "mean over the watched rows. Its level means something only beside the baselines.",
    "relation/weight/best_head": "The same for the head that is best on other sentences than these.",
    "relation/untrained": "Baseline: the same weight before the first update.",
    "relation/position_only": "Baseline: the same weight if every head looked at places as it does on average.",
    "relation/uniform": "Baseline: the same weight if all words got the same.",
    "cut_cost": "Share of watched rows in which the words whose removal costs most are the relevant ones.",
    "relevance/mean_error": "Mean |model relevance - exact relevance| over the words of the watched rows, in nats.",
    "relevance/largest_error": "Largest |model relevance - exact relevance| of any word in the watched rows, in nats.",
    "relevance/model": "Model relevance of the relevant words, mean, in nats; compare `relevance/exact`.",
    "relevance/exact": "Exact relevance of the relevant words, mean, in nats: what a perfect model shows.",
    "gradient/rms": "Root mean square over rows of the norm of one row's gradient in this group of parameters.",
    "gradient/median": "Median over rows of that norm: where few rows carry all, it is far below the RMS.",
    "gradient/dead_rows": "Share of rows whose gradient is below 1/1000 of the median row's before the first update.",
    **{f"attention_statistics/{name}": meaning for name, meaning in ATTENTION_MEANINGS.items()},
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
        training.config.task.masked, training.data.examples, record.measurement.evaluation.excess_G[run]
    )


def excess_values(masked: Sequence[str], examples: EvaluationSet, excess_G: NDArray[np.floating]) -> dict[str, float]:
    """Excess by kind of context and slot: `excess/trained/subject`, ..., `excess/held_out/all`, in nats."""
    slots = [slot_name(slot, i) for i, slot in enumerate(masked)]
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
    data = training.data
    return relation_scores(data.probes, data.other, one_run(last.measurement, run), one_run(first.measurement, run))


def relation_metrics(training: Training, first: Record, last: Record, run: int) -> dict[str, float]:
    """Over the watched rows: weight on the relevant words, with its baselines; effect of cuts; relevance."""
    found, probes = scores(training, first, last, run), training.data.probes
    model_GK = last.measurement.observation.model_relevance_GK[run]
    error_GK = np.abs(model_GK - probes.relevance_GK)
    visible_GK = (probes.tokens_GK != PAD) & (probes.tokens_GK != MASK)
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
        "relevance/mean_error": float(error_GK[visible_GK].mean()),
        "relevance/largest_error": float(error_GK.max()),
        "relevance/model": float(model_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
        "relevance/exact": float(probes.relevance_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
    }


def step_metrics(training: Training, first: Record, record: Record, run: int) -> dict[str, float]:
    """Everything that is followed over training, of one run at one step."""
    attention_statistics = record.measurement.attention_statistics
    values = {} if record.step == 0 else {"loss": float(record.loss_R[run])}
    values |= excess_metrics(training, record, run) | relation_metrics(training, first, record, run)
    for field in dataclasses.fields(attention_statistics):
        name = f"attention_statistics/{field.name.removesuffix('_H')}"
        values |= {
            f"{name}/head-{h + 1}": float(v) for h, v in enumerate(getattr(attention_statistics, field.name)[run])
        }
    norms = (one.measurement.gradient_norm_EG[run] for one in (record, first))
    return values | norm_metrics(groups(record.params), *norms)
