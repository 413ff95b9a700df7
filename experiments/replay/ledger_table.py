"""A ledger on the terminal: seven lines, a column for each word, and what each line means in a few words."""

from rich.console import Console
from rich.text import Text

from data.errors import printable
from experiments.commands.console import say_prose, shown
from experiments.commands.tables import TableColumn, print_table, weight_cell
from experiments.replay.ledger import MASKED, Ledger, Line

_FIRST_OF_WORDS = 3
"""The first line that has a number for each word."""
_LEAST_MEANING = 18
"""Columns in which the meaning of a line can be read."""


def print_ledger(told: Ledger, others: str, console: Console) -> None:
    """Print a ledger.

    Args:
      told: what one head computes.
      others: a sentence on what becomes of it, after the lines.
      console: where to print.
    """
    head = f", head {told.head + 1}" if told.heads > 1 else ""
    masked = printable(told.words[told.masked])
    console.print(Text(f"Attention in seven lines, for the masked word {masked}{head}", style="bold"))
    words = [shown(console, MASKED if k == told.masked else word) for k, word in enumerate(told.words)]
    rows: list[tuple[str, list[Text], str]] = []
    for number, line in enumerate(told.lines(), start=1):
        if number == _FIRST_OF_WORDS:
            rows.append(("", [Text(word, "dim") for word in words], ""))
        rows.append((f"{number} {line.name}", _cells(line, len(words)), line.meaning))
    names, cells, meanings = zip(*rows, strict=True)
    none = Text()
    columns = [TableColumn(none, [Text(f"{name} ") for name in names], style="bold")]
    columns += [TableColumn(none, [row[k] + Text(" ") for row in cells], "right") for k in range(len(words))]
    columns.append(TableColumn(none, [Text(f" {meaning}") for meaning in meanings], style="dim", least=_LEAST_MEANING))
    print_table(console, columns, gap=0)
    say_prose(console, others, "dim")


def _cells(line: Line, count: int) -> list[Text]:
    """A number for each word, or the first components of a vector and an ellipsis."""
    if line.numbers is not None:
        return [weight_cell(float(x)) if line.name == "softmax" else Text(f"{x:.1f}") for x in line.numbers]
    whole = [] if line.vector is None else [f"{x:.1f}" for x in line.vector]
    cells = whole if len(whole) <= count else [*whole[: count - 1], "..."]
    return [Text(cell) for cell in [*cells, *[""] * (count - len(cells))]]
