"""Everything that is measured at a recorded step, in one compiled program."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from experiments.measuring.attention_statistics import AttentionStatistics, attention_statistics
from experiments.measuring.excess import Evaluation, EvaluationSet, evaluate
from experiments.measuring.probes import Observation, OtherRows, Probes, observe
from experiments.measuring.row_gradients import Sample, row_norms
from experiments.training.arrays import Array
from experiments.training.program_cache import register_output_types
from model.functional import Model, apply
from model.transformer import ForwardOutput


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class EvaluationData:
    """What models are measured on; the same for all runs."""

    examples: EvaluationSet
    probes: Probes
    other: OtherRows
    sample: Sample


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Measurement:
    """What was measured of one run (or of all of them, stacked [R])."""

    evaluation: Evaluation
    observation: Observation
    other_weights_OHK: Array
    """Attention in the rows beside the probes."""
    attention_statistics: AttentionStatistics
    """Of the sample's rows."""
    gradient_norm_EG: Array
    """Norm of each sample row's gradient in each parameter group (G: groups, see `gradient_norms`)."""

    @property
    def weights_GHK(self) -> Any:
        """Attention in the probe rows, of one run."""
        return self.observation.forward.weights_BHQK[:, :, 0]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SweepMeasurement:
    """The cheap subset of Measurement, recorded for every run of an ablation."""

    evaluation: Evaluation
    weights_GHK: Array
    """Attention in the probe rows."""
    attention_statistics: AttentionStatistics


register_output_types((Evaluation, ForwardOutput, AttentionStatistics, Observation, Measurement, SweepMeasurement))


def measure(model: Model, data: EvaluationData, shards: int = 1) -> Measurement:
    """Measure one run; `shards` as in `evaluate`."""
    probes, other, sample = data.probes, data.other, data.sample
    rows = (probes.tokens_GK, probes.masked_G), (other.tokens_OK, other.masked_O), (sample.tokens_EK, sample.masked_E)
    of_probes, of_other, of_sample = _forward(model, *rows)
    return Measurement(
        evaluate(model, data.examples, shards),
        observe(model, probes, of_probes),
        of_other.weights_BHQK[:, :, 0],
        attention_statistics(sample.tokens_EK, of_sample),
        row_norms(model, sample),
    )


def measure_sweep(model: Model, data: EvaluationData, shards: int = 1) -> SweepMeasurement:
    """Measure one run's excess, its attention statistics and its maps; `shards` as in `evaluate`."""
    probes, sample = data.probes, data.sample
    rows = (probes.tokens_GK, probes.masked_G), (sample.tokens_EK, sample.masked_E)
    of_probes, of_sample = _forward(model, *rows)
    return SweepMeasurement(
        evaluate(model, data.examples, shards),
        of_probes.weights_BHQK[:, :, 0],
        attention_statistics(sample.tokens_EK, of_sample),
    )


def _forward(model: Model, *rows: tuple[jax.Array, jax.Array]) -> list[ForwardOutput]:
    """The forward pass of several groups of (tokens, masked places): one pass, which compiles more quickly, cut up."""
    tokens_BK = jnp.concatenate([tokens for tokens, _ in rows])
    masked_B = jnp.concatenate([masked for _, masked in rows])
    whole = apply(model, tokens_BK, masked_B[:, None])
    parts, end = [], 0
    for _, masked in rows:
        start, end = end, end + len(masked)
        parts.append(jax.tree.map(lambda array, rows=slice(start, end): array[rows], whole))
    return parts
