"""How hard the program of the updates is compiled, by how many updates it will make."""

import numpy as np
import pytest

from data.drawing_tables import training_tables
from data.world import load_world
from experiments.config.schema import Config, TrainConfig
from experiments.training import ensemble, trainer
from experiments.training.ensemble import Compiler
from experiments.training.hyperparameters import hyperparameters, training_spec
from model.config import ModelConfig


@pytest.mark.parametrize(("seeds", "steps", "hard"), [(1, 999, 0), (1, 1000, 1), (4, 249, 0), (4, 250, 1)])
def test_only_a_long_training_compiles_its_updates_harder(monkeypatch, seeds, steps, hard):
    monkeypatch.setattr(ensemble, "_QUICK", {"how": "quick"})
    monkeypatch.setattr(ensemble, "_HARD", {"how": "hard"})
    submitted = []
    compiler = Compiler(wait=True)  # never started
    monkeypatch.setattr(compiler, "submit", lambda _, options: submitted.append(options))
    config = Config(
        seeds=seeds,
        model=ModelConfig(d_model=2, heads=1, d_head=2, d_mlp=0),
        train=TrainConfig(steps=steps, batch=8),
    )
    world = load_world("english")
    spec, tables = training_spec(config, world), training_tables(world, config.task.masked)
    trainer.Trainer(spec, hyperparameters(config), tables, [0, steps], lambda *_: np.float32(0), (), compiler=compiler)
    on_cpu = [options for options in submitted if options is not None]
    assert sum(options["how"] == "hard" for options in on_cpu) == (hard if on_cpu else 0)
