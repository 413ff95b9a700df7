"""Updates a second of several ways to write the same training, measured in turns."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch, sampler_tables
from data.world import World
from experiments.config.schema import Config
from experiments.training.arrays import Tree
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, hyperparameters, training_spec
from experiments.training.state import TrainState, init_state
from experiments.training.update import Loss, masked_row_loss, train_steps
from model.functional import Model, apply
from model.loss import cross_entropy


def every_row_loss(model: Model, batch: Batch) -> jax.Array:
    """The loss of `step.masked_row_loss`, as a transformer is usually written.

    Every position is a query and gets its logits; those of the masked ones are picked at the end.
    """
    every_BQ = jnp.broadcast_to(jnp.arange(batch.tokens_BK.shape[1]), batch.tokens_BK.shape)
    logits_BQV = apply(model, batch.tokens_BK, every_BQ).logits_BQV
    masked_BV = jnp.take_along_axis(logits_BQV, batch.masked_B[:, None, None], axis=1)[:, 0]
    return cross_entropy(masked_BV, batch.target_B).mean()


def measure_update_speed(config: Config, world: World, updates: int, repeats: int) -> dict[str, list[float]]:
    """Updates a second of each way, `repeats` times; all on the same devices and the same data."""
    losses: dict[str, Loss] = {"masked rows only, as trained": masked_row_loss, "every row computed": every_row_loss}
    ensemble, static = Ensemble(config.seeds, config.train.pieces), training_spec(config, world)
    values = ensemble.place(hyperparameters(config))
    tables = ensemble.replicate(sampler_tables(world, config.task.masked))
    states: TrainState = ensemble.each(lambda _, hyperparameters: init_state(static, hyperparameters))((), values)
    rates: dict[str, list[float]] = {name: [] for name in losses}
    programs = {name: _program(ensemble, static, loss) for name, loss in losses.items()}
    for repeat in range(repeats + 1):
        for name, run in programs.items():
            count = updates if repeat else 1  # the first time compiles
            shared = (tables, ensemble.replicate(np.int32(count)))
            began = time.perf_counter()
            jax.block_until_ready(run(shared, (values, states)))
            if repeat:
                rates[name].append(count * config.seeds / (time.perf_counter() - began))
    return rates


def _program(ensemble: Ensemble, static: TrainingSpec, loss: Loss) -> Any:
    def run(shared: Tree, one: tuple[Hyperparameters, TrainState]) -> jax.Array:
        tables, stop = shared
        return train_steps(static, tables, *one, jnp.int32(0), stop, ensemble.shards, loss)[1]

    return ensemble.each(run)
