"""What queries and keys are coloured by: the form, class and slot of words, and their place in the sentence.

groups = word_groups(world)
groups["class"][world.vocabulary.number["cat"]]          "pet"
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from data.vocabulary import MASK
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
    forms = _forms(world)
    return {
        "form": [forms.get(number, "") for number in numbers],
        "class": [world.class_of.get(n, slots[n]) if slots[n] in CONTENT else "" for n in numbers],
        "slot": slots,
    }


def default_colouring(groups: Mapping[str, Sequence[str]]) -> str:
    """What points are coloured by where nothing is chosen: the form of words where they have forms, else the class."""
    return COLOURINGS[0 if any(groups[COLOURINGS[0]]) else 1]


def blanks(world: World, tokens: NDArray[np.integer]) -> NDArray[np.int32]:
    """What stands in the place of each of these words where it is masked; same shape."""
    own = getattr(world, "blank_W", None)
    return np.full_like(tokens, MASK, np.int32) if own is None else np.asarray(own)[tokens].astype(np.int32)


def _forms(world: World) -> dict[int, str]:
    """The form of each word and blank that has one."""
    return dict(getattr(world, "form_of", {}))
