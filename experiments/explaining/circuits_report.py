"""The circuit tables on the terminal and as a table of all numbers; the pictures are in `circuits_figures`.

print_circuits(found, Console())
header, rows = circuit_cells(found)            for a CSV file: a line for each number
"""

import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from experiments.commands.console import shown
from experiments.commands.tables import TableColumn, print_table
from experiments.explaining.circuits import Circuits
from experiments.explaining.preferences import Floats
from experiments.explaining.printing import paragraph, two_digits

Line = list[str | int | float]


def print_circuits(found: Circuits, console: Console) -> None:
    """Print what blanks look for and what words speak for, a row for each two slots, a column for each head."""
    paragraph(console, f"Circuit tables: {shown(console, found.run)}, after {found.step:,} updates", "bold")
    paragraph(
        console,
        "Which blanks look for which words (W_Q W_K^T): the part of the score that the word decides, mean over the"
        " words of a slot and over the places of such blanks, against the mean of all words. Beside it how much these"
        " words tell about the blank by the rules of the world, in nats. A difference of 3 makes a weight 20 times as"
        " large.",
    )
    console.print()
    _print_table(console, "blank <- words of", _looked_for(found), "world, nats", len(found.fit_H))
    console.print()
    paragraph(
        console,
        "Which guesses each word speaks for (W_V W_O W_U): how alike the head's table, word by masked word, and the"
        " world's log-preferences are (Pearson's r). A head need only know what the words tell that it looks for.",
    )
    console.print()
    _print_table(console, "word -> masked", _spoken_for(found), "", len(found.fit_H))
    console.print()
    paragraph(console, assumptions(found), "dim")


def assumptions(found: Circuits) -> str:
    """What is assumed for the sizes that the norms divide by, and how far it is from the truth."""
    spread = ", ".join(f"{100 * value:.0f} % ({name})" for name, value in found.spread.items())
    fit = ", ".join(f"{value:.3f}" for value in found.fit_H)
    return (
        "Assumed: every vector is divided by one size, that of the mean of 1 / size over the drawn sentences, before"
        f" queries, before keys and values, and at the end. In truth 1 / size varies by {spread}. With it the parts add"
        f" up to scores whose correlation with the actual ones, within rows, is {fit} (by head)."
    )


def _print_table(
    console: Console, heading: str, rows: Sequence[tuple[str, Sequence[float], float]], last: str, heads: int
) -> None:
    columns = [TableColumn(Text(heading), [Text(shown(console, name)) for name, _, _ in rows])]
    for head in range(heads):
        cells = [Text(two_digits(values[head])) for _, values, _ in rows]
        columns.append(TableColumn(Text(f"head {head + 1}"), cells, "right"))
    if last:
        cells = [Text("-" if np.isnan(value) else two_digits(value)) for _, _, value in rows]
        columns.append(TableColumn(Text(last), cells, "right"))
    print_table(console, columns)


def _looked_for(found: Circuits) -> list[tuple[str, Sequence[float], float]]:
    rows = []
    for s, blank in enumerate(found.masked):
        for other, words in found.words.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a slot whose words never stand in the clause
                truth = float(np.nanmean(found.relevance_SV[s, list(words)]))
            rows.append((f"{blank} <- {other}", found.looks_for_HSV[:, s, list(words)].mean(axis=-1), truth))
    return rows


def _spoken_for(found: Circuits) -> list[tuple[str, Sequence[float], float]]:
    heads = range(len(found.fit_H))
    masked = {kind.slot for kind in found.masked}
    return [
        (f"{start} -> {end}", [_r(found.speaks(head, start, end), table) for head in heads], np.nan)
        for start, end, table in found.pairs
        if end in masked
    ]


def _r(one: Floats, other: Floats) -> float:
    """Pearson's r of the cells; nan where the world has no preference."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if other.any() else math.nan


def circuit_cells(found: Circuits) -> tuple[list[str], list[Line]]:
    """Every number of the tables, as the header and the lines of a CSV file.

    `table` is word.word, word.place, place.word, place.place (scores), looks_for (scores; the world's exact relevance
    beside), speaks_for (nats; between content words both centred over their slots, the world's preference beside) or
    place_speaks (nats). Places count from 1; the world's column is empty where it says nothing.
    """
    lines: list[Line] = [
        [table, head, start, end, float(value), "" if np.isnan(world) else float(world)]
        for table, head, start, end, value, world in _cells(found)
    ]
    return ["table", "head", "from", "to", "value", "world"], lines


Cell = tuple[str, int, str | int, str | int, float, float]


def _cells(found: Circuits) -> Iterator[Cell]:
    for head in range(len(found.fit_H)):
        yield from _score_cells(found, head)
        for place in range(found.place_speaks_HKV.shape[1]):
            for w in sorted(word for of in found.guesses.values() for word in of):
                value = found.place_speaks_HKV[head, place, w]
                yield "place_speaks", head + 1, place + 1, found.vocabulary[w], value, np.nan
        for start, end, table in found.pairs:
            block = found.speaks(head, start, end)
            for i, a in enumerate(found.words[start]):
                for j, b in enumerate(found.guesses[end]):
                    names = found.vocabulary[a], found.vocabulary[b]
                    yield "speaks_for", head + 1, *names, block[i, j], table[i, j]


def _score_cells(found: Circuits, h: int) -> Iterator[Cell]:
    """What blanks look for, in one head."""
    words, places = found.vocabulary, range(found.word_place_HFK.shape[2])
    every, nothing = sorted(word for of in found.words.values() for word in of), np.nan
    for f, blank in enumerate(found.blanks):
        for w in every:
            yield "word.word", h + 1, words[blank], words[w], found.word_word_HFV[h, f, w], nothing
        for k in places:
            yield "word.place", h + 1, words[blank], k + 1, found.word_place_HFK[h, f, k], nothing
    for i in places:
        for w in every:
            yield "place.word", h + 1, i + 1, words[w], found.place_word_HKV[h, i, w], nothing
        for k in places:
            yield "place.place", h + 1, i + 1, k + 1, found.place_place_HKK[h, i, k], found.relevance_KK[i, k]
    for s, kind in enumerate(found.masked):
        for w in every:
            yield "looks_for", h + 1, str(kind), words[w], found.looks_for_HSV[h, s, w], found.relevance_SV[s, w]
