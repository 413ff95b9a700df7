"""Everything that is measured at a recorded step, in one compiled program."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from experiments.measuring.attention_statistics import AttentionStatistics, attention_statistics, row_statistics
from experiments.measuring.evaluation_set import EvaluationSet
from experiments.measuring.excess import Evaluation, evaluation, evaluation_sums
from experiments.measuring.probes import Observation, OtherRows, Probes, edge_effects, guesses_without, observe
from experiments.measuring.row_gradients import row_norms
from experiments.measuring.shared_rows import among_all, own_rows, sum_over_devices
from experiments.training.hyperparameters import Array
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
    sample: EvaluationSet
    """The first that were drawn, for what is too costly on all examples. Its `share_EG` is that of the whole set: no
    mean of these alone is to be taken with it."""


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
    """Norm of each sample row's gradient in each parameter group (G: groups, see `row_norms`)."""

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


register_output_types((Evaluation, ForwardOutput, Observation, Measurement, SweepMeasurement))


def measure(model: Model, data: EvaluationData, shards: int = 1) -> Measurement:
    """Measure one run; `shards` as in `own_rows`."""
    probes, other = data.probes, data.other
    rows = (probes.tokens_GK, probes.masked_G), (other.tokens_OK, other.masked_O)
    of_probes, of_other, statistics = _forward(model, rows, data.sample, shards)
    sums, without_GKV, effects, norm_EG, statistics = sum_over_devices(
        (
            evaluation_sums(model, data.examples, shards),
            guesses_without(model, probes, shards),
            edge_effects(model, probes, of_probes, shards),
            row_norms(model, data.sample, shards),
            statistics,
        ),
        shards,
    )
    return Measurement(
        evaluation(sums),
        observe(probes, of_probes, without_GKV, effects),
        of_other.weights_BHQK[:, :, 0],
        attention_statistics(data.sample.tokens_EK, statistics),
        norm_EG,
    )


def measure_sweep(model: Model, data: EvaluationData, shards: int = 1) -> SweepMeasurement:
    """Measure one run's excess, its attention statistics and its maps; `shards` as in `own_rows`."""
    rows = [(data.probes.tokens_GK, data.probes.masked_G)]
    of_probes, statistics = _forward(model, rows, data.sample, shards)
    sums, statistics = sum_over_devices((evaluation_sums(model, data.examples, shards), statistics), shards)
    return SweepMeasurement(
        evaluation(sums),
        of_probes.weights_BHQK[:, :, 0],
        attention_statistics(data.sample.tokens_EK, statistics),
    )


def _forward(
    model: Model, rows: Sequence[tuple[jax.Array, jax.Array]], sample: EvaluationSet, shards: int
) -> tuple[Any, ...]:
    """The forward pass of each of several groups of (tokens, masked places), and `row_statistics` of the sample.

    One pass, which compiles more quickly, cut up. Of several devices, the statistics of this one's rows, and 0 in the
    others; `shards` as in `own_rows`.
    """
    own, _ = own_rows((sample.tokens_EK, sample.masked_E), shards)
    rows = [*rows, own]
    tokens_BK = jnp.concatenate([tokens for tokens, _ in rows])
    masked_B = jnp.concatenate([masked for _, masked in rows])
    whole = apply(model, tokens_BK, masked_B[:, None])
    ends = itertools.accumulate(len(masked) for _, masked in rows)
    parts = [slice(end - len(masked), end) for end, (_, masked) in zip(ends, rows, strict=True)]
    *forward, of_sample = [jax.tree.map(lambda array, part=part: array[part], whole) for part in parts]
    statistics = row_statistics(own[0], of_sample)
    return *forward, {name: among_all(rows, len(sample.masked_E), shards) for name, rows in statistics.items()}
