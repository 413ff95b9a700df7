"""Which words no installed font can draw, said in one line: in pictures they are boxes."""

import unicodedata
from collections.abc import Iterable

from experiments.pictures.canvas import font_path, has_all_of, undrawn

_FONTS = {
    "CJK": "Noto Sans CJK",
    "HIRAGANA": "Noto Sans CJK",
    "KATAKANA": "Noto Sans CJK",
    "HANGUL": "Noto Sans CJK",
    "EMOJI": "Noto Color Emoji",
}
"""Where a family is not called Noto Sans and its script."""
_SHOWN = 3


def missing_fonts(words: Iterable[str]) -> str:
    """What to install so that pictures show all of `words`, in one line; "" if they do."""
    boxes = [word for word in dict.fromkeys(words) if not has_all_of(font_path(word), word)]
    if not boxes:
        return ""
    scripts = dict.fromkeys(_script(c) for word in boxes for c in undrawn(word))
    example = ", ".join(boxes[:_SHOWN]) + (", ..." if len(boxes) > _SHOWN else "")
    if not scripts:
        return f"pictures show boxes in {example}: no single font has all its characters; install one that has them"
    fonts = dict.fromkeys(_FONTS.get(script, f"Noto Sans {script.title()}") for script in scripts)
    wanted = " and ".join(script if script == "CJK" else script.title() for script in scripts)
    return (
        f"pictures show boxes for {example}: no font for {wanted} is installed; install one, such as {', '.join(fonts)}"
    )


def _script(character: str) -> str:
    """DEVANAGARI of DEVANAGARI LETTER KA: in Unicode, the names of letters begin with their script."""
    if unicodedata.category(character) == "So":
        return "EMOJI"
    words = unicodedata.name(character, "unnamed").split()
    kind = (
        "LETTER",
        "SYLLABLE",
        "VOWEL",
        "SIGN",
        "DIGIT",
        "CONSONANT",
        "SUBJOINED",
        "MARK",
        "TONE",
        "CAPITAL",
        "SMALL",
    )
    length = next((i for i, word in enumerate(words) if i and word in kind), 1)
    return " ".join(words[:length])
