"""The tables of evidence against their definition, row by row in float64."""

import dataclasses
import io

import numpy as np
import pytest
from made_saved import made_saved
from oracle import Oracle
from refusals import refused
from rich.console import Console

from experiments.explaining.drawn_rows import draw_rows
from experiments.explaining.evidence_report import evidence_cells, print_evidence
from experiments.explaining.evidence_tables import BLOCK, EvidenceTable, measure_evidence

pytestmark = pytest.mark.usefixtures("traced_once")
ROWS = BLOCK + 20
"""Two blocks, the second one filled up."""


def test_words_in_every_form_count_for_their_base_word(formed):
    """DOG, hund and dog are one row of a table (verbs beside a cat are held out); what is guessed has no form."""
    rows = draw_rows(formed, ("subject", "verb", "object"), 60, 5)
    table = measure_evidence(made_saved(formed), formed, sentences=60, seed=5).tables["subject", "verb"]
    assert [formed.vocabulary.words[word] for word in table.words] == ["dog"]
    assert [formed.vocabulary.words[word] for word in table.candidates] == ["sat", "ran"]
    verbs = [(fields, tokens, at) for fields, tokens, at in zip(rows.fields, rows.tokens_GK, rows.masked_G, strict=True)
             if fields[at].slot == "verb"]  # fmt: skip
    own = [
        formed.base_W[tokens[k]]
        for fields, tokens, at in verbs
        for k, field in enumerate(fields)
        if field.slot == "subject" and field.form == fields[at].form
    ]
    assert table.counts.tolist() == [len(own)]
    assert {*own} == {formed.vocabulary.number["dog"]}


@pytest.fixture(scope="module")
def found(made, small):
    return [measure_evidence(made, small, t, sentences=ROWS, seed=5) for t in (0, 1)]


def centred(table):
    return table - table.mean(axis=0) - (table - table.mean(axis=0)).mean(axis=1, keepdims=True)


@pytest.mark.parametrize("pair", [("verb", "object"), ("object", "subject")])
def test_a_table_is_the_mean_evidence_of_its_rows(made, small, found, pair):
    start, end = pair
    oracle, rows = Oracle(made.config.model, made.params(1)), draw_rows(small, made.config.task.masked, ROWS, 5)
    kernel, total, counts = oracle.p["attention/output/kernel"], {}, {}
    candidates = list(small.slots[end])
    for g, (fields, place) in enumerate(zip(rows.fields, rows.masked_G, strict=True)):
        masked = fields[place]
        own = [k for k, one in enumerate(fields) if (one.slot, one.clause) == (start, masked.clause)]
        if masked.slot == end:
            (k,) = own
            out = oracle.row(rows.masked_GK[g], place)
            term = sum(out["weighted_values"][h, k] @ kernel[h] for h in range(2))
            size = np.sqrt(((out["output"] - out["output"].mean()) ** 2).mean() + 1e-6)
            logits = (term - term.mean()) / size * oracle.p["output_norm/scale"] @ oracle.p["unembed/kernel"]
            word = int(rows.tokens_GK[g, k])
            total[word] = total.get(word, 0) + logits[candidates]
            counts[word] = counts.get(word, 0) + 1
    table = found[1].tables[pair]
    assert set(table.words) == set(small.slots[start])
    assert table.counts.tolist() == [counts[word] for word in table.words]
    mean = np.stack([total[word] / counts[word] for word in table.words])
    # Centring leaves little of the means, which are computed in float32: the error is one of theirs.
    assert np.abs(table.evidence - centred(mean)).max() <= 1e-7 * np.abs(mean).max()


def test_r_and_slope_are_those_of_the_cells(found):
    table = found[1].tables["subject", "object"]
    assert table.r == pytest.approx(np.corrcoef(table.evidence.ravel(), table.preference.ravel())[0, 1])
    assert table.slope == pytest.approx(np.polyfit(table.preference.ravel(), table.evidence.ravel(), 1)[0])
    half = EvidenceTable(table.words, table.candidates, table.preference / 2, table.preference, table.counts)
    assert (half.r, half.slope) == (pytest.approx(1), pytest.approx(0.5))


def test_the_mlp_is_told_of(found):
    assert 0 < found[1].mlp_share < 1


def test_what_is_told(found):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_evidence(found[1], found[0], console)
    lines = console.file.getvalue().splitlines()
    lowest = min(found[1].tables.values(), key=lambda table: table.r)
    assert max(map(len, lines)) <= 80
    assert f"r {lowest.r:.3f}" in " ".join(" ".join(lines).split())
    (line,) = (line for line in lines if line.startswith("verb -> object"))
    before, now = (one.tables["verb", "object"] for one in found)
    assert line.split()[3:] == [f"{x:.3f}" for x in (now.r, now.slope, before.r, before.slope)]


def test_two_slots_without_a_preference_have_no_r(found):
    one = found[1].tables["subject", "object"]
    tables = {("subject", "object"): dataclasses.replace(one, preference=np.zeros_like(one.preference))}
    bare, before = (dataclasses.replace(of, tables=tables) for of in (found[1], found[0]))
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_evidence(bare, before, console)
    assert "subject -> object  none   none" in console.file.getvalue()
    assert "no preference" in console.file.getvalue()


def test_every_cell_is_a_line(found, small):
    header, lines = evidence_cells(found[1])
    assert len(lines) == sum(table.evidence.size for table in found[1].tables.values())
    table, number = found[1].tables["verb", "object"], small.vocabulary.number
    (line,) = (line for line in lines if line[:4] == ["verb", "object", "slept", "roof"])
    i, j = table.words.index(number["slept"]), table.candidates.index(number["roof"])
    told = dict(zip(header, line, strict=True))
    assert told["evidence"] == table.evidence[i, j]
    assert told["world_preference"] == table.preference[i, j] > 0
    assert told["rows"] == table.counts[i]


def test_a_run_that_masks_no_content_word_is_refused(small):
    with refused("task.masked", "subject", "verb", "object"):
        measure_evidence(made_saved(small, masked=("connector",)), small)
