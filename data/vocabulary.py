"""Words and their numbers.

>>> vocabulary = Vocabulary(("cat", "sat", "."))
>>> vocabulary.encode("Cat sat.")
[2, 3, 4]
>>> vocabulary.decode([2, 1])
['cat', '[MASK]']
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

from data.errors import InputError, require, suggestion
from data.reading import (
    APOSTROPHES,
    MOST_READINGS,
    Find,
    capitals,
    divide,
    find_capital,
    pieces,
    plain,
    stray_character,
    unread,
)

PAD = 0
"""Fills a sentence up to the length of the batch; never attended to."""
MASK = 1
"""Replaces the masked word."""
SPECIAL_WORDS = ("[PAD]", "[MASK]")


class Vocabulary:
    """The words of a world: number 0 is padding, 1 the mask, the rest as given, and last the other blanks.

    Args:
      words: the words that sentences are made of, and base words.
      blanks: what stands for a masked word of each form (`data.word_forms`), where words have forms. A sentence is then
        read in the letters that it has, since these may be what a form is.
    """

    def __init__(self, words: Iterable[str], blanks: Sequence[str] = ()) -> None:
        self.blanks = tuple(blanks)
        self.words: tuple[str, ...] = tuple(dict.fromkeys((*SPECIAL_WORDS, *words, *blanks)))
        self.number = {word: i for i, word in enumerate(self.words)}
        """Word -> number."""

    def __len__(self) -> int:
        return len(self.words)

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of `tokens`, padding left out."""
        return [self.words[token] for token in tokens if token != PAD]

    def encode(self, sentence: str) -> list[int]:
        """The numbers of a sentence's words; it may begin with a capital, marks need no blanks, apostrophes are alike.

        Words of scripts without blanks (Chinese, Japanese, Thai) need none either.

        Raises:
          InputError: the sentence is empty, has a word that this world does not know, or has several readings.
        """
        found = self.readings(sentence)
        require(len(found) == 1, self.ambiguous(found))
        return found[0]

    def readings(self, sentence: str) -> list[list[int]]:
        """Every way to divide a sentence into words, usually one; of very many, some.

        Raises:
          InputError: the sentence is empty, or has a word that this world does not know.
        """
        parts = pieces(sentence)
        require(parts, "the sentence is empty; write one such as 'the cat sat on the mat .'")
        found: list[list[int]] = [[]]
        find_first: Find | None = None if self.blanks else self._find_capital
        for part in parts:
            here = divide(part, self._find, find_first)
            if not here and plain(part) != part:
                here = divide(plain(part), self._find, find_first)
            if not here:
                raise self._unknown(part)
            if any(c.isalnum() for c in part) and not (part[0] in APOSTROPHES and self._find(plain(part)) is not None):
                find_first = None
            found = [[*before, *numbers] for before in found for numbers in here][:MOST_READINGS]
        return found

    def ambiguous(self, readings: Sequence[Sequence[int]]) -> str:
        """The error message for a sentence with several readings."""
        one, other = (" ".join(self.decode(tokens)) for tokens in (readings[0], readings[-1]))
        return f"'{one}' and '{other}' are written alike without blanks; put blanks between the words"

    @cached_property
    def _capitals(self) -> dict[str, int]:
        return capitals(self._spellings.items())

    @cached_property
    def _spellings(self) -> dict[str, int]:
        """What may be typed for each word that is not special: the word itself, and its plain spelling."""
        special = {*SPECIAL_WORDS, *self.blanks}
        words = {word: number for word, number in self.number.items() if word not in special}
        plainly = {plain(word): number for word, number in reversed(words.items())}
        return words | {word: number for word, number in plainly.items() if word not in words}

    def _find(self, word: str) -> int | None:
        return self._spellings.get(word)

    def _find_capital(self, word: str) -> int | None:
        return find_capital(word, self._spellings, self._capitals)

    def _unknown(self, part: str) -> InputError:
        word = unread(part, self._find)
        known = self._spellings
        whole = "; write the whole sentence: its words are masked one after another" if part.startswith("[") else ""
        return InputError(
            f"'{word}' is not a word of this world{whole}{stray_character(word)}{suggestion(word, known)}"
        )
