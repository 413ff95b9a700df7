"""The training loop: chunks of updates between recorded steps, measured as they come. All trainings run through it.

    trainer = Trainer(spec, hyperparameters, tables, steps, measure, data)      compiles in the background
    for record in trainer.run(data):
        record.measurement, record.of(0).loss

A chunk is dispatched before the caller sees what was measured after the last one, and what is measured after it before
it has ended. A transfer guard stands round the loop: data moves only where the
code says so.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Generic

import jax
import numpy as np

from data.drawing_tables import SamplerTables
from experiments.training.agreement import ALONE, Agreement
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState
from experiments.training.memory import check_memory, runs_at_once
from experiments.training.programs import Data, Programs, Reached
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
from experiments.training.update import Loss, masked_row_loss
from model.functional import Model

__all__ = ["Progress", "Record", "ResumePoint", "RunRecord", "StopCallback", "Trainer", "one_run"]
StopCallback = Callable[[Progress], bool]
"""Called between chunks of updates; training stops where it returns True."""


class Trainer(Generic[Data, M]):
    """Runs that share a compiled program. Nothing of it changes after it is made: `run` may be called again."""

    _make_programs: ClassVar[type[Programs[Any, Any]]] = Programs
    """The benchmark makes others, which it times."""

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
            devices share the work (see `shared_rows.own_rows`).
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
        self.spec, self.steps = spec, steps
        self._clock, self._chunk_seconds = clock, chunk_seconds
        wished = at_once or functools.partial(runs_at_once, spec)
        self.ensemble = Ensemble(len(values.seed), spec.pieces, devices, compiler, wished)
        self._steps_R = np.asarray(values.steps)
        self._programs = self._make_programs(
            self.ensemble, spec, values, tables, measure, data, steps, cache_measurement, loss
        )
        params = jax.tree.leaves(self._programs.shapes.params)
        self.least_memory = check_memory(params, spec, self.ensemble.runs, self.ensemble.at_once, self._programs.parts)

    @property
    def beginning(self) -> ResumePoint:
        """Where a new training starts."""
        return ResumePoint(0, tuple(self.steps))

    def empty_states(self) -> TrainState:
        """States (NumPy, zeros) of the shapes that training has, stacked [R]: what a checkpoint is read into."""
        return jax.tree.map(lambda s: np.zeros((self.ensemble.runs, *s.shape[1:]), s.dtype), self._programs.shapes)

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
        point, programs = point or self.beginning, self._programs
        steps, placed = point.steps, self.ensemble.replicate(data)
        with jax.transfer_guard("disallow"):
            reached = programs.begin()
            reached = programs.measure(programs.advance(reached, 0, 0), placed)
            jax.block_until_ready((reached.states, reached.measured))  # waits for the compiler, in no time reported
            watch = Stopwatch(0, point.time, self._clock)
            if point.states is not None:
                yield self._record(reached, watch)
                watch = Stopwatch(point.step, point.time, self._clock)
                since = max((s for s in steps if s < point.step), default=0)
                reached = programs.go_on(point.step, since, point.states)
                reached = programs.measure(reached, placed) if point.step in steps[1:] else reached
            chunk = ChunkSize(self._chunk_seconds, self._clock)
            ended = point.states is not None and bool((point.states.diverged_at >= 0).all())
            while reached.step < steps[-1] and not ended:
                since, goal = max(s for s in steps if s <= reached.step), min(s for s in steps if s > reached.step)
                stop = min(goal, reached.step + agreement.first(chunk.updates))
                coming = programs.advance(reached, stop, since)
                coming = programs.measure(coming, placed) if stop == goal else coming
                if reached.measured is not None:  # the host's work on a record overlaps with the training
                    yield self._record(reached, watch)
                diverged = bool((self.ensemble.fetch(coming.diverged_at_R) >= 0).all())  # waits for the chunk
                chunk.made(stop - reached.step)
                if diverged and stop < goal:
                    coming = programs.measure(dataclasses.replace(coming, step=goal), placed)
                reached = coming
                progress = Progress(reached.step, reached.states, watch.read(reached.step))
                ended = diverged or agreement.any(should_stop is not None and should_stop(progress))
            if reached.measured is not None:
                yield self._record(reached, watch)

    def _record(self, reached: Reached, watch: Stopwatch) -> Record[M]:
        step = reached.step
        (measurement, params, sum_R), diverged_at_R = self.ensemble.fetch(reached.measured)
        count_R = np.minimum(step, self._steps_R) - np.minimum(reached.since, self._steps_R)
        loss_R = np.where(count_R > 0, sum_R / np.maximum(count_R, 1).astype(np.float32), np.float32(np.nan))
        return Record(step, reached.states, watch.read(step), loss_R, measurement, params, diverged_at_R)
