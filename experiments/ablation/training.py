"""Trains the runs of one program of an ablation."""

from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.sampler import training_tables
from experiments.ablation.plan import Group
from experiments.ablation.results import Floats, Results
from experiments.measuring.experiment import evaluation_data_shapes, make_evaluation_data, watched_sentences
from experiments.measuring.measurement import EvaluationData, SweepMeasurement, measure_sweep
from experiments.measuring.probes import Probes, make_probes
from experiments.training import runtime
from experiments.training.hyperparameters import hyperparameters
from experiments.training.schedule import record_steps
from experiments.training.trainer import Progress, StopCallback, Trainer


class Materials:
    """What runs are measured on, made once for all that share it."""

    def __init__(self) -> None:
        self._probes: dict[Any, Probes] = {}
        self._made: dict[Any, EvaluationData] = {}

    def probes(self, group: Group) -> Probes:
        """The watched rows of a group's runs."""
        config = group.members[0].config
        key = (config.world, config.task, config.probes)
        if key not in self._probes:
            self._probes[key] = make_probes(group.world, watched_sentences(config, group.world))
        return self._probes[key]

    def of(self, group: Group) -> EvaluationData:
        """The evaluation data of a group's runs."""
        config = group.members[0].config
        key = (config.world, config.task, config.evaluate)
        if key not in self._made:
            self._made[key] = make_evaluation_data(config, group.world, self.probes(group))
        return self._made[key]


class GroupTraining:
    """The runs of one program; compiled in the background as soon as it is made."""

    def __init__(self, group: Group, materials: Materials, devices: list[jax.Device] | None = None) -> None:
        configs = [member.config for member in group.members]
        ends = {config.train.steps for config in configs}
        steps = sorted({*record_steps(group.steps, configs[0].track.records), *ends})
        tables = training_tables(group.world, configs[0].task.masked)
        self.group = group
        self.trainer = Trainer(
            group.spec,
            hyperparameters(*configs),
            tables,
            steps,
            measure_sweep,
            evaluation_data_shapes(configs[0], group.world, materials.probes(group)),
            cache_measurement=True,
            devices=devices,
        )
        self.data = materials.of(group)  # while the training compiles

    def run(self, should_stop: StopCallback) -> Results | None:
        """Train; None where `should_stop` asked to stop before the end."""
        stopped_at = self.trainer.steps[-1]

        def heard(progress: Progress) -> bool:
            nonlocal stopped_at
            stopped = should_stop(progress)
            stopped_at = progress.step if stopped else stopped_at
            return stopped

        # Not the parameters: of many wide runs they would fill the memory.
        kept = [
            (record.step, record.time.seconds, record.loss_R, record.diverged_at_R, record.measurement)
            for record in self.trainer.run(self.data, heard)
        ]
        return _results(kept) if stopped_at == self.trainer.steps[-1] else None


def _results(kept: list[tuple[int, float, Floats, NDArray[np.int32], SweepMeasurement]]) -> Results:
    steps, seconds, losses, diverged, seen = zip(*kept, strict=True)
    fields = [np.stack(list(one.attention_statistics.named().values())) for one in seen]
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
