"""A ledger shows the numbers of the record, from a saved run: as data, on the terminal, in TensorBoard's text."""

import dataclasses
import io
import re

import numpy as np
import pytest
from rich.console import Console
from small_training import STEPS
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from data.errors import InputError
from experiments.replay.ledger import _AT_A_STEP as AT_A_STEP
from experiments.replay.ledger import LOG_SCALE, MASKED, forming, ledger, row_ledger, scale_text
from experiments.replay.ledger_table import how_computed, ledger_markdown, print_forming, print_ledger, what_follows
from experiments.run_directory import load_run
from model.config import ModelConfig

ROW = {"sentence": 1, "row": 2, "head": 1, "t": 3}
BY_HEAD = {"query_D": "query", "context_D": "context"}
BY_WORD = {"dot_products_K": "dot_products", "scores_K": "scores", "weights_K": "weights"}
BY_KEY = {"key_KD": "key", "value_KD": "value"}


@pytest.fixture
def run(trained):
    return load_run(trained.folder / "seed-6")


@pytest.fixture
def told(run):
    return ledger(run, **ROW)


def test_how_the_weights_came_about_is_told_at_three_steps(run):
    """First, last, and the first at which the word that is strongest in the end had half of its weight."""
    weights_TNRHK = run.record["weights"].copy()
    length = len(ledger(run, 1).words)
    first, half, last = (np.full(length, share) for share in (0.07, 0.04, 0.01))
    first[4], half[2], last[2] = 0.5, 0.45, 0.88
    weights_TNRHK[:3, 1, 2, 1, :length], weights_TNRHK[4:, 1, 2, 1, :length] = first, last
    weights_TNRHK[3, 1, 2, 1, :length] = half
    run.record["weights"] = weights_TNRHK
    ledgers = forming(run, 1, 2, 1)
    assert [told.step for told in ledgers] == [STEPS[0], STEPS[3], STEPS[-1]]
    console = Console(file=io.StringIO(), width=200)
    print_forming(ledgers, console)
    _, words, *rows = console.file.getvalue().splitlines()
    shown = [MASKED if k == ledgers[0].masked else word for k, word in enumerate(ledgers[0].words)]
    assert words.split() == " ".join(shown).split()
    assert [numbers(row) for row in rows] == [[*first], [*half], [*last]]
    assert [row.split("  ")[0] for row in rows] == [f"step {told.step:,}" for told in ledgers]


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d*\.\d+", text)]


def test_every_number_is_that_of_the_record(run, told):
    record, (n, r, h, t) = run.record, ROW.values()
    words = record["words"][record["tokens"][n][record["tokens"][n] > 0]].tolist()
    assert list(told.words) == words
    assert (told.step, told.masked, told.head) == (STEPS[t], record["row"][n, r], h)
    for name, of in BY_HEAD.items():
        assert np.array_equal(getattr(told, name), record[of][t, n, r, h]), name
    for name, of in BY_WORD.items():
        assert np.array_equal(getattr(told, name), record[of][t, n, r, h, : len(words)]), name
    for name, of in BY_KEY.items():
        assert np.array_equal(getattr(told, name), record[of][t, n, r, : len(words), h]), name
    assert np.array_equal(told.weighted_values_KD, record["weighted_values"][t, n, r, h, : len(words)])


def test_each_line_follows_from_those_before(told):
    """By the formulas of attention in NumPy, so that no line shows another stage than it says."""
    query, key, dots, scores, weights, value, total = told.lines()
    assert np.allclose(told.key_KD @ query.vector, dots.numbers, atol=1e-5)
    assert np.allclose(dots.numbers / 2, scores.numbers, atol=1e-6)  # d_head is 4
    assert query.vector @ key.vector == pytest.approx(dots.numbers[key.word], abs=1e-5)
    exponential = np.exp(scores.numbers)
    assert np.allclose(exponential / exponential.sum(), weights.numbers, atol=1e-6)
    assert key.word == value.word == np.argmax(weights.numbers)
    assert np.allclose(weights.numbers @ told.value_KD, total.vector, atol=1e-6)


@pytest.mark.parametrize("width", [80, 200])
def test_the_terminal_shows_these_numbers(told, width):
    console = Console(file=io.StringIO(), width=width)
    print_ledger(told, "And then?", console)
    table, prose = console.file.getvalue().split("\n\n")
    lines = [line for line in table.splitlines() if re.match(r"\d ", line)]
    for line, of in zip(lines, told.lines(), strict=True):
        values, places = of.vector if of.numbers is None else of.numbers, 2 if of.name == "softmax" else 1
        shown = numbers(line.split(of.name, 1)[1])
        assert shown == [float(f"{x:.{places}f}") for x in values[: len(shown)]], line
        assert len(shown) == len(values) or "..." in line
    j = told.strongest
    product = f"{told.query_D[0]:.1f} x {told.key_KD[j, 0]:.1f} + "
    assert product in prose.replace("\n", " ")
    assert f" = {told.dot_products_K[j]:.1f}" in prose.replace("\n", " ")
    assert prose.strip().endswith("And then?")


@pytest.mark.parametrize("width", [40, 70])
def test_where_columns_have_no_room_words_stand_below_each_other(told, width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_ledger(told, "", console)
    lines = console.file.getvalue().split("\n\n")[0].splitlines()
    text = " ".join(" ".join(lines).split())
    for number, line in enumerate(told.lines(), start=1):
        assert f"{number} {line.name}, {line.meaning}" in text
        if line.numbers is None:
            assert f"{line.meaning}: {' '.join(f'{x:.1f}' for x in line.vector)} " in f"{text} "
    (header,) = (n for n, line in enumerate(lines) if line.split() == ["line", "3", "line", "4", "line", "5"])
    table = [numbers(line) for line in lines[header + 1 : header + 1 + len(told.words)]]
    of_words = [(told.dot_products_K, 1), (told.scores_K, 1), (told.weights_K, 2)]
    assert table == [[float(f"{of[k]:.{places}f}") for of, places in of_words] for k in range(len(told.words))]


def test_a_word_that_occurs_twice_is_named_with_its_place(told):
    two = dataclasses.replace(told, words=("the", *told.words[1:4], "the", *told.words[5:]), masked=1)
    assert [two.name(k) for k in (0, 1, 4)] == ["the (word 1)", "the masked place", "the (word 5)"]
    assert two.name(2) == two.words[2]
    weights_K = np.eye(len(two.words))[4].astype(np.float32)
    assert dataclasses.replace(two, weights_K=weights_K).lines()[1].meaning == 'what "the" (word 5) is found by'
    console = Console(file=io.StringIO(), width=200)
    print_ledger(dataclasses.replace(two, masked=4), "", console)
    assert console.file.getvalue().startswith("Attention in seven lines, for the masked word the (word 5), head 2\n")


def test_a_learned_scale_is_the_parameter_of_that_step(run):
    arrays = {**run.record, **{name: run.record[name][3] for name in AT_A_STEP}, LOG_SCALE: np.log(np.float32(0.207))}
    assert row_ledger(arrays, ModelConfig(scale="learned")).scale == "x 0.207, learned"
    learned = dataclasses.replace(run, config=dataclasses.replace(run.config, model=ModelConfig(scale="learned")))
    learned.__dict__["all_params"] = {LOG_SCALE: np.log(np.asarray([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], np.float32))}
    assert [ledger(learned, t=t).scale for t in (0, 3)] == ["x 1, learned", "x 8, learned"]


def test_tensorboard_shows_the_same_at_every_recorded_step(run):
    """The Markdown of the first masked word, as the text page has it, with its sentences on the guess."""
    (path,) = run.folder.glob("events.out.tfevents.*")
    texts = {
        event.step: tensor_util.make_ndarray(value.tensor).item().decode()
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if "seven lines" in value.tag
    }
    assert list(texts) == STEPS
    for t, text in enumerate(texts.values()):
        assert text.startswith(ledger_markdown(ledger(run, sentence=3, t=t), ""))  # that of the config's own sentence
        assert re.search(r"the guess is read off the result: \d+ % for \S+; exact is \d+ % for \w+\.", text)


@pytest.mark.parametrize(("wrong", "says"), [
    ({"sentence": 9}, "sentence 10: this run has 4"),
    ({"row": 3}, "masked word 4: this sentence has 3"),
    ({"head": 2}, "head 3: this run has 2"),
    ({"t": 6}, "recorded step 6: this run has 6"),
])  # fmt: skip
def test_what_is_not_in_the_run_is_named(run, wrong, says):
    with pytest.raises(InputError, match=re.escape(says)):
        ledger(run, **wrong)


@pytest.mark.parametrize(("setting", "text"), [
    ({}, "/ sqrt(16)"),
    ({"scale": "inverse"}, "/ 16"),
    ({"scale": "none"}, "x 1, no scale"),
    ({"scale": 0.5, "softcap": 20.0}, "x 0.5, capped at 20"),
    ({"scale": "learned"}, "x learned scale"),
])  # fmt: skip
def test_the_scale_is_named(setting, text):
    assert scale_text(ModelConfig(d_head=16, **setting)) == text


@pytest.mark.parametrize(("setting", "says"), [
    ({}, ("the weights, sum 1", "the sum of these. ", "place; the guess")),
    ({"sink": True}, ("the weights", "and of the sink", "place; the guess")),
    ({"qk_norm": True}, ("the weights, sum 1", "brought to length 1, ", "place; the guess")),
    ({"softcap": 20.0}, ("the weights, sum 1", "Line 4 is capped: 20 tanh(x / 20).", "place; the guess")),
    ({"mlp": True}, ("the weights, sum 1", "the sum of these. ", "place; the MLP adds its own part, and the guess")),
])  # fmt: skip
def test_what_stands_beside_attention_is_named(told, setting, says):
    told = dataclasses.replace(told, **{"sink": False, "mlp": False, **setting})
    assert told.lines()[4].meaning == says[0]
    assert says[1] in how_computed(told)
    assert says[2] in what_follows(told, ("cat", 0.5), ("cat", 0.6))


def test_the_ledger_knows_of_a_sink_and_an_mlp(run):
    """`WHOLE` has an MLP."""
    arrays = {name: run.record[name][0] if name in AT_A_STEP else run.record[name] for name in run.record}
    for setting, found in (
        ({}, (False, True, True)),
        ({"sink": "zero", "d_mlp": 0, "residual": False}, (True, False, False)),
    ):
        told = row_ledger(arrays, dataclasses.replace(run.config.model, **setting))
        assert (told.sink, told.mlp, told.residual) == found


@pytest.mark.parametrize(("times", "says"), [(0.5, "makes them smaller"), (1, "unchanged"), (8, "makes them larger")])
def test_what_the_scale_does_is_said(told, times, says):
    assert dataclasses.replace(told, scores_K=told.dot_products_K * times).lines()[3].meaning == says


def test_uniform_attention_is_named(told):
    assert scale_text(ModelConfig(scale=0.0)) == "x 0"
    assert dataclasses.replace(told, scores_K=told.dot_products_K * 0).lines()[3].meaning == "makes all of them 0"


def test_numbers_of_a_run_that_diverges_are_short(told):
    """Of 1e25 and of nan; a table of 25 digits a word cannot be read."""
    console = Console(file=io.StringIO(), width=200)
    print_ledger(dataclasses.replace(told, query_D=told.query_D * 1e25, key_KD=told.key_KD * np.nan), "", console)
    assert "e+2" in console.file.getvalue()
    assert "nan" in console.file.getvalue()
    assert not re.search(r"\d{6}", console.file.getvalue())


def test_words_are_data_in_what_follows_too(told):
    text = ledger_markdown(told, what_follows(told, ("<b>*x*", 0.5), ("\u05db\u05dc\u05d1", 0.6)))
    assert "<b>" not in text
    assert "*x*" not in text
    assert "50 % for &#60;b&#62;&#42;x&#42;; exact is 60 % for \u05db\u05dc\u05d1." in text
