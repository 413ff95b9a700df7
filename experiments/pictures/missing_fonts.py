"""Which words no installed font can draw, said in one line: in pictures they are boxes."""

import re
import unicodedata
from collections.abc import Iterable

from data.characters import named
from experiments.pictures.canvas import font_path, has_all_of, undrawn

_EAST_ASIAN = re.compile("CJK|IDEOGRAPHIC|HIRAGANA|KATAKANA|HANGUL|BOPOMOFO|FULLWIDTH|HALFWIDTH")
_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_SCRIPT = re.compile(
    "(.+?) (?:LETTER|SYLLABLES?|SYLLABICS|VOWEL|SIGN|DIGIT|CONSONANT|SUBJOINED|MARK|TONE|CAPITAL|SMALL|HIEROGLYPH)\\b"
)
"""In Unicode, the names of letters begin with their script: DEVANAGARI LETTER KA."""
_NO_SCRIPTS = ("MODIFIER", "COMBINING", "VEDIC", "MATHEMATICAL")
_FONTS = {
    "Latin": "Noto Sans",
    "Greek": "Noto Sans",
    "Cyrillic": "Noto Sans",
    "Nko": "Noto Sans NKo",
    "Tibetan": "Noto Serif Tibetan",
    "Canadian": "Noto Sans Canadian Aboriginal",
    "Egyptian": "Noto Sans Egyptian Hieroglyphs",
    "CJK": "Noto Sans CJK",
    "emoji": "Noto Color Emoji",
}
"""Where a family is not called Noto Sans and its script."""
_SHOWN = 3


def missing_fonts(words: Iterable[str]) -> str:
    """What to install so that pictures show all of `words`, in one line; "" if they do."""
    boxes = [word for word in dict.fromkeys(words) if not has_all_of(font_path(word), word)]
    if not boxes:
        return ""
    example = f"pictures show boxes for {', '.join(boxes[:_SHOWN])}{', ...' if len(boxes) > _SHOWN else ''}"
    characters = list(dict.fromkeys(c for word in boxes for c in undrawn(word)))
    if not characters:
        return f"{example}: no single font has all its characters; install one that has them"
    if not (scripts := [script for script in dict.fromkeys(map(_script, characters)) if script]):
        return f"{example}: no installed font has {named(characters[0])}; install one that has it"
    fonts = dict.fromkeys(_FONTS.get(script, f"Noto Sans {script}") for script in scripts)
    return f"{example}: no font for {' and '.join(scripts)} is installed; install one, such as {', '.join(fonts)}"


def _script(character: str) -> str:
    """The script of a letter, mark or digit, or emoji; "" for signs that scripts share, and for unnamed characters."""
    name = unicodedata.name(character, "")
    if _EAST_ASIAN.match(name):
        return "CJK"
    if _EMOJI.fullmatch(character):
        return "emoji"
    found = _SCRIPT.match(name)
    if found is None or found[1].split()[0] in _NO_SCRIPTS or unicodedata.category(character)[0] not in "LMN":
        return ""
    return found[1].title()
