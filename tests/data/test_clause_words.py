"""Where the other content words of a masked word's clause stand: batches tell what the sentence itself says."""

import dataclasses

import jax
import numpy as np
import pytest
from small_model import fast_jit

from data.drawing_tables import sampler_tables
from data.grammar import CONTENT
from data.inference import read_sentence, template_of
from data.sampler import sample
from data.world import load_world

TWO_CLAUSES = "the dog slept on the quiet roof while the cat often sat on the mat ."
"""Content words at places 1, 2, 6 and 9, 11, 14; the connector at 7."""
ALL_SLOTS = (*CONTENT, "adjective", "adverb", "connector")


@pytest.fixture(scope="module")
def english():
    return load_world("english")


def drawn(tables, size):
    return jax.device_get(fast_jit(sample, static_argnums=2)(tables, jax.random.key(3), size))


def whole(batch):
    """The sentences with the masked words put back."""
    tokens_BK = batch.tokens_BK.copy()
    tokens_BK[np.arange(len(tokens_BK)), batch.masked_B] = batch.target_B
    return tokens_BK


@pytest.fixture(scope="module")
def telling(english):
    return drawn(sampler_tables(english, ALL_SLOTS, clause_words=True), 400)


def test_batches_of_english_tell_what_the_templates_of_their_sentences_say(english, telling):
    clauses, slots = set(), set()
    for tokens_K, masked, told_K in zip(whole(telling), telling.masked_B, telling.clause_words_BK, strict=True):
        template = template_of(english, tokens_K)
        own = template.fields[masked].clause
        there = [i for i, field in enumerate(template.fields) if field.clause == own and field.slot in CONTENT]
        assert np.flatnonzero(told_K).tolist() == [i for i in there if i != masked]
        clauses.add(template.clauses)
        slots.add(template.fields[masked].slot)
    assert clauses == {1, 2}
    assert slots == {*ALL_SLOTS}


@pytest.mark.parametrize(
    ("masked", "others"),
    [(1, [2, 6]), (2, [1, 6]), (6, [1, 2]), (9, [11, 14]), (11, [9, 14]), (14, [9, 11]),
     (5, [1, 2, 6]), (10, [9, 11, 14]), (7, [])],
)  # fmt: skip
def test_a_sentence_of_two_clauses(english, masked, others):
    """By hand: a word of one clause, an adverb and an adjective of one, and the connector, which is of none."""
    template = read_sentence(english, TWO_CLAUSES)[1]
    tables = sampler_tables(english, ALL_SLOTS, clause_words=True)
    (question,) = np.flatnonzero(
        (tables.template_E == english.templates.index(template)) & (tables.position_E == masked)
    )
    assert np.flatnonzero(tables.clause_words_EK[question]).tolist() == others


def test_batches_that_tell_it_are_the_same_batches(english, telling):
    tables = sampler_tables(english, ALL_SLOTS)
    assert tables.clause_words_EK is None
    plain = drawn(tables, len(telling.tokens_BK))
    assert plain.clause_words_BK is None
    assert telling.clause_words_BK.shape == telling.tokens_BK.shape
    jax.tree.map(np.testing.assert_array_equal, dataclasses.replace(telling, clause_words_BK=None), plain)
