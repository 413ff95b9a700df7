"""Circuit tables: without a norm they are exact, with one they are what the mean size makes of them."""

import dataclasses
import io

import numpy as np
import pytest
from made_saved import MODEL, made_saved
from oracle import Oracle
from refusals import refused
from rich.console import Console

from data.inference import relevance
from experiments.explaining.circuits import Kind, measure_circuits
from experiments.explaining.circuits_figures import looks_for_figure, speaks_for_figure
from experiments.explaining.circuits_report import circuit_cells, print_circuits
from experiments.explaining.drawn_rows import draw_rows
from experiments.explaining.preferences import content_preferences

pytestmark = pytest.mark.usefixtures("traced_once")
ROWS = 30
VERB = Kind("", "verb")
VARIANTS = {
    "no norm": {"norm": "none"},
    "no norm, by place": {"norm": "none", "query": "position"},
    "no norm, by content": {"norm": "none", "query": "content"},
    "no norm, a constant": {"norm": "none", "query": "constant"},
    "no norm, learned scale": {"norm": "none", "scale": "learned"},
    "no norm, one matrix": {"norm": "none", "tied_query_key": True, "residual": False},
}


def measured(world, **changes):
    saved = made_saved(world, dataclasses.replace(MODEL, **changes))
    oracle = Oracle(saved.config.model, saved.params(1), saved.config.model.scale)
    rows = draw_rows(world, saved.config.task.masked, ROWS, 2)
    return measure_circuits(saved, world, sentences=ROWS, seed=2), oracle, rows


@pytest.fixture(scope="module")
def layer(small):
    return measured(small)


CASES = [("small", changes) for changes in VARIANTS.values()]
CASES += [("formed", VARIANTS[name]) for name in ("no norm", "no norm, by content")]


@pytest.mark.parametrize(("name", "changes"), CASES, ids=[*VARIANTS, "forms", "forms, by content"])
def test_without_a_norm_the_parts_add_up(request, assert_close, name, changes):
    found, oracle, rows = measured(request.getfixturevalue(name), **changes)
    blanks = {found.vocabulary[blank] for blank in found.blanks}
    assert blanks == ({"[MASK]"} if name == "small" else {"[mask]", "[HIGH]", "[far]"})
    for g in range(6):
        tokens, at, own = rows.masked_GK[g], rows.masked_G[g], rows.tokens_GK[g] > 0
        out, f = oracle.row(tokens, at), found.blanks.index(rows.blank_G[g])
        scores_HK = (
            found.word_word_HFV[:, f, tokens]
            + found.word_place_HFK[:, f]
            + found.place_word_HKV[:, at, tokens]
            + found.place_place_HKK[:, at]
        )
        assert_close(scores_HK[:, own], out["scores"][:, own], 1e-5)
        added_HKV = found.speaks_for_HVV[:, tokens] + found.place_speaks_HKV
        logits = np.einsum("hk,hkv->v", out["weights"], added_HKV)
        assert_close(logits, out["attention"] @ oracle.p["unembed/kernel"], 1e-5)
    assert found.fit_H == pytest.approx([1, 1])
    assert set(found.spread.values()) == {0}


def test_uniform_attention_has_no_tables(small):
    with refused("made", "model.scale 0", "looks for nothing"):
        measured(small, scale=0.0)


def test_with_a_norm_vectors_are_divided_by_their_mean_size(layer, assert_close):
    found, oracle, rows = layer
    p = oracle.p

    def centred(x):
        return x - x.mean(axis=-1, keepdims=True)

    def inverse(x):
        return 1 / np.sqrt((centred(x) ** 2).mean(axis=-1) + 1e-6)

    outs = [oracle.row(tokens, at) for tokens, at in zip(rows.masked_GK, rows.masked_G, strict=True)]
    embedding_GKM = np.stack([out["embedding"] for out in outs])
    at_blank = inverse(embedding_GKM[np.arange(ROWS), rows.masked_G])
    at_word, at_end = inverse(embedding_GKM[rows.cells_GK]), inverse(np.stack([out["output"] for out in outs]))
    gain, places = p["attention_norm/scale"], p["position/embedding"]
    mask = centred(p["token/embedding"][1]) * gain * at_blank.mean() + p["attention_norm/bias"]
    words, keys = (centred(x) * gain * at_word.mean() for x in (p["token/embedding"], places))
    blanks = centred(places) * gain * at_blank.mean()
    query, key = p["attention/query/kernel"], p["attention/key/kernel"]

    def scores(of_blank, of_word):
        return 3**-0.5 * np.einsum("ihd,jhd->hij", np.tensordot(of_blank, query, 1), np.tensordot(of_word, key, 1))

    assert_close(found.word_word_HFV, scores(mask[None], words), 1e-5)
    assert_close(found.word_place_HFK, scores(mask[None], keys), 1e-5)
    assert_close(found.place_word_HKV, scores(blanks, words), 1e-5)
    assert_close(found.place_place_HKK, scores(blanks, keys), 1e-5)
    value, kernel = p["attention/value/kernel"], p["attention/output/kernel"]
    brought = np.einsum("vhd,hdm->hvm", np.tensordot(words, value, 1), kernel)
    read = centred(brought) * at_end.mean() * p["output_norm/scale"] @ p["unembed/kernel"]
    assert_close(found.speaks_for_HVV, read, 1e-5)
    for name, sizes in {"query": at_blank, "key": at_word, "output": at_end}.items():
        assert found.spread[name] == pytest.approx(sizes.std() / sizes.mean(), rel=1e-4)


def test_queries_and_keys_of_one_length_have_a_size_for_each_head(small, assert_close):
    found, oracle, rows = measured(small, norm="none", qk_norm=True)
    p, blanks, words = oracle.p, [], []
    for tokens, at, own in zip(rows.masked_GK, rows.masked_G, rows.cells_GK, strict=True):
        embedding = p["token/embedding"][tokens] + p["position/embedding"]
        blanks.append(embedding[at])
        words.extend(embedding[own])
    query, key = p["attention/query/kernel"], p["attention/key/kernel"]
    by_query, by_key = (
        (1 / np.linalg.norm(np.tensordot(np.stack(x), kernel, 1), axis=-1)).mean(axis=0)
        for x, kernel in ((blanks, query), (words, key))
    )
    raw = np.einsum("hd,vhd->hv", *(np.tensordot(x, w, 1) for x, w in
                                    ((p["token/embedding"][1], query), (p["token/embedding"], key))))  # fmt: skip
    factor = 3**-0.5 * p["attention/gain"] * by_query * by_key
    assert_close(found.word_word_HFV[:, 0], factor[:, None] * raw, 1e-5)


def test_what_blanks_look_for_is_the_mean_over_their_places(layer, small, assert_close):
    found, _, rows = layer
    verb = [g for g, fields in enumerate(rows.fields) if fields[rows.masked_G[g]].slot == "verb"]
    table = found.word_word_HFV[:, 0] + found.place_word_HKV[:, rows.masked_G[verb]].mean(axis=1)
    every = [word for words in small.slots.values() for word in words]
    assert_close(found.looks_for_HSV[:, 1], table - table[:, every].mean(axis=1, keepdims=True), 1e-9)


def test_words_of_a_form_are_a_kind_of_their_own(formed, assert_close):
    """Read off the drawn rows: a far verb's blank, what it looks for, and what the world says of far subjects."""
    found, _, rows = measured(formed, norm="none")
    far, number = Kind("far", "verb"), formed.vocabulary.number
    assert {str(kind) for kind in found.masked} == {
        f"{form} {slot}" for form in ("low", "high", "far") for slot in ("subject", "verb", "object")
    }
    mine = [
        g for g in range(ROWS) if rows.blank_G[g] == number["[far]"] and rows.fields[g][rows.masked_G[g]].slot == "verb"
    ]
    table = found.word_word_HFV[:, found.blanks.index(number["[far]"])]
    table = table + found.place_word_HKV[:, rows.masked_G[mine]].mean(axis=1)
    every = [word for words in found.words.values() for word in words]
    assert_close(found.looks_for_HSV[:, found.masked.index(far)], table - table[:, every].mean(1, keepdims=True), 1e-9)
    exact_GK = relevance(formed, rows.tokens_GK, rows.masked_G)
    met = [(g, k) for g in mine for k in np.flatnonzero(rows.tokens_GK[g] == number["hund"])]
    truth = found.relevance_SV[found.masked.index(far)]
    assert truth[number["hund"]] == pytest.approx(np.mean([exact_GK[at] for at in met]))
    assert np.isnan(truth[[number["dog"], number["DOG"]]]).all()
    known = {tuple(line[:4]): line[4:] for line in circuit_cells(found)[1]}
    i, j = (formed.slots[slot].index(number[word]) for slot, word in (("verb", "ran"), ("subject", "dog")))
    assert known["speaks_for", 1, "rann", "dog"] == [
        found.speaks(0, far, "subject")[i, j], found.preferences["verb", "subject"][i, j]
    ]  # fmt: skip
    assert known["word.word", 1, "[far]", "SAT"][0] == found.word_word_HFV[0, 2, number["SAT"]]
    assert ("speaks_for", 1, "rann", "hund") not in known
    looks, speaks = looks_for_figure(found).axes[0], speaks_for_figure(found).axes[0]
    assert [tick.get_text() for tick in looks.get_yticklabels()][-1] == "far object blank"
    assert [tick.get_text() for tick in speaks.get_yticklabels()][-3:] == ["satt", "rann", "matt"]
    assert [tick.get_text() for tick in speaks.get_xticklabels()] == ["cat", "dog", "sat", "ran", "mat"]


def test_the_worlds_truth_stands_beside(layer, small):
    found, _, rows = layer
    exact_GK, number = relevance(small, rows.tokens_GK, rows.masked_G), small.vocabulary.number
    by_word, by_place = [], {}
    for g, k in zip(*rows.cells_GK.nonzero(), strict=True):
        masked = rows.fields[g][rows.masked_G[g]]
        by_place.setdefault((rows.masked_G[g], k), []).append(exact_GK[g, k])
        same = rows.fields[g][k].clause == masked.clause
        if masked.slot == "object" and rows.tokens_GK[g, k] == number["sat"] and same:
            by_word.append(exact_GK[g, k])
    assert by_word
    assert found.relevance_SV[2, number["sat"]] == pytest.approx(np.mean(by_word))
    assert np.isnan(found.relevance_SV[1, number["sat"]])
    assert all(found.relevance_KK[place] == pytest.approx(np.mean(values)) for place, values in by_place.items())
    assert found.preferences["verb", "object"] == pytest.approx(content_preferences(small)["verb", "object"])


def test_what_is_told(layer):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_circuits(layer[0], console)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    (line,) = (line for line in text.splitlines() if line.startswith("verb -> object"))
    r = [np.corrcoef(layer[0].speaks(h, VERB, "object").ravel(), layer[0].preferences["verb", "object"].ravel())[0, 1]
         for h in range(2)]  # fmt: skip
    assert [float(cell) for cell in line.split()[3:]] == pytest.approx(r, abs=0.0051)
    assert f"{100 * layer[0].spread['key']:.0f} % (key)" in text


def test_every_number_is_a_line(layer, small):
    found = layer[0]
    header, lines = circuit_cells(found)
    assert header == ["table", "head", "from", "to", "value", "world"]
    known, number = {tuple(line[:4]): line[4:] for line in lines}, small.vocabulary.number
    assert len(known) == len(lines)
    assert known["place.word", 2, 3, "cat"][0] == found.place_word_HKV[1, 2, number["cat"]]
    assert known["looks_for", 1, "verb", "mat"] == [
        found.looks_for_HSV[0, 1, number["mat"]], found.relevance_SV[1, number["mat"]]
    ]  # fmt: skip
    i, j = small.slots["verb"].index(number["slept"]), small.slots["object"].index(number["roof"])
    assert known["speaks_for", 2, "slept", "roof"] == [
        found.speaks(1, VERB, "object")[i, j], found.preferences["verb", "object"][i, j]
    ]  # fmt: skip
    assert known["place.place", 1, 1, 1][1] == ""


def test_the_pictures_show_the_tables_with_their_words(layer):
    found = layer[0]
    first, *_ = looks_for_figure(found).axes
    words = [tick.get_text() for tick in first.get_xticklabels()]
    assert words == ["cat", "dog", "girl", "sat", "slept", "mat", "roof"]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["subject blank", "verb blank", "object blank"]
    shown = [found.vocabulary.index(word) for word in words]
    assert np.asarray(first.images[0].get_array()) == pytest.approx(found.looks_for_HSV[0][:, shown])
    panels = speaks_for_figure(found).axes[:3]
    world = np.ma.filled(panels[2].images[0].get_array(), np.nan)
    assert world[3:5, 5:7] == pytest.approx(found.preferences["verb", "object"])
    assert np.isnan(world[3:5, 3:5]).all()
    head = np.ma.filled(panels[1].images[0].get_array(), np.nan)
    assert head[5:7, 0:3] == pytest.approx(found.speaks(1, Kind("", "object"), "subject"))
