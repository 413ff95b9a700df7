"""What each word brings to a guess, on the terminal: evidence, what cutting it costs, and the truth beside it."""

import numpy as np
from rich.console import Console
from rich.text import Text

from experiments.commands.console import NARROWEST, say_prose, shown
from experiments.commands.tables import TableColumn, fitting, print_table, weight_cell
from experiments.replay.explanation import Explanation, Floats, largest

_LITTLE = 0.05
"""Nats; smaller evidence is printed faintly, and words that bring no more stand in one line."""
_MOST_HEADS = 4
"""Of a model with more heads the mean is shown."""
_HUGE = 1e5


def print_evidence(told: Explanation, console: Console, heading: str = "", how_first: bool = True) -> None:
    """What each word adds to the logits of the guess and its rivals, and the guess beside the exact answer.

    Args:
      told: the explanation.
      console: where to print.
      heading: by default that of the last but one step.
      how_first: how it comes about stands above the table, not below.
    """
    console.print(Text.assemble((heading or "8 Evidence", "bold"), ", what each word says about the masked one"))
    direct = " With an MLP this is the direct path alone; what it makes of the words stands in a line of its own."
    how = (
        "The new vector, normalised, is compared with each word of the vocabulary: that gives the word's logit. Every"
        " word's weighted value is a part of it, here in nats above the mean of the candidates; the parts add up to the"
        f" logits, and softmax makes them probabilities.{direct if told.config.d_mlp else ''}"
    )
    if how_first:
        say_prose(console, how, "dim")
    _print_terms(told, console)
    if not how_first:
        console.print()
        say_prose(console, how, "dim")
    say_prose(console, _about_guess(told), "dim")


def _print_terms(told: Explanation, console: Console) -> None:
    """The table: a row for each term of the logits, a column for each rival."""
    rows = [(name, told.against_candidates(added_V)) for name, added_V in _terms(told)]
    names = [Text(shown(console, name)) for name, _ in rows]
    best = int(told.guess_V.argmax())
    columns = []
    for word in told.rivals:
        cells = [Text(_signed(added_V[word]), "" if abs(added_V[word]) >= _LITTLE else "dim") for _, added_V in rows]
        cells.append(Text(f"{100 * told.guess_V[word]:.0f} %", "bold"))
        cells += [] if told.exact is None else [Text(f"{100 * told.exact.posterior_V[word]:.0f} %", "bold")]
        name = Text(shown(console, told.vocabulary[word]), "bold" if word == best else "dim")
        columns.append(TableColumn(name, cells, "right"))
    labels = [*names, Text("guess"), *([] if told.exact is None else [Text("exact")])]
    first = TableColumn(Text(), labels, style="bold")
    room = max(console.width, NARROWEST) - first.width
    print_table(console, [first, *fitting(columns, room, dots=False)], gap=1)


def _about_guess(told: Explanation) -> str:
    guess, chance = told.best
    said = f"The guess: {100 * chance:.1f} % for {guess}"
    if told.exact is None or told.best_exact is None:
        return f"{said}. The world cannot say this sentence, so there is no exact answer."
    exact, chance = told.best_exact
    return f"{said}; exact is {100 * chance:.1f} % for {exact}. They are {told.exact.excess:.3f} nats apart (excess)."


def _terms(told: Explanation) -> list[tuple[str, Floats]]:
    """The terms of the logits [V] by their names, and the logits: words together that bring next to nothing."""
    words_KV = told.terms.words_RHKV[0].sum(axis=0)
    shown_KV = told.against_candidates(words_KV)[:, told.rivals]
    large = [k for k in range(len(told.words)) if np.abs(shown_KV[k]).max() >= _LITTLE]
    names = [_placed(told, k) for k in large]
    rows = [(name, words_KV[k]) for name, k in zip(names, large, strict=True)]
    rest = [k for k in range(len(told.words)) if k not in large]
    rows += [("other words", words_KV[rest].sum(axis=0))] if rest else []
    rows += [("mask + place", told.terms.place_RV[0])] if told.config.residual else []
    rows += [("MLP", told.terms.mlp_RV[0])] if told.config.d_mlp else []
    return [*rows, ("biases", told.terms.bias_V), ("= logit", told.terms.logits_RV[0])]


def print_worth(told: Explanation, console: Console, heading: str = "9 Worth") -> None:
    """Each word's weights beside what it is worth: evidence, cut costs, exact relevance."""
    console.print(Text.assemble((heading, "bold"), ", is a large weight a large effect?"))
    evidence_K = told.evidence_HK.sum(axis=0)
    numbers = _weight_columns(told)
    numbers.append(("evidence", [Text(_signed(x)) for x in evidence_K]))
    if told.exact is not None:
        for name, cost_K in zip(("cut", "zeroed"), told.exact.cut_cost_LAK[:, -1], strict=True):
            numbers.append((name, [Text(_signed(float(x))) for x in cost_K]))
        numbers.append(("relevance", [Text(f"{x:.2f}") for x in told.exact.relevance_K]))
    _print_words(told, numbers, console)
    for line in worth_sentences(told):
        say_prose(console, line, "dim")


def print_weights(told: Explanation, console: Console) -> None:
    """Each word's weights alone."""
    _print_words(told, _weight_columns(told), console)


def _weight_columns(told: Explanation) -> list[tuple[str, list[Text]]]:
    """The weights of the heads by their names, or their mean where there are many."""
    heads_HK = told.row["weights"]
    few = 1 < len(heads_HK) <= _MOST_HEADS
    each = [(f"head {h + 1}", row_K) for h, row_K in enumerate(heads_HK)]
    weights = each if few else [("weight", heads_HK.mean(axis=0))]
    return [(name, [Text() + weight_cell(float(x)) for x in row_K]) for name, row_K in weights]


def _print_words(told: Explanation, numbers: list[tuple[str, list[Text]]], console: Console) -> None:
    """A row for each word of the sentence, with columns by their names."""
    words = [Text(shown(console, _placed(told, k)), "bold") for k in range(len(told.words))]
    columns = [TableColumn(Text(), words, style="bold")]
    columns += [TableColumn(Text(name, "dim"), cells, "right") for name, cells in numbers]
    print_table(console, columns)


def worth_sentences(told: Explanation) -> list[str]:
    """What the columns of `print_worth` mean, and what they say here."""
    meaning = f"evidence: nats that the word brings for '{told.target_word}' against the candidates, through all heads."
    if told.exact is None:
        return [meaning]
    found = {
        "The largest weight (mean of the heads)": told.row["weights"].mean(axis=0),
        "the largest cost of a cut": told.exact.cut_cost_LAK[0, -1],
        "the largest relevance": told.exact.relevance_K,
    }
    said = [f"{text} is that of {_largest(told, values)}" for text, values in found.items()]
    return [
        meaning,
        (
            "cut: how much worse the guess gets (its excess rises, nats) if no head may look at the word, and the"
            " weights of the others grow instead; zeroed: if its part of the sum is left out."
        ),
        "relevance: how much the exact answer changes without the word, nats, by the rules of the world.",
        f"{'; '.join(said)}.",
    ]


def _largest(told: Explanation, values: Floats) -> str:
    return " and ".join(told.ledger(0).name(k, "'") for k in largest(values)) or "no word"


def _placed(told: Explanation, k: int) -> str:
    return told.shown[k] if k == told.question.masked else f"{told.words[k]}{told.ledger(0).place(k)}"


def _signed(x: float) -> str:
    text = f"{x:+.2f}" if abs(x) < _HUGE else f"{x:+.0e}"
    return "0.00" if text in ("+0.00", "-0.00") else text
