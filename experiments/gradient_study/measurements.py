"""All measurements of the gradient study, in the order that keeps compilers and devices busy."""

from collections.abc import Callable

import numpy as np

from data.drawing_tables import sampler_tables
from data.world import World
from experiments.config.schema import TaskConfig
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.norm_statistics import scale_factors
from experiments.gradient_study.real_layer import LayerPrograms, prepare_training
from experiments.gradient_study.results import NORMS, Law, Study
from experiments.gradient_study.side_experiments import control_differences, escape_times
from experiments.gradient_study.simulated_layer import simulate
from experiments.gradient_study.theory import query_crossing, query_norms
from experiments.training.compiler import Compiler
from experiments.training.record import record_steps

CONTROL_SEEDS = 5
LAW_DRAWS = 20_000


def pieces(config: GradientConfig) -> int:
    """How many pieces of work `measure` is."""
    records = len(record_steps(config.training.steps, config.training.records))
    return len(config.simulated.sizes) + 3 + len(NORMS) * len(config.layer.sizes) + len(config.training.sizes) * records


def measure(
    config: GradientConfig,
    world: World,
    done: Callable[[str], None],
    control_seeds: int = CONTROL_SEEDS,
    law_draws: int = LAW_DRAWS,
) -> Study:
    """Everything that the report needs.

    Args:
      config: what to measure.
      world: its world.
      done: called with the name of each piece, see `pieces`.
      control_seeds: of the control arm, an identity that holds in each seed.
      law_draws: of the exact law of the query's gradient, in each setting of the simulated layer.
    """
    tables = sampler_tables(world, TaskConfig().masked)
    assert tables is not None  # noqa: S101  only held-out contexts can be missing from a world
    compiler = Compiler(wait=True)
    programs = LayerPrograms(config.layer, world, tables, config.seed, compiler)
    training = prepare_training(config, world, tables, compiler)
    compiler.start()  # while the simulated layer is measured
    simulated = simulate(config.simulated, config.seed, config.seeds, done)
    layer = programs.run(done)
    seeds = range(config.seed, config.seed + control_seeds)
    control = control_differences(config.layer, world, tables, seeds)
    done("control arm")
    escape = escape_times(config.escape, config.seed, config.seeds)
    done("escapes")
    return Study(
        config,
        law(config, round(layer.keys), law_draws),
        simulated,
        layer,
        control,
        escape,
        tuple(arms.run(done) for arms in training),
    )


def law(config: GradientConfig, layer_keys: int, draws: int = LAW_DRAWS) -> Law:
    """What theory says of the settings of a study whose real layer has so many keys in the mean."""
    simulated = config.simulated
    drawn_NCT = np.asarray(
        [
            [
                query_norms(simulated.keys, d, scale, draws, value_size=simulated.value_size)
                for scale in scale_factors(d)
            ]
            for d in simulated.sizes
        ]
    )
    drawn_NCT *= simulated.output_gradient
    measures = [np.sqrt(np.mean(drawn_NCT**2, axis=-1)), drawn_NCT.mean(axis=-1), np.median(drawn_NCT, axis=-1)]
    crossing = query_crossing(simulated.keys, value_size=simulated.value_size)
    layer_crossings = query_crossing(layer_keys), query_crossing(layer_keys, config.layer.heads)
    return Law(np.stack(measures, axis=-1), crossing, layer_crossings)
