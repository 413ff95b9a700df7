"""Which words pictures cannot show as they are written, and what to install, in one line."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from PIL import features

from data.characters import named
from experiments.pictures.fonts import font_path, has_all_of, undrawn

_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]")
_CJK = ("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo")
_CJK_SIGNS = ("CJK ", "IDEOGRAPHIC ", "KATAKANA-HIRAGANA ", "FULLWIDTH ", "HALFWIDTH ")
"""How the Unicode names of marks begin that only East Asian text has."""
_SHARED = ("Common", "Inherited", "Unknown")
_FONTS = {"CJK": "Noto Sans CJK", "emoji": "Noto Color Emoji", "Nko": "Noto Sans NKo", "Phags Pa": "Noto Sans PhagsPa"}
_FONTS |= dict.fromkeys(("Latin", "Greek", "Cyrillic"), "Noto Sans")
_FONTS |= {script: f"Noto Serif {script}" for script in ("Ahom", "Dogra", "Tangut", "Tibetan", "Toto", "Yezidi")}
"""Where a family is not called Noto Sans and its script."""
_SHOWN = 3


def missing_fonts(words: Iterable[str]) -> str:
    """What to install so that pictures show all of `words`, in one line; "" if they do."""
    words = list(dict.fromkeys(words))
    if boxes := [word for word in words if not has_all_of(font_path(word), word)]:
        return f"pictures show boxes for {_some(boxes)}: {_remedy(boxes)}"
    if not features.check("raqm") and (apart := [word for word in words if _is_shaped(word)]):
        return f"pictures set the letters of {_some(apart)} one by one: install FriBidi (libfribidi0), which joins them"
    return ""


def _remedy(boxes: Sequence[str]) -> str:
    characters = list(dict.fromkeys(c for word in boxes for c in undrawn(word)))
    if not characters:
        return "no single font has all its characters; install one that has them"
    if not (scripts := [script for script in dict.fromkeys(map(_script, characters)) if script]):
        return f"no installed font has {named(characters[0])}; install one that has it"
    fonts = dict.fromkeys(_FONTS.get(script, f"Noto Sans {script}") for script in scripts)
    return f"no font for {' and '.join(scripts)} is installed; install one, such as {', '.join(fonts)}"


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")


def _is_shaped(word: str) -> bool:
    """Whether its letters join, or marks stand at places that depend on the letters beside them."""
    letters = unicodedata.normalize("NFC", word)
    return any(unicodedata.bidirectional(c) == "AL" or unicodedata.category(c)[0] == "M" for c in letters)


def _script(character: str) -> str:
    """The script of a character, or emoji; "" for signs that scripts share, and for unnamed characters."""
    from fontTools.unicodedata import script, script_name  # noqa: PLC0415

    name = script_name(script(character))
    if name in _CJK or unicodedata.name(character, "").startswith(_CJK_SIGNS):
        return "CJK"
    if _EMOJI.fullmatch(character):
        return "emoji"
    return "" if name in _SHARED else name
