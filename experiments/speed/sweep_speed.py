"""Seconds for a part of an ablation: as one ensemble, and as it is usually done, measured in turns.

Usually: one training after the other, in a Python loop over a jitted update of a model that computes every row.
"""

import jax
import numpy as np

from data.sampler import SamplerTables, training_tables
from experiments.ablation.plan import Group
from experiments.speed.update_speed import Run, ensemble_run, every_row_loss, seconds_in_turns
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState, hyperparameters, init_state
from experiments.training.trainer import one_run
from experiments.training.update import train_steps


def measure_sweep_speed(group: Group, runs: int, updates: int, repeats: int) -> dict[str, list[float]]:
    """Seconds for so many updates of the first, last and some between of a group's runs, each way `repeats` times.

    Both ways train the same runs on the same sentences; compilation and the first states are left out of both. The
    ensemble uses all devices, the plain loop the first alone.
    """
    chosen = np.unique(np.linspace(0, len(group.runs) - 1, runs).round().astype(int))
    values = hyperparameters(*(group.runs[i].config for i in chosen))
    tables = training_tables(group.shared.world, group.config.task.masked)
    ways = {
        "as one ensemble": ensemble_run(group.spec, values, tables),
        "one after the other": _plain_loop(group.spec, values, tables),
    }
    return seconds_in_turns(ways, updates, repeats)


def _plain_loop(spec: TrainingSpec, values: Hyperparameters, tables: SamplerTables) -> Run:
    placed_tables = jax.device_put(tables)
    placed = [jax.device_put(one_run(values, number)) for number in range(len(values.seed))]
    init = jax.jit(lambda one: init_state(spec, one))
    starts = jax.block_until_ready([init(one) for one in placed])

    @jax.jit
    def update(tables: SamplerTables, one: Hyperparameters, state: TrainState, step: jax.Array) -> TrainState:
        return train_steps(spec, tables, one, state, step, step + 1, loss=every_row_loss)[0]

    def run(updates: int) -> None:
        for one, start in zip(placed, starts, strict=True):
            state = start
            for step in range(updates):
                state = update(placed_tables, one, state, np.int32(step))
            jax.block_until_ready(state)

    return run
