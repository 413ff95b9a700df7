"""Seconds for a part of an ablation: as one ensemble, and as it is usually done, measured in turns.

Usually: one training after the other, in a Python loop over a jitted update of a model that computes every row.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import sampler_tables
from experiments.ablation.plan import Group
from experiments.speed.update_speed import every_row_loss
from experiments.training.arrays import Tree
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, hyperparameters
from experiments.training.state import TrainState, init_state
from experiments.training.trainer import one_run
from experiments.training.update import train_steps

Run = Callable[[int], None]
"""Makes so many updates of every run, and waits for them."""


def measure_sweep_speed(group: Group, runs: int, updates: int, repeats: int) -> dict[str, list[float]]:
    """Seconds for so many updates of the first, last and some between of a group's runs, each way `repeats` times.

    Both ways train the same runs on the same sentences; compilation and the first states are left out of both. The
    ensemble uses all devices, the plain loop the first alone.
    """
    chosen = np.unique(np.linspace(0, len(group.runs) - 1, runs).round().astype(int))
    values = hyperparameters(*(group.runs[i].config for i in chosen))
    ways = {"as one ensemble": _ensemble(group, values), "one after the other": _plain_loop(group, values)}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, run in ways.items():
            began = time.perf_counter()
            run(updates if repeat else 1)  # the first time compiles
            if repeat:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def _ensemble(group: Group, values: Hyperparameters) -> Run:
    ensemble, static = Ensemble(len(values.seed), group.spec.pieces), group.spec
    tables = ensemble.replicate(sampler_tables(group.world, group.config.task.masked))
    placed = ensemble.place(values)
    states = jax.block_until_ready(ensemble.each(lambda _, one: init_state(static, one))((), placed))

    def updated(shared: Tree, one: tuple[Hyperparameters, TrainState]) -> TrainState:
        return train_steps(static, shared[0], *one, jnp.int32(0), shared[1], ensemble.shards)[0]

    compiled = ensemble.each(updated)
    return lambda updates: jax.block_until_ready(
        compiled((tables, ensemble.replicate(np.int32(updates))), (placed, states))
    )


def _plain_loop(group: Group, values: Hyperparameters) -> Run:
    static = group.spec
    tables = jax.device_put(sampler_tables(group.world, group.config.task.masked))
    init = jax.jit(lambda one: init_state(static, one))

    @jax.jit
    def update(tables: Tree, one: Hyperparameters, state: TrainState, step: jax.Array) -> TrainState:
        return train_steps(static, tables, one, state, step, step + 1, loss=every_row_loss)[0]

    placed = [jax.device_put(one_run(values, number)) for number in range(len(values.seed))]
    starts = jax.block_until_ready([init(one) for one in placed])

    def run(updates: int) -> None:
        for one, start in zip(placed, starts, strict=True):
            state = start
            for step in range(updates):
                state = update(tables, one, state, np.int32(step))
            jax.block_until_ready(state)

    return run
