"""The report of the gradient study: the answer in plain words, then what it rests on. Numbers come from the study."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.gradient_study import sections
from experiments.gradient_study.checks import all_checks
from experiments.gradient_study.norm_statistics import (
    MISSING,
    NAMES,
    SCALES,
    UNSCALED,
    mean_estimate,
    median_crossing,
    ratio_at,
)
from experiments.gradient_study.results import PREDICTIONS, TITLE, Study
from experiments.gradient_study.tables import tables, write_scale_events
from experiments.reports.plots import drawn
from experiments.reports.report import Report
from experiments.statistics.claims import Claim, near
from experiments.statistics.intervals import Interval
from experiments.studies.command import HOW, StudyCommand, verdict_table
from experiments.studies.events import write_report_events


def write_report(folder: Path, study: Study, versions: Mapping[str, str]) -> list[Claim]:
    """Write `report.md`, its figures, CSV files and event files; gives the claims."""
    report = Report(folder, TITLE)
    with drawn(folder, {name: (draw, study) for name, draw in sections.FIGURES.items()}) as images:
        claims = all_checks(study)
        report.heading("The answer", _in_theory(study), _in_the_model(study), _learning(study))
        _verdicts(report, claims)
        for section in (sections.simulated, sections.layer, sections.training, sections.rest):
            section(report, study)
        sections.method(report, study, versions)
        for name, (header, rows) in tables(study, claims).items():
            report.csv(name, header, rows)
        report.save()
        write_scale_events(folder, study)
        write_report_events(folder, {name: image.result() for name, image in images.items()})
    return claims


def _in_theory(study: Study) -> str:
    """The simulated layer."""
    norms, sizes = study.simulated.norms, study.simulated.sizes
    dead = mean_estimate(norms.of("dead", "query")[-1, UNSCALED])
    ratio = {name: ratio_at(norms, name, "query") for name in ("rms", "mean", "median")}
    both = ratio["rms"].low > 1 > ratio["median"].high
    return (
        ("**It depends on what one calls the gradient's size.** " if both else "")
        + f"At d = {sizes[-1]}, in a layer of independent normal queries and keys, leaving the scale out makes the"
        f" gradient of the query {ratio['rms']} times as large in the RMS, {ratio['mean']} times in the mean, and"
        f" {ratio['median']} times in the median; {100 * dead.estimate:.0f} % of the rows are dead."
        + (" So gradients become too large and too small, those of different tokens." if both else "")
        + _crossing(median_crossing(norms, sizes, "query"))
    )


def _crossing(where: Interval) -> str:
    if np.isnan(where.estimate):
        return " The medians do not cross at the d that were measured."
    return f" The medians cross at d* = {where}; beyond, the unscaled one is smaller."


def _in_the_model(study: Study) -> str:
    """The real layer before its first update."""
    layer = study.layer
    e, rate = layer.sizes[-1], layer.sizes[-1] ** 0.5
    normed, bare = layer.by_norm["layer"].norms, layer.by_norm["none"].norms
    sigma = mean_estimate(layer.by_norm["none"].score_std_NCR[-1, UNSCALED])
    rms, median = ratio_at(bare, "rms", "W_Q"), ratio_at(bare, "median", "W_Q")
    normed_rms, normed_median = ratio_at(normed, "rms", "W_Q"), ratio_at(normed, "median", "W_Q")
    like_rate = all(near("P2", "", one, rate, 0.02).verdict == "confirmed" for one in (rms, median))
    differ = normed_median.high < median.low or normed_median.low > median.high
    return (
        ("**In the real model it also depends on what stands in front of attention.** " if differ else "")
        + f"Without a norm the first scores have a std of {sigma}, and the gradient of W_Q is {rms} times as large in"
        f" the RMS and {median} times in the median, unscaled at d = {e} (sqrt(d) = {rate:.0f})"
        + (": the scale acts like a learning rate." if like_rate else ".")
        + f" With LayerNorm it is {normed_rms} times as large in the RMS and {normed_median} times in the median."
        + _crossing(median_crossing(normed, layer.sizes, "W_Q"))
        + f" The RMS of W_V is {ratio_at(normed, 'rms', 'W_V')} times as large, that of W_O"
        f" {ratio_at(normed, 'rms', 'W_O')} times."
    )


def _learning(study: Study) -> str:
    """What the first gradient says of the excess at the end."""
    size = study.trained[-1]
    kinds = (size.own_PAR("rms", "W_Q")[0], size.sigma_PAR[-1], size.excess_PAR[-1])
    first, sigma, excess = ([mean_estimate(one_R) for one_R in kind_AR] for kind_AR in kinds)
    lines = [
        f"{NAMES[scale]}: first gradient {f}, sigma at the end {s}, excess {e} nats"
        for scale, f, s, e in zip(SCALES, first, sigma, excess, strict=True)
    ]
    largest = [NAMES[SCALES[int(np.argmax([one.estimate for one in kind]))]] for kind in (first, sigma, excess)]
    return (
        ("**A large first gradient is no promise.** " if largest[0] == largest[2] else "")
        + f"Trained at d = {size.d} (RMS of the first gradient of W_Q; std of"
        f" the scores after {size.steps[-1]} updates; excess then, 0 is perfect): {'; '.join(lines)}. Largest"
        f" first gradient: {largest[0]}. Largest sigma at the end: {largest[1]}. Largest excess: {largest[2]}."
    )


def _verdicts(report: Report, claims: list[Claim]) -> None:
    report.heading(
        "Predictions and verdicts",
        "The predictions were written down before the measurement (the program writes them into this file before it"
        f" measures). {HOW} (more than {100 * MISSING:g} % of the resamples give no value: medians that do not cross,"
        " say). Ratios are unscaled over 1/sqrt(d). Five rules (in P2, P5, P7, P8 and P9) were set or widened after a"
        " first run, so their verdicts are weaker than the others: see docs/history.md of catmat's sources.",
    )
    verdict_table(report, PREDICTIONS, claims)


STUDY = StudyCommand("gradients", TITLE, PREDICTIONS, "experiments.gradient_study.measurements", Study, write_report)
"""What `experiments.gradients` runs once its options are read."""
