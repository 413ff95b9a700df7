"""The exact answers equal those of an independent enumeration, and say what each shipped world claims."""

import math
import random
import re

import numpy as np
import pytest
from refusals import refused
from small_world import SMALL, Oracle, normalised, with_holes, world_from

from data.errors import InputError
from data.inference import divergence, posterior, read_sentence, relevance, relevant_words, template_of
from data.vocabulary import MASK
from data.world import load_world

# Both sides add a few thousand float64 products in different orders.
TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def small():
    return world_from(SMALL)


@pytest.fixture(scope="module")
def oracle():
    return Oracle(SMALL)


@pytest.fixture(scope="module")
def one_hole(oracle):
    return {key: normalised(table) for key, table in oracle.masked(1).items()}


@pytest.fixture(scope="module")
def two_holes(oracle):
    """Not normalised: there are 140,000, of which the tests need a few thousand."""
    return oracle.masked(2)


def padded(world, sentences):
    """[B, L] word numbers of sentences given as tuples of words."""
    tokens_BL = np.zeros((len(sentences), world.max_length), int)
    for row, words in zip(tokens_BL, sentences, strict=True):
        row[: len(words)] = [world.vocabulary.number[word] for word in words]
    return tokens_BL


def questions(world, sentences):
    """Every place of every sentence: (words, place) pairs, their tokens (the place masked) and their places."""
    pairs = [(words, i) for words in sentences for i in range(len(words))]
    tokens_BL, masked_B = padded(world, [words for words, _ in pairs]), np.asarray([i for _, i in pairs])
    tokens_BL[np.arange(len(pairs)), masked_B] = MASK
    return pairs, tokens_BL, masked_B


def some_sentences(oracle, two_clauses):
    """All sentences of one clause and a sample of those of two."""
    long = sorted(words for words in oracle.probability if len(words) > 9)
    return [words for words in oracle.probability if len(words) <= 9] + random.Random(0).sample(long, two_clauses)


def test_the_sentences_of_the_oracle_have_the_probability_of_the_world(small, oracle):
    assert sum(oracle.probability.values()) == pytest.approx(1, abs=TOLERANCE)
    assert len(oracle.probability) > 5_000
    one = {words for words in oracle.probability if len(words) <= 9}
    assert {len(words) for words in one} == {6, 7, 8, 9}
    for words in one:
        template = template_of(small, [small.vocabulary.number[word] for word in words])
        assert sum(field.is_content for field in template.fields) == 3


def test_posterior_of_every_word_of_every_sentence(small, oracle, one_hole):
    pairs, tokens_BL, masked_B = questions(small, oracle.probability)
    actual_BW = posterior(small, tokens_BL, masked_B)
    expected_BW = np.zeros_like(actual_BW)
    for row, (words, i) in zip(expected_BW, pairs, strict=True):
        for (word,), p in one_hole[with_holes(words, [i])].items():
            row[small.vocabulary.number[word]] = p
    np.testing.assert_allclose(actual_BW, expected_BW, rtol=0, atol=TOLERANCE)


def test_pair_posterior(small, oracle, two_holes):
    sentences = some_sentences(oracle, 20)
    tokens_BL = padded(small, sentences)
    rng = random.Random(1)
    places = [rng.sample(range(len(words)), 2) for words in sentences]
    actual_BWW = posterior(small, tokens_BL, *np.transpose(places))
    expected_BWW = np.zeros_like(actual_BWW)
    for table, words, (i, j) in zip(expected_BWW, sentences, places, strict=True):
        for (first, second), p in normalised(two_holes[with_holes(words, [i, j])]).items():
            of_i, of_j = (first, second) if i < j else (second, first)
            table[small.vocabulary.number[of_i], small.vocabulary.number[of_j]] = p
    np.testing.assert_allclose(actual_BWW, expected_BWW, rtol=0, atol=TOLERANCE)


def test_relevance_is_what_hiding_the_other_word_too_loses(small, oracle, one_hole, two_holes):
    pairs, tokens_BL, masked_B = questions(small, some_sentences(oracle, 80))
    actual_BL = relevance(small, tokens_BL, masked_B)
    expected_BL = np.zeros_like(actual_BL)
    for row, (words, i) in zip(expected_BL, pairs, strict=True):
        known = one_hole[with_holes(words, [i])]
        for j in {*range(len(words))} - {i}:
            without = {}
            for both, p in normalised(two_holes[with_holes(words, [i, j])]).items():
                word = both[0 if i < j else 1]
                without[word] = without.get(word, 0) + p
            row[j] = math.fsum(p * math.log(p / without[word]) for (word,), p in known.items() if p > 0)
    np.testing.assert_allclose(actual_BL, expected_BL, rtol=0, atol=TOLERANCE)
    assert (actual_BL > 0.1).any(axis=0)[:12].sum() >= 8  # words of both clauses matter, so the test is not of zeros


def test_the_hidden_word_itself_is_not_looked_at(small):
    tokens = np.asarray([small.vocabulary.encode("the cat sat on mat .")] * 2)
    tokens[1, 1] = MASK
    first, second = posterior(small, tokens, np.asarray([1, 1]))
    assert (first == second).all()


@pytest.mark.parametrize("sentence", ["cat sat on mat .", "a girl sat on mat .", "the cat sat under mat ."])
def test_what_the_world_cannot_say_is_refused(small, sentence):
    tokens = small.vocabulary.encode(sentence)
    with refused("the world 'test'", sentence.removesuffix(" ."), "the cat sat on mat"):
        template_of(small, tokens)
    with refused("the world 'test'", sentence.removesuffix(" ."), "the cat sat on mat"):
        posterior(small, [tokens], [len(tokens) - 1])  # the full stop is masked, what is wrong stays visible


@pytest.mark.parametrize(("sentence", "says"), [
    ("cat sat on mat .", "word 1, 'cat', should be a word of determiner or 'so'"),
    ("a girl sat on mat .", "these words do not go together"),
    ("the cat sat mat .", "word 4, 'mat', should be a word of preposition"),
    ("the cat sat on", "after word 4, 'on', a word of object should follow"),
    ("the cat sat on mat . .", "it should end before word 7, '.'"),
])  # fmt: skip
def test_the_first_word_that_does_not_fit_is_named(small, sentence, says):
    with pytest.raises(InputError, match=re.escape(f": {says}; ")):
        template_of(small, small.vocabulary.encode(sentence))


@pytest.mark.parametrize("masked", ["[ ]", "[MASK]", "[cat]"])
def test_a_masked_word_cannot_be_typed(small, masked):
    with pytest.raises(InputError, match="is not a word of this world; write the whole sentence: "):
        read_sentence(small, f"the {masked} sat on mat .")


def test_divergence_and_relevant_words():
    half, sure = np.asarray([[0.5, 0.5]]), np.asarray([[1.0, 0.0]])
    assert divergence(sure, half) == pytest.approx(math.log(2))
    assert divergence(half, half) == 0
    assert relevant_words(np.asarray([[1.0, 0.2, 0.19], [0, 0, 0]])).tolist() == [[True, True, False], [False] * 3]


def relevances(name, sentence):
    """{masked content word: {other word: relevance}} where it is not 0; a word that stands twice counts once."""
    world = load_world(name)
    tokens = world.vocabulary.encode(sentence)
    places = [i for i, field in enumerate(template_of(world, tokens).fields) if field.is_content]
    rows = relevance(world, [tokens] * len(places), np.asarray(places))
    words = world.vocabulary.decode(tokens)
    return {
        words[i]: {words[j]: value for j, value in enumerate(row) if value > TOLERANCE}
        for i, row in zip(places, rows, strict=True)
    }


def test_english_each_content_word_needs_the_two_others():
    table = relevances("english", "the cat sat on the mat .")
    assert {word: {*others} for word, others in table.items()} == {
        "cat": {"sat", "mat"},
        "sat": {"cat", "mat"},
        "mat": {"cat", "sat"},
    }
    assert min(value for others in table.values() for value in others.values()) > 0.5


def test_english_words_of_the_other_clause_tell_nothing():
    table = relevances("english", "a dog slept on the roof while the cat sat on a mat .")
    assert {*table["sat"]} == {"cat", "mat"}
    assert {*table["dog"]} == {"slept", "roof"}


def test_english_adjectives_and_adverbs_tell_nothing_of_content():
    # One sentence of every template, so that no optional word lets the structure of the sentence tell.
    world = load_world("english")
    for template in world.templates:
        tokens = [min(world.field_words[field]) for field in template.fields]
        content = [i for i, field in enumerate(template.fields) if field.is_content]
        table = relevance(world, [tokens] * len(content), np.asarray(content))
        others = [i for i in range(len(tokens)) if i not in content]
        assert table[:, others].max() <= TOLERANCE, [field.slot for field in template.fields]


def test_an_adjective_tells_where_the_subject_stands(small):
    # "the ? ? sat": an adjective and the subject (1 in 8), or the subject and an adverb: log 8, whatever the noun.
    tokens = small.vocabulary.encode("the old cat sat on mat .")
    assert relevance(small, [tokens], np.asarray([2]))[0, 1] == pytest.approx(math.log(8), abs=TOLERANCE)


def test_german_a_determiner_tells_about_its_noun():
    # Gender: "die" leaves 4 of 12 subjects; "der" before an object leaves 6 of 16. Neither tells about the other noun.
    table = relevances("german", "der Hund schlief auf dem Dach, während die Katze auf einer Matte saß.")
    assert {*table["Katze"]} == {"die", "Matte", "saß"}
    assert {*table["Matte"]} == {"einer", "Katze", "saß"}
    assert {*table["Hund"]} == {"der", "schlief", "Dach"}
    assert {*table["Dach"]} == {"dem", "schlief", "Hund"}
    assert {*table["saß"]} == {"Katze", "Matte"}
    assert min(table["Katze"]["die"], table["Matte"]["einer"], table["Hund"]["der"], table["Dach"]["dem"]) > 0.1


def test_verb_decides_the_subject_tells_nothing_and_is_told_nothing():
    # One sentence of every template, every word masked in turn, so that no optional word lets the structure tell.
    world = load_world("verb_decides")
    for template in world.templates:
        tokens = [min(world.field_words[field]) for field in template.fields]
        slots = [field.slot for field in template.fields]
        every, subjects = np.arange(len(tokens)), [i for i, slot in enumerate(slots) if slot == "subject"]
        table = relevance(world, [tokens] * len(tokens), every)
        assert table[:, subjects].max() <= TOLERANCE
        assert table[subjects].max() <= TOLERANCE
        known = posterior(world, [tokens] * len(tokens), every)[subjects]
        np.testing.assert_allclose(known[:, world.slots["subject"]], 1 / 12, rtol=0, atol=TOLERANCE)
        verb, noun = slots.index("verb"), slots.index("object")
        assert table[verb, noun] > 1
        assert table[noun, verb] > 1


def test_telling_preposition_hides_relevance_behind_redundancy():
    """Prediction: "on" and "mat" both tell the kind of place, all that a verb cares for; one makes up for the other.

    So for a masked verb each of the two has relevance exactly 0, while together they matter as much as ever; and a
    masked "mat" has nothing left to learn from "sat". Where the preposition tells nothing, none of this is so.
    """
    sentence = "the cat sat on the mat ."
    telling, plain = relevances("telling_preposition", sentence), relevances("english", sentence)
    assert {*telling["sat"]} == {"cat"}
    assert {*telling["mat"]} == {"cat", "on"}
    assert {*telling["cat"]} == {"sat", "mat"}
    assert plain["sat"]["mat"] > 0.5
    assert plain["mat"]["sat"] > 0.5

    # Both carriers away, by hand: P(verb | cat), for any preposition and object.
    world = load_world("telling_preposition")
    tokens = world.vocabulary.encode(sentence)
    cat, sat, mat = (int(world.index_W[tokens[i]]) for i in (1, 2, 5))
    given_both = world.content_SVO[cat, :, mat] / world.content_SVO[cat, :, mat].sum()
    given_cat = world.content_SVO[cat].sum(axis=1) / world.content_SVO[cat].sum()
    assert given_both[sat] == pytest.approx(posterior(world, [tokens], [2])[0, tokens[2]], abs=TOLERANCE)
    assert (given_both * np.log(given_both / given_cat)).sum() > 0.5
