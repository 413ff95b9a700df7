"""Which invisible characters belong to a word: joiners, which the spelling of many languages needs.

Persian divides words by U+200C, Devanagari and emoji join by U+200D. Joiners stand between two characters or, in older
spellings of Malayalam and Bengali, after a virama that ends a word. Anywhere else they would make two words that nobody
can tell apart.
"""

import unicodedata

JOINERS = "\u200c\u200d\u180e"
"""Zero-width non-joiner, zero-width joiner, and the vowel separator of Mongolian."""
_SIGNS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Signs of Arabic, Syriac and Kaithi that Unicode counts among the invisible characters, but which are drawn."""
_VIRAMA = 9
"""Unicode's combining class of the sign that silences a consonant's vowel."""


def is_visible(text: str, i: int) -> bool:
    """Whether character `i` of `text` can be shown: it is drawn, or it is a joiner where joiners belong."""
    return text[i].isprintable() or text[i] in _SIGNS or (text[i] in JOINERS and _joins(text, i))


def invisible_character(text: str) -> str:
    """The first character that cannot be shown; "" if all can."""
    return next((c for i, c in enumerate(text) if not is_visible(text, i)), "")


def can_end(text: str, end: int) -> bool:
    """Whether `text` may be cut before character `end`: not before an accent, nor at a joiner."""
    return not (text[end - 1] in JOINERS or text[end] in JOINERS or unicodedata.category(text[end])[0] == "M")


def named(character: str) -> str:
    """Code point and name, such as `U+200C ZERO WIDTH NON-JOINER`."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"


def _joins(text: str, i: int) -> bool:
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    return _can_join(before) and (_can_join(after) or unicodedata.combining(before) == _VIRAMA)


def _can_join(character: str) -> bool:
    """Letters, marks, digits, and symbols such as emoji."""
    return bool(character) and unicodedata.category(character)[0] in "LMNS"
