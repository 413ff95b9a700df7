"""The training loop: chunks of updates between recorded steps, measured as they come.

The next chunk is on its way before the caller sees the measurements of the last one, so the devices do not wait while
pictures are drawn. A transfer guard stands round the loop: data moves only where the code says so.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from data.sampler import sampler_tables
from data.world import World
from experiments.config import Config
from experiments.ensemble import Ensemble
from experiments.evaluate import KINDS, EvaluationSet, make_evaluation_set
from experiments.measure import Material, Measured, measure
from experiments.probes import OtherRows, make_probes, other_rows, probe_tokens
from experiments.state import Swept, TrainState, init_state, program, swept
from experiments.step import train_steps

_OTHER_ROWS = 24


@dataclass(frozen=True)
class Record:
    """Everything measured at one step, as NumPy arrays stacked over the runs, [R] first."""

    step: int
    seconds: float
    """Since training began; compilation is left out."""
    loss_R: NDArray[np.float32]
    """Mean loss of the updates since the record before; nan at step 0."""
    measured: Measured


class Training:
    """A config in its world, ready to be trained: `for record in training.run(): ...`.

    Raises:
      InputError: the config asks for what the world does not have.
    """

    def __init__(self, config: Config, world: World, devices: list[jax.Device] | None = None) -> None:
        world.check_hidden(config.task.hidden)
        self.config, self.world, self.program = config, world, program(config, world)
        self.steps = record_steps(config.train.steps, config.track.records)
        self.sentences = probe_tokens(world, [*world.examples, *config.probes], config.task.hidden)
        if not self.sentences:
            raise InputError(f"probes: the world '{world.name}' has no examples; give a sentence to watch")
        self.ensemble = Ensemble(config.seeds, config.train.pieces, devices)
        self._swept: Swept = self.ensemble.place(swept(config))
        self._tables = self.ensemble.replicate(sampler_tables(world, config.task.hidden))
        self.states: TrainState
        self._compile_training()
        examples = make_evaluation_set(config, world)
        self.material = Material(examples, make_probes(world, self.sentences), _some_rows(config, world, examples))
        self._compile_measuring()

    def _compile_training(self) -> None:
        """The longest compilation: it goes on while the host works out the exact answers."""
        self._init = self.ensemble.compile(lambda _, v: init_state(self.program, v), (), self._swept, effort=0)

        def advance(shared: Any, one: tuple[Swept, TrainState]) -> tuple[TrainState, jax.Array]:
            tables, (start, stop) = shared
            return train_steps(self.program, tables, *one, start, stop, self.ensemble.shards)

        shared = (self._tables, self._bounds(0, 0))
        self._advance_all = self.ensemble.compile(advance, shared, (self._swept, self._init.shapes))

    def _compile_measuring(self) -> None:
        def one_run(material: Material, one: tuple[Swept, TrainState]) -> Measured:
            return measure(self.program, material, one[1].params, one[0].scale, self.ensemble.shards)

        self._material = self.ensemble.replicate(self.material)
        self._measure = self.ensemble.compile(one_run, self._material, (self._swept, self._init.shapes))

    def _bounds(self, start: int, stop: int) -> Any:
        return self.ensemble.replicate((np.int32(start), np.int32(stop)))

    def _advance(self, start: int, stop: int) -> jax.Array:
        """Updates `start` to `stop` - 1 of all runs, on their way; gives their mean losses [R]."""
        shared = (self._tables, self._bounds(start, stop))
        self.states, loss_R = self._advance_all(shared, (self._swept, self.states))
        return loss_R

    def run(self) -> Iterator[Record]:
        """Train, and give a record at each of `steps`; afterwards `states` holds the trained runs."""
        with jax.transfer_guard("disallow"):
            self.states = self._init((), self._swept)
            loss_R = jax.block_until_ready(self._advance(0, 0))  # waits for the compiler, outside the time reported
            pending = (0, loss_R, self._measure(self._material, (self._swept, self.states)))
            began = time.perf_counter()
            for before, step in zip(self.steps, self.steps[1:], strict=False):
                # Two programs at once would fight over the devices; the host's work is what overlaps with training.
                jax.block_until_ready(pending)
                loss_R = self._advance(before, step)
                following = (step, loss_R, self._measure(self._material, (self._swept, self.states)))
                yield self._record(*pending, began)
                pending = following
            yield self._record(*pending, began)

    def _record(self, step: int, loss_R: Any, measured: Any, began: float) -> Record:
        loss_R, measured = self.ensemble.fetch((loss_R, measured))
        return Record(step, time.perf_counter() - began, loss_R, measured)

    @cached_property
    def groups(self) -> list[str]:
        """Names of the groups of `excess_G`: "asked/subject", ..., "held_out/object"."""
        return [f"{kind}/{slot}" for kind in KINDS for slot in self.config.task.hidden]


def _some_rows(config: Config, world: World, examples: EvaluationSet) -> OtherRows:
    """The last of the evaluation sentences, which are of held-out contexts where the world has some."""
    used = int((examples.share_EG.sum(axis=1) > 0).sum())
    some = slice(max(0, used - min(_OTHER_ROWS, config.evaluate.sentences)), used)
    return other_rows(world, examples.tokens_EK[some], examples.hidden_E[some])


def record_steps(steps: int, records: int) -> list[int]:
    """At most `records` steps from 0 to `steps`, both among them, spaced ever wider."""
    spaced = np.geomspace(1, steps + 1, records) - 1
    return sorted({0, steps, *(round(float(step)) for step in spaced)})
