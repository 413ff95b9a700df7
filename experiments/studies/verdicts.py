"""Predictions before the measurement, and their verdicts after it: a page, a table of the report, the terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from experiments.commands.console import say
from experiments.reports.report import Report
from experiments.statistics.claims import Claim, counted, overall

HOW = (
    "In brackets: 95 % interval, by bootstrap over seeds. Confirmed: the whole interval agrees with the prediction."
    " Refuted: the whole interval contradicts it. Undecided: it does both, or there is none"
)
"""How to read the table of verdicts."""


def predictions_page(title: str, predictions: Mapping[str, str]) -> str:
    """The report as it stands before anything is measured: the predictions alone."""
    lines = [f"* **{name}** {text}" for name, text in predictions.items()]
    return "\n\n".join([f"# {title}", "Being measured. What is predicted:", "\n".join(lines)]) + "\n"


def verdict_table(report: Report, predictions: Mapping[str, str], claims: Sequence[Claim]) -> None:
    """Every prediction with its verdict, and below it the claims that it rests on."""
    rows = []
    for name, text in predictions.items():
        if own := of_subject(claims, name):
            rows.append([f"**{name}**", f"**{text}**", "", "", f"**{overall(own)}**"])
            rows += [["", one.statement, one.predicted, str(one.found), one.verdict] for one in own]
    report.table(["", "what", "predicted", "measured", "verdict"], rows)


def print_verdicts(console: Console, claims: Sequence[Claim], confirmed: bool) -> None:
    """The verdict on every prediction, and the claims that it rests on; those that are `confirmed` only if asked."""
    say(console, f"{len(claims)} statements: {counted(claims)}")
    subjects = list(dict.fromkeys(claim.subject for claim in claims))
    width = max(map(len, subjects))
    for name in subjects:
        own = of_subject(claims, name)
        say(console, f"  {name:{width}} {overall(own)}")
        for one in own:
            if confirmed or one.verdict != "confirmed":
                found = f"predicted {one.predicted}, measured {one.found}: {one.verdict}"
                say(console, f"    {one.statement}: {found}", "dim" if one.verdict == "confirmed" else "")


def of_subject(claims: Sequence[Claim], name: str) -> list[Claim]:
    """The claims about one subject."""
    return [claim for claim in claims if claim.subject == name]
