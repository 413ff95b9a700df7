"""The report of an ablation: what was expected, what came out, figures, tables. All numbers come from the runs."""

from collections.abc import Sequence
from pathlib import Path

from experiments.ablation.answers import answers, edges
from experiments.ablation.comparison import SURE, can_show
from experiments.ablation.figures import Where, excess_figure, maps_figure, setting_name, training_figure, tuned_figure
from experiments.ablation.plan import Plan
from experiments.ablation.roles import SEED
from experiments.ablation.tables import Findings, show, write_tables
from experiments.ablation.verdicts import stated
from experiments.reports.report import Report, escaped

WANTED_SEEDS = 10


def predictions_page(folder: Path, plan: Plan) -> None:
    """Write `report.md` before anything is trained: what is expected, and nothing else."""
    report = Report(folder, escaped(plan.config.title))
    report.text("Written before this run trained anything. What is measured will stand beside it here.")
    _predictions(report, plan, None)
    report.save()


def write_report(
    folder: Path,
    plan: Plan,
    found: Findings,
    where: Where,
    sentence: tuple[list[str], list[int]] | None,
    versions: Sequence[str],
) -> dict[str, bytes]:
    """Write `report.md`, its figures and tables; gives the figures as PNG.

    Args:
      folder: the run directory.
      plan: what was trained.
      found: what it shows.
      where: the results of each run.
      sentence: the words of the first watched sentence, and the masked places; None for no maps.
      versions: all that the runs were made with.
    """
    report = Report(folder, escaped(plan.config.title))
    report.text(
        "Excess is how far a model's guess is from the best possible one, KL(exact answer || model) in nats, mean over"
        f" the masked slots of trained contexts; 0 is perfect.{_tuning(plan)} Numbers over seeds are"
        " interquartile means; brackets hold 95 % bootstrap intervals over seeds, which are paired between variants."
    )
    report.heading("The answer")
    report.items(
        [_all_but_bold(line) for line in answers(plan, found)]
        or ["Nothing was compared: the grid has no axis beside what is tuned and x."]
    )
    _predictions(report, plan, found)
    _figures(report, plan, found, where, sentence)
    write_tables(report, plan, found)
    _method(report, plan, found, versions)
    report.save()
    return report.images


def _all_but_bold(line: str) -> str:
    """A line of `answers` as Markdown; what is varied may be the path of a world file."""
    return "**".join(escaped(part) for part in line.split("**"))


def _tuning(plan: Plan) -> str:
    if not plan.roles.tuned:
        return ""
    return f" Each variant has its own best value of {plan.roles.tuned}, of {len(plan.labels[plan.roles.tuned])}."


def _predictions(report: Report, plan: Plan, found: Findings | None) -> None:
    """What is expected; beside it what was measured, once there is something."""
    items = plan.config.predictions.items
    if not items:
        return
    made = plan.config.report.predictions_made
    report.heading(f"Predictions, stated before this run{f', {escaped(made)}' if made else ''}")
    if found is None:
        report.table(["prediction", "predicted"], [[*map(escaped, stated(one, plan.roles))] for one in items])
        return
    report.text(
        "Confirmed: the whole interval agrees. Refuted: the whole interval contradicts. Undecided: it does both."
    )
    several = any(setting.labels for setting in found.settings)
    rows = []
    for one in found.verdicts:
        what, expected = stated(one.prediction, plan.roles)
        shown = f"{setting_name(one.setting)}: {what}" if several else what
        rows.append([escaped(shown), escaped(expected), show(one.found), f"**{one.verdict}**"])
    report.table(["prediction", "predicted", "measured", "verdict"], rows)


def _figures(
    report: Report, plan: Plan, found: Findings, where: Where, sentence: tuple[list[str], list[int]] | None
) -> None:
    roles, settings = plan.roles, found.settings
    if roles.x:
        report.heading(f"Excess along {roles.x}")
        report.figure("excess", excess_figure(plan, settings), f"Excess against {roles.x}. Bands: 95 % intervals.")
    if roles.tuned:
        report.heading(f"Tuning {roles.tuned}")
        caption = f"Excess at every value of {roles.tuned}. The lowest point of each line is what counts elsewhere."
        report.figure("tuning", tuned_figure(plan, settings), caption)
        at_edges = edges(plan, found)
        if at_edges:
            shown = escaped(at_edges)
            report.text(f"The best value lies at the edge of what was tried for {shown}: a wider grid may do better.")
    report.heading("Attention over training, and at its end")
    for number, setting in enumerate(settings, start=1):
        end = f"_{number}" if len(settings) > 1 else ""
        name = f" ({escaped(setting_name(setting))})" if setting.labels else ""
        report.figure(
            f"training{end}",
            training_figure(plan, setting, where),
            f"Sharpness and size of the scores over training{name}. Mean of rows and heads, interquartile mean of the"
            " seeds; bands: lowest and highest seed.",
        )
        if sentence is None:
            continue
        report.figure(
            f"maps{end}",
            maps_figure(plan, setting, where, *sentence),
            f"Final maps of the median seed{name}. Each row is a masked word (?), each column a word it can look at;"
            " mean of the heads. The level of a weight is not identified: it trades off against the size of the value.",
        )


def _method(report: Report, plan: Plan, found: Findings, versions: Sequence[str]) -> None:
    report.heading("How it was measured")
    gone = sum(int(setting.diverged_VXLS.sum()) for setting in found.settings)
    seeds, asked = len(plan.labels[SEED]), sum(len(own) for own in found.compared)
    said = [
        f"{len(plan.members):,} runs of {len(plan.groups)} compiled programs, {seeds} seeds, the same in every arm."
    ]
    if seeds < WANTED_SEEDS:
        said.append(f"Fewer than {WANTED_SEEDS} seeds: take intervals and p-values for rough ones.")
    if asked and not can_show(plan):
        said.append(f"With {seeds} seeds and {asked} comparisons no corrected p-value can fall below {SURE:g}.")
    said.append(
        f"{gone} run{'s' if gone > 1 else ''} diverged; runs.csv says when, and what stands there is the state before."
        if gone
        else "No run diverged."
    )
    said.append("Every run counts with its excess at the end, but with no more than it had before its first update.")
    report.text(" ".join(said), "All settings are in config.yaml beside this file, every run is a row of runs.csv.")
    report.text(f"Made with {'; and with '.join(versions)}.")
