"""Many small trainings that differ in swept values alone, measured before their first update and after the last.

    arms = Arms(config, world, sweep(config, [(seed, rate, scale), ...]), measure)     compiles in the background
    trained = arms.run(done)

One compiled program trains all arms of an `Arms`. Letters: R runs.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sampler import training_tables
from data.world import World
from experiments.config.schema import Config
from experiments.measuring.excess import EvaluationSet, make_evaluation_set
from experiments.training.hyperparameters import Hyperparameters, hyperparameters, training_spec
from experiments.training.trainer import Trainer
from experiments.training.update import Loss, masked_row_loss
from model.functional import Model

CHUNKS = 10
"""In how many pieces the progress of a training is told."""
Measure = Callable[[Model, EvaluationSet], Any]
"""What is measured of one run: a function of its model and the evaluation set."""


@dataclass(frozen=True)
class Trained:
    """What was measured of the runs, as NumPy arrays stacked [R]."""

    before: Any
    after: Any
    diverged_R: NDArray[np.bool_]
    """Whether a run diverged; what is measured of it `after` is its state before that update."""


def sweep(config: Config, arms: Sequence[tuple[int, float, float]]) -> Hyperparameters:
    """Hyperparameters values of one run for each (seed, learning rate, scale); the rest is the config's."""
    seeds, rates, scales = zip(*arms, strict=True)
    return dataclasses.replace(
        hyperparameters(dataclasses.replace(config, seeds=len(arms))),
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

    def __init__(
        self, config: Config, world: World, values: Hyperparameters, measure: Measure, loss: Loss = masked_row_loss
    ) -> None:
        self.examples, self._steps = make_evaluation_set(config, world), config.train.steps
        self._trainer = Trainer(
            training_spec(config, world),
            values,
            training_tables(world, config.task.masked),
            [0, self._steps],
            lambda model, examples, _: measure(model, examples),
            self.examples,
            loss=loss,
        )

    def run(self, done: Callable[[], None]) -> Trained:
        """Train; `done` is called CHUNKS times on the way."""
        told = 0

        def tell(step: int) -> bool:
            nonlocal told
            for _ in range(told, CHUNKS * step // self._steps):
                done()
                told += 1
            return False

        before, after = self._trainer.run(self.examples, lambda progress: tell(progress.step))
        tell(self._steps)  # where every run diverged, training ended early
        return Trained(before.measurement, after.measurement, after.diverged_at_R >= 0)
