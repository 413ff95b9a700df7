"""Everything that is measured at a recorded step, in one compiled program.

Gradients are measured row by row and parameter group by parameter group. A row is one masked sentence. Its loss is
KL(exact posterior || model), whose gradient is what the cross-entropy's is on average over the words that may be masked
there, without that noise. One mean over rows says little (a few rows can carry all of it), so the norms of single rows
are kept, and RMS, median and the share of dead rows are taken from them.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from experiments.measuring.attention_statistics import AttentionStatistics, attention_statistics, row_statistics
from experiments.measuring.evaluation_set import EvaluationSet
from experiments.measuring.excess import Evaluation, evaluation, evaluation_sums
from experiments.measuring.probes import Observation, OtherRows, Probes, edge_effects, guesses_without, observe
from experiments.measuring.shared_rows import among_all, own_rows, sum_over_devices
from experiments.training.hyperparameters import Array
from experiments.training.program_cache import register_output_types
from model.functional import Model, Params, apply, excess
from model.transformer import ForwardOutput

DEAD = 1e-3
"""A row is dead in a group if its gradient is smaller than this share of the median row's before the first update."""
GRADIENT_MEANINGS = {
    "gradient/rms": "Root mean square over rows of the norm of one row's gradient in this group of parameters.",
    "gradient/median": "Median over rows of that norm: where few rows carry all, it is far below the RMS.",
    "gradient/dead_rows": "Share of rows whose gradient is below 1/1000 of the median row's before the first update.",
}


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


def group_of(name: str) -> str:
    """The group of a parameter: `attention/query`, `norm`, `mlp`, `token`, ..."""
    layer, _, rest = name.partition("/")
    if layer == "attention":
        return f"attention/{rest.partition('/')[0]}"
    if layer.endswith("_norm"):
        return "norm"
    return layer.partition("_")[0] if layer.startswith("mlp") else layer


def flat_params(params: Params) -> dict[str, Any]:
    """The leaves of nested parameters by their place: `attention/query/kernel` and so on."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }


def groups(params: Params) -> list[str]:
    """Names of the groups, in the order of `row_norms`."""
    return sorted({group_of(name) for name in flat_params(params)})


def row_norms(model: Model, sample: EvaluationSet, shards: int = 1) -> jax.Array:
    """Euclidean norm of each row's loss gradient in each parameter group, [E, groups], in nats per parameter unit.

    Of several devices, those of this one's rows, and 0 in the others; `shards` as in `own_rows`.
    """

    def loss(params: Params, tokens_K: jax.Array, masked: jax.Array, posterior_V: jax.Array) -> jax.Array:
        forward = apply(Model(model.config, params, model.scale), tokens_K[None], masked[None, None])
        return excess(posterior_V, forward.logits_BQV[0, 0])

    def norms(tokens_K: jax.Array, masked: jax.Array, posterior_V: jax.Array) -> jax.Array:
        squares = dict.fromkeys(groups(model.params), jnp.float32(0))
        for name, leaf in flat_params(jax.grad(loss)(model.params, tokens_K, masked, posterior_V)).items():
            squares[group_of(name)] += jnp.sum(leaf * leaf)
        return jnp.sqrt(jnp.stack(list(squares.values())))

    own, _ = own_rows((sample.tokens_EK, sample.masked_E, sample.posterior_EV), shards)
    return among_all(jax.vmap(norms)(*own), len(sample.masked_E), shards)


def norm_metrics(names: list[str], norm_EG: NDArray[np.floating], start_EG: NDArray[np.floating]) -> dict[str, float]:
    """`gradient/rms/<group>`, `gradient/median/<group>` and `gradient/dead_rows/<group>` of one run at one step.

    Args:
      names: the groups.
      norm_EG: their row norms now.
      start_EG: their row norms before the first update, against which a row counts as dead.
    """
    norm_GE, start_GE = (np.ascontiguousarray(norms.T, np.float64) for norms in (norm_EG, start_EG))
    rms_G, median_G = np.sqrt(np.mean(norm_GE**2, axis=1)), np.median(norm_GE, axis=1)
    dead_G = np.mean(norm_GE < DEAD * np.median(start_GE, axis=1, keepdims=True), axis=1)
    values: dict[str, float] = {}
    for name, *three in zip(names, rms_G.tolist(), median_G.tolist(), dead_G.tolist(), strict=True):
        kinds = ("rms", "median", "dead_rows")
        values |= {f"gradient/{kind}/{name}": value for kind, value in zip(kinds, three, strict=True)}
    return values
