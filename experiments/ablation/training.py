"""Trains the runs of one program of an ablation."""

import jax
import numpy as np

from data.sampler import training_tables
from experiments.ablation.plan import Group
from experiments.ablation.results import Results
from experiments.measuring.measurement import measure_sweep
from experiments.training import runtime
from experiments.training.hyperparameters import hyperparameters
from experiments.training.record import record_steps
from experiments.training.trainer import StopCallback, Trainer


class GroupTraining:
    """The training of the runs of one program, which starts to compile in the background when this is made."""

    def __init__(self, group: Group, devices: list[jax.Device] | None = None) -> None:
        self.group = group
        configs = [run.config for run in group.runs]
        ends = {config.train.steps for config in configs}
        self.trainer = Trainer(
            group.spec,
            hyperparameters(*configs),
            training_tables(group.world, configs[0].task.masked),
            sorted({*record_steps(max(ends), configs[0].track.records), *ends}),
            measure_sweep,
            group.shared.shapes,
            cache_measurement=True,
            devices=devices,
        )
        self.data = group.shared.data  # made while the training compiles

    def run(self, should_stop: StopCallback) -> Results | None:
        """Train; None if `should_stop` stopped it before the end."""
        # Without the parameters: those of many wide runs would fill the memory.
        kept = [
            (record.step, record.time.seconds, record.loss_R, record.diverged_at_R, record.measurement)
            for record in self.trainer.run(self.data, should_stop)
        ]
        steps, seconds, losses, diverged, measured = zip(*kept, strict=True)
        if steps[-1] < self.trainer.steps[-1] and (diverged[-1] < 0).any():
            return None
        return Results(
            step_T=np.asarray(steps),
            loss_TR=np.stack(losses),
            excess_TRG=np.stack([one.evaluation.excess_G for one in measured]),
            attention_TNRH=np.stack([list(one.attention_statistics.values()) for one in measured]),
            weights_TRGHK=np.stack([one.weights_GHK for one in measured]),
            position_RPHK=measured[-1].evaluation.position_map_PHK,
            diverged_at_R=diverged[-1],
            seconds=seconds[-1],
            versions=", ".join(f"{name} {value}" for name, value in runtime.versions().items()),
        )
