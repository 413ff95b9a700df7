"""The gradient study: what `experiments.gradients` runs once its options are read."""

from collections.abc import Callable

from data.world import World
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.predictions import PREDICTIONS, TITLE
from experiments.gradient_study.report import write_report
from experiments.gradient_study.results import NORMS, Study
from experiments.studies.command import StudyCommand
from experiments.training.schedule import record_steps


def pieces(config: GradientConfig) -> int:
    """How many pieces of work the measurement is."""
    records = len(record_steps(config.training.steps, config.training.records))
    return len(config.simulated.sizes) + 3 + len(NORMS) * len(config.layer.sizes) + len(config.training.sizes) * records


def measure(config: GradientConfig, world: World, done: Callable[[str], None]) -> Study:
    """Everything that the report needs; see `measurements.measure`."""
    from experiments.gradient_study import measurements  # imported late: a report from saved numbers needs no JAX

    return measurements.measure(config, world, done)


STUDY = StudyCommand("gradients", TITLE, PREDICTIONS, Study, pieces, measure, write_report)
