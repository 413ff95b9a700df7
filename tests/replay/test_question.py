"""A sentence as it is typed, and which of its words is masked."""

import pytest
from small_world import SMALL, world_from

from data.errors import InputError
from data.world import load_world
from experiments.replay.question import read_question

SLOTS = ("subject", "verb", "object")


@pytest.fixture(scope="module")
def english():
    return load_world("english")


def words(world, question):
    return " ".join(world.vocabulary.decode(question.tokens))


@pytest.mark.parametrize("typed", ["the cat sat on the mat .", "The cat sat on the mat.", "the cat sat on the mat"])
def test_the_end_may_be_left_out_and_is_then_said(english, typed):
    question = read_question(english, typed, SLOTS)
    assert words(english, question) == "the cat sat on the mat ."
    assert question.is_said
    assert question.masked == 1
    assert question.notes == (() if "." in typed else ("'.' was added at the end of the sentence",))


@pytest.mark.parametrize(("mask", "place"), [("cat", 1), ("Sat", 2), ("mat", 5), ("1", 0), ("5", 4), (".", 6)])
def test_a_word_or_a_place_is_masked(english, mask, place):
    question = read_question(english, "the cat sat on the mat .", SLOTS, mask)
    assert question.masked == place
    assert bool(question.notes) == (place not in (1, 2, 5))


def test_what_the_world_cannot_say_is_explained_without_an_exact_answer(english):
    question = read_question(english, "on the dog mat sat", SLOTS)
    assert not question.is_said
    assert words(english, question) == "on the dog mat sat ."
    assert question.masked == 2
    assert "no exact answer" in question.notes[1]


@pytest.mark.parametrize(
    ("typed", "mask", "said"),
    [
        ("the zebra sat on the mat", None, "'zebra' is not a word of this world"),
        ("the catt sat on the mat", None, "did you mean cat?"),
        ("", None, "the sentence is empty"),
        (" ".join(["the"] * 30), None, "31 words and signs"),
        ("the the on .", None, "has no word of subject, verb, object"),
        ("the cat sat on the mat", "the", "stands 2 times in 'the cat sat on the mat .'; give its place, --mask 1 or"),
        ("the cat sat on the mat", "dog", "is no word of 'the cat sat on the mat .'"),
        ("the cat sat on the mat", "8", "a place from 1 to 7"),
        ("the cat sat on the mat", "0", "a place from 1 to 7"),
        ("the cat sat on the mat", "-1", "a place from 1 to 7"),
        ("the cat sat on the mat", "zebra", "is no word of"),
    ],
)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(english, typed, mask, said):
    with pytest.raises(InputError) as error:
        read_question(english, typed, SLOTS, mask)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sentence_of_any_order_has_no_end_and_a_word_is_named_in_any_form():
    world = load_world("two_stories")
    sentence = "cat DOG sat ROOF mat SLEPT"
    for mask, place in (("DOG", 1), ("dog", 1), ("ROOF", 3), ("SLEPT", 5), ("cat", 0), ("6", 5)):
        question = read_question(world, sentence, SLOTS, mask)
        assert (words(world, question), question.masked, question.notes) == (sentence, place, ())
    for mask in ("CAT", "wolf", "[mask]"):
        with pytest.raises(InputError, match="is no word of"):
            read_question(world, sentence, SLOTS, mask)
    # Every sentence of this world ends in no word of its own, but the fields as they are written down would.
    ordered = world_from(SMALL.replace("  - chance: 0.375\n", "  - chance: 0.375\n    order: any\n"))
    assert words(ordered, read_question(ordered, "the cat sat on mat", SLOTS)) == "the cat sat on mat"


def test_nothing_is_added_where_sentences_end_in_several_ways():
    world = world_from(SMALL.replace("{clause: slow}, {word: .}]", "{clause: slow}]"))
    question = read_question(world, "the cat sat on mat", SLOTS)
    assert words(world, question) == "the cat sat on mat"
    assert not question.notes
