"""An explanation on the terminal, from the question to what each word is worth."""

from rich.console import Console
from rich.text import Text

from data.errors import printable
from experiments.commands.console import say_prose
from experiments.replay.evidence_table import print_evidence, print_worth
from experiments.replay.explanation import Explanation
from experiments.replay.explanation_pages import Pages
from experiments.replay.ledger_table import print_ledger, what_follows


def print_explanation(
    told: Explanation, head: int, console: Console, *, short: bool = False, whole: bool = False
) -> None:
    """Print an explanation.

    Args:
      told: the explanation.
      head: the head whose computation is shown.
      console: where to print.
      short: its seven lines and the evidence alone.
      whole: every component of every vector, in as many lines as they need.
    """
    if short:
        ledger = told.ledger(head)
        print_ledger(ledger, what_follows(ledger, told.best, told.best_exact), console)
        console.print()
        print_evidence(told, console, "Evidence", how_first=False)
        return
    _print_title(told, head, console)
    for page in Pages(told, head, console, whole=whole).steps():
        page()
        console.print()
    print_evidence(told, console)
    console.print()
    print_worth(told, console)


def _print_title(told: Explanation, head: int, console: Console) -> None:
    """The sentence, the run, the step and the head."""
    console.print(Text(printable(" ".join(told.shown)), "bold"))
    place = f", word {told.question.masked + 1}" if told.words.count(told.masked_word) > 1 else ""
    base = "" if told.target_word == told.masked_word else f", to be guessed as '{told.target_word}'"
    masked = f"'{told.masked_word}'{place}{base}"
    say_prose(console, f"How {told.run}, after {told.step:,} updates, guesses the masked word ({masked}).")
    if (heads := told.config.heads) > 1:
        others = "the other" if heads == 2 else f"one of the {heads - 1} others"
        say_prose(
            console,
            f"Each of the {heads} heads computes steps 1 to 6 with matrices of its own. This is head {head + 1}; --head"
            f" shows {others}.",
            "dim",
        )
    console.print()
