"""The comparison with papers: what `experiments.papers` runs once its options are read."""

from collections.abc import Callable

from data.world import World
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.report import write_report
from experiments.paper_results.results import PREDICTIONS, TITLE, Results
from experiments.studies.command import StudyCommand


def pieces(config: PapersConfig) -> int:
    """How many pieces of work the measurement is."""
    from experiments.paper_results import measurements  # imported late: a report from saved numbers needs no JAX

    return measurements.pieces(config)


def measure(config: PapersConfig, world: World, done: Callable[[str], None]) -> Results:
    """What `config.papers` names; see `measurements.measure`."""
    from experiments.paper_results import measurements

    return measurements.measure(config, world, done)


STUDY = StudyCommand("papers", TITLE, PREDICTIONS, Results, pieces, measure, write_report, print_confirmed=True)
