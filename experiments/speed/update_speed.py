"""Two ways to write the same training, timed in turns.

Of one config: with masked rows only, or with every row computed. Of a part of an ablation: all runs as one ensemble, or
as is usual, one run after the other in a Python loop over a jitted update that computes every row.
"""

import statistics
import time
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import SamplerTables
from data.sampler import Batch
from data.world import load_world
from experiments.ablation.config import AblationConfig
from experiments.ablation.plan import Group, make_plan
from experiments.config.schema import Config
from experiments.speed.command_times import show
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import (
    Hyperparameters,
    TrainingSpec,
    TrainState,
    batch_tables,
    hyperparameters,
    init_state,
    training_spec,
)
from experiments.training.record import one_run
from experiments.training.update import Loss, masked_row_loss, train_steps
from model.functional import Model, apply, cross_entropy

_SWEPT_RUNS = 4
"""Of each program of an ablation, so many runs are timed."""
Run = Callable[[int], object]
"""Makes this many updates of every run, and waits until they are done."""


def every_row_loss(model: Model, batch: Batch) -> jax.Array:
    """The loss of `training.update.masked_row_loss`, as a transformer is usually written.

    Every position is a query and gets its logits; those of the masked words are picked at the end.
    """
    every_BQ = jnp.broadcast_to(jnp.arange(batch.tokens_BK.shape[1]), batch.tokens_BK.shape)
    logits_BQV = apply(model, batch.tokens_BK, every_BQ).logits_BQV
    masked_BV = jnp.take_along_axis(logits_BQV, batch.masked_B[:, None, None], axis=1)[:, 0]
    return cross_entropy(masked_BV, batch.target_B).mean()


def show_update_speed(config: Config, updates: int, repeats: int) -> None:
    """Updates a second: as trained, and with every row computed; both on the same devices and the same data."""
    losses: dict[str, Loss] = {"masked rows only, as trained": masked_row_loss, "every row computed": every_row_loss}
    world = load_world(config.world)
    spec = training_spec(config, world)
    tables = batch_tables(spec, config, world)
    runs = {name: _ensemble_run(spec, hyperparameters(config), tables, loss) for name, loss in losses.items()}
    rates = {
        name: [updates * config.seeds / seconds for seconds in times]
        for name, times in _seconds_in_turns(runs, updates, repeats).items()
    }
    medians = {name: statistics.median(values) for name, values in rates.items()}
    show(f"updates a second (batch {config.train.batch})")
    for name, values in rates.items():
        ratio = medians[name] / medians["every row computed"]
        show(f"  {name:32s} {medians[name]:8,.0f}   {ratio:5.1f} x   ({min(values):,.0f} to {max(values):,.0f})")


def show_sweep_speed(ablation: AblationConfig, updates: int, repeats: int) -> None:
    """Seconds for a part of an ablation: as one ensemble, and one training after the other with every row computed."""
    plan = make_plan(ablation)
    show("")
    show(f"a part of an ablation, {_SWEPT_RUNS} runs of each program, {updates} updates each (compiling left out);")
    show(f"the ensemble uses all {jax.device_count()} devices, one after the other uses one of them")
    totals = dict.fromkeys(("as one ensemble", "one after the other"), 0.0)
    for group in plan.groups:
        seconds = {name: statistics.median(times) for name, times in _sweep_seconds(group, updates, repeats).items()}
        _show_sweep(f"d_head {group.spec.model.d_head}", seconds)
        totals = {name: totals[name] + seconds[name] for name in totals}
    _show_sweep("all", totals)


def _show_sweep(name: str, seconds: dict[str, float]) -> None:
    ours, plain = seconds["as one ensemble"], seconds["one after the other"]
    show(f"  {name:12s} as one ensemble {ours:6.1f} s   one after the other {plain:6.1f} s   {plain / ours:5.1f} x")


def _sweep_seconds(group: Group, updates: int, repeats: int) -> dict[str, list[float]]:
    """Seconds for so many updates of the first, last and some between of a group's runs, each way `repeats` times.

    Both ways train the same runs on the same sentences; compilation and the first states are left out of both. The
    ensemble uses all devices, the plain loop the first alone.
    """
    chosen = np.unique(np.linspace(0, len(group.runs) - 1, _SWEPT_RUNS).round().astype(int))
    values = hyperparameters(*(group.runs[i].config for i in chosen))
    tables = batch_tables(group.spec, group.config, group.shared.world)
    return _seconds_in_turns(
        {
            "as one ensemble": _ensemble_run(group.spec, values, tables),
            "one after the other": _plain_loop(group.spec, values, tables),
        },
        updates,
        repeats,
    )


def _ensemble_run(
    spec: TrainingSpec, values: Hyperparameters, tables: SamplerTables, loss: Loss = masked_row_loss
) -> Run:
    """Updates of all runs at once, on all devices, as a training makes them."""
    ensemble = Ensemble(len(values.seed), spec.pieces)
    placed, placed_tables = ensemble.place(values), ensemble.replicate(tables)
    states = ensemble.each(lambda _, one: init_state(spec, one))((), placed)

    def updated(
        shared: tuple[SamplerTables, jax.Array], one: tuple[Hyperparameters, TrainState]
    ) -> tuple[TrainState, jax.Array]:
        return train_steps(spec, shared[0], *one, jnp.int32(0), shared[1], ensemble.shards, loss)

    program = ensemble.each(updated)
    return lambda updates: jax.block_until_ready(
        program((placed_tables, ensemble.replicate(np.int32(updates))), (placed, states))
    )


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


def _seconds_in_turns(runs: Mapping[str, Run], updates: int, repeats: int) -> dict[str, list[float]]:
    """Seconds that each way takes for so many updates, `repeats` times, in turns so that conditions are equal."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run(updates if repeat else 1)  # the first time compiles, and is not counted
            seconds[name] += [time.perf_counter() - began] if repeat else []
    return seconds
