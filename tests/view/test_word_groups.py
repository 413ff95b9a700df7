"""What points are coloured by: the form, class and slot of words."""

import numpy as np
import pytest
from forms import LOUD, with_forms

from data.vocabulary import MASK
from data.world import load_world
from experiments.view.word_groups import blanks, default_colouring, word_groups


@pytest.fixture(scope="module")
def world():
    return load_world("english")


def test_words_have_a_class_and_a_slot(world):
    groups, number = word_groups(world), world.vocabulary.number

    def of(word):
        return [groups[name][number[word]] for name in ("form", "class", "slot")]

    assert of("cat") == ["", "pet", "subject"]
    assert of("sat") == ["", "verb", "verb"]  # verbs have no classes
    assert of("small") == ["", "", "adjective"]  # nor have words of which nothing is asked
    assert of("the") == ["", "", "determiner"]
    assert of(".") == ["", "", ""]
    assert {len(names) for names in groups.values()} == {len(world.vocabulary)}
    assert len({*groups["class"]} - {""}) == 9  # there are nine colours
    assert default_colouring(groups) == "class"


def test_words_of_a_world_without_forms_have_one_blank(world):
    assert blanks(world, np.asarray([[5, 6]])).tolist() == [[MASK, MASK]]


def test_forms_come_first_where_there_are_any(world):
    formed, cat = with_forms(world), world.vocabulary.number["cat"]
    groups = word_groups(formed)
    assert groups["form"][cat + 1 - cat % 2] == LOUD
    assert default_colouring(groups) == "form"
    assert groups["class"] == word_groups(world)["class"]
    dot = world.vocabulary.number["."]
    assert blanks(formed, np.asarray([4, 5])).tolist() == [MASK, dot]
