"""Words that have forms, as arrays beside those of a record: what is guessed of each word, and what stands for it.

Dimension letter: V words of the vocabulary.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.world import World

MASKED = "[ ]"
"""How a masked place is shown in a world without forms, where all blanks are the same."""

FORM_ARRAYS = ("base", "blank")


def form_arrays(world: World) -> dict[str, NDArray[np.int64]]:
    """`base` [V], the word without its form, and `blank` [V], what stands for it; none in a world without forms."""
    forms = world.word_forms
    return {"base": forms.base_W, "blank": forms.blank_W} if forms.names else {}


def base_word(arrays: Mapping[str, NDArray[Any]], word: int) -> int:
    """What is guessed where a word is masked: the word itself, but where `arrays` have its base."""
    return int(arrays["base"][word]) if "base" in arrays else int(word)


def blank_shown(arrays: Mapping[str, NDArray[Any]], words: Sequence[str] | NDArray[Any], word: int) -> str:
    """How the place of a masked word is shown: where words have forms by its blank, which says the form; else "[ ]"."""
    return str(words[int(arrays["blank"][word])]) if "blank" in arrays else MASKED
