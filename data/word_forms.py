"""Forms of words: how the words of a clause are spelled, which shows what clause they are of.

A sentence may give the words of each of its clauses a form, as agreement does in grammar: one story is whispered
(`cat`), another one is shouted (`CAT`). A word without its form is its base word. Each form has a blank, which stands
where a word of that form is masked; what is guessed is the base word.

Dimension letters: F forms (0 is none), W words of the vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.vocabulary import MASK, Vocabulary

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WordForms:
    """The forms of a world's words as tables of word numbers. In a world without forms every word is its own base."""

    names: tuple[str, ...]
    """The name of each form, from form 1."""
    spelled_FW: Ints
    """The word that a base word is in each form: itself where it has none."""
    base_W: Ints
    """The base word of each word."""
    form_W: Ints
    """The form of each word and of each blank; 0 for words that have none."""
    blank_F: Ints
    """What stands for a masked word of each form."""

    @property
    def number(self) -> dict[str, int]:
        """Name -> number; "" is 0."""
        return {name: i for i, name in enumerate(("", *self.names))}

    @property
    def blank_W(self) -> Ints:
        """The blank that stands for each word where it is masked."""
        return np.asarray(self.blank_F[self.form_W])


def word_forms(vocabulary: Vocabulary, spelled: Mapping[str, Mapping[str, str]]) -> WordForms:
    """The tables of forms: name -> {base word: its spelling}; their blanks are the vocabulary's, in the same order."""
    number = vocabulary.number
    base_W = np.arange(len(vocabulary))
    spelled_FW = np.tile(base_W, (len(spelled) + 1, 1))
    form_W = np.zeros_like(base_W)
    for form, words in enumerate(spelled.values(), start=1):
        for word, spelling in words.items():
            base, own = number[word], number[spelling]
            spelled_FW[form, base], base_W[own], form_W[own] = own, base, form
    blank_F = np.asarray([MASK, *(number[blank] for blank in vocabulary.blanks)])
    form_W[blank_F[1:]] = np.arange(1, len(blank_F))
    return WordForms(tuple(spelled), spelled_FW, base_W, form_W, blank_F)
