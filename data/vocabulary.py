"""Words and their numbers.

>>> vocabulary = Vocabulary(("cat", "sat", "."))
>>> vocabulary.encode("Cat sat.")
[2, 3, 4]
>>> vocabulary.decode([2, 1])
['cat', '[MASK]']
"""

import unicodedata
from collections.abc import Iterable

from data.errors import InputError, require, suggestion

PAD = 0
"""Fills a sentence up to the length of the batch; never attended to."""
MASK = 1
"""Replaces the masked word."""
SPECIAL_WORDS = ("[PAD]", "[MASK]")


class Vocabulary:
    """The words of a world: number 0 is padding, 1 the mask, the rest as given."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words: tuple[str, ...] = (*SPECIAL_WORDS, *words)
        self.number = {word: i for i, word in enumerate(self.words)}
        """Word -> number."""

    def __len__(self) -> int:
        return len(self.words)

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of `tokens`, padding left out."""
        return [self.words[token] for token in tokens if token != PAD]

    def encode(self, sentence: str) -> list[int]:
        """The numbers of a sentence's words; it may start with a capital and end with a full stop without a blank.

        Raises:
          InputError: the sentence is empty or has a word that this world does not know.
        """
        words = [part for word in normalise(sentence).split() for part in self._unglue(word)]
        require(words, "the sentence is empty; write one such as 'the cat sat on the mat .'")
        if words[0] not in self.number and words[0][:1].lower() + words[0][1:] in self.number:
            words[0] = words[0][:1].lower() + words[0][1:]
        for word in words:
            if word not in self.number or word in SPECIAL_WORDS:
                raise InputError(
                    f"'{word}' is not a word of this world{suggestion(word, self.words[len(SPECIAL_WORDS) :])}"
                )
        return [self.number[word] for word in words]

    def _unglue(self, word: str) -> list[str]:
        if word not in self.number and len(word) > 1 and word[-1] in self.number and not word[-1].isalnum():
            return [word[:-1], word[-1]]
        return [word]


def normalise(text: str) -> str:
    """`text` in Unicode's composed form (NFC), so that two spellings of one letter are one word."""
    return unicodedata.normalize("NFC", text)
