"""Everything that is measured at a recorded step, in one compiled program."""

from dataclasses import dataclass
from typing import Any

import jax

from experiments.evaluate import Evaluation, EvaluationSet, evaluate
from experiments.gradient_norms import Sample, row_norms
from experiments.health import Health, health
from experiments.kept_programs import can_be_kept
from experiments.probes import Observation, OtherRows, Probes, observe
from experiments.state import Program
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
    other = material.other
    forward = apply(program.model, params, other.tokens_OK, other.hidden_O[:, None], scale=scale)
    seen = glance(program, material, params, scale, shards)
    return Measured(
        seen.evaluation,
        observe(program, material.probes, params, scale),
        forward.weights_BHQK[:, :, 0],
        seen.health,
        row_norms(program, material.sample, params, scale),
    )


def glance(program: Program, material: Material, params: Params, scale: jax.Array, shards: int = 1) -> Glance:
    """Measure one run's excess, the health of its attention and its maps; `shards` as in `evaluate`."""
    probes, sample = material.probes, material.sample
    of_probes = apply(program.model, params, probes.tokens_GK, probes.hidden_G[:, None], scale=scale)
    of_sample = apply(program.model, params, sample.tokens_EK, sample.hidden_E[:, None], scale=scale)
    return Glance(
        evaluate(program, material.examples, params, scale, shards),
        of_probes.weights_BHQK[:, :, 0],
        health(sample.tokens_EK, of_sample),
    )


def one_run(stacked: Any, run: int) -> Any:
    """Run number `run` of arrays stacked [R]."""
    return jax.tree.map(lambda array: array[run], stacked)
