"""What queries and keys are coloured by: the form, class and slot of words, and their place in the sentence.

groups = word_groups(world)
groups["class"][world.vocabulary.number["cat"]]          "pet"
"""

from collections.abc import Mapping, Sequence

from data.grammar import CONTENT
from data.world import World

COLOURINGS = ("form", "class", "slot", "place")
"""By what points can be coloured; the first three are groups of words."""


def word_groups(world: World) -> dict[str, list[str]]:
    """For form, class and slot the group of each word of the vocabulary [V]; "" for a word that has none.

    A content word without a class has its slot for one; other words have no class: colours are few.
    """
    numbers = range(len(world.vocabulary))
    agreeing = {word: field.slot for field, fits in world.field_words.items() if field.of for word in fits}
    slots = [world.slot_of.get(number) or agreeing.get(number, "") for number in numbers]
    return {
        "form": [world.form_of.get(number, "") for number in numbers],
        "class": [world.class_of.get(n, slots[n]) if slots[n] in CONTENT else "" for n in numbers],
        "slot": slots,
    }


def default_colouring(groups: Mapping[str, Sequence[str]]) -> str:
    """What points are coloured by where nothing is chosen: the form of words where they have forms, else the class."""
    return COLOURINGS[0 if any(groups[COLOURINGS[0]]) else 1]
