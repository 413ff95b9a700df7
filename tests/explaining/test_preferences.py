"""The world's log-preferences: word by word they add up to the exact answer."""

import numpy as np
import pytest

from data.inference import posterior
from data.world import load_world
from experiments.explaining.drawn_rows import draw_rows
from experiments.explaining.preferences import content_preferences, row_preferences


def own_terms(world):
    """How much the world likes each content word, whatever the others are: the mean of log P over all of them."""
    own_V = np.zeros(len(world.vocabulary))
    for axis, slot in enumerate(("subject", "verb", "object")):
        others = tuple({0, 1, 2} - {axis})
        own_V[list(world.slots[slot])] = np.log(world.content_SVO).mean(axis=others)
    return own_V


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("english", ("subject", "verb", "object")),
        ("telling_preposition", ("verb", "object")),
        ("small", ("subject", "verb", "object", "preposition", "determiner")),
        ("formed", ("subject", "verb", "determiner")),
    ],
)
def test_they_add_up_to_the_exact_answer(small, formed, name, masked):
    world = {"small": small, "formed": formed}.get(name) or load_world(name)
    rows = draw_rows(world, masked, 40, seed=1)
    exact_GV = posterior(world, rows.tokens_GK, rows.masked_G)
    candidates = [np.flatnonzero(exact_V).tolist() for exact_V in exact_GV]
    own_V = own_terms(world)
    expected_G = [
        (np.log(exact_V[word]) - own_V[word]) - (np.log(exact_V[words]) - own_V[words]).mean()
        for exact_V, word, words in zip(exact_GV, rows.target_G, candidates, strict=True)
    ]
    found_GK = row_preferences(world, rows, candidates)
    assert np.abs(expected_G).max() > 0.5
    assert found_GK.sum(axis=1) == pytest.approx(expected_G, abs=1e-9)
    assert not found_GK[~rows.cells_GK].any()


def test_the_tables_have_the_strengths_of_the_world_file():
    tables = content_preferences(load_world("english"))
    assert len(tables) == 6
    table = tables["subject", "object"]
    assert table == pytest.approx(tables["object", "subject"].T)
    assert table.mean(axis=0) == pytest.approx(np.zeros(12))
    assert table.mean(axis=1) == pytest.approx(np.zeros(12))
    assert table[0, 0] - table[0, 1] == pytest.approx(2.5)  # the cat likes the mat by 2.5, the rug not at all


def test_rows_are_those_of_the_seed(small):
    first, again, other = (draw_rows(small, ("verb",), 30, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.tokens_GK, again.tokens_GK)
    assert not np.array_equal(first.tokens_GK, other.tokens_GK)
    assert (first.masked_GK[np.arange(30), first.masked_G] == 1).all()
    assert {small.vocabulary.words[word] for word in first.target_G} == {"sat", "slept"}


def test_a_world_without_a_preference_has_none():
    assert not content_preferences(load_world("verb_decides"))["subject", "object"].any()
