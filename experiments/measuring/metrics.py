"""What is told of a run at one step: its metrics, and its answers in the watched sentences beside the exact ones.

`summary.json` and `runs.csv` share the names of the metrics; TensorBoard's tags are made of them (`tracking.tags`).
Excess and gradients are named where they are measured, the others here. Names never contain a user's word: a slot
beyond subject, verb and object is `slot-4`.

The relation scores stand here: how much of the attention lies on the relevant words. The score of a row is the weight
on its relevant words (at least 20 % of the row's largest exact relevance). It means something only beside its
baselines: the untrained model, uniform attention, and attention by position alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.vocabulary import PAD
from experiments.measuring import attention_statistics, excess
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.probes import Probes
from experiments.measuring.row_gradients import GRADIENT_MEANINGS, groups, norm_metrics
from experiments.training.hyperparameters import Array
from experiments.training.trainer import Record, RunRecord

TRAINED = "excess/trained/all"
"""The metric by which the best checkpoint is chosen: mean excess on trained contexts, nats."""
MEANINGS = {
    "loss": "Cross-entropy of the masked word in nats, mean over the updates since the record before.",
    **excess.MEANINGS,
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
    **GRADIENT_MEANINGS,
    **{f"attention_statistics/{name}": meaning for name, meaning in attention_statistics.MEANINGS.items()},
}
"""What a metric means, by its name or the start of it."""


def meaning(name: str) -> str:
    """What the metric `name` means; the longest entry of MEANINGS that it begins with."""
    starts = (name[:i] for i in range(len(name), 0, -1) if i == len(name) or name[i] == "/")
    return next((MEANINGS[start] for start in starts if start in MEANINGS), "")


def step_metrics(
    experiment: Experiment, first: RunRecord[Measurement], record: RunRecord[Measurement]
) -> dict[str, float]:
    """What is followed over training beside diagnostics, of one run at one step; `first` is its record of step 0."""
    return {
        **({"loss": record.loss} if record.step else {}),
        **excess_metrics(experiment, record),
        **relation_metrics(experiment, first, record),
    }


def diagnostic_metrics(first: RunRecord[Measurement], record: RunRecord[Measurement]) -> dict[str, float]:
    """The state of attention and the norms of gradients of one run at one step; `first` is its record of step 0."""
    return {
        **{
            f"attention_statistics/{name}/head-{head + 1}": float(value)
            for name, values_H in record.measurement.attention_statistics.items()
            for head, value in enumerate(values_H)
        },
        **norm_metrics(groups(record.params), record.measurement.gradient_norm_EG, first.measurement.gradient_norm_EG),
    }


def excess_metrics(experiment: Experiment, record: RunRecord[Measurement]) -> dict[str, float]:
    """`excess_values` of a run at one step."""
    return excess.excess_values(
        experiment.config.task.masked, experiment.data.examples, record.measurement.evaluation.excess_G
    )


def mean_excess(experiment: Experiment, record: Record[Measurement]) -> float:
    """Excess on trained contexts, mean over all runs, in nats; nan where there is none."""
    masked, examples = experiment.config.task.masked, experiment.data.examples
    found = [excess.excess_values(masked, examples, own_G) for own_G in record.measurement.evaluation.excess_G]
    return float(np.mean([values.get(TRAINED, np.nan) for values in found]))


def relation_metrics(
    experiment: Experiment, first: RunRecord[Measurement], record: RunRecord[Measurement]
) -> dict[str, float]:
    """Over the watched rows of a run at one step: weight on the relevant words beside its baselines; cuts; relevance.

    The best head is chosen on other rows than these. `first` is the run's record of step 0.
    """
    probes, other, trained = experiment.data.probes, experiment.data.other, record.measurement
    relevant_GK, words_GK = probes.relevant_GK, probes.tokens_GK != PAD
    weight_GH = on_relevant(trained.weights_GHK, relevant_GK)
    best_head = int(on_relevant(trained.other_weights_OHK, other.relevant_OK).mean(axis=0).argmax())
    place_GHK = by_place(probes, trained.evaluation.position_map_PHK)
    model_GK = trained.observation.model_relevance_GK
    error_GK = np.abs(model_GK - probes.relevance_GK)
    visible_GK = words_GK & (np.arange(words_GK.shape[1]) != probes.masked_G[:, None])
    heads = {f"relation/weight/head-{h + 1}": float(score) for h, score in enumerate(weight_GH.mean(axis=0))}
    return {
        "relation/weight/all": float(weight_GH.mean()),
        **heads,
        "relation/weight/best_head": float(weight_GH[:, best_head].mean()),
        "relation/untrained": float(on_relevant(first.measurement.weights_GHK, relevant_GK).mean()),
        "relation/position_only": float(on_relevant(place_GHK, relevant_GK).mean()),
        "relation/uniform": float((relevant_GK.sum(axis=1) / words_GK.sum(axis=1)).mean()),
        "cut_cost/right_words": _costliest_are(relevant_GK, trained.observation.cut_cost_GJK[:, -1]),
        "relevance/mean_error": float(error_GK[visible_GK].mean()),
        "relevance/largest_error": float(error_GK.max()),
        "relevance/model": float(model_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
        "relevance/exact": float(probes.relevance_GK[relevant_GK].mean()) if relevant_GK.any() else 0.0,
    }


def on_relevant(weights_GHK: NDArray[np.float32], relevant_GK: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weight on the relevant words [G, H]."""
    return np.asarray((weights_GHK.astype(np.float64) * relevant_GK[:, None]).sum(axis=2))


def by_place(probes: Probes, position_map_PHK: Array) -> NDArray[np.float32]:
    """The maps of the probe rows [G, H, K], if each head looked at places as it does on average."""
    by_place_GHK = position_map_PHK[probes.masked_G] * (probes.tokens_GK != PAD)[:, None]
    return np.asarray(by_place_GHK / np.maximum(by_place_GHK.sum(axis=2, keepdims=True), 1e-9))


def most_costly(cost_GK: Array, count: int = 2) -> NDArray[np.int64]:
    """The `count` keys of each row whose removal costs most [G, count], the most costly first."""
    return np.argsort(-cost_GK, axis=1, kind="stable")[:, :count]


def _costliest_are(relevant_GK: NDArray[np.bool_], cost_GK: Array) -> float:
    """The share of rows in which the words whose removal (from all heads) costs most are the relevant ones."""
    ranked_GK = np.take_along_axis(relevant_GK, most_costly(cost_GK, relevant_GK.shape[1]), axis=1)
    count_G = relevant_GK.sum(axis=1)
    first_GK = np.arange(relevant_GK.shape[1]) < count_G[:, None]
    return float(np.mean((ranked_GK & first_GK).sum(axis=1) == count_G))


@dataclass(frozen=True)
class RowResult:
    """What a run does with one masked word of a watched sentence, beside the exact answer."""

    sentence: int
    masked: int
    """Position of the masked word."""
    words: tuple[str, ...]
    weights_HK: Array
    guess: tuple[str, float]
    """The most probable word and its probability, by the model."""
    exact: tuple[str, float]
    """The same, by the exact posterior."""


def row_results(experiment: Experiment, record: RunRecord[Measurement], sentence: int | None = None) -> list[RowResult]:
    """The rows of all watched sentences, or of one of them, for one run at one step."""
    probes, words = experiment.data.probes, experiment.world.vocabulary.words
    logits_GV = record.measurement.observation.forward.logits_BQV[:, 0].astype(np.float64)
    with np.errstate(invalid="ignore"):  # a diverged run's logits can be infinite
        guess_GV = np.exp(logits_GV - logits_GV.max(axis=1, keepdims=True))
        guess_GV /= guess_GV.sum(axis=1, keepdims=True)

    def best(chance_V: NDArray[np.floating]) -> tuple[str, float]:
        return words[chance_V.argmax()], float(chance_V.max())

    def result(g: int, of: int) -> RowResult:
        tokens = experiment.sentences[of][0]
        weights_HK = record.measurement.weights_GHK[g, :, : len(tokens)]
        own = tuple(words[token] for token in tokens)
        answers = best(guess_GV[g]), best(probes.posterior_GV[g])
        return RowResult(of, int(probes.masked_G[g]), own, weights_HK, *answers)

    return [result(g, of) for g, of in enumerate(probes.sentence_G.tolist()) if sentence in (None, of)]
