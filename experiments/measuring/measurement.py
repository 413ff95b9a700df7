"""Everything that is measured at a recorded step, in one compiled program."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from experiments.measuring.attention_statistics import Health, health
from experiments.measuring.excess import Evaluation, EvaluationSet, evaluate
from experiments.measuring.probes import Observation, OtherRows, Probes, observe
from experiments.measuring.row_gradients import Sample, row_norms
from experiments.training.hyperparameters import Program
from experiments.training.program_cache import can_be_kept
from model.functional import Params, apply
from model.transformer import ForwardOutput


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Material:
    """What models are measured on; the same for all runs."""

    examples: EvaluationSet
    probes: Probes
    other: OtherRows
    sample: Sample


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Measured:
    """What was measured of one run (or of all of them, stacked [R])."""

    evaluation: Evaluation
    observation: Observation
    other_weights_OHK: Any
    """Attention in the rows beside the probes."""
    health: Health
    """Of the sample's rows."""
    gradient_norm_EG: Any
    """Norm of each sample row's gradient in each parameter group (G: groups, see `gradient_norms`)."""

    @property
    def weights_GHK(self) -> Any:
        """Attention in the probe rows, of one run."""
        return self.observation.forward.weights_BHQK[:, :, 0]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Glance:
    """The part of it that a run among hundreds gets."""

    evaluation: Evaluation
    weights_GHK: Any
    """Attention in the probe rows."""
    health: Health


can_be_kept((Evaluation, ForwardOutput, Health, Observation, Measured, Glance))


def measure(program: Program, material: Material, params: Params, scale: jax.Array, shards: int = 1) -> Measured:
    """Measure one run; `shards` as in `evaluate`."""
    probes, other, sample = material.probes, material.other, material.sample
    rows = (probes.tokens_GK, probes.hidden_G), (other.tokens_OK, other.hidden_O), (sample.tokens_EK, sample.hidden_E)
    of_probes, of_other, of_sample = _forward(program, params, scale, *rows)
    return Measured(
        evaluate(program, material.examples, params, scale, shards),
        observe(program, probes, params, scale, of_probes),
        of_other.weights_BHQK[:, :, 0],
        health(sample.tokens_EK, of_sample),
        row_norms(program, sample, params, scale),
    )


def glance(program: Program, material: Material, params: Params, scale: jax.Array, shards: int = 1) -> Glance:
    """Measure one run's excess, the health of its attention and its maps; `shards` as in `evaluate`."""
    probes, sample = material.probes, material.sample
    rows = (probes.tokens_GK, probes.hidden_G), (sample.tokens_EK, sample.hidden_E)
    of_probes, of_sample = _forward(program, params, scale, *rows)
    return Glance(
        evaluate(program, material.examples, params, scale, shards),
        of_probes.weights_BHQK[:, :, 0],
        health(sample.tokens_EK, of_sample),
    )


def _forward(
    program: Program, params: Params, scale: jax.Array, *rows: tuple[jax.Array, jax.Array]
) -> list[ForwardOutput]:
    """The forward pass of several groups of (tokens, hidden places): one pass, which compiles more quickly, cut up."""
    tokens_BK = jnp.concatenate([tokens for tokens, _ in rows])
    hidden_B = jnp.concatenate([hidden for _, hidden in rows])
    whole = apply(program.model, params, tokens_BK, hidden_B[:, None], scale=scale)
    parts, end = [], 0
    for _, hidden in rows:
        start, end = end, end + len(hidden)
        parts.append(jax.tree.map(lambda array, rows=slice(start, end): array[rows], whole))
    return parts


def one_run(stacked: Any, run: int) -> Any:
    """Run number `run` of arrays stacked [R]."""
    return jax.tree.map(lambda array: array[run], stacked)
