"""The gradient study's measurements, all of them, by the parts that make them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.sampler import sampler_tables
from data.world import World
from experiments.config.schema import TaskConfig
from experiments.gradient_study.along_training import TrainedSize, prepare_training
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.escape import escape_times
from experiments.gradient_study.folded_scale import control_differences
from experiments.gradient_study.real_layer import NORMS, Layer, LayerPrograms
from experiments.gradient_study.simulated_layer import Simulated, simulate
from experiments.training.compiler import Compiler
from experiments.training.schedule import record_steps

_CONTROL_SEEDS = 5


@dataclass(frozen=True)
class Study:
    """Everything that was measured."""

    config: GradientConfig
    simulated: Simulated
    layer: Layer
    control: Mapping[str, NDArray[np.floating]]
    escape: Mapping[str, NDArray[np.floating]]
    trained: list[TrainedSize]


def pieces(config: GradientConfig) -> int:
    """How many times `measure` tells that a piece is done."""
    records = len(record_steps(config.training.steps, config.training.records))
    return len(config.simulated.sizes) + 3 + len(NORMS) * len(config.layer.sizes) + len(config.training.sizes) * records


def measure(config: GradientConfig, world: World, done: Callable[[str], None]) -> Study:
    """Everything that the report needs; `done` is told the name of each piece."""
    tables = sampler_tables(world, TaskConfig().masked)
    assert tables is not None  # noqa: S101  only held-out contexts can be missing from a world
    compiler = Compiler(wait=True)
    programs = LayerPrograms(config.layer, world, tables, config.seed, compiler)
    training = prepare_training(config, world, tables, compiler)
    compiler.start()  # while the simulated layer is measured
    simulated = simulate(config.simulated, config.seed, config.seeds, done)
    layer = programs.run(done)
    seeds = range(config.seed, config.seed + _CONTROL_SEEDS)
    control = control_differences(config.layer, world, tables, seeds)
    done("control arm")
    escape = escape_times(config.escape, config.seed, config.seeds)
    done("escapes")
    return Study(config, simulated, layer, control, escape, [arms.run(done) for arms in training])
