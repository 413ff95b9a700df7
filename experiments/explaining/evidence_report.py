"""The tables of evidence, on the terminal and as a table of all cells.

trained, untrained = (measure_evidence(saved, world, t) for t in (-1, 0))
print_evidence(trained, untrained, Console())
header, rows = evidence_cells(trained)         for a CSV file: a line for each cell
"""

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from experiments.commands.console import shown
from experiments.commands.tables import TableColumn, print_table
from experiments.explaining.evidence_tables import EvidenceTables, Slots
from experiments.explaining.printing import paragraph, two_digits

_FOLLOWS = 0.98
"""Below this r it is told how a good model can come to a low table."""
_LARGE_MLP = 0.1
"""From this share on, it is told that evidence is the direct path alone."""


def print_evidence(trained: EvidenceTables, untrained: EvidenceTables, console: Console) -> None:
    """Print how well evidence follows the world, table by table, and the cell that is furthest off.

    Args:
      trained: of the step that was asked for.
      untrained: of the same run before the first update.
      console: where to print.
    """
    name = shown(console, trained.run)
    paragraph(console, f"Does attention bring what the world holds? {name}, after {trained.step:,} updates", "bold")
    paragraph(
        console,
        "Evidence: what a word adds, through all heads, to the logit of each word that may be masked, in nats. Beside"
        " it the world's own log-preference of the two words. r: how alike the two tables are, 1 for the same pattern;"
        " slope: nats of evidence for each nat of preference. Both tables without what is common to a row or a column.",
        "dim",
    )
    console.print()
    _print_tables(trained, untrained, console)
    tables = {pair: table for pair, table in trained.tables.items() if np.isfinite(table.r)}
    console.print()
    if not tables:
        paragraph(console, "The world has no preference between these slots, so there is nothing to follow.")
        return
    lowest = min(tables, key=lambda pair: tables[pair].r)
    paragraph(
        console,
        f"Median r {np.median([table.r for table in tables.values()]):.3f}. {furthest(trained, lowest, console)}",
    )
    if tables[lowest].r < _FOLLOWS:
        paragraph(
            console,
            "A model need not take from a word what it can take from elsewhere: from another word that tells the same,"
            " or from a head that rests on one place whenever the word is not one of those that it looks for.",
            "dim",
        )
    if trained.mlp_share >= _LARGE_MLP:
        paragraph(
            console,
            f"The MLP adds {trained.mlp_share:.2f} times as much to these logits as attention does. Evidence is"
            " the direct path alone, so it need not follow the world here.",
        )


def _print_tables(trained: EvidenceTables, untrained: EvidenceTables, console: Console) -> None:
    tables = trained.tables
    before = [untrained.tables[pair] for pair in tables]
    columns = {
        "r": [table.r for table in tables.values()],
        "slope": [table.slope for table in tables.values()],
        "r, untrained": [table.r for table in before],
        "slope, untrained": [table.slope for table in before],
    }
    print_table(
        console,
        [
            TableColumn(Text("from -> masked"), [Text(f"{start} -> {end}") for start, end in tables]),
            *(
                TableColumn(
                    Text(heading), [Text(f"{value:.3f}" if np.isfinite(value) else "none") for value in values], "right"
                )
                for heading, values in columns.items()
            ),
        ],
    )


def furthest(found: EvidenceTables, pair: Slots, console: Console) -> str:
    """The cell of a table whose evidence is furthest from the world's preference, as a sentence."""
    table = found.tables[pair]
    i, j = np.unravel_index(np.argmax(np.abs(table.evidence - table.preference)), table.evidence.shape)
    start, end = (shown(console, found.vocabulary[word]) for word in (table.words[i], table.candidates[j]))
    has, brings = (f"{two_digits(values[i, j], '+')} nats" for values in (table.preference, table.evidence))
    return (
        f'The lowest table is {pair[0]} -> {pair[1]}, r {table.r:.3f}. Its cell that is furthest off: "{start}" brings'
        f' {brings} for "{end}", and the world has {has}.'
    )


def evidence_cells(found: EvidenceTables) -> tuple[list[str], list[Sequence[str | int | float]]]:
    """Every cell of all tables, as the header and the lines of a CSV file."""
    header = ["from", "to", "word", "candidate", "rows", "evidence", "world_preference"]
    lines: list[Sequence[str | int | float]] = []
    for (start, end), table in found.tables.items():
        for i, word in enumerate(table.words):
            for j, candidate in enumerate(table.candidates):
                words = found.vocabulary[word], found.vocabulary[candidate]
                numbers = float(table.evidence[i, j]), float(table.preference[i, j])
                lines.append([start, end, *words, int(table.counts[i]), *numbers])
    return header, lines
