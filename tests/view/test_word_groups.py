"""What points are coloured by: the form, class and slot of words."""

import pytest

from data.world import load_world
from experiments.view.word_groups import default_colouring, word_groups


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


def test_forms_come_first_where_there_are_any():
    world = load_world("two_stories")
    groups, number = word_groups(world), world.vocabulary.number
    of = {word: [groups[name][number[word]] for name in ("form", "class", "slot")] for word in ("cat", "CAT", "SAT")}
    assert of == {"cat": ["whispered", "pet", "subject"], "CAT": ["shouted", "pet", "subject"],
                  "SAT": ["shouted", "verb", "verb"]}  # fmt: skip
    assert [groups["form"][number[blank]] for blank in ("[mask]", "[MASK]")] == ["whispered", "shouted"]
    assert default_colouring(groups) == "form"
