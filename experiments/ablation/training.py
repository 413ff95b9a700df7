"""Trains the runs of one program of an ablation."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.sampler import sampler_tables
from experiments.ablation.plan import Group
from experiments.ablation.results import ATTENTION_STATISTICS, Floats, Results
from experiments.measuring.experiment import make_evaluation_data, watched_sentences
from experiments.measuring.measurement import EvaluationData, SweepMeasurement, measure_sweep
from experiments.measuring.probes import make_probes
from experiments.training import runtime
from experiments.training.hyperparameters import hyperparameters
from experiments.training.schedule import record_steps
from experiments.training.trainer import Runner
from model.functional import Model


class Materials:
    """What runs are measured on, made once for all that share it."""

    def __init__(self) -> None:
        self._made: dict[Any, EvaluationData] = {}

    def of(self, group: Group) -> EvaluationData:
        """The material of a group's runs."""
        config = group.members[0].config
        key = (config.world, config.task, config.evaluate)
        if key not in self._made:
            probes = make_probes(group.world, watched_sentences(config, group.world))
            self._made[key] = make_evaluation_data(config, group.world, probes)
        return self._made[key]


class GroupTraining:
    """The runs of one program; compiled in the background as soon as it is made."""

    def __init__(self, group: Group, materials: Materials, devices: list[jax.Device] | None = None) -> None:
        self.group = group
        configs = [member.config for member in group.members]
        ends = {config.train.steps for config in configs}
        steps = sorted({*record_steps(group.steps, configs[0].track.records), *ends})
        tables = sampler_tables(group.world, configs[0].task.masked)
        self.runner = Runner(group.spec, hyperparameters(*configs), tables, steps, devices)
        # The measurement depends on the program and the mesh alone; the material is made while the training compiles.
        data = materials.of(group)
        self.runner.measured_by(self._measured, data, cache_key=())
        self.runner.measured_on(data)

    def _measured(self, model: Model, data: EvaluationData) -> SweepMeasurement:
        return measure_sweep(model, data, self.runner.ensemble.shards)

    def run(self, should_stop: Callable[[int], bool]) -> Results | None:
        """Train; None where `should_stop`, which is told the step between chunks, asked to stop."""
        stopped = False

        def heard(step: int) -> bool:
            nonlocal stopped
            stopped = should_stop(step)
            return stopped

        # Not the parameters: of many wide runs they would fill the memory.
        kept = [
            (record.step, record.seconds, record.loss_R, record.diverged_at_R, record.measurement)
            for record in self.runner.run(heard)
        ]
        if stopped and self.runner.step < self.runner.steps[-1]:
            return None
        return _results(kept)


def _results(kept: list[tuple[int, float, Floats, NDArray[np.int32], SweepMeasurement]]) -> Results:
    steps, seconds, losses, diverged, seen = zip(*kept, strict=True)
    fields = [
        np.stack([getattr(one.attention_statistics, f"{name}_H") for name in ATTENTION_STATISTICS]) for one in seen
    ]
    return Results(
        step_T=np.asarray(steps),
        loss_TR=np.stack(losses),
        excess_TRG=np.stack([one.evaluation.excess_G for one in seen]),
        attention_TNRH=np.stack(fields),
        weights_TRGHK=np.stack([one.weights_GHK for one in seen]),
        position_RPHK=seen[-1].evaluation.position_map_PHK,
        diverged_at_R=diverged[-1],
        seconds=seconds[-1],
        versions=", ".join(f"{name} {value}" for name, value in runtime.versions().items()),
    )
