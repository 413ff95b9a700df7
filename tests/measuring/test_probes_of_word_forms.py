"""Watched rows of a world whose words have forms: blanks of the word's form, and substitutions as they would stand."""

import numpy as np
import pytest

from data.inference import posterior
from data.world import load_world
from experiments.explaining.drawn_rows import draw_rows
from experiments.measuring.probes import make_probes, masked_probe

CONTENT = ("subject", "verb", "object")


@pytest.fixture(scope="module")
def two_stories():
    return load_world("two_stories")


@pytest.fixture(scope="module")
def probes(two_stories):
    return make_probes(two_stories, [masked_probe(two_stories, "cat DOG sat ROOF mat SLEPT", CONTENT)])


def spelled(world, tokens):
    return " ".join(world.vocabulary.decode(tokens))


def test_the_blank_has_the_form_of_its_word_and_the_answer_has_none(two_stories, probes):
    assert [spelled(two_stories, tokens) for tokens in probes.tokens_GK[:2]] == [
        "[mask] DOG sat ROOF mat SLEPT",
        "cat [MASK] sat ROOF mat SLEPT",
    ]
    best = [two_stories.vocabulary.words[w] for w in probes.posterior_GV.argmax(axis=1)]
    assert best == ["cat", "dog", "sat", "roof", "mat", "slept"]
    relevant = (probes.relevance_GK > 0.1).tolist()
    assert relevant == [[i != j and i % 2 == j % 2 for j in (0, 1, 2, 3, 4, 5)] for i in (0, 1, 2, 3, 4, 5)]


def test_a_word_is_replaced_by_what_could_stand_there(two_stories, probes):
    rows, keys = probes.tokens_GK.shape
    total = np.bincount(probes.row_C * keys + probes.key_C, probes.weight_C, rows * keys).reshape(rows, keys)
    np.testing.assert_allclose(total, 1 - np.eye(6), atol=1e-6)
    assert (posterior(two_stories, probes.tokens_CK, probes.masked_G[probes.row_C]).sum(axis=1) > 0.99).all()
    of_dog = probes.tokens_CK[(probes.row_C == 0) & (probes.key_C == 1), 1]
    assert {two_stories.form_of[word] for word in of_dog.tolist()} == {"shouted"}


def test_drawn_rows_are_whole_sentences_with_the_blank_beside(two_stories):
    rows = draw_rows(two_stories, CONTENT, 50, seed=0)
    assert {spelled(two_stories, [blank]) for blank in rows.blank_G} == {"[mask]", "[MASK]"}
    at_G = np.arange(50), rows.masked_G
    np.testing.assert_array_equal(rows.masked_GK[at_G], rows.blank_G)
    np.testing.assert_array_equal(two_stories.base_W[rows.tokens_GK[at_G]], rows.target_G)
    np.testing.assert_array_equal(two_stories.blank_W[rows.tokens_GK[at_G]], rows.blank_G)
    assert not np.isin(rows.tokens_GK, two_stories.word_forms.blank_F).any()
