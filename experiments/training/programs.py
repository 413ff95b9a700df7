"""The three compiled programs of a training: the beginning, a chunk of updates, and what is measured of a state.

Each is dispatched while the one before it still runs, and begins when that has ended, since it takes something that
the other gives. Where dispatching returns at once, as on an accelerator, devices then do not wait for the host; with
several CPU devices it was seen to wait for its arguments (jax 0.10.2).
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import SamplerTables
from data.errors import require
from experiments.training.batch_parts import parts_of
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState, Tree, init_state
from experiments.training.packing import Packed, pack
from experiments.training.record import M
from experiments.training.update import Loss, masked_row_loss, path_difference, train_steps
from model.functional import Model

Data = TypeVar("Data")
_LONG = 1_000
"""Updates of all runs from which on code that is quicker by an eighth makes up for a second more of compiling."""
SAME_LOGITS = 1e-3
"""By how much of the largest logit the training path may differ from the shown one on fresh parameters."""


@dataclass(frozen=True)
class Reached:
    """Where a training is: on the devices, perhaps still being computed."""

    step: int
    since: int
    """The recorded step before it."""
    states: Packed
    diverged_at_R: Packed
    measured: tuple[Packed, Packed] | None = None
    """What a record tells of it, if there is to be one: measurement, parameters and sums of losses; divergence."""


class Programs(Generic[Data, M]):
    """The programs of the runs of an ensemble."""

    def __init__(
        self,
        ensemble: Ensemble,
        spec: TrainingSpec,
        values: Hyperparameters,
        tables: SamplerTables,
        measure: Callable[[Model, Data, int], M],
        data: Data,
        steps: list[int],
        cache_measurement: bool,
        loss: Loss,
    ) -> None:
        """Begin to compile; the arguments are as for `Trainer`."""
        self._ensemble, self._spec, self._loss, self._measure_run = ensemble, spec, loss, measure
        self._of_one_length = len(set(np.asarray(values.steps).tolist())) == 1
        self._hyperparameters = ensemble.place(pack(values))
        self._tables = ensemble.replicate(tables)
        self.parts = parts_of(spec, ensemble.shards, ensemble.platform)
        """In how many parts a device computes its share of a batch."""
        usual = loss is masked_row_loss
        compiled = functools.partial(ensemble.compile, packed=True)
        self._begin = compiled(
            self._beginning, self._tables, self._hyperparameters, optimization_level=0, cache_key=(spec, usual)
        )
        states, _, diverged_at_R = self._begin.shapes
        self.shapes: TrainState = states.shapes()
        """The shapes of the states, stacked [R]."""
        key, long = (spec, self._of_one_length) if usual else None, ensemble.runs * steps[-1] >= _LONG
        self._planned = self._placed_bounds(steps)
        shared, runs = (self._tables, self._bounds(0, 0, 0)), (self._hyperparameters, states, diverged_at_R)
        self._advance = compiled(self._chunk, shared, runs, cache_key=key, runs_long=long)
        known = (measure.__module__, measure.__qualname__, spec) if cache_measurement and usual else None
        self._measure = compiled(self._measured, ensemble.replicated(data), runs[:2], cache_key=known)

    def begin(self) -> Reached:
        """All runs before their first update.

        Raises:
          InputError: the logits of the training path are not those of the forward pass that is shown.
        """
        states, apart_R, diverged_at_R = self._begin(self._tables, self._hyperparameters)
        apart = float(np.max(self._ensemble.fetch(apart_R)))
        require(
            apart <= SAME_LOGITS,
            f"training: before the first update its logits differ by {apart:.2g} of the largest from those of the"
            " forward pass that is shown; teach Attention.reassociated (model/attention_layer.py) the term that it"
            " lacks, or take the config value out of REASSOCIATED",
        )
        return Reached(0, 0, states, diverged_at_R)

    def go_on(self, step: int, since: int, states: TrainState) -> Reached:
        """All runs in the states (NumPy, stacked [R]) of a checkpoint."""
        return Reached(step, since, *self._ensemble.place((pack(states), pack(states.diverged_at))))

    def advance(self, reached: Reached, stop: int, since: int) -> Reached:
        """All runs after the updates until `stop`, dispatched; `since`: the last recorded step before."""
        after = reached.measured[-1] if reached.measured is not None else reached.diverged_at_R
        shared = self._tables, self._bounds(reached.step, stop, since)
        return Reached(stop, since, *self._advance(shared, (self._hyperparameters, reached.states, after)))

    def measure(self, reached: Reached, data: Data) -> Reached:
        """The same with what is measured of it, dispatched; `data` is on the devices."""
        measured = self._measure(data, (self._hyperparameters, reached.states))
        return dataclasses.replace(reached, measured=measured)

    def _placed_bounds(self, steps: list[int]) -> dict[tuple[int, int, int], Any]:
        """The bounds of chunks that go from one recorded step to the next.

        They are put on the devices before these compute: then it takes the host a fifth of the time.
        """
        bounds = [(start, stop, start) for start, stop in itertools.pairwise(steps)]
        placed = self._ensemble.replicate([np.asarray(three, np.int32) for three in bounds])
        return dict(zip(bounds, placed, strict=True))

    def _bounds(self, start: int, stop: int, since: int) -> Any:
        """What a chunk of updates is told, on the devices: where it goes, and the recorded step before."""
        known = self._planned.get((start, stop, since))
        return self._ensemble.replicate(np.asarray((start, stop, since), np.int32)) if known is None else known

    def _beginning(self, tables: SamplerTables, hyperparameters: Hyperparameters) -> tuple[Any, ...]:
        """One run's state before its first update, how far its two paths to the logits are apart, and divergence."""
        state, apart = init_state(self._spec, hyperparameters), jnp.float32(0)
        if self._loss is masked_row_loss:
            apart = path_difference(tables, hyperparameters, self._model(hyperparameters, state))
        return state, apart, state.diverged_at

    def _chunk(self, shared: Tree, run: tuple[Hyperparameters, TrainState, jax.Array]) -> tuple[TrainState, jax.Array]:
        """A chunk of one run's updates: the state after it, and when it diverged."""
        tables, bounds_3 = shared
        hyperparameters, state, after = run
        bounds_3, _ = jax.lax.optimization_barrier((bounds_3, after))  # so it does not begin before what gives `after`
        start, stop, since = bounds_3
        # A new interval between records begins its sum of losses anew.
        state = dataclasses.replace(state, loss_sum=jnp.where(start == since, 0.0, state.loss_sum))
        if not self._of_one_length:  # a run that is shorter than others waits for them
            start, stop = jnp.minimum(start, hyperparameters.steps), jnp.minimum(stop, hyperparameters.steps)
        shards = self._ensemble.shards
        state, _ = train_steps(self._spec, tables, hyperparameters, state, start, stop, shards, self._loss, self.parts)
        return state, state.diverged_at

    def _measured(self, data: Data, run: tuple[Hyperparameters, TrainState]) -> tuple[Any, ...]:
        """What a record tells of one run, see `Reached.measured`."""
        hyperparameters, state = run
        found = self._measure_run(self._model(hyperparameters, state), data, self._ensemble.shards)
        return (found, state.params, state.loss_sum), state.diverged_at

    def _model(self, hyperparameters: Hyperparameters, state: TrainState) -> Model:
        return Model(self._spec.model, state.params, hyperparameters.scale)
