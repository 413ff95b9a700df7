"""catmat's own trainings as contestants: one run, or many, through the same `Ensemble` as the command's."""

import dataclasses
import functools

import jax
import numpy as np
from numpy.typing import NDArray

from data.drawing_tables import SamplerTables
from experiments.speed.task import Task
from experiments.training.batch_parts import parts_of
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainState, init_state
from experiments.training.memory import runs_at_once
from experiments.training.record import one_run
from experiments.training.update import Loss, masked_row_loss, train_steps
from model.functional import Params


class EnsembleTraining:
    """Updates of R runs on all devices; a `Training` of the first of them.

    Args:
      task: what is trained.
      values: hyperparameters of all runs (NumPy, stacked [R]); by default those of the task, R = 1.
      loss: what is minimised.
    """

    def __init__(self, task: Task, values: Hyperparameters | None = None, loss: Loss = masked_row_loss) -> None:
        values = jax.tree.map(lambda leaf: np.asarray(leaf)[None], task.values) if values is None else values
        spec = task.spec
        self._ensemble = Ensemble(len(values.seed), spec.pieces, at_once=functools.partial(runs_at_once, spec))
        shards = self._ensemble.shards
        parts = parts_of(spec, shards, self._ensemble.platform)

        def updated(
            shared: tuple[SamplerTables, tuple[jax.Array, jax.Array]], run: tuple[Hyperparameters, TrainState]
        ) -> TrainState:
            tables, (start, stop) = shared
            return train_steps(spec, tables, *run, start, stop, shards, loss, parts)[0]

        self._values, self._tables = self._ensemble.place(values), self._ensemble.replicate(task.tables)
        init = self._ensemble.compile(lambda _, one: init_state(spec, one), (), self._values, optimization_level=0)
        runs = (self._values, init.shapes)
        self._program = self._ensemble.compile(updated, (self._tables, self._bounds(0, 0)), runs, runs_long=True)
        self._start = self._states = jax.block_until_ready(init((), self._values))
        self._done = 0

    def _bounds(self, start: int, stop: int) -> tuple[jax.Array, jax.Array]:
        bounds: tuple[jax.Array, jax.Array] = self._ensemble.replicate((np.int32(start), np.int32(stop)))
        return bounds

    def _after(self, states: TrainState, start: int, stop: int) -> TrainState:
        after: TrainState = self._program((self._tables, self._bounds(start, stop)), (self._values, states))
        return after

    def begin(self) -> None:
        """Go back to the start."""
        self._states, self._done = self._start, 0

    def advance(self, updates: int) -> None:
        """Make so many updates of every run, and wait until they are done."""
        self._states = jax.block_until_ready(self._after(self._states, self._done, self._done + updates))
        self._done += updates

    def losses(self) -> NDArray[np.float32]:
        """The loss of each update of the first run [N]: the same program, one update at a time."""
        states, found = self._start, []
        for step in range(self._done):
            states = self._after(states, step, step + 1)
            found.append(self._ensemble.fetch(states.loss_sum)[0])
        return np.diff(np.asarray(found, np.float64), prepend=0.0).astype(np.float32)

    def params(self) -> Params:
        """The parameters of the first run."""
        first: Params = one_run(self._ensemble.fetch(self._states.params), 0)
        return first


def seeds_of(task: Task, runs: int) -> Hyperparameters:
    """The hyperparameters of so many runs of a task, which differ in their seeds: those that follow the task's own."""
    values = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], runs, axis=0), task.values)
    return dataclasses.replace(values, seed=values.seed + np.arange(runs, dtype=np.uint32))


def sweep(task: Task, runs: int) -> EnsembleTraining | None:
    """So many runs of a task, ready to be timed; None where the devices have too little memory for them."""
    try:
        training = EnsembleTraining(task, seeds_of(task, runs))
        training.advance(1)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return None
    return training
