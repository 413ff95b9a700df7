"""What forms first in a training: who looks where, or what is brought? From the parameters of a saved run alone.

At each recorded step t the attention of one model is put into the other: the weights of step t with everything else of
the final model, and the final weights with everything else of the model of step t. If the first of these is good while
the second is still bad, the weights settled before the values and the readout did.

    found = measure_formation(load_run("runs/toy-001"), world)
    found.old_weights_T          excess of the final model with the weights of step t, at every recorded step, nats
    found.settled()              the first step at which each is within .01 nats of the final model

The context is the weighted sum of `model.attention`, of one model's weights and the other's values, and the rest of the
pass is `logits_from_context` of the model that the values are of.
"""

from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.inference import posterior
from data.world import World
from experiments.explaining.drawn_rows import Done, draw_rows, silent
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun
from model.attention import weighted_sum
from model.functional import Model, apply, excess, logits_from_context
from model.transformer import ForwardOutput

NEAR = 0.01
"""Nats of excess within which a model counts as as good as the final one."""
KINDS = {
    "old_weights": ("final model, step's weights", "the final model, looking where the model of the step looks"),
    "final_weights": ("step's model, final weights", "the model of the step, looking where the final model looks"),
    "plain": ("step's model, own weights", "the model of the step as it is"),
}
"""What is measured at each step: what it is called, and what it is."""


@dataclass(frozen=True)
class Formation:
    """Mean excess over the rows, in nats; T recorded steps."""

    run: str
    rows: int
    steps: tuple[int, ...]
    old_weights_T: NDArray[np.float64]
    """Of the final model with the weights of each step."""
    final_weights_T: NDArray[np.float64]
    """Of the model of each step with the final weights."""
    plain_T: NDArray[np.float64]
    """Of the model of each step."""

    @property
    def final(self) -> float:
        """Excess of the final model, in nats."""
        return float(self.plain_T[-1])

    def excess_T(self, kind: str) -> NDArray[np.float64]:
        """Of one of KINDS."""
        return {"old_weights": self.old_weights_T, "final_weights": self.final_weights_T, "plain": self.plain_T}[kind]

    def settled(self) -> dict[str, int]:
        """For each of KINDS the first recorded step at which it is within NEAR of the final model."""
        near = {kind: np.flatnonzero(self.excess_T(kind) <= self.final + NEAR)[0] for kind in KINDS}
        return {kind: self.steps[int(t)] for kind, t in near.items()}


def measure_formation(
    saved: SavedRun, world: World, sentences: int = 300, seed: int = 0, progress: Done = silent
) -> Formation:
    """What forms first in a run.

    Args:
      saved: one run.
      world: its world.
      sentences: how many fresh ones are drawn, one word of each masked; their contexts are those of training.
      seed: of the draw.
      progress: is told how many steps are done, and of how many.

    Raises:
      InputError: the run does not fit its world, or its final model diverged.
    """
    steps = recorded_steps(saved, world)
    rows = draw_rows(world, saved.config.task.masked, sentences, seed)
    exact_GV = posterior(world, rows.tokens_GK, rows.masked_G).astype(np.float32)
    final, found = saved_model(saved, world), []
    for t in range(len(steps)):
        excess_3 = _mixed(saved_model(saved, world, t), final, rows.masked_GK, rows.masked_G[:, None], exact_GV)
        found.append(np.asarray(excess_3, np.float64))
        progress(t + 1, len(steps))
    old_T, final_T, plain_T = np.stack(found, axis=1)
    require(
        np.isfinite(plain_T[-1]), f"{saved.folder}: its final model is not finite (it diverged); choose another run"
    )
    return Formation(saved.folder.name, sentences, tuple(steps), old_T, final_T, plain_T)


@jax.jit
def _mixed(old: Model, final: Model, tokens_GK: jax.Array, at_G1: jax.Array, exact_GV: jax.Array) -> jax.Array:
    """Mean excess [3]: of the final model with the old weights, of the old one with the final weights, of the old."""
    of_old, of_final = apply(old, tokens_GK, at_G1), apply(final, tokens_GK, at_G1)
    logits = (
        _looking(final, of_final, of_old, at_G1),
        _looking(old, of_old, of_final, at_G1),
        of_old.logits_BQV,
    )
    return jax.numpy.stack([excess(exact_GV, one[:, 0]).mean() for one in logits])


def _looking(model: Model, own: ForwardOutput, other: ForwardOutput, at_G1: jax.Array) -> jax.Array:
    """The logits of a model whose weights are those of another: `own` and `other` are their forward passes."""
    context_BQHD = weighted_sum(other.weights_BHQK, own.value_BKHD)[1]
    embedding_BQM = jax.numpy.take_along_axis(own.embedding_BKM, at_G1[..., None], axis=1)
    return logits_from_context(model, embedding_BQM, context_BQHD)
