"""The training loop: chunks of updates between recorded steps, measured as they come.

The next chunk is on its way before the caller sees the measurements of the last one, so the devices do not wait while
pictures are drawn. A transfer guard stands round the loop: data moves only where the code says so.
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.sampler import SamplerTables
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec
from experiments.training.program_cache import register_output_types
from experiments.training.state import OPTIMIZER_STATES, TrainState, init_state
from experiments.training.stopwatch import ChunkSize, Stopwatch, TrainingTime
from experiments.training.update import Loss, train_steps
from model.functional import Model, Params

StopCallback = Callable[[int], bool]
"""Told the step between chunks of updates; True asks to stop."""
register_output_types((TrainState, *OPTIMIZER_STATES))
_Waiting = tuple[int, int, TrainState, Any]
"""A measurement on its way: step, the recorded step before it, states, what is measured."""


@dataclass(frozen=True)
class Record:
    """Everything measured at one step, as NumPy arrays stacked over the runs, [R] first."""

    step: int
    seconds: float
    """Of training until then, in all processes that worked on it; compilation is left out."""
    rate: float
    """Updates a second, of each run."""
    loss_R: NDArray[np.float32]
    """Mean loss of the updates since the record before; nan at step 0, and from a run's divergence on."""
    measurement: Any
    """What the measurement gives, stacked [R]."""
    params: Params
    diverged_at_R: NDArray[np.int32]
    """The update at which a run diverged; -1 where none did."""
    states: TrainState
    """What training goes on from, on the devices."""


class Runner:
    """Runs of one program, which is being compiled as soon as this is made.

    Before `run`, `measured_by` must say what is measured, and `measured_on` of what.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        values: Hyperparameters,
        tables: SamplerTables | None,
        steps: list[int],
        devices: list[jax.Device] | None = None,
        loss: Loss | None = None,
    ) -> None:
        """Compile the training.

        Args:
          spec: what all runs share.
          values: what they differ in (NumPy, stacked [R]).
          tables: the sampler's tables.
          steps: when runs are recorded: 0, ..., the last update of the longest run.
          devices: where to train; by default everywhere.
          loss: what is minimised, as for `train_steps`.
        """
        self.spec, self.steps, self._loss = spec, steps, loss
        self.ensemble = Ensemble(len(values.seed), spec.pieces, devices)
        self._steps_R = np.asarray(values.steps)
        self._hyperparameters: Hyperparameters = self.ensemble.place(values)
        self._tables = self.ensemble.replicate(tables)
        self.states: TrainState
        self._of_one_length = len(set(self._steps_R.tolist())) == 1
        self._init = self.ensemble.compile(
            lambda _, v: init_state(spec, v), (), self._hyperparameters, optimization_level=0, cache_key=(spec,)
        )
        shared, runs = (self._tables, self._bounds(0, 0, 0)), (self._hyperparameters, self._init.shapes)
        known = (spec, self._of_one_length) if loss is None else None
        self._advance_all = self.ensemble.compile(self._chunk, shared, runs, cache_key=known)

    def _chunk(self, shared: Any, one: tuple[Hyperparameters, TrainState]) -> TrainState:
        """A chunk of one run's updates."""
        tables, (start, stop, since) = shared
        hyperparameters, state = one
        # A new interval between records begins its sum of losses anew.
        state = dataclasses.replace(state, loss_sum=jnp.where(start == since, 0.0, state.loss_sum))
        if not self._of_one_length:  # a run that is shorter than others waits for them
            start, stop = jnp.minimum(start, hyperparameters.steps), jnp.minimum(stop, hyperparameters.steps)
        return train_steps(self.spec, tables, hyperparameters, state, start, stop, self.ensemble.shards, self._loss)[0]

    def measured_by(self, measure: Callable[[Model, Any], Any], data: Any, cache_key: object = None) -> None:
        """Compile what is measured of a run at each recorded step.

        Args:
          measure: takes (model, data).
          data: what it will be given, or just its shapes.
          cache_key: what it depends on beside these and the spec, as for `Ensemble.compile`.
        """

        def one_run(data: Any, one: tuple[Hyperparameters, TrainState]) -> Any:
            return measure(Model(self.spec.model, one[1].params, one[0].scale), data)

        runs = (self._hyperparameters, self._init.shapes)
        known = None if cache_key is None else (measure.__qualname__, self.spec, cache_key)
        self._measure = self.ensemble.compile(one_run, self.ensemble.replicated(data), runs, cache_key=known)

    def measured_on(self, data: Any) -> None:
        """Give what is measured on (NumPy), of the shapes that `measured_by` was told."""
        self._data = self.ensemble.replicate(data)

    def _bounds(self, *steps: int) -> Any:
        return self.ensemble.replicate(tuple(np.int32(step) for step in steps))

    def _advance(self, start: int, stop: int, since: int) -> None:
        """Updates `start` to `stop` - 1 of all runs, on their way; `since` is the recorded step before them."""
        self.states = self._advance_all(
            (self._tables, self._bounds(start, stop, since)), (self._hyperparameters, self.states)
        )

    def run(
        self, should_stop: StopCallback | None = None, resumed: tuple[int, TrainState, TrainingTime] | None = None
    ) -> Iterator[Record]:
        """Train, and give a record at each of `steps`; afterwards `states` holds the trained runs, `step` their step.

        Training ends early where every run has diverged: at the next step of `steps`.

        Args:
          should_stop: called with the step between chunks, about twice a second; training stops if it returns True.
          resumed: the step and the states (NumPy, stacked [R]) to go on from, which may all have diverged, and the time
            taken until then. The record of step 0 is made anew, since later ones are compared with it, and so is that
            of the given step if it is one of `steps`: what is said of a run at its end is said from a record.
        """
        with jax.transfer_guard("disallow"):
            self.states, self.step = self._init((), self._hyperparameters), 0
            self._advance(0, 0, 0)
            first = self._recorded(0)
            jax.block_until_ready((self.states, first))  # waits for the compiler, outside the time reported
            self.clock = Stopwatch(0, TrainingTime())
            waiting: _Waiting | None = first
            if resumed is not None:
                yield self._record(*first)
                self.step, self.states = resumed[0], self.ensemble.place(resumed[1])
                self.clock = Stopwatch(self.step, resumed[2])
                before = max((step for step in self.steps if step < self.step), default=0)
                waiting = self._recorded(before) if self.step in self.steps and self.step else None
            ended = resumed is not None and (resumed[1].diverged_at >= 0).all()
            for stop, since in () if ended else self._chunks():
                jax.block_until_ready(waiting)  # two programs at once would fight over the devices
                self._advance(self.step, stop, since)
                if waiting is not None:  # the host's work on a record overlaps with the training of this chunk
                    yield self._record(*waiting)
                diverged = (self.ensemble.fetch(self.states.diverged_at) >= 0).all()  # waits for the chunk
                self.step = self._next(since) if diverged else stop
                waiting = self._recorded(since) if self.step in self.steps else None
                if diverged or (should_stop is not None and should_stop(self.step)):
                    break
            if waiting is not None:
                yield self._record(*waiting)

    def go_on_from(self, step: int, recorded: Sequence[int]) -> None:
        """Make ready to be resumed at `step`, where `recorded` are the steps recorded until then.

        With the same config these are the steps planned; they differ where the number of steps was raised.
        """
        self.steps = sorted({*recorded, *(later for later in self.steps if later >= step)})

    def like(self) -> TrainState:
        """States (NumPy, zeros) of the shapes that training has, stacked [R]: what a checkpoint is read into."""
        shapes = self._init.shapes
        return typing.cast(
            TrainState, jax.tree.map(lambda s: np.zeros((self.ensemble.runs, *s.shape[1:]), s.dtype), shapes)
        )

    def _next(self, step: int) -> int:
        """The recorded step after `step`."""
        return next(later for later in self.steps if later > step)

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """(end, recorded step before it) of each chunk: none crosses a recorded step, few run longer than a second."""
        stride = ChunkSize()
        while self.step < self.steps[-1]:
            since = max(step for step in self.steps if step <= self.step)
            before, stop = self.step, self._next(since)
            # All processes must cut alike, so none goes by its own clock where there are several.
            yield (stop if jax.process_count() > 1 else min(stop, before + stride.updates)), since
            stride.made(self.step - before)

    def _recorded(self, since: int) -> "_Waiting":
        """The measurement of the present states, on its way."""
        measured = self._measure(self._data, (self._hyperparameters, self.states))
        return self.step, since, self.states, measured

    def _record(self, step: int, since: int, states: TrainState, measured: Any) -> Record:
        spent = self.clock.read(step)
        sum_R, params, diverged_at_R, measured = self.ensemble.fetch(
            (states.loss_sum, states.params, states.diverged_at, measured)
        )
        count_R = np.minimum(step, self._steps_R) - np.minimum(since, self._steps_R)
        loss_R = np.where(count_R > 0, sum_R / np.maximum(count_R, 1).astype(np.float32), np.float32(np.nan))
        return Record(step, spent.seconds, spent.rate, loss_R, measured, params, diverged_at_R, states)
