"""Where the time of an update goes, by loops that do more and more of it.

`experiments.train --profile` shows each operation.
"""

from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import SamplerTables
from experiments.speed.catmat_runs import EnsembleTraining
from experiments.speed.settings import Settings
from experiments.speed.task import Task, shape_line, task_of
from experiments.speed.turns import Way, ranged, seconds_in_turns, spread
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainState, init_state
from experiments.training.update import batch_of, masked_row_loss
from model.functional import Model, Params

DRAWING, FORWARD, BACKWARD, REST = "drawing sentences", "forward pass", "backward pass", "exchange and optimiser"


class _Loop:
    """A loop over the first parts of an update, which changes no parameter; a `Way` to be timed."""

    def __init__(self, task: Task, last: str) -> None:
        self._task, self._last = task, last
        self._ensemble = Ensemble(1, task.spec.pieces)
        values = jax.tree.map(lambda leaf: np.asarray(leaf)[None], task.values)
        self._values, self._tables = self._ensemble.place(values), self._ensemble.replicate(task.tables)
        init = self._ensemble.compile(lambda _, one: init_state(task.spec, one), (), self._values, optimization_level=0)
        shared, runs = (self._tables, self._stop(0)), (self._values, init.shapes)
        self._program = self._ensemble.compile(self._looped, shared, runs, runs_long=True)
        self._states = init((), self._values)

    def _stop(self, updates: int) -> Any:
        return self._ensemble.replicate(np.int32(updates))

    def _looped(self, shared: tuple[SamplerTables, jax.Array], run: tuple[Hyperparameters, TrainState]) -> jax.Array:
        (tables, stop), (values, state) = shared, run

        def body(step: jax.Array, total: jax.Array) -> jax.Array:
            batch = batch_of(self._task.spec, tables, values, step, self._ensemble.shards)
            if self._last == DRAWING:
                return total + sum(leaf.sum() for leaf in jax.tree.leaves(batch)).astype(jnp.float32)

            def loss_of(params: Params) -> jax.Array:
                return masked_row_loss(Model(self._task.spec.model, params, values.scale), batch)

            # Parameters that depend on the step before, or their products would be made once, before the loop.
            params = jax.tree.map(lambda leaf: leaf + 0.0 * total, state.params)
            if self._last == FORWARD:
                return total + loss_of(params)
            return total + jax.flatten_util.ravel_pytree(jax.value_and_grad(loss_of)(params))[0].sum()

        return jax.lax.fori_loop(0, stop, body, jnp.float32(0))

    def begin(self) -> None:
        """There is nothing to go back to."""

    def advance(self, updates: int) -> None:
        """Go so many times through the loop, and wait for its end."""
        jax.block_until_ready(self._program((self._tables, self._stop(updates)), (self._values, self._states)))


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of each part of an update: what a loop takes more than the one before, in turns."""
    task = task_of(settings.config)
    ways: dict[str, Way] = {name: _Loop(task, name) for name in (DRAWING, FORWARD, BACKWARD)}
    ways[REST] = EnsembleTraining(task)
    times = seconds_in_turns(ways, settings.updates, settings.repeats, settings.say, settings.least)
    loops = [[seconds / settings.updates for seconds in times[name]] for name in ways]
    before = [[0.0] * settings.repeats, *loops[:-1]]
    parts = {
        name: [one - other for one, other in zip(whole, less, strict=True)]
        for name, whole, less in zip(ways, loops, before, strict=True)
    }
    return {
        "shape": shape_line(task.spec),
        "update": spread(loops[-1]),
        "parts": {name: spread(seconds) for name, seconds in parts.items()},
        "backward_to_forward": spread(b / f for b, f in zip(parts[BACKWARD], parts[FORWARD], strict=True)),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    whole = found["update"]["median"]
    return [
        f"where an update's time goes ({found['shape']}), in ms",
        *(f"  {name:<24}{_milliseconds(part)}  {part['median'] / whole:5.0%}" for name, part in found["parts"].items()),
        f"  {'an update':<24}{_milliseconds(found['update'])}",
        f"  the backward pass takes {ranged(found['backward_to_forward'], '.1f')} times the forward pass",
    ]


def _milliseconds(seconds: dict[str, Any]) -> str:
    """A spread of seconds in milliseconds; its width is the same for all."""
    scaled = {name: 1e3 * seconds[name] for name in ("median", "lowest", "highest")}
    return f"{ranged(scaled, '7.2f'):<22}"
