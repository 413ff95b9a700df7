"""What training changes: the parameters and the optimiser's state, as they are before the first update."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import optax

from experiments.training.arrays import Array, Tree
from experiments.training.hyperparameters import START, Hyperparameters, TrainingSpec
from experiments.training.optimizer import optimizer, with_factors
from model.functional import Params, init_params


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TrainState:
    """What an update changes."""

    params: Params
    optimizer: Tree
    loss_sum: Array
    """Sum of the losses since the last recorded step; part of the state, so that it survives a stop in between."""
    diverged_at: Array
    """The update whose loss or gradient was not finite, from which on nothing changes; -1 while there is none."""


OPTIMIZER_STATES = (optax.EmptyState, optax.ScaleByAdamState, optax.ScaleByScheduleState)
"""What `TrainState.optimizer` is made of."""


def init_state(spec: TrainingSpec, hyperparameters: Hyperparameters) -> TrainState:
    """The state of one run before its first update; a pure function of the seed."""
    params = init_params(spec.model, jax.random.fold_in(jax.random.key(hyperparameters.seed), START))
    root = jnp.sqrt(hyperparameters.folded)
    params = with_factors(params, hyperparameters.query_start * root, root)
    return TrainState(params, optimizer(spec, hyperparameters).init(params), jnp.float32(0), jnp.int32(-1))
