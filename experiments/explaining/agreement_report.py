"""What a weight means, on the terminal and as a table of all cells.

print_agreement(measure_agreement(saved, world), Console())
header, rows = agreement_table(found)          for a CSV file: a line for each cell
"""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from experiments.commands.console import say, say_prose, shown
from experiments.commands.tables import TableColumn, print_table
from experiments.explaining.agreement import LEAST, MEASURES, Agreement
from experiments.explaining.disagreements import TIE, Disagreement, disagreements, various
from experiments.explaining.printing import paragraph, two_digits
from experiments.statistics.intervals import Interval

_MISLED = {
    "cut": ("the one whose cut costs most", "cutting {0} costs {1}, cutting {2} costs {3}"),
    "exact": ("the most relevant one", "by the rules of the world {0} tells {1}, {2} tells {3}"),
}
"""Measures that the largest weight is held against: what the word with most of it is, and how its value is told."""
EXAMPLES = 3
"""Of each kind of disagreement."""
_RESTS = 0.1
"""From this weight on, it is told that heads look at the masked place itself, which holds no word."""
_CELL_COLUMNS = ("weight", "cut_cost_renormalise", "cut_cost_zero", "change", "length", "evidence")


def print_agreement(agreement: Agreement, console: Console, about: str = "") -> None:
    """Print how far the weights agree with everything else, and where they mislead.

    Args:
      agreement: what was measured.
      console: where to print.
      about: what sets this model apart, for the heading: "a world with a telling preposition".
    """
    rows = len(agreement.rows.masked_G)
    name = shown(console, agreement.run)
    where = f"{name}: {about}" if about else name
    paragraph(console, f"What does a weight mean? {where}, after {agreement.step:,} updates", "bold")
    paragraph(
        console,
        f"{rows:,} masked words in fresh sentences, each beside every other word of its sentence. Kendall's tau says"
        " how alike two measures rank the words of a row: 1 in the same order, 0 no relation, -1 the opposite order."
        " Mean over the rows with its 95 % interval, against the weight (mean over the heads).",
        "dim",
    )
    console.print()
    _print_taus(agreement, console)
    console.print()
    for name, (title, meaning) in MEASURES.items():
        of = agreement.taus[name].rows
        say_prose(console, f"  {title}: {meaning}{'' if of == rows else f' (ranks the words of {of:,} rows)'}", "dim")
    say_prose(
        console,
        f"  All in nats but the length; weights and nats below {LEAST:.4f} count as 0. Untrained:"
        " the same run at step 0.",
        "dim",
    )
    for measure in _MISLED:
        console.print()
        _print_misleading(agreement, measure, console)


def _print_taus(agreement: Agreement, console: Console) -> None:
    taus = agreement.taus
    columns = [TableColumn(Text("agreement of the weight with"), [Text(MEASURES[name][0]) for name in taus])]
    for heading in ("trained", "untrained"):
        found: list[Interval] = [getattr(tau, heading) for tau in taus.values()]
        columns.append(TableColumn(Text(heading), [Text(two_digits(one.estimate)) for one in found], "right"))
        ends = [Text(f"{two_digits(one.low)} to {two_digits(one.high)}", "dim") for one in found]
        columns.append(TableColumn(Text("95 %"), ends, "right", joined=True))
    print_table(console, columns)


def _print_misleading(agreement: Agreement, measure: str, console: Console) -> None:
    most, _ = _MISLED[measure]
    now, before = (disagreements(agreement, measure, trained) for trained in (True, False))
    told = f"In {_share(now.misled, now.rows)} the word with the largest weight is not {most}"
    told += f" (untrained: {len(before.misled):,})."
    if now.tied:
        told += f" In {len(now.tied):,} more, two words share the largest weight, which cannot tell which matters more."
    paragraph(console, told, "bold")
    for one in various([*now.misled, *now.tied], agreement, EXAMPLES):
        say(console, f"  {sentence_of(agreement, one.row, console)}")
        say_prose(console, f"    {misled(agreement, one, measure, console)}")


def _share(found: Sequence[Disagreement], rows: int) -> str:
    return f"{len(found):,} of {rows:,} rows ({100 * len(found) / rows:.0f} %)"


def sentence_of(agreement: Agreement, row: int, console: Console) -> str:
    """The sentence of a row, its masked word in brackets."""
    rows = agreement.rows
    words = [shown(console, agreement.vocabulary[token]) for token in rows.tokens_GK[row] if token]
    return " ".join(f"[{word}]" if k == rows.masked_G[row] else word for k, word in enumerate(words))


def misled(agreement: Agreement, one: Disagreement, measure: str, console: Console) -> str:
    """A disagreement as a sentence with its numbers."""
    tokens = agreement.rows.tokens_GK[one.row].tolist()

    def short(place: int) -> str:
        return f'"{shown(console, agreement.vocabulary[tokens[place]])}"'

    def named(place: int) -> str:
        return short(place) + (f" (word {place + 1})" if tokens.count(tokens[place]) > 1 else "")

    _, how = _MISLED[measure]
    first, most = named(one.weighted), named(one.most)
    low, high = (f"{two_digits(value)} nats" for value in one.values)
    if one.weights[0] - one.weights[1] < TIE:
        begin = f"{first} and {most} share the largest weight, {two_digits(one.weights[0])}"
    else:
        begin = f"{first} has the largest weight, {two_digits(one.weights[0])}, {most} has {two_digits(one.weights[1])}"
    own = float(agreement.trained.weight_GAK[one.row, -1, agreement.rows.masked_G[one.row]])
    rest = f" {two_digits(own)} of the weight lies on the masked place itself." if own >= _RESTS else ""
    return f"{begin}; but {how.format(short(one.weighted), low, short(one.most), high)}.{rest}"


def agreement_table(agreement: Agreement, trained: bool = True) -> tuple[list[str], list[Sequence[str | int | float]]]:
    """Every cell with all its measures, as the header and the lines of a CSV file.

    Columns that every head has stand once for each (`weight/head-1`, ...) and once for all heads (`weight/all`).

    Args:
      agreement: what was measured.
      trained: of the model that was asked for, or of the untrained one.
    """
    own, rows = agreement.trained if trained else agreement.untrained, agreement.rows
    arrays = dict(zip(_CELL_COLUMNS, (own.weight_GAK, own.cut_cost_GAK, own.zero_cost_GAK, own.change_GAK,
                                      own.length_GAK, own.evidence_GAK), strict=True))  # fmt: skip
    heads = own.weight_GAK.shape[1] - 1
    which = [*(f"head-{h + 1}" for h in range(heads)), "all"]
    single = {
        "model_relevance": own.model_relevance_GK,
        "exact_relevance": agreement.exact_relevance_GK,
        "world_preference": agreement.preference_GK,
    }
    header = ["row", "masked_place", "masked_word", "place", "word"]
    header += [f"{name}/{head}" for name in arrays for head in which] + list(single)
    lines: list[Sequence[str | int | float]] = []
    for g, k in zip(*rows.cells_GK.nonzero(), strict=True):
        words = agreement.vocabulary[rows.target_G[g]], agreement.vocabulary[rows.tokens_GK[g, k]]
        numbers = [float(values[g, a, k]) for values in arrays.values() for a in range(heads + 1)]
        numbers += [float(values[g, k]) for values in single.values()]
        lines.append([int(g), int(rows.masked_G[g]) + 1, words[0], int(k) + 1, words[1], *numbers])
    return header, lines
