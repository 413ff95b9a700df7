"""From a typed sentence to the words of a world: what is taken off, what is the same, and where words may meet.

A sentence is read piece by piece between blanks. A piece that is a word is that word. Any other piece is divided into
words of the world, where words may meet without a blank: at a mark (`mat.`, `¿el`), and between characters of scripts
that are written without blanks, such as Chinese and Thai. `thecat` is not divided.
"""

import functools
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from data.characters import invisible_character, named

MAX_LETTERS = 40
"""Of a word."""
MOST_LETTERS = 4_000
"""Of a sentence: 100 words of 40 letters."""
MOST_READINGS = 100
"""Of a sentence that can be divided in more ways, only so many are looked at."""
_SILENT = dict.fromkeys(map(ord, "\u00ad\u200e\u200f\u061c\u2066\u2067\u2068\u2069\ufeff"), "")
"""Soft hyphens, direction marks, isolates (catmat's own tables have them) and byte order marks."""
_BLANKS = {ord("\u200b"): " "}
"""The zero-width space divides words in Khmer and Thai."""
_WITHOUT_BLANKS = (
    "CJK ", "IDEOGRAPHIC ", "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA", "BOPOMOFO ", "THAI ", "LAO ", "KHMER ",
    "MYANMAR ", "TIBETAN ", "JAVANESE ", "BALINESE ", "TAI ", "NEW TAI LUE ",
)  # fmt: skip
"""How the Unicode names of characters begin whose scripts write words without blanks."""
_SKIN = range(0x1F3FB, 0x1F400)
"""What gives an emoji another colour of skin."""
APOSTROPHES = "'\u2019\u02bc"
"""A word that begins with one leaves the capital to the next, as Dutch and Afrikaans do: 's Morgens, 'n Kat."""
_PLAIN = str.maketrans(
    {**dict.fromkeys("\u2019\u02bc\u05f3", "'"), "\u05f4": '"', **dict.fromkeys("\u2010\u2011", "-")}
)
"""Marks inside words that keyboards and word processors exchange: apostrophes, geresh and gershayim, hyphens."""
_DOTLESS_I = "\u0131"

_Chain: TypeAlias = "tuple[()] | tuple[int, _Chain]"
Find = Callable[[str], int | None]
"""The number of a word, None of what is no word."""


def normalise(text: str) -> str:
    """`text` in Unicode's composed form (NFC), so that two spellings of one letter are one word."""
    return unicodedata.normalize("NFC", text)


def pieces(sentence: str) -> list[str]:
    """What stands between blanks, in NFC, without characters that only direct or hyphenate."""
    return normalise(sentence.translate({**_SILENT, **_BLANKS})).split()


def divide(piece: str, find: Find, find_first: Find | None = None) -> list[list[int]]:
    """The ways to read a piece as words, at most `MOST_READINGS`; none if it cannot be read.

    Args:
      piece: what stands between two blanks.
      find: the words of the world.
      find_first: also tried for the first word that is more than marks, for a capital; None if it came before.
    """
    whole = find(piece)
    if whole is None and find_first is not None:
        whole = find_first(piece)
    if whole is not None:
        return [[whole]]
    if len(piece) > MOST_LETTERS:
        return []
    # From the end: the readings of piece[i:], [0] after the first word that is more than marks, [1] before it. Each is
    # its first word and the reading of what follows, so that a long piece costs no copies.
    rest: list[tuple[list[_Chain], list[_Chain]]] = [([], [])] * len(piece) + [([()], [()])]
    for i in range(len(piece) - 1, -1, -1):
        after: list[_Chain] = []
        before: list[_Chain] = []
        for j in range(i + 1, min(i + MAX_LETTERS, len(piece)) + 1):
            if not (rest[j][0] or rest[j][1]) or not _can_meet(piece[j - 1], piece[j : j + 1]):
                continue
            part = piece[i:j]
            number = find(part)
            only_marks = not any(c.isalnum() for c in part)
            first = find_first(part) if number is None and find_first is not None and not only_marks else number
            if number is not None:
                after += [(number, tail) for tail in rest[j][0]]
            if first is not None:
                before += [(first, tail) for tail in rest[j][only_marks]]
        rest[i] = after[:MOST_READINGS], before[:MOST_READINGS]
    return [_listed(chain) for chain in rest[0][find_first is not None]]


def _listed(chain: _Chain) -> list[int]:
    numbers: list[int] = []
    while chain:
        number, chain = chain
        numbers.append(number)
    return numbers


def unread(piece: str, find: Find) -> str:
    """What of a piece that cannot be read is no word: without the words that it begins with and its last mark."""
    if len(piece) > MOST_LETTERS:
        return piece
    start = 0
    reached = {0}
    for i in range(len(piece)):
        if i in reached:
            start = i
            for j in range(i + 1, min(i + MAX_LETTERS + 1, len(piece))):
                if find(piece[i:j]) is not None and _can_meet(piece[j - 1], piece[j]):
                    reached.add(j)
    rest = piece[start:]
    glued = len(rest) > 1 and _can_meet(rest[-2], rest[-1]) and find(rest[-1]) is not None
    return rest[:-1] if glued else rest


def plain(word: str) -> str:
    """A word with the apostrophes and hyphens of a typewriter."""
    return word.translate(_PLAIN)


def capitals(words: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The spellings that words have at the beginning of a sentence.

    In Turkish and its relatives the capital of `i` has a dot, and that of the dotless i is `I`. A world whose words
    have a dotless i is read so; in any other, `I` and the capital with a dot both stand for `i`. Dutch writes `IJ`.
    """
    words = list(words)
    turkic = {"i": "\u0130", _DOTLESS_I: "I"}
    plain: dict[str, int] = {}
    special: dict[str, int] = {}
    for word, number in words:
        i = _signs_before(word)
        lead, head, rest = word[:i], word[i : i + 1], word[i + 1 :]
        for form in (head.title(), head.upper()):
            plain.setdefault(normalise(lead + form + rest), number)
        if head in turkic:
            special.setdefault(normalise(lead + turkic[head] + rest), number)
        if word.startswith("ij"):
            plain.setdefault("IJ" + word[2:], number)
    return {**plain, **special} if any(_DOTLESS_I in word for word, _ in words) else {**special, **plain}


def find_capital(word: str, number: Mapping[str, int], capital: Mapping[str, int]) -> int | None:
    """The number of a word of which the first letter is a capital."""
    return capital.get(word, number.get(normalise(word[:1].lower() + word[1:])))


def _signs_before(word: str) -> int:
    """How many characters stand before a word's first letter with a capital: the okina of Hawaiian, an apostrophe."""
    count = next((i for i, c in enumerate(word) if c.lower() != c.upper()), 0)
    return count if all(unicodedata.category(c) == "Lm" or not c.isalnum() for c in word[:count]) else 0


def _can_meet(left: str, right: str) -> bool:
    """Whether a word may end with `left` and the next begin with `right` without a blank; "" is the end."""
    if not right:
        return True
    if not (left.isprintable() and right.isprintable()):  # a joiner, or what does not belong into a sentence
        return False
    if unicodedata.category(right)[0] == "M" or ord(right) in _SKIN:
        return False
    return not (_needs_blank(left) and _needs_blank(right))


@functools.lru_cache(maxsize=4096)
def _needs_blank(character: str) -> bool:
    in_a_word = character.isalnum() or unicodedata.category(character)[0] == "M"
    return in_a_word and not unicodedata.name(character, "").startswith(_WITHOUT_BLANKS)


def stray_character(word: str) -> str:
    """'; it has the invisible U+200C ...': what cannot be seen in a word that is not known, or ""."""
    found = invisible_character(word)
    return f"; it has the invisible character {named(found)}" if found else ""
