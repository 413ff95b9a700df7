"""A world whose words have forms, made of one that has none, for tests of what is shown."""

import copy

import numpy as np

from data.vocabulary import MASK

LOW, LOUD = "low", "loud"


def with_forms(world):
    """Words of even number are low and the others loud, but for the mask; "." is the blank of all loud words."""
    forms = {number: (LOW, LOUD)[number % 2] for number in range(MASK + 1, len(world.vocabulary))}
    blank = world.vocabulary.number["."]
    formed = copy.copy(world)
    values = {
        "forms": (LOW, LOUD),
        "form_of": forms | {MASK: LOW, blank: LOUD},
        "blank_W": np.asarray([blank if forms.get(word) == LOUD else MASK for word in range(len(world.vocabulary))]),
    }
    for name, value in values.items():
        object.__setattr__(formed, name, value)
    return formed
