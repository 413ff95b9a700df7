"""The part of a process other than 0 in a training: it computes; process 0 reads, writes and prints."""

import io
from typing import Any

import jax
import numpy as np

from data.world import World
from experiments.commands.process import Interruption
from experiments.commands.several import check_same
from experiments.config.schema import Config, values_of
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import EvaluationData, Measurement
from experiments.session.saving import SavedTraining
from experiments.training import runtime
from experiments.training.agreement import Agreement
from experiments.training.record import TrainingTime
from experiments.training.trainer import ResumePoint, Trainer


def check_same_training(agreement: Agreement, config: Config, world: World) -> None:
    """Make sure that all processes train the same, with the same versions: else they would wait for each other.

    Raises:
      InputError: they do not, and what differs.
    """
    if agreement.several:
        versions = {name: value for name, value in runtime.versions().items() if name in ("jax", "jaxlib", "platform")}
        told = {name: str(value) for name, value in values_of(config).items()}
        check_same(agreement, {**told, "world": world.training_fingerprint[:8], **versions})


def follow(
    experiment: Experiment,
    trainer: Trainer[EvaluationData, Measurement],
    agreement: Agreement,
    stop: Interruption,
    resumed: bool,
) -> int:
    """Train with process 0, which decides where to begin, when to save, and what the exit code is."""
    point = handed_point(agreement, trainer, None) if resumed else trainer.beginning
    if isinstance(point, ResumePoint):
        seconds = experiment.config.track.checkpoint_seconds
        for _ in SavedTraining(trainer, agreement, stop, point, seconds).records(experiment.data):
            pass
    return agreement.ended(0)


def handed_point(
    agreement: Agreement, trainer: Trainer[EvaluationData, Measurement], point: ResumePoint | int | None
) -> ResumePoint | int:
    """The point that process 0 has found, in all processes; or the exit code where the training does not go on.

    Args:
      agreement: of the processes.
      trainer: what is trained; its states have the shapes of the point's.
      point: what process 0 has found; None in the others.
    """
    if isinstance(point, int):
        return agreement.first(point)
    if point is not None:
        agreement.first([point.step, list(point.steps), point.time.seconds, point.time.updates])
        agreement.first(b"" if point.states is None else _packed(point.states))
        return point
    found: Any = agreement.first(None)
    if isinstance(found, int):
        return found
    step, steps, seconds, updates = found
    content = agreement.first(b"")
    states = _unpacked(content, trainer.empty_states()) if content else None
    return ResumePoint(step, tuple(steps), states, TrainingTime(seconds, updates))


def _packed(states: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, *jax.tree.leaves(states))
    return file.getvalue()


def _unpacked(content: bytes, like: Any) -> Any:
    with np.load(io.BytesIO(content)) as arrays:
        leaves = [arrays[f"arr_{i}"] for i in range(len(arrays))]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
