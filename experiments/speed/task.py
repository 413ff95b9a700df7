"""What all contestants of the benchmark train: one model from one start, on the same sentences."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.drawing_tables import SamplerTables
from data.sampler import Batch
from data.world import load_world
from experiments.config.schema import Config
from experiments.training.hyperparameters import (
    Hyperparameters,
    TrainingSpec,
    batch_tables,
    hyperparameters,
    init_state,
    training_spec,
)
from experiments.training.record import one_run
from experiments.training.update import batch_of
from model.functional import Params

_ANY = ("d_model", "heads", "d_head", "d_mlp", "norm", "embedding_std", "scale", "query_start", "position_start")
"""Values of `model` that every contestant knows; it has any other at its default alone."""
_ANY_TRAINING = ("steps", "batch", "sampling", "learning_rate", "warmup", "weight_decay", "beta2")


@dataclass(frozen=True, eq=False)
class Task:
    """One run, as every contestant makes it."""

    spec: TrainingSpec
    values: Hyperparameters
    """The run's own (NumPy scalars)."""
    tables: SamplerTables

    @functools.cached_property
    def start(self) -> Params:
        """The parameters before the first update (NumPy)."""
        init = jax.jit(lambda values: init_state(self.spec, values).params)
        return jax.device_get(init(self.values))

    @functools.cached_property
    def _draw(self) -> Callable[..., Batch]:
        def draw(tables: SamplerTables, values: Hyperparameters, step: jax.Array) -> Batch:
            return batch_of(self.spec, tables, values, step, 1)

        return jax.jit(draw)

    def batches(self, updates: int) -> list[Batch]:
        """The batch of each update (NumPy), by catmat's own sampler."""
        placed = jax.device_put((self.tables, self.values))
        return [jax.device_get(self._draw(*placed, np.int32(step))) for step in range(updates)]


class Training(Protocol):
    """A training of a task by a contestant, which can be timed."""

    def begin(self) -> None:
        """Go back to the start; not timed."""

    def advance(self, updates: int) -> None:
        """Make so many updates, and wait until they are done."""

    def losses(self) -> NDArray[np.float32]:
        """The loss of each update since the start [N]; not timed."""

    def params(self) -> Params:
        """The parameters as catmat has them (NumPy); not timed."""


def task_of(config: Config) -> Task:
    """The task of a config's first seed."""
    world = load_world(config.world)
    spec = training_spec(config, world)
    values = one_run(hyperparameters(dataclasses.replace(config, seeds=1)), 0)
    return Task(spec, values, batch_tables(spec, config, world))


def unknown_to_contestants(config: Config) -> str:
    """The first value of a config that not every contestant knows ("model.softcap, here 2.0"); empty without one."""
    fresh = Config()
    parts: list[tuple[str, Any, Any, tuple[str, ...]]] = [
        ("model", config.model, fresh.model, _ANY),
        ("train", config.train, fresh.train, _ANY_TRAINING),
    ]
    for name, part, usual, known in parts:
        for item in dataclasses.fields(part):
            value = getattr(part, item.name)
            if item.name not in known and value != getattr(usual, item.name):
                return f"{name}.{item.name}, here {value}"
    if config.model.scale == "learned":
        return "model.scale, here learned"
    return ""


def shape_line(spec: TrainingSpec) -> str:
    """The shape of a task in a few words."""
    model = spec.model
    mlp = f", MLP {model.d_mlp}" if model.d_mlp else ""
    return (
        f"d_model {model.d_model}, {model.heads} heads of {model.d_head}{mlp}, batch {spec.batch:,}, "
        f"{model.max_length} places"
    )


def every_position(tokens_BK: jax.Array) -> jax.Array:
    """Each position of each sentence, as query positions [B, K]."""
    return jnp.broadcast_to(jnp.arange(tokens_BK.shape[1]), tokens_BK.shape)
