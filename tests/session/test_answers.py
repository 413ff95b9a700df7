"""The answers of a training on the terminal: whole at every width, and as the README shows them."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments.measuring.metrics import RowResult
from experiments.session.terminal import _about_rows as about_rows
from experiments.session.terminal import print_attention
from model.config import ModelConfig

MEASURED = Path(__file__).parents[2] / "docs" / "measured" / "toy" / "output.txt"
CAT = "the cat sat on the mat ."
GERMAN = "das Wildschwein spazierte während die Donaudampfschifffahrtsgesellschaft oft auf der Straße saß ."
LONG = "the little dog slept on the old roof while the old cat often sat on the quiet mat and then ."
PERSIAN = "گربه روی کتاب‌خانه خوابید ."


def rows_of(sentence, *masked):
    """A row for each masked position: weights .01, .02, ... from left to right."""
    words = tuple(sentence.split())
    weights_HK = np.arange(1, len(words) + 1)[None] / 100
    return [RowResult(0, m, words, weights_HK, (words[m], 0.12), (words[m], 0.34)) for m in masked]


def shown(rows, console):
    print_attention(rows, console)
    return console.file.getvalue().splitlines()


def terminal(width):
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)


@pytest.mark.parametrize("sentence", [CAT, GERMAN, LONG, PERSIAN])
@pytest.mark.parametrize("width", [40, 60, 80, 200, None])
def test_every_weight_and_every_answer_is_there(sentence, width):
    words, file = sentence.split(), Console(file=io.StringIO())
    lines = shown(rows_of(sentence, 1, 3), file if width is None else terminal(width))
    assert width is None or all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    for k in range(1, len(words) + 1):
        weights = re.findall(rf"(?<![\d.])\.{k:02d}(?!\d)", text)
        assert len(weights) == 2, k
    assert len(re.findall(r"12\s+%", text)) == len(re.findall(r"34\s+%", text)) == 2
    full = cell_len(shown(rows_of(sentence, 1, 3), Console(file=io.StringIO()))[0])
    assert ("..." in text) == (width is not None and width < full)
    if width != 40:  # where the longest word stands in two lines
        assert all(word in text for word in words)


def test_the_documents_show_what_80_columns_show():
    """The table of the documents, from its own numbers: its form is that of today.

    Heads are shown with two digits, and so is their mean, which the shown digits alone may round to another one.
    """
    text = MEASURED.read_text(encoding="utf-8")
    rows = []
    for name, answers in re.findall(r"^(\w+) .* \1 (\d+ %  \1 \d+ %)$", text, re.MULTILINE):
        heads = re.findall(rf"^{name} .*\n  head 1(.*)\n  head 2(.*)$", text, re.MULTILINE)[0]
        weights_HK = np.array([[float(weight) for weight in re.findall(r"\d?\.\d+", head)] for head in heads])
        (mean,) = re.findall(rf"^{name} +((?:\[?\d?\.\d+\]? +)+) {name} \d+ %", text, re.MULTILINE)
        mean_K = np.array([float(weight) for weight in re.findall(r"\d?\.\d+", mean)])
        weights_HK = weights_HK + 0.9 * (mean_K - weights_HK.mean(axis=0))
        guess, exact = (int(part) / 100 for part in re.findall(r"(\d+) %", answers))
        rows.append(RowResult(0, CAT.split().index(name), tuple(CAT.split()), weights_HK, (name, guess), (name, exact)))
    assert len(rows) == 3
    table = "\n".join(line.rstrip() for line in shown(rows, terminal(80)))
    assert table in text


@pytest.mark.parametrize(("setting", "says"), [
    ({"heads": 1}, "sum to 1. "),
    ({"heads": 2}, "sum to 1: the mean over the heads, and below it those of each head. "),
    ({"heads": 9, "sink": "zero"}, "sum to less than 1, since the sink takes the rest: the mean over the heads. "),
])  # fmt: skip
def test_what_is_said_of_the_table_fits_the_model(setting, says):
    assert says in about_rows(ModelConfig(**setting))
