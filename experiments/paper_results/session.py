"""The comparison with papers: what `experiments.papers` runs once its options are read."""

from experiments.paper_results.report import write_report
from experiments.paper_results.results import PREDICTIONS, TITLE, Results
from experiments.studies.command import StudyCommand

MEASUREMENTS = "experiments.paper_results.measurements"
STUDY = StudyCommand("papers", TITLE, PREDICTIONS, MEASUREMENTS, Results, write_report, print_confirmed=True)
