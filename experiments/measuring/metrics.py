"""All metrics of a run at one step, under the names that TensorBoard and `summary.json` share.

Each measurement names its own, and says what they mean. Names never contain a user's word: a slot beyond subject, verb
and object is `slot-4`.
"""

import numpy as np

from experiments.measuring import attention_statistics, excess, relation, row_gradients
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.relation import RelationScores
from experiments.training.trainer import Record, RunRecord

TRAINED = "excess/trained/all"
"""The metric by which the best checkpoint is chosen: mean excess on trained contexts, nats."""
COMPARED = (TRAINED, "excess/held_out/all", "relation/weight/all", "relevance/mean_error", "loss")
"""The metrics by which runs are compared."""
MEANINGS = {
    "loss": "Cross-entropy of the masked word in nats, mean over the updates since the record before.",
    **excess.MEANINGS,
    **relation.MEANINGS,
    **row_gradients.MEANINGS,
    **{f"attention_statistics/{name}": meaning for name, meaning in attention_statistics.MEANINGS.items()},
}
"""What a metric means, by its name or the start of it."""


def meaning(name: str) -> str:
    """What the metric `name` means; the longest entry of MEANINGS that it begins with."""
    starts = (name[:i] for i in range(len(name), 0, -1) if i == len(name) or name[i] == "/")
    return next((MEANINGS[start] for start in starts if start in MEANINGS), "")


def excess_metrics(experiment: Experiment, record: RunRecord[Measurement]) -> dict[str, float]:
    """`excess_values` of a run at one step."""
    masked, examples = experiment.config.task.masked, experiment.data.examples
    return excess.excess_values(masked, examples, record.measurement.evaluation.excess_G)


def mean_excess(experiment: Experiment, record: Record[Measurement]) -> float:
    """Excess on trained contexts, mean over all runs, in nats; nan where there is none."""
    return float(np.mean([excess_metrics(experiment, run).get(TRAINED, np.nan) for run in record.runs()]))


def scores(experiment: Experiment, first: RunRecord[Measurement], record: RunRecord[Measurement]) -> RelationScores:
    """The relation scores of a run, beside its own start."""
    return relation.relation_scores(
        experiment.data.probes, experiment.data.other, record.measurement, first.measurement
    )


def relation_metrics(
    experiment: Experiment, first: RunRecord[Measurement], record: RunRecord[Measurement]
) -> dict[str, float]:
    """Weight on the relevant words, effect of cuts and relevance, of a run at one step."""
    found = scores(experiment, first, record)
    return relation.relation_metrics(experiment.data.probes, found, record.measurement)


def step_metrics(
    experiment: Experiment, first: RunRecord[Measurement], record: RunRecord[Measurement]
) -> dict[str, float]:
    """Everything that is followed over training, of one run at one step."""
    values = {} if record.step == 0 else {"loss": record.loss}
    values |= excess_metrics(experiment, record) | relation_metrics(experiment, first, record)
    values |= record.measurement.attention_statistics.metrics()
    norms = record.measurement.gradient_norm_EG, first.measurement.gradient_norm_EG
    return values | row_gradients.norm_metrics(row_gradients.groups(record.params), *norms)
