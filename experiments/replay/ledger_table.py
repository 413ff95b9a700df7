"""A ledger for people, on the terminal or in Markdown: seven lines, a column a word, and what each line means."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from data.errors import printable
from experiments.commands.console import shown
from experiments.commands.tables import TableColumn, print_table, weight_cell
from experiments.commands.words import table_word
from experiments.replay.ledger import Ledger, Line
from experiments.reports.report import escaped
from experiments.view.word_forms import MASKED

_FIRST_OF_WORDS = 3
"""The first line that has a number for each word."""
_SHOWN = 6
"""So many components of a vector are shown where words stand below each other."""
_PRODUCTS = 3
"""So many products of a query's and a key's components are written out."""
_UNBROKEN = "\u00a0"
"""A blank at which no line ends."""
_LARGE = 1e5
"""From here on a number is written as 5e+24: a run that diverges has numbers of 25 digits."""


def print_ledger(told: Ledger, others: str, console: Console) -> None:
    """Print a ledger: a column for each word, or, on a terminal on which these have no room, a row for each.

    Args:
      told: what one head computes.
      others: sentences on what becomes of it, after those on how the lines are computed.
      console: where to print.
    """
    console.print(Text(printable(f"Attention in seven lines, for the masked word {_whose(told)}"), style="bold"))
    columns = _columns(told, console)
    if not console.is_terminal or sum(column.width for column in columns) <= console.width:
        print_table(console, columns, gap=0)
    else:
        _print_upright(told, console)
    console.print()
    console.print(Text(printable(f"{how_computed(told)} {others}"), "dim"))


def _columns(told: Ledger, console: Console) -> list[TableColumn]:
    """The ledger as a table: names, a column for each word, meanings."""
    words = [shown(console, word) for word in told.shown]
    rows: list[tuple[str, list[Text], str]] = []
    for number, line in enumerate(told.lines(), start=1):
        if number == _FIRST_OF_WORDS:
            rows.append(("", [Text(word, "dim") for word in words], ""))
        rows.append((f"{number} {line.name}", _cells(line, len(words)), line.meaning))
    names, cells, meanings = zip(*rows, strict=True)
    none = Text()
    columns = [TableColumn(none, [Text(f"{name} ") for name in names], style="bold")]
    columns += [TableColumn(none, [row[k] + Text(" ") for row in cells], "right") for k in range(len(words))]
    return [*columns, TableColumn(none, [Text(f" {meaning}") for meaning in meanings], style="dim")]


def _print_upright(told: Ledger, console: Console) -> None:
    """The ledger with its words below each other: lines 3 to 5 are the columns of a table."""
    of_words: list[tuple[int, Line]] = []
    for number, line in enumerate(told.lines(), start=1):
        name = Text.assemble((f"{number} {line.name}", "bold"), (f", {line.meaning}", "dim"))
        if line.numbers is not None:
            console.print(name)
            of_words.append((number, line))
            continue
        if of_words:
            _print_words(told, of_words, console)
            of_words = []
        console.print(name + Text(f": {_vector(line)}"))


def _print_words(told: Ledger, of_words: list[tuple[int, Line]], console: Console) -> None:
    words = [shown(console, word) for word in told.shown]
    columns = [TableColumn(Text(f"line {number}"), _cells(line, len(words)), "right") for number, line in of_words]
    print_table(console, [TableColumn(Text(), [Text(word) for word in words], style="bold"), *columns])


def print_forming(ledgers: Sequence[Ledger], console: Console) -> None:
    """Print how the weights of a ledger came about in training: line 5 at each of the steps of `ledgers`."""
    last = ledgers[-1]
    console.print(Text("How line 5 was learned", style="bold"))
    first = TableColumn(Text(), [Text(f"step {told.step:,} ") for told in ledgers], style="bold")
    columns = [
        TableColumn(
            Text(shown(console, word) + " ", "dim"),
            [weight_cell(float(told.weights_K[k])) + Text(" ") for told in ledgers],
            "right",
        )
        for k, word in enumerate(last.shown)
    ]
    print_table(console, [first, *columns], gap=0)


def ledger_markdown(told: Ledger, follows: str) -> str:
    """The same as Markdown, for TensorBoard and documents; `follows` is the sentence after it.

    Here the words stand below each other, so that a long sentence needs no wide page.
    """
    lines = [(f"**{number} {line.name}**", line) for number, line in enumerate(told.lines(), start=1)]
    vectors = [
        f"* {name}, {escaped(line.meaning)}: {_vector(line).replace(' ', _UNBROKEN)}"
        for name, line in lines
        if line.numbers is None
    ]
    columns = [(name, line) for name, line in lines if line.numbers is not None]
    numbers = [[f"{x:.2f}" if line.name == "softmax" else number_text(x) for x in _values(line)] for _, line in columns]
    words = [word if word == MASKED else escaped(table_word(word)) for word in told.shown]
    rows = [
        ["", *(name for name, _ in columns)],
        ["---"] * (len(columns) + 1),
        ["", *(line.meaning for _, line in columns)],
        *([word, *cells] for word, *cells in zip(words, *numbers, strict=True)),
    ]
    table = [f"| {' | '.join(row)} |" for row in rows]
    title = f"The masked word {_whose(told, markdown=True)}, after {told.step:,} updates."
    before = _FIRST_OF_WORDS - 1
    return "\n".join(
        [
            title,
            "",
            *vectors[:before],
            "",
            *table,
            "",
            *vectors[before:],
            "",
            escaped(f"{how_computed(told)} {follows}"),
        ]
    )


def how_computed(told: Ledger) -> str:
    """How the numbers of lines 3, 5 and 7 come about, with those of the word that has the largest weight."""
    j = told.strongest
    word = printable(told.name(j))
    sink = " and of the sink, which takes the rest of the weight" if told.sink else ""
    level = "Query and key were brought to length 1, the query times a learned number. " if told.qk_norm else ""
    cap = f" Line 4 is capped: {told.softcap:g} tanh(x / {told.softcap:g})." if told.softcap else ""
    return (
        f"{level}Line 3 for {word} is {products_text(told, j)}; it"
        f" is large where two vectors point the same way.{cap} Line 5: e to the power of line 4, divided by the sum of"
        f" these{sink}. Line 7: each word's weight times its value, added up."
    )


def products_text(told: Ledger, k: int) -> str:
    """The dot product of the query with the key of word `k`, its first products written out."""
    products = [f"{number_text(q)} x {number_text(x)}" for q, x in zip(told.query_D, told.key_KD[k], strict=True)]
    more = " + ..." if len(products) > _PRODUCTS else ""
    return f"{' + '.join(products[:_PRODUCTS])}{more} = {number_text(told.dot_products_K[k])}"


def what_follows(told: Ledger, guess: tuple[str, float], exact: tuple[str, float] | None) -> str:
    """What becomes of the last line of a ledger: the other heads, and the guess.

    Args:
      told: the ledger.
      guess: the model's most probable word, and its probability.
      exact: the same of the exact answer; None where there is none.
    """
    heads = told.heads
    # The percentage stands before its word: after one that is written from right to left it would be reordered.
    said = [f"{100 * chance:.0f} % for {printable(word)}" for word, chance in (guess, *([exact] if exact else []))]
    one_more = "The other head does the same with a query, keys and values of its own. "
    more = f"The other {heads - 1} heads do the same with queries, keys and values of their own. "
    others = {1: "", 2: one_more}.get(heads, more)
    sums, mlp = "Each sum" if heads > 1 else "The sum", "the MLP adds its own part, and " if told.mlp else ""
    added = "is added to the vector of the masked place" if told.residual else (
        "added up, takes the place of the vector of the masked place" if heads > 1
        else "takes the place of the vector of the masked place"
    )  # fmt: skip
    return (
        f"{others}{sums}, times one more matrix, {added}; {mlp}the guess is read off"
        f" the result: {'; exact is '.join(said)}."
    )


def _cells(line: Line, count: int) -> list[Text]:
    """A number for each word, or the first components of a vector and an ellipsis."""
    if line.numbers is not None:
        return [weight_cell(float(x)) if line.name == "softmax" else Text(number_text(x)) for x in line.numbers]
    whole = [number_text(x) for x in _values(line)]
    cells = whole if len(whole) <= count else [*whole[: count - 1], "..."]
    return [Text(cell) for cell in [*cells, *[""] * (count - len(cells))]]


def number_text(x: float) -> str:
    """A number with one decimal; a huge one as 5e+24."""
    text = f"{x:.1f}" if abs(x) < _LARGE else f"{x:.0e}"
    return "0.0" if text == "-0.0" else text


def _vector(line: Line) -> str:
    """The first components of a line's vector."""
    values = _values(line)
    return " ".join(map(number_text, values[:_SHOWN])) + (" ..." if len(values) > _SHOWN else "")


def _whose(told: Ledger, markdown: bool = False) -> str:
    """The masked word, and the head if there are several."""
    word, head = told.words[told.masked], f", head {told.head + 1}" if told.heads > 1 else ""
    name = f"**{escaped(table_word(word))}**" if markdown else word
    return f"{name}{told.place(told.masked)}{head}"


def _values(line: Line) -> list[float]:
    values = line.vector if line.numbers is None else line.numbers
    return [] if values is None else [float(x) for x in values]
