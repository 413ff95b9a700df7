"""The training loop: chunks of updates between recorded steps, measured as they come. All trainings run through it.

    trainer = Trainer(spec, hyperparameters, tables, steps, measure, data)      compiles in the background
    for record in trainer.run(data):
        record.measurement, record.of(0).loss

The next chunk is dispatched before the caller sees the measurements of the last one, so the devices do not wait while
pictures are drawn. A transfer guard stands round the loop: data moves only where the code says so.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import SamplerTables
from data.errors import require
from experiments.training.agreement import ALONE, Agreement
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState, Tree, init_state
from experiments.training.memory import check_memory, runs_at_once
from experiments.training.record import (
    ChunkSize,
    Clock,
    M,
    Progress,
    Record,
    ResumePoint,
    RunRecord,
    Stopwatch,
    one_run,
)
from experiments.training.update import Loss, masked_row_loss, parts_of, path_difference, train_steps
from model.functional import Model

__all__ = ["Progress", "Record", "ResumePoint", "RunRecord", "StopCallback", "Trainer", "one_run"]
Data = TypeVar("Data")
StopCallback = Callable[[Progress], bool]
"""Called between chunks of updates; training stops where it returns True."""
_LONG = 1_000
"""Updates of all runs from which on code that is quicker by an eighth makes up for a second more of compiling."""
SAME_LOGITS = 1e-3
"""By how much of the largest logit the training path may differ from the shown one on fresh parameters."""


@dataclasses.dataclass(frozen=True)
class _Waiting(Generic[M]):
    """A measurement that is still being computed."""

    step: int
    since: int
    """The recorded step before it."""
    states: TrainState
    measured: M


class Trainer(Generic[Data, M]):
    """Runs that share a compiled program. Nothing of it changes after it is made: `run` may be called again."""

    def __init__(
        self,
        spec: TrainingSpec,
        values: Hyperparameters,
        tables: SamplerTables,
        steps: list[int],
        measure: Callable[[Model, Data, int], M],
        data: Data,
        *,
        cache_measurement: bool = False,
        loss: Loss = masked_row_loss,
        devices: list[jax.Device] | None = None,
        compiler: Compiler | None = None,
        clock: Clock = time.perf_counter,
        chunk_seconds: float = 0.5,
        at_once: int | None = None,
    ) -> None:
        """Begin to compile the training and its measurement.

        Args:
          spec: what all runs share.
          values: what they differ in (NumPy, stacked [R]).
          tables: the sampler's tables.
          steps: when runs are recorded: 0, ..., the last update of the longest run.
          measure: what is measured of a run at each recorded step: a function of its model, the data, and how many
            devices share the work (see `excess.evaluate`).
          data: what is measured on, or only the shapes of it.
          cache_measurement: whether `measure` depends on nothing but its arguments, so that its traced program may be
            cached on disk.
          loss: what is minimised. For another than `masked_row_loss` the traced program is not cached.
          devices: where to train; by default everywhere.
          compiler: compiles the programs; by default one that begins at once.
          clock: tells the time.
          chunk_seconds: about how long a chunk of updates runs: a request to stop is noticed after it, and progress
            shown.
          at_once: how many of its runs a device trains at a time; by default as suits it, see `memory.runs_at_once`.
        """
        self.spec, self.steps, self._loss, self._measure_run = spec, steps, loss, measure
        self._clock, self._chunk_seconds = clock, chunk_seconds
        wished = at_once or functools.partial(runs_at_once, spec)
        self.ensemble = Ensemble(len(values.seed), spec.pieces, devices, compiler, wished)
        self._steps_R = np.asarray(values.steps)
        self._hyperparameters: Hyperparameters = self.ensemble.place(values)
        self._tables = self.ensemble.replicate(tables)
        self._of_one_length = len(set(self._steps_R.tolist())) == 1
        usual = loss is masked_row_loss
        self._begun = self.ensemble.compile(
            self._beginning, self._tables, self._hyperparameters, optimization_level=0, cache_key=(spec, usual)
        )
        self._shapes: TrainState = self._begun.shapes[0]
        params = jax.tree.leaves(self._shapes.params)
        parts = parts_of(spec, self.ensemble.shards, self.ensemble.platform)
        self.least_memory = check_memory(params, spec, self.ensemble.runs, self.ensemble.at_once, parts)
        runs = (self._hyperparameters, self._shapes)
        key = (spec, self._of_one_length) if usual else None
        bounds, long = self._bounds(0, 0, 0), self.ensemble.runs * steps[-1] >= _LONG
        self._advance = self.ensemble.compile(self._chunk, (self._tables, bounds), runs, cache_key=key, runs_long=long)
        known = (measure.__module__, measure.__qualname__, spec) if cache_measurement and usual else None
        self._measure = self.ensemble.compile(self._measured, self.ensemble.replicated(data), runs, cache_key=known)

    def _beginning(self, tables: SamplerTables, hyperparameters: Hyperparameters) -> tuple[TrainState, jax.Array]:
        """One run's state before its first update, and how far its two paths to the logits are apart."""
        state = init_state(self.spec, hyperparameters)
        if self._loss is not masked_row_loss:
            return state, jnp.float32(0)
        return state, path_difference(tables, hyperparameters, self._model(hyperparameters, state))

    def _model(self, hyperparameters: Hyperparameters, state: TrainState) -> Model:
        return Model(self.spec.model, state.params, hyperparameters.scale)

    def _chunk(self, shared: Tree, run: tuple[Hyperparameters, TrainState]) -> TrainState:
        """A chunk of one run's updates."""
        tables, (start, stop, since) = shared
        hyperparameters, state = run
        # A new interval between records begins its sum of losses anew.
        state = dataclasses.replace(state, loss_sum=jnp.where(start == since, 0.0, state.loss_sum))
        if not self._of_one_length:  # a run that is shorter than others waits for them
            start, stop = jnp.minimum(start, hyperparameters.steps), jnp.minimum(stop, hyperparameters.steps)
        shards = self.ensemble.shards
        parts = parts_of(self.spec, shards, self.ensemble.platform)
        return train_steps(self.spec, tables, hyperparameters, state, start, stop, shards, self._loss, parts)[0]

    def _measured(self, data: Data, run: tuple[Hyperparameters, TrainState]) -> M:
        """What is measured of one run."""
        return self._measure_run(self._model(*run), data, self.ensemble.shards)

    @property
    def beginning(self) -> ResumePoint:
        """Where a new training starts."""
        return ResumePoint(0, tuple(self.steps))

    def empty_states(self) -> TrainState:
        """States (NumPy, zeros) of the shapes that training has, stacked [R]: what a checkpoint is read into."""
        return jax.tree.map(lambda s: np.zeros((self.ensemble.runs, *s.shape[1:]), s.dtype), self._shapes)

    def run(
        self,
        data: Data,
        should_stop: StopCallback | None = None,
        point: ResumePoint | None = None,
        agreement: Agreement = ALONE,
    ) -> Iterator[Record[M]]:
        """Train, and give a record at each step to be recorded; the first is always that of step 0.

        Training ends early where every run has diverged: at the next step to be recorded.

        Args:
          data: what is measured on (NumPy), of the shapes that the trainer was made with.
          should_stop: called between chunks, about twice a second.
          point: where to go on; by default a new training starts. The record of step 0 is made anew, since later ones
            are compared with it, and so is that of the point's own step if it is to be recorded: what is reported of a
            run at its end comes from a record.
          agreement: of several processes, which make the same chunks and stop at the same step, where any of them is
            to stop.

        Raises:
          InputError: the logits of the training path are not those of the shown path.
        """
        point = point or self.beginning
        steps, step = point.steps, 0
        placed = self.ensemble.replicate(data)
        with jax.transfer_guard("disallow"):
            states, apart_R = self._begun(self._tables, self._hyperparameters)
            self._check_paths(apart_R)
            states = self._next(states, 0, 0, 0)
            first = self._begin(placed, 0, 0, states)
            jax.block_until_ready((states, first.measured))  # waits for the compiler, outside the time reported
            watch, waiting = Stopwatch(0, point.time, self._clock), cast(_Waiting[M] | None, first)
            if point.states is not None:
                yield self._record(first, watch)
                step, states = point.step, self.ensemble.place(point.states)
                watch = Stopwatch(step, point.time, self._clock)
                recorded = step in steps and step > 0
                waiting = self._begin(placed, step, max(s for s in steps if s < step), states) if recorded else None
            chunk = ChunkSize(self._chunk_seconds, self._clock)
            ended = point.states is not None and bool((point.states.diverged_at >= 0).all())
            while step < steps[-1] and not ended:
                since, goal = max(s for s in steps if s <= step), min(s for s in steps if s > step)
                stop = min(goal, step + agreement.first(chunk.updates))
                jax.block_until_ready(waiting and waiting.measured)  # two programs at once would compete for devices
                states = self._next(states, step, stop, since)
                if waiting is not None:  # the host's work on a record overlaps with the training of this chunk
                    yield self._record(waiting, watch)
                diverged = bool((self.ensemble.fetch(states.diverged_at) >= 0).all())  # waits for the chunk
                chunk.made(stop - step)
                step = goal if diverged else stop
                waiting = self._begin(placed, step, since, states) if step in steps else None
                progress = Progress(step, states, watch.read(step))
                ended = diverged or agreement.any(should_stop is not None and should_stop(progress))
            if waiting is not None:
                yield self._record(waiting, watch)

    def _bounds(self, *steps: int) -> Any:
        return self.ensemble.replicate(tuple(np.int32(step) for step in steps))

    def _next(self, states: TrainState, start: int, stop: int, since: int) -> TrainState:
        """The states after updates `start` to `stop` - 1 of all runs, dispatched; `since`: the recorded step before."""
        return self._advance((self._tables, self._bounds(start, stop, since)), (self._hyperparameters, states))

    def _begin(self, data: Data, step: int, since: int, states: TrainState) -> _Waiting[M]:
        """Dispatch the measurement of `states`."""
        return _Waiting(step, since, states, self._measure(data, (self._hyperparameters, states)))

    def _check_paths(self, apart_R: jax.Array) -> None:
        """Refuse to train by a path whose logits are not those that are measured and shown; [R] apart."""
        apart = float(np.max(self.ensemble.fetch(apart_R)))
        require(
            apart <= SAME_LOGITS,
            f"training: before the first update its logits differ by {apart:.2g} of the largest from those of the"
            " forward pass that is shown; teach Attention.reassociated (model/attention_layer.py) the term that it"
            " lacks, or take the config value out of REASSOCIATED",
        )

    def _record(self, waiting: _Waiting[M], watch: Stopwatch) -> Record[M]:
        step, states, spent = waiting.step, waiting.states, watch.read(waiting.step)
        sum_R, params, diverged_at_R, measurement = self.ensemble.fetch(
            (states.loss_sum, states.params, states.diverged_at, waiting.measured)
        )
        count_R = np.minimum(step, self._steps_R) - np.minimum(waiting.since, self._steps_R)
        loss_R = np.where(count_R > 0, sum_R / np.maximum(count_R, 1).astype(np.float32), np.float32(np.nan))
        return Record(step, states, spent, loss_R, measurement, params, diverged_at_R)
