"""A run's folder with parameters alone, of a real world: enough to be asked about sentences. Nothing is trained."""

import dataclasses

import numpy as np
from oracle import Oracle
from small_model import flat, random_params

from data.world import load_world
from experiments.config.loader import to_yaml
from experiments.config.schema import Config
from experiments.run_directory.arrays import RecordFile
from model.config import ModelConfig

SMALL = {"d_model": 6, "heads": 3, "d_head": 4, "d_mlp": 5, "norm": "layer"}
STEPS = (0, 40)


class AskedRun:
    """A finished run of random parameters, other ones at each step."""

    def __init__(self, folder, world="english", **changes):
        self.folder, self.world = folder, load_world(world)
        self.model = ModelConfig(**SMALL | changes)
        self.sized = self.model.sized(len(self.world.vocabulary), self.world.max_length)
        folder.mkdir(parents=True)
        config = dataclasses.replace(Config(model=self.model), world=world)
        (folder / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
        file = RecordFile(folder, "params")
        file.begin({})
        for t, step in enumerate(STEPS):
            file.append(step, {name: np.float32(array) for name, array in flat(random_params(self.sized, t)).items()})
        file.merge()

    def oracle(self, t=-1, scale=None):
        """The float64 forward pass of the parameters of recorded step number `t`."""
        params = random_params(self.sized, t % len(STEPS))
        return Oracle(self.sized, {name: np.float32(x) for name, x in flat(params).items()}, scale or self.model.scale)
