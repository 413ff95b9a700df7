"""The figures of an ablation's report with their captions, and which of the two kinds of figures a grid gets."""

from experiments.ablation.figures import Places, excess_figure, maps_figure, training_figure, tuned_figure
from experiments.ablation.findings import FLAT, Findings, counted, edges
from experiments.ablation.plan import Plan
from experiments.ablation.variant_figures import are_many, maps_panels, ratios_figure, training_panels, tuned_panels
from experiments.reports.report import Report, escaped


def add_ratios(report: Report, found: Findings) -> None:
    """The answer as a picture, where there is no axis x along which it could be drawn."""
    if found.comparisons and not found.plan.roles.x:
        report.figure(
            "ratios",
            ratios_figure(found.plan, found.settings, found.comparisons),
            f"Excess over that of {escaped(found.plan.roles.baseline)}, each at its best; bars: 95 % intervals. A"
            " difference is shown if its corrected p-value is below .05 and its interval lies on one side of 0.",
        )


def add_figures(report: Report, found: Findings, places: Places) -> None:
    """Excess along x, tuning, and attention over training and at its end."""
    plan, roles = found.plan, found.plan.roles
    if roles.x:
        report.heading(f"Excess along {roles.x}")
        caption = f"Excess against {roles.x}. Bands: 95 % intervals."
        report.figure("excess", excess_figure(plan, found.settings), caption)
    if plan.tuned:
        _tuning(report, found)
    report.heading("Attention over training, and at its end")
    for number in range(len(found.settings)):
        _attention(report, found, places, number)


def _tuning(report: Report, found: Findings) -> None:
    plan, settings = found.plan, found.settings
    many = are_many(settings)
    report.heading(f"Tuning {plan.tuned}")
    report.figure(
        "tuning",
        tuned_panels(plan, settings[0]) if many else tuned_figure(plan, settings),
        f"Excess at every value of {plan.tuned}{_chosen_on(plan)}. All else is at the lowest point of a line."
        f"{_behind(plan, many)}",
    )
    report.text(*_edges(found))


def _attention(report: Report, found: Findings, places: Places, number: int) -> None:
    """The figures of attention in one setting."""
    plan, setting, many = found.plan, found.settings[number], are_many(found.settings)
    end = f"_{number + 1}" if len(found.settings) > 1 else ""
    name = f" ({escaped(setting.name)})" if setting.labels else ""
    report.figure(
        f"training{end}",
        (training_panels if many else training_figure)(plan, setting, places),
        f"Sharpness and size of the scores over training{name}. Mean of rows and heads, interquartile mean of the"
        f" seeds; bands: lowest and highest seed.{_behind(plan, many)}",
    )
    if len({(group.shared.world.name, group.config.task) for group in plan.groups}) > 1:
        return  # no sentence is one of all worlds
    first = plan.groups[0].shared
    tokens, masked = first.sentences[0]
    words = [first.world.vocabulary.words[token] for token in tokens]
    report.figure(
        f"maps{end}",
        maps_panels(setting, places, words, masked) if many else maps_figure(plan, setting, places, words, masked),
        f"Final maps of the median seed{name}. Each row is a masked word (?), each column a word it can look"
        " at; mean of the heads. The level of a weight is not identified: it trades off against the size of"
        " the value.",
    )


def _behind(plan: Plan, many: bool) -> str:
    """What the grey lines are, where each variant has a panel of its own."""
    return f" Grey: {escaped(plan.roles.baseline)}." if many else ""


def _chosen_on(plan: Plan) -> str:
    return f", of the {counted(plan.roles.tuning_seeds, 'seed')} that chose" if plan.roles.tuning_seeds else ""


def _edges(found: Findings) -> list[str]:
    """Whether a wider grid may do better."""
    steep, flat = (escaped("; ".join(arms)) for arms in edges(found))
    return [
        f"The best value lies at the edge of what was tried for {steep}: a wider grid may do better."
        if steep
        else "No best value lies at an edge of what was tried."
        if not flat
        else "No other best value lies at an edge of what was tried.",
        *(
            [f"At the edge, but flat (the value next to it has at most {FLAT:g} times the excess): {flat}."]
            if flat
            else []
        ),
    ]
