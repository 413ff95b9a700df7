"""Every measure of every cell against the float64 oracle; Kendall's tau against numbers worked out by hand."""

import numpy as np
import pytest
from made_saved import made_saved
from oracle import Oracle, softmax
from refusals import refused

from data.inference import posterior
from experiments.explaining.agreement import measure_agreement, row_taus
from experiments.explaining.cell_measures import BLOCK

pytestmark = pytest.mark.usefixtures("traced_once")
ROWS, CHECKED = BLOCK + 9, (0, 7, *range(BLOCK - 1, BLOCK + 9))
"""Two blocks of rows, the second one filled up."""


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def found(made, small, told):
    return measure_agreement(made, small, sentences=ROWS, seed=3, progress=lambda *pieces: told.append(pieces))


def divergence(p, q):
    return float(np.sum(p[p > 0] * np.log(p[p > 0] / q[p > 0])))


def expected_row(made, world, found, g, t):
    """Each measure of a row [A, K] by its definition, in float64; 0 at padding and at the masked place."""
    oracle, rows = Oracle(made.config.model, made.params(t)), found.rows
    heads, place, tokens = made.config.model.heads, int(rows.masked_G[g]), rows.masked_GK[g]
    out, exact = oracle.row(tokens, place), posterior(world, rows.tokens_GK[[g]], [place])[0]
    guess = softmax(out["logits"])
    kernel = oracle.p["attention/output/kernel"]
    names = ("weight", "cut_cost", "zero_cost", "change", "length", "evidence")
    values = {name: np.zeros((heads + 1, len(tokens))) for name in names}
    relevance = np.zeros(len(tokens))
    for k in np.flatnonzero(rows.cells_GK[g]):
        for a, cut in enumerate([*([h] for h in range(heads)), range(heads)]):
            grown = softmax(oracle.row(tokens, place, [(h, k) for h in cut])["logits"])
            brought = sum(out["weighted_values"][h, k] @ kernel[h] for h in cut)
            stayed = softmax(oracle.after_attention(out["residual"] - brought)["logits"])
            centred = brought - brought.mean()
            size = np.sqrt(((out["output"] - out["output"].mean()) ** 2).mean() + 1e-6)
            logits = centred / size * oracle.p["output_norm/scale"] @ oracle.p["unembed/kernel"]
            values["weight"][a, k] = np.mean([out["weights"][h, k] for h in cut])
            values["cut_cost"][a, k] = divergence(exact, grown) - divergence(exact, guess)
            values["zero_cost"][a, k] = divergence(exact, stayed) - divergence(exact, guess)
            values["change"][a, k] = divergence(guess, grown)
            values["length"][a, k] = np.linalg.norm(brought)
            values["evidence"][a, k] = logits[rows.target_G[g]] - logits[list(found.candidates[g])].mean()
        chance = posterior(world, rows.tokens_GK[[g]], [place], [k])[0].sum(axis=0)
        without = np.zeros_like(guess)
        for word in np.flatnonzero(chance):
            other = np.where(np.arange(len(tokens)) == k, word, tokens)
            without += chance[word] * softmax(oracle.row(other, place)["logits"])
        relevance[k] = divergence(guess, without)
    return values, relevance, divergence(exact, guess)


@pytest.mark.parametrize(("which", "t"), [("trained", 1), ("untrained", 0)])
def test_every_measure_is_what_its_definition_says(made, small, found, assert_close, which, t):
    measures = getattr(found, which)
    expected = [expected_row(made, small, found, g, t) for g in CHECKED]
    cells = found.rows.cells_GK[list(CHECKED)]
    for name in expected[0][0]:
        actual = getattr(measures, f"{name}_GAK")[list(CHECKED)]
        assert_close(actual * cells[:, None], np.stack([values[name] for values, _, _ in expected]), 1e-5, name)
    actual = measures.model_relevance_GK[list(CHECKED)] * cells
    assert_close(actual, np.stack([relevance for _, relevance, _ in expected]), 1e-5, "relevance")
    assert_close(measures.excess_G[list(CHECKED)], [excess for _, _, excess in expected], 1e-5, "excess")


def test_where_words_have_forms_the_model_gets_their_blanks_and_guesses_none(formed, assert_close):
    """Evidence, exact answer and cuts of words in every form, by the same definition."""
    made = made_saved(formed)
    found = measure_agreement(made, formed, sentences=12, seed=3)
    changed = [g for g in range(12) if found.rows.tokens_GK[g, found.rows.masked_G[g]] != found.rows.target_G[g]]
    assert len(changed) > 3
    expected = [expected_row(made, formed, found, g, 1) for g in changed]
    cells_GK, now = found.rows.cells_GK[changed], found.trained
    for name in ("evidence", "cut_cost", "weight"):
        actual = getattr(now, f"{name}_GAK")[changed] * cells_GK[:, None]
        assert_close(actual, np.stack([values[name] for values, _, _ in expected]), 1e-5, name)
    relevances = np.stack([relevance for _, relevance, _ in expected])
    assert_close(now.model_relevance_GK[changed] * cells_GK, relevances, 1e-5, "relevance")
    assert_close(now.excess_G[changed], [excess for _, _, excess in expected], 1e-5, "excess")


def test_cells_are_the_words_that_can_be_looked_at(found, small):
    for g, place in enumerate(found.rows.masked_G):
        words = (found.rows.tokens_GK[g] != 0).sum()
        assert np.flatnonzero(found.rows.cells_GK[g]).tolist() == [k for k in range(words) if k != place]
        assert found.rows.fields[g][place].slot in ("subject", "verb", "object")
    assert found.step == 8
    assert found.vocabulary == small.vocabulary.words


def test_progress_is_told_piece_by_piece(found, told):
    assert len(found.rows.masked_G) == ROWS
    assert told == [(n, 4) for n in (1, 2, 3, 4)]


def test_the_words_of_a_row_are_ranked():
    cells = np.asarray([[True, True, True, True, False]])
    weights = np.asarray([[0.4, 0.3, 0.2, 0.1, 0.9]])

    def tau(*values):
        return row_taus(weights, np.asarray([[*values, 5.0]]), cells)[0]

    assert tau(4, 3, 2, 1) == pytest.approx(1)
    assert tau(1, 2, 3, 4) == pytest.approx(-1)
    assert tau(3, 4, 2, 1) == pytest.approx(4 / 6)  # one of six pairs the other way round
    assert tau(2, 1, 0, 0) == pytest.approx(5 / np.sqrt(6 * 5))  # tau-b: one pair is tied
    assert tau(2, 1, 3e-5, 9e-5) == pytest.approx(5 / np.sqrt(6 * 5))  # what is next to nothing has no order
    assert np.isnan(tau(1, 1, 1, 1))


def test_agreement_is_the_mean_over_rows(found):
    tau = found.taus["exact"]
    each = row_taus(found.trained.weight_GAK[:, :2].mean(axis=1), found.exact_relevance_GK, found.rows.cells_GK)
    assert tau.trained.estimate == pytest.approx(np.nanmean(each))
    assert tau.trained.low < tau.trained.estimate < tau.trained.high
    assert tau.rows == np.isfinite(each).sum()
    assert tau.untrained.estimate != tau.trained.estimate


def test_what_cannot_be_measured_is_refused(made, small):
    with refused("sentences", "2", "1"):
        measure_agreement(made, small, sentences=1)
