"""Many small trainings that differ in swept values alone, measured before their first update and after the last.

    arms = Arms(config, world, sweep(config, [(seed, rate, scale), ...]), measure)     compiles in the background
    trained = arms.run(done)

One compiled program trains all arms of an `Arms`. Letters: R runs.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sampler import sampler_tables
from data.world import World
from experiments.config import Config
from experiments.ensemble import Ensemble
from experiments.evaluate import EvaluationSet, make_evaluation_set
from experiments.state import Program, Swept, TrainState, init_state, program, swept
from experiments.step import Loss, train_steps
from model.functional import Params

CHUNKS = 10
"""Into how many pieces a training is cut, so that a progress bar moves."""
Measure = Callable[[Program, EvaluationSet, Params, jax.Array], Any]
"""(program, evaluation set, parameters, scale) -> what is measured of one run."""


@dataclass(frozen=True)
class Trained:
    """What was measured of the runs, as NumPy arrays stacked [R]."""

    before: Any
    after: Any
    diverged_R: NDArray[np.bool_]
    """Whether a run diverged; what is measured of it `after` is its state before that update."""


def sweep(config: Config, arms: Sequence[tuple[int, float, float]]) -> Swept:
    """Swept values of one run for each (seed, learning rate, scale); the rest is the config's."""
    seeds, rates, scales = zip(*arms, strict=True)
    return dataclasses.replace(
        swept(dataclasses.replace(config, seeds=len(arms))),
        seed=np.asarray(seeds, np.uint32),
        learning_rate=np.asarray(rates, np.float32),
        scale=np.asarray(scales, np.float32),
    )


def of_clauses(world: World, clauses: int) -> World:
    """The world with those of its sentences alone that have so many clauses; all of them for 0.

    Raises:
      InputError: it has none.
    """
    if not clauses:
        return world
    kept = [template for template in world.templates if template.clauses == clauses]
    total = sum(template.probability for template in kept)
    if not kept:
        raise InputError(f"clauses: the world '{world.name}' has no sentence of {clauses} clauses; 0 takes all")
    templates = tuple(dataclasses.replace(t, probability=t.probability / total) for t in kept)
    return dataclasses.replace(world, templates=templates)


class Arms:
    """The runs of one program; compiled in the background as soon as it is made."""

    def __init__(self, config: Config, world: World, values: Swept, measure: Measure, loss: Loss | None = None) -> None:
        self.examples = make_evaluation_set(config, world)
        self._program, self._steps, self._loss, self._of = program(config, world), config.train.steps, loss, measure
        self._ensemble = Ensemble(len(values.seed), config.train.pieces)
        self._swept = self._ensemble.place(values)
        self._tables = self._ensemble.replicate(sampler_tables(world, config.task.hidden))
        self._material = self._ensemble.replicate(self.examples)
        self._init = self._ensemble.compile(lambda _, v: init_state(self._program, v), (), self._swept, effort=0)
        both = (self._swept, self._init.shapes)
        self._advance = self._ensemble.compile(self._train, (self._tables, self._bounds(0, 0)), both)
        self._measure = self._ensemble.compile(self._measured, self._material, both)

    def _bounds(self, start: int, stop: int) -> Any:
        return self._ensemble.replicate((np.int32(start), np.int32(stop)))

    def _train(self, shared: Any, one: tuple[Swept, TrainState]) -> TrainState:
        tables, (start, stop) = shared
        return train_steps(self._program, tables, *one, start, stop, self._ensemble.shards, self._loss)[0]

    def _measured(self, examples: EvaluationSet, one: tuple[Swept, TrainState]) -> Any:
        values, state = one
        return self._of(self._program, examples, state.params, values.scale)

    def run(self, done: Callable[[], None]) -> Trained:
        """Train; `done` is called after each of CHUNKS pieces."""
        states = self._init((), self._swept)
        before = self._ensemble.fetch(self._measure(self._material, (self._swept, states)))
        cuts = [self._steps * chunk // CHUNKS for chunk in range(CHUNKS + 1)]
        for start, stop in itertools.pairwise(cuts):
            states = self._advance((self._tables, self._bounds(start, stop)), (self._swept, states))
            jax.block_until_ready(states)
            done()
        after = self._ensemble.fetch(self._measure(self._material, (self._swept, states)))
        return Trained(before, after, self._ensemble.fetch(states.diverged_at) >= 0)
