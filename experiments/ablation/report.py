"""The report of an ablation: predictions, results, figures and tables. All its numbers come from the runs."""

from collections.abc import Sequence
from pathlib import Path

from experiments.ablation.axes import label_of
from experiments.ablation.comparison import SURE, can_show, evaluated_seeds
from experiments.ablation.config import SEED
from experiments.ablation.events import listed_text
from experiments.ablation.figures import Places
from experiments.ablation.findings import EXCESS, Findings, answers, counted, show, statement, write_tables
from experiments.ablation.plan import Plan
from experiments.ablation.report_figures import add_figures, add_ratios
from experiments.config.schema import value_of
from experiments.reports.report import Report, escaped
from experiments.statistics.intervals import rough


def predictions_page(folder: Path, plan: Plan) -> None:
    """Write `report.md` before anything is trained: the predictions and nothing else."""
    report = Report(folder, escaped(plan.config.title))
    report.text("Written before this run trained anything.")
    rows = [[*map(escaped, statement(one, plan.roles))] for one in plan.config.predictions]
    _predictions(report, plan, "What is measured will be shown beside them here.", ["prediction", "predicted"], rows)
    report.save()


def write_report(folder: Path, found: Findings, places: Places, versions: Sequence[str]) -> dict[str, bytes]:
    """Write `report.md`, its figures and tables; gives the figures as PNG.

    Args:
      folder: the run directory.
      found: what the runs show.
      places: where each run is found.
      versions: each combination of libraries that the runs were made with.
    """
    plan, report = found.plan, Report(folder, escaped(found.plan.config.title))
    tuned = plan.tuned
    tried = " or ".join(map(str, sorted({len(setting.tuned) for setting in found.settings})))
    tuning = f"Each variant has its own best value of {tuned}, of {tried}{_shared(plan)}. " if tuned else ""
    report.text(
        EXCESS,
        f"{tuning}Numbers over seeds are interquartile means; brackets hold 95 % bootstrap intervals over seeds,"
        " which are paired between variants.",
    )
    report.heading("The answer")
    report.items(
        [_all_but_bold(line) for line in answers(found)]
        or ["Nothing was compared: the grid has no axis besides what is tuned and x."]
    )
    add_ratios(report, found)
    _variants(report, plan)
    rows = [
        [escaped(one.statement), escaped(one.predicted), show(one.found), f"**{one.verdict}**"]
        for one in found.verdicts
    ]
    meaning = (
        "Confirmed: the whole interval agrees. Refuted: the whole interval contradicts. Undecided: it does both, or"
        " there is none."
    )
    _predictions(report, plan, meaning, ["prediction", "predicted", "measured", "verdict"], rows)
    add_figures(report, found, places)
    write_tables(report, found)
    _method(report, found, versions)
    report.save()
    return report.images


def _all_but_bold(line: str) -> str:
    """A line of `answers` as Markdown; what is varied may be the path of a world file."""
    return "**".join(escaped(part) for part in line.split("**"))


def _variants(report: Report, plan: Plan) -> None:
    """A table of what the variants are, where they are values with names of their own."""
    axis = plan.config.grid.axis(plan.roles.variant)
    if axis is None or not axis.named:
        return
    header, rows = [axis.name, "what it is", "config values"], []
    for choice in axis.choices:
        values = ", ".join(f"{name} {label_of(value)}" for name, value in choice.settings) or "those of the base"
        rows.append([choice.label, choice.meaning, values])
    kept = [0, *([1] if any(choice.meaning for choice in axis.choices) else []), 2]
    report.heading("What is compared")
    report.text("All other config values are those under `base` in config.yaml, beside this file.")
    report.table([escaped(header[i]) for i in kept], [[escaped(row[i]) for i in kept] for row in rows])


def _predictions(report: Report, plan: Plan, text: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A heading, `text` and a table of the predictions, if there are any."""
    settings = plan.config.report
    if not rows and not settings.left_out:
        return
    made = f", {escaped(settings.predictions_made)}" if settings.predictions_made else ""
    report.heading(
        f"Predictions made for another grid{made}"
        if settings.changed_axes
        else f"Predictions, stated before this run{made}"
    )
    if settings.changed_axes:
        report.text(f"They are the config file's. `--grid` changed {escaped(', '.join(settings.changed_axes))} since.")
    if settings.left_out:
        report.text(
            f"Left out, being about values that this grid does not have: {escaped('; '.join(settings.left_out))}."
        )
    if rows:
        report.text(text)
        report.table(header, rows)


def _shared(plan: Plan) -> str:
    """On which seeds tuned values are chosen."""
    seeds, own = len(plan.labels[SEED]), plan.roles.tuning_seeds
    if own:
        return f", chosen on {counted(own, 'seed')} that nothing else rests on"
    return f", chosen on the same {seeds} seeds that are shown" if seeds > 1 else ", chosen on the seed that is shown"


def _method(report: Report, found: Findings, versions: Sequence[str]) -> None:
    plan, diverged = found.plan, found.diverged
    seeds, compared = evaluated_seeds(plan), len(found.comparisons)
    sentences = [
        f"{len(plan.runs):,} runs of {counted(len(plan.groups), 'compiled program')}.",
        f"{counted(len(plan.labels[SEED]), 'seed')}, the same in every arm.",
        f"Each run made {_values(plan, 'train.steps')} updates of {_values(plan, 'train.batch')} sentences.",
        rough(seeds),
        "A p-value is of the mean of the paired differences in excess (random signs), while the number beside it is a"
        " ratio of interquartile means; p-values are corrected by Holm's method."
        if compared
        else "",
        _tuning(plan),
        f"With {seeds} seeds and {compared} comparisons no corrected p-value can fall below {SURE:g}."
        if compared and not can_show(plan)
        else "",
        f"{counted(diverged, 'run')} diverged; runs.csv says when, and its numbers are those before."
        if diverged
        else "No run diverged.",
        "Every run counts with its excess at the end, but with no more than it had before its first update.",
    ]
    report.heading("How it was measured")
    report.text(
        " ".join(filter(None, sentences)),
        "All settings are in config.yaml beside this file, every run is a row of runs.csv.",
        escaped(listed_text(found)),
        f"Made with {'; and with '.join(versions)}.",
    )


def _tuning(plan: Plan) -> str:
    """What choosing the best tuned value does to the numbers."""
    tuned, own = plan.tuned, plan.roles.tuning_seeds
    if own:
        return (
            f"The best {tuned} is chosen on the first {counted(own, 'seed')}; all other numbers are of the other"
            f" {evaluated_seeds(plan)}, and take it as given."
        )
    shared = (
        f"The best {tuned} is chosen on the seeds that are shown, which favours every variant a little"
        " (report.tuning_seeds chooses it on others); an interval chooses it anew in every resample."
    )
    return shared if tuned else ""


def _values(plan: Plan, name: str) -> str:
    """The values that the runs have of a config value: "600", or "300, 600"."""
    return ", ".join(f"{value:,}" for value in sorted({value_of(run.config, name) for run in plan.runs}))
