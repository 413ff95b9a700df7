"""Explanations where words have forms: the model gets the blank of the form, and the word without it is guessed."""

import csv
import io
import json

import numpy as np
import pytest
from asked_run import AskedRun
from oracle import softmax
from rich.console import Console

from data.inference import posterior, relevance
from experiments.replay.asked import explain_sentence
from experiments.replay.explanation_files import explanation_csv, explanation_json
from experiments.replay.explanation_picture import explanation_figure
from experiments.replay.explanation_text import print_explanation

pytestmark = pytest.mark.usefixtures("quickly_compiled")
SENTENCE = "cat DOG sat ROOF mat SLEPT"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return AskedRun(tmp_path_factory.mktemp("runs") / "one", "two_stories", d_mlp=0)


@pytest.fixture(scope="module", params=[("DOG", "[MASK]", "dog"), ("mat", "[mask]", "mat")])
def asked(request, run):
    mask, blank, target = request.param
    told, notes = explain_sentence(SENTENCE, str(run.folder), mask=mask)
    assert not notes
    words = [blank if word == mask else word for word in SENTENCE.split()]
    row = run.oracle().row([run.world.vocabulary.number[word] for word in words], SENTENCE.split().index(mask))
    return told, row, words, target


def test_json_has_the_numbers_of_the_forms_blank(run, asked, assert_close):
    told, row, words, target = asked
    found, number = json.loads(explanation_json(told)), run.world.vocabulary.number
    for name in ("query", "key", "weights", "logits"):
        assert_close(found[name], row[name], 1e-5, name)
    assert (found["blank"], found["target"]) == (words[told.question.masked], number[target])
    tokens, at = [[number[word] for word in SENTENCE.split()]], [told.question.masked]
    exact = posterior(run.world, tokens, at)[0]
    assert_close(found["exact"], exact, 1e-12)
    assert_close(found["exact_relevance"], relevance(run.world, tokens, at)[0], 1e-12)
    bases = {word for word in number.values() if run.world.base_W[word] == word}
    assert {*found["candidates"]} <= bases
    guess = softmax(row["logits"])
    assert_close(found["excess"], np.sum(exact[exact > 0] * np.log(exact[exact > 0] / guess[exact > 0])), 1e-5)


def test_evidence_is_that_for_the_word_without_form(asked, assert_close):
    told, _, _, target = asked
    found = json.loads(explanation_json(told))
    evidence_HKV = np.asarray(found["evidence"])
    against = evidence_HKV[..., found["candidates"]].mean(axis=-1)
    expected_HK = evidence_HKV[..., found["target"]] - against
    lines = list(csv.DictReader(io.StringIO(explanation_csv(told))))
    assert_close([float(line["evidence"]) for line in lines], expected_HK.ravel(), 1e-9)
    assert told.vocabulary[told.rivals[1]] == target or told.best[0] == target


def test_what_is_printed_and_drawn_shows_the_blank(asked):
    told, _, words, target = asked
    console = Console(file=io.StringIO(), width=100)
    print_explanation(told, 0, console)
    print_explanation(told, 1, console, short=True)
    out, blank = console.file.getvalue(), words[told.question.masked]
    title, about = out.splitlines()[:2]
    assert title == " ".join(words)
    assert ("'DOG', to be guessed as 'dog'" in about) == (target == "dog")
    assert f"the vector of the masked place holds the blank, {blank}, and its place" in " ".join(out.split())
    assert f"nats that the word brings for '{target}' against" in " ".join(out.split())
    assert "[ ]" not in out
    rows = [line.split()[0] for line in out.splitlines() if line.startswith(blank)]
    assert len(rows) >= 4  # keys, products, weights, values, worth
    names = [tick.get_text() for tick in explanation_figure(told).axes[0].get_yticklabels()]
    assert names == words
