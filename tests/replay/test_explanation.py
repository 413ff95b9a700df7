"""Every number of an explanation, in JSON, CSV, terminal and picture, against the independent float64 forward pass."""

import csv
import io
import json
import re

import numpy as np
import pytest
from asked_run import AskedRun
from oracle import softmax
from rich.console import Console

from data.inference import posterior, relevance
from data.vocabulary import MASK
from experiments.replay.evidence_table import print_evidence, print_worth
from experiments.replay.explaining import explain
from experiments.replay.explanation_fields import FIELDS
from experiments.replay.explanation_files import explanation_csv, explanation_json
from experiments.replay.explanation_pages import Pages
from experiments.replay.explanation_picture import explanation_figure
from experiments.replay.explanation_plane import explanation_plane_figure
from experiments.replay.explanation_text import print_explanation
from experiments.replay.ledger_table import what_follows
from experiments.replay.question import read_question
from experiments.run_directory.saved_run import load_run
from experiments.view.plane import plane

MODELS = {
    "layer norm and an MLP": {},
    "RMS norm, no scale": {"norm": "rms", "d_mlp": 0, "scale": "none"},
    "no norm, query by position": {"norm": "none", "query": "position", "scale": 0.7},
    "one matrix, no residual": {"tied_query_key": True, "residual": False, "d_mlp": 0, "scale": 1.5},
    "every variant": {"qk_norm": True, "softcap": 2.0, "sink": "learned", "scale": "learned", "d_mlp": 0},
}
SENTENCE = "the cat sat on the mat ."
SLOTS = ("subject", "verb", "object")
TOLERANCE = 1e-5
pytestmark = pytest.mark.usefixtures("quickly_compiled")
PLAIN = ("query", "key", "dot_products", "scores", "weights", "weighted_values", "context", "embedding", "attention",
         "residual", "mlp", "output", "logits")  # fmt: skip


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def asked(request, tmp_path_factory):
    """A run, and its explanations of the same sentence with cat and with mat masked."""
    run = AskedRun(tmp_path_factory.mktemp("runs") / "one", **request.param)
    saved = load_run(run.folder)
    return run, [explain(saved, run.world, read_question(run.world, SENTENCE, SLOTS, mask)) for mask in ("cat", "mat")]


def oracle_row(run, told, scale=None, **options):
    tokens = list(told.question.tokens)
    tokens[told.question.masked] = MASK
    return run.oracle(scale=scale).row(tokens, told.question.masked, **options)


def test_json_has_every_number_of_the_forward_pass(asked, assert_close):
    run, explanations = asked
    for told in explanations:
        found, expected = json.loads(explanation_json(told)), oracle_row(run, told)
        for name in PLAIN:
            assert_close(found[name], expected[name], TOLERANCE, name)
        assert_close(found["values"], expected["value"], TOLERANCE)
        assert_close(found["guess"], softmax(expected["logits"]), TOLERANCE)
    one, other = (json.loads(explanation_json(told)) for told in explanations)
    # The masked place is the query: cat looking at mat is another number than mat looking at cat.
    assert abs(one["dot_products"][0][5] - other["dot_products"][0][1]) > 0.01
    assert np.shape(one["weights"]) == (3, 7)
    assert np.shape(one["key"]) == (7, 3, 4)


def test_the_nearest_keys_are_named(asked):
    """By the angle between vectors, not by their dot product."""
    run, (told, _) = asked
    row, head = oracle_row(run, told), 1
    query, keys = row["query"][head], row["key"][:, head]
    cosines = keys @ query / np.linalg.norm(keys, axis=1) / np.linalg.norm(query)
    first, second = np.argsort(-cosines)[:2]
    ledger = told.ledger(head)
    out = io.StringIO()
    Pages(told, head, Console(file=out, width=500)).products()
    assert (
        f"points most nearly to where the key of {ledger.name(first, chr(39))} lies (cosine {cosines[first]:.2f}),"
        f" then to that of {ledger.name(second, chr(39))} ({cosines[second]:.2f})." in out.getvalue()
    )


def test_the_plane_of_an_explanation_has_its_query_and_keys(asked):
    run, (told, _) = asked
    row, figure = oracle_row(run, told), explanation_plane_figure(told)
    panels = [one for one in figure.axes if one.axison]
    assert len(panels) == 3
    for h, panel in enumerate(panels):
        keys, queries = (np.asarray(points.get_offsets()) for points in panel.collections)
        axes = plane(row["query"][None, h], row["key"][:, h])
        dots = (row["query"][h] @ axes) @ (row["key"][:, h] @ axes).T
        np.testing.assert_allclose((queries @ keys.T)[0], dots, rtol=1e-3, atol=1e-4)
    texts = {text.get_text() for panel in panels for text in panel.texts}
    assert texts <= {"[cat]", "[ ]", "the", "sat", "on", "mat", "."}
    assert "[cat]" in texts


def test_the_names_are_those_of_the_help(asked):
    named = {name for names in FIELDS for name in names.split(", ")}
    assert named == set(json.loads(explanation_json(asked[1][0])))


def test_the_evidence_adds_up_to_the_logits(asked, assert_close):
    run, (told, _) = asked
    found, expected = json.loads(explanation_json(told)), oracle_row(run, told)
    parts = [
        np.sum(found["evidence"], axis=(0, 1)),
        found["evidence_place"],
        found["evidence_mlp"],
        found["evidence_bias"],
    ]
    assert_close(np.sum(parts, axis=0), expected["logits"], TOLERANCE)
    # of one word and head: the new vector without its part, under the size of the whole
    kernel, unembed = (run.oracle().p[name] for name in ("attention/output/kernel", "unembed/kernel"))
    brought = expected["weighted_values"][1, 5] @ kernel[1]
    whole = expected["output"]
    if run.model.norm == "layer":
        brought, whole = brought - brought.mean(), whole - whole.mean()
    size = 1 if run.model.norm == "none" else np.sqrt((whole**2).mean() + 1e-6)
    gain = run.oracle().p.get("output_norm/scale", 1.0)
    assert_close(found["evidence"][1][5], brought / size * gain @ unembed, TOLERANCE)


def test_weights_under_another_scale(asked, assert_close):
    run, (told, _) = asked
    other = "inverse_sqrt" if run.model.scale == "none" else "none"
    assert told.other_scale == ("without the scale" if other == "none" else "with / sqrt(4)")
    assert_close(told.other_weights_HK, oracle_row(run, told, other)["weights"], TOLERANCE)


def test_what_the_world_says_and_what_a_cut_costs(asked, assert_close):
    run, (told, _) = asked
    found, tokens, at = json.loads(explanation_json(told)), np.asarray([told.question.tokens]), [told.question.masked]
    exact = posterior(run.world, tokens, at)[0]
    assert_close(found["exact"], exact, 1e-12)
    assert_close(found["exact_relevance"], relevance(run.world, tokens, at)[0], 1e-12)

    def excess(row):
        guess = softmax(row["logits"])
        return float(np.sum(exact[exact > 0] * np.log(exact[exact > 0] / guess[exact > 0])))

    def after(found_cost):  # the excess after the cut: a difference is as exact as what it is taken of
        return np.asarray(found_cost) + found["excess"]

    plain, heads = oracle_row(run, told), range(3)
    of_one = [excess(oracle_row(run, told, cut=[(2, k)])) for k in range(7)]
    of_all = [excess(oracle_row(run, told, cut=[(h, k) for h in heads])) for k in range(7)]
    assert_close(found["excess"], excess(plain), TOLERANCE)
    assert_close(after(found["cut_cost"][2]), of_one, TOLERANCE)
    assert_close(after(found["cut_cost"][3]), of_all, TOLERANCE)
    context = plain["context"].copy()
    context[1] -= plain["weighted_values"][1, 5]
    added = np.einsum("hd,hdm->m", context, run.oracle().p["attention/output/kernel"])
    zeroed = run.oracle().after_attention(plain["residual"] - plain["attention"] + added)
    assert_close(after(found["cut_cost_zeroed"][1][5]), excess(zeroed), TOLERANCE)


def test_csv_has_a_line_for_each_head_and_word(asked, assert_close):
    run, (told, _) = asked
    expected = oracle_row(run, told)
    lines = list(csv.DictReader(io.StringIO(explanation_csv(told), newline="")))
    assert [line["word"] for line in lines[:3]] == ["1 the", "2 cat", "3 sat"]
    assert len(lines) == 3 * 7
    line = lines[2 * 7 + 5]
    assert (line["head"], line["word"]) == ("3", "6 mat")
    of_dots = {"dot_product": "dot_products", "score": "scores", "weight": "weights"}
    for name, field in of_dots.items():
        assert_close([float(line[name])], [expected[field][2, 5]], TOLERANCE)
    for name, vector in {"query": expected["query"][2], "key": expected["key"][5, 2], "value": expected["value"][5, 2],
                         "weighted_value": expected["weighted_values"][2, 5]}.items():  # fmt: skip
        assert_close([float(line[f"{name}_{d + 1}"]) for d in range(4)], vector, TOLERANCE)


def printed(function, *arguments, width=200):
    """The lines that a function prints on a terminal of this width."""
    console = Console(highlight=False, width=width, file=io.StringIO())
    function(*arguments, console)
    return console.file.getvalue().splitlines()


def numbers(lines, name, occurrence=0):
    """The numbers of a table's row."""
    row = [line for line in lines if line.startswith(f"{name} ")][occurrence]
    return np.asarray([float(x) for x in re.findall(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", row[len(name) :])])


def test_the_terminal_shows_these_numbers(asked):
    run, (told, _) = asked
    expected, head = oracle_row(run, told), 1
    lines = printed(lambda console: print_explanation(told, head, console, whole=True))
    tenth = {"rtol": 1e-4, "atol": 0.0501}
    np.testing.assert_allclose(numbers(lines, "query"), expected["query"][head], **tenth)
    keys, products, scores, values = (numbers(lines, "mat", i) for i in range(4))
    np.testing.assert_allclose(keys, expected["key"][5, head], **tenth)
    dot = expected["dot_products"][head, 5]
    np.testing.assert_allclose(products, [*(expected["query"][head] * expected["key"][5, head]), dot], **tenth)
    np.testing.assert_allclose(scores[:2], [dot, expected["scores"][head, 5]], **tenth)
    np.testing.assert_allclose(scores[3], expected["weights"][head, 5], atol=0.00501)
    np.testing.assert_allclose(values, expected["value"][5, head], **tenth)
    np.testing.assert_allclose(numbers(lines, "sum", 1), expected["context"][head], **tenth)
    added = np.linalg.norm(expected["attention"])
    np.testing.assert_allclose(numbers(lines, "attention"), [*expected["attention"], added], **tenth)
    new = ("sum", 2) if run.model.residual or run.model.d_mlp else ("new vector", 0)
    np.testing.assert_allclose(numbers(lines, *new), [*expected["output"], np.linalg.norm(expected["output"])], **tenth)


def test_what_is_said_of_the_new_vector_is_true(asked):
    run, (told, _) = asked
    text = " ".join(printed(lambda console: print_explanation(told, 1, console)))
    evidence = printed(print_evidence, told, width=400)
    assert ("what attention adds to the vector of the masked place" in text) == run.model.residual
    assert ("without a residual" in text) != run.model.residual
    assert any(line.startswith("mask + place ") for line in evidence) == run.model.residual
    assert ("W_Q once more, which is W_K too" in text) == run.model.tied_query_key
    follows = what_follows(told.ledger(0), ("cat", 0.5), None)
    assert ("is added to the vector of the masked place" in follows) == run.model.residual
    assert ("takes the place of the vector of the masked place" in follows) != run.model.residual


def test_the_evidence_on_the_terminal_adds_up(asked):
    run, (told, _) = asked
    lines = printed(print_evidence, told, width=400)
    logits = oracle_row(run, told)["logits"]
    centred = logits[told.rivals] - logits[told.candidates].mean()
    np.testing.assert_allclose(numbers(lines, "= logit"), centred, atol=0.00501, rtol=1e-4)
    np.testing.assert_allclose(numbers(lines, "guess"), 100 * softmax(logits)[told.rivals], atol=0.501)
    np.testing.assert_allclose(numbers(lines, "exact"), 100 * told.exact.posterior_V[told.rivals], atol=0.501)
    of_mat = np.sum(json.loads(explanation_json(told))["evidence"], axis=0)[5]
    of_mat = of_mat[told.rivals] - of_mat[told.candidates].mean()
    shown = "mat" if np.abs(of_mat).max() >= 0.05 else "other words"
    if shown == "mat":
        np.testing.assert_allclose(numbers(lines, shown), of_mat, atol=0.00501, rtol=1e-4)
    else:
        assert not any(line.startswith("mat ") for line in lines)
    rows = [line for line in lines if re.search(r"[+-]\d", line) and not line.startswith(("= logit", "The"))]
    parts = [numbers([line], line[: re.search(r" +[+-]?\d+\.\d\d", line).start()].rstrip()) for line in rows]
    np.testing.assert_allclose(np.sum(parts, axis=0), centred, atol=0.005 * (len(rows) + 1))


def test_what_words_are_worth_on_the_terminal(asked):
    run, (told, _) = asked
    row = numbers(printed(print_worth, told), "mat")
    expected = oracle_row(run, told)
    np.testing.assert_allclose(row[:3], expected["weights"][:, 5], atol=0.00501)
    found = [told.evidence_HK.sum(axis=0)[5], *told.exact.cut_cost_LAK[:, -1, 5], told.exact.relevance_K[5]]
    np.testing.assert_allclose(row[3:], found, atol=0.00501)


def test_the_picture_shows_these_numbers(asked):
    run, (told, _) = asked
    weights, evidence, answers = explanation_figure(told).axes
    shown = {(text.get_position()[1], text.get_position()[0]): float(text.get_text()) for text in weights.texts}
    for (k, h), weight in np.ndenumerate(oracle_row(run, told)["weights"].T):
        assert shown.get((k, h), 0.0) == pytest.approx(weight, abs=0.00501)
    assert [label.get_text() for label in evidence.get_xticklabels()] == [told.vocabulary[w] for w in told.rivals]
    guess = softmax(oracle_row(run, told)["logits"])
    np.testing.assert_allclose([bar.get_width() for bar in answers.containers[0]], 100 * guess[told.rivals], rtol=1e-4)
