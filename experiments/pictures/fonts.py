"""Which font draws a word: the typeface that comes along, or an installed one that has all its characters.

To import this loads Pillow alone: Matplotlib's typeface is found without importing it (0.2 s); it is imported only when
a word needs another font.
"""

import functools
import importlib.util
import re
from contextlib import suppress
from pathlib import Path

from PIL import ImageFont

from data.characters import JOINERS

USUAL = re.compile("[\u0020-\u024f\u0380-\u0525…]*")
"""Latin, Greek and Cyrillic words, which the typeface is known to have: nothing is imported for them."""
_STRIKES = (109, 160, 136, 128, 96)
"""Sizes in which fonts of colour bitmaps come."""


@functools.cache
def font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """The font in this size or, of a font of bitmaps, in a size that it has."""
    for strike in (size, *_STRIKES):
        with suppress(OSError):
            return ImageFont.truetype(path, strike)
    return ImageFont.truetype(typeface(), size)


@functools.cache
def typeface() -> Path:
    """DejaVu Sans, found without importing matplotlib."""
    spec = importlib.util.find_spec("matplotlib")
    path = Path(spec.origin if spec and spec.origin else "").parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
    if path.is_file():
        return path
    import matplotlib as mpl  # noqa: PLC0415

    return Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf")


@functools.cache
def font_path(word: str) -> Path:
    """A font that has all characters of a word: the usual one, else one that is installed.

    Where none has them all (a rare character, a word of two scripts) the usual one draws boxes; see `missing_fonts`.
    """
    if USUAL.fullmatch(word):
        return typeface()
    complete = (path for path in (typeface(), *installed_fonts()) if has_all_of(path, word))
    return next((path for path in complete if path == typeface() or _draws(path, word)), typeface())


def has_all_of(path: Path, word: str) -> bool:
    """Whether a font has a glyph for each character of a word that is drawn."""
    return (path == typeface() and USUAL.fullmatch(word) is not None) or _needed(word) <= _characters(path)


def undrawn(word: str) -> str:
    """The characters of a word that no installed font has, each once."""
    fonts = (typeface(), *installed_fonts())
    return "".join(c for c in dict.fromkeys(word) if not any(has_all_of(path, c) and _draws(path, c) for path in fonts))


def _draws(path: Path, text: str) -> bool:
    """A font of a kind that Pillow does not know has characters, but draws nothing."""
    return not _needed(text) or font(path, 20).getmask(text).getbbox() is not None


def _needed(word: str) -> set[int]:
    """Code points without those that only choose a character's look, or join."""
    return {ord(c) for c in word if not 0xFE00 <= ord(c) <= 0xFE0F and c not in JOINERS}


@functools.cache
def installed_fonts() -> tuple[Path, ...]:
    """Plain upright fonts first."""
    from matplotlib.font_manager import findSystemFonts  # noqa: PLC0415

    odd = ("bold", "italic", "oblique", "slanted", "serif", "mono", "light", "thin", "black", "condensed", "narrow")
    paths = [path for path in map(Path, findSystemFonts()) if "lastresort" not in path.stem.casefold()]
    return tuple(sorted(paths, key=lambda path: (sum(part in path.stem.casefold() for part in odd), path.stem)))


@functools.cache
def _characters(path: Path) -> frozenset[int]:
    """Characters that a font has; matplotlib reads them 20 times as fast as fontTools."""
    from matplotlib.ft2font import FT2Font  # noqa: PLC0415

    try:
        return frozenset(FT2Font(str(path)).get_charmap())
    except (OSError, RuntimeError):  # a damaged font
        return frozenset()
