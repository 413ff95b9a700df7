"""The gradient study: what `experiments.gradients` runs once its options are read."""

from experiments.gradient_study.report import write_report
from experiments.gradient_study.results import PREDICTIONS, TITLE, Study
from experiments.studies.command import StudyCommand

MEASUREMENTS = "experiments.gradient_study.measurements"
STUDY = StudyCommand("gradients", TITLE, PREDICTIONS, MEASUREMENTS, Study, write_report)
