"""Fonts that have the characters of a word.

Matplotlib lends its typeface, which is found without importing it (0.2 s), and finds others when a word needs one.
"""

import functools
import importlib.util
import re
from contextlib import suppress
from pathlib import Path

from PIL import ImageFont

USUAL = re.compile("[\u0020-\u024f\u0380-\u0525…]*")
"""Latin, Greek and Cyrillic words, which the typeface is known to have: nothing is imported for them."""
_STRIKES = (109, 160, 136, 128, 96)
"""Sizes in which fonts of colour bitmaps come."""


def font_of(word: str, size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """A font for a word, in this size or, if it consists of bitmaps, in a size that it has."""
    path = font_path(word)
    return _font(path.with_stem("DejaVuSans-Bold") if bold and path == typeface() else path, size)


@functools.cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
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

    Where none has them all (a rare character, a word of two scripts) the usual one draws boxes.
    """
    if USUAL.fullmatch(word):
        return typeface()
    needed = {ord(c) for c in word if not 0xFE00 <= ord(c) <= 0xFE0F}  # without what only chooses a character's look
    complete = (path for path in (typeface(), *installed_fonts()) if needed <= _characters(path))
    # A font of a kind that Pillow does not know has characters, but draws nothing.
    return next((path for path in complete if _font(path, 20).getmask(word).getbbox()), typeface())


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
