"""A canvas of 256 fixed colours, and text in any script, with which pictures of attention are painted.

A canvas holds indices of colours: each value has exactly its colour, and PNG and GIF are encoded without conversion, in
a quarter of the time and half the bytes of full colour.
"""

import functools
import io
import math
import unicodedata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, features

from experiments.pictures.fonts import font, font_path, typeface

# ColorBrewer's scales as in Matplotlib, from pale to dark.
BLUES = "f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b"
PURPLES = "fcfbfd efedf5 dadaeb bcbddc 9e9ac8 807dba 6a51a3 54278f 3f007d"
SHADES = 128
"""Colours of a scale: the first indices of the palette, from the value 0 to the value 1."""
PAPER, INK, SOFT, LINE, UNKNOWN, ACCENT = range(SHADES, SHADES + 6)
"""Page, text, lesser text, thin lines, a value that is not finite, the mark of the relevant words."""
_PLAIN = "ffffff 22303c 5d6b78 c3ccd4 d9d9d9 d1495b"
_CLEAR = 255
"""Outside of the page's rounded corners: transparent in a PNG."""
_RADIUS = 20
_EMOJI = "fcc21b ffe08a e8833a a0522d 6b3e26 2e7d32 8bc34a f48fb1 b71c1c 000000"
_ANY = [0] + 255 * [255]
"""A mask of every pixel that a letter covers at least in part."""


def _rgb(colours: str) -> NDArray[np.float64]:
    return np.frombuffer(bytes.fromhex(colours), np.uint8).reshape(-1, 3).astype(float)


@functools.cache
def palette(scale: str) -> NDArray[np.uint8]:
    """[256, 3]: the scale's shades, the plain colours, and those of letters' edges and of emoji."""
    anchors, plain = _rgb(scale), _rgb(_PLAIN)
    at = np.linspace(0, len(anchors) - 1, SHADES)
    shades = np.stack([np.interp(at, range(len(anchors)), channel) for channel in anchors.T], axis=1)
    edges = [np.linspace(plain[0], ink, 40) for ink in plain[1:3]]
    colours = np.concatenate([shades, plain, *edges, _rgb(_EMOJI)])
    return np.pad(colours.round(), ((0, 256 - len(colours)), (0, 0)), constant_values=255).astype(np.uint8)


def shade(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The colour of each value, the same in every picture: 0 is the palest, 1 and above the darkest."""
    known = np.isfinite(values)
    index = np.clip(np.where(known, values, 0), 0, 1) * (SHADES - 1)
    return np.where(known, index.round(), UNKNOWN).astype(np.uint8)


class Canvas:
    """A picture of a fixed palette."""

    def __init__(self, image: Image.Image, scale: str) -> None:
        self.image, self.draw, self._scale = image, ImageDraw.Draw(image), scale

    def copy(self) -> "Canvas":
        return Canvas(self.image.copy(), self._scale)

    def cells(self, values: NDArray[np.floating], left: int, top: int, cell: tuple[int, int]) -> None:
        """Fill a grid of cells [rows, columns]; `cell` is their width and height."""
        rows, columns = values.shape
        grid = Image.fromarray(shade(values)).resize((columns * cell[0], rows * cell[1]), Image.Resampling.NEAREST)
        self.image.paste(grid, (left, top))

    def digits(self, middle: tuple[float, float], text: str, size: int, colours: tuple[int, int]) -> None:
        """Write a number; `colours` are the letters' and the cell's."""
        ink, touched = _number(text, size, colours, self._scale)
        self.image.paste(ink, (round(middle[0] - ink.width / 2), round(middle[1] - ink.height / 2)), touched)

    def write(
        self,
        at: tuple[float, float],
        text: str,
        size: int,
        colour: int = INK,
        anchor: float = 0,
        angle: float = 0,
        bold: bool = False,
    ) -> None:
        """Write on the page, turned by degrees against the clock; `at` is the text's left (0) to right (1) end."""
        across = (anchor - 0.5) * text_tile(text, size, colour, bold).width
        ink, touched = _turned(text, size, colour, bold, angle)
        left = at[0] - across * math.cos(math.radians(angle)) - ink.width / 2
        top = at[1] + across * math.sin(math.radians(angle)) - ink.height / 2
        self.image.paste(ink, (round(left), round(top)), touched)

    def finished(self) -> Image.Image:
        """The picture with its palette."""
        picture = self.image.copy()
        picture.putpalette(palette(self._scale).tobytes())
        return picture

    def png(self) -> bytes:
        """As PNG: a light card with round corners, which reads on a white page and on a dark one."""
        buffer = io.BytesIO()
        self.finished().save(buffer, format="png", compress_level=1, transparency=_CLEAR)
        return buffer.getvalue()


def canvas(width: int, height: int, scale: str) -> Canvas:
    """An empty page with round corners."""
    image = Image.new("L", (width, height), _CLEAR)
    ImageDraw.Draw(image).rounded_rectangle((0, 0, width - 1, height - 1), _RADIUS, fill=PAPER)
    return Canvas(image, scale)


@functools.cache
def _number(text: str, size: int, colours: tuple[int, int], scale: str) -> tuple[Image.Image, Image.Image]:
    """Colours of a number's pixels on a cell, and a mask of them; cached, since numbers and shades repeat."""
    cover = np.asarray(text_tile(text, size).getchannel("A"))
    return Image.fromarray(_mixed(colours, scale)[cover // 16]), Image.fromarray(
        np.where(cover, 255, 0).astype(np.uint8)
    )


@functools.cache
def _mixed(colours: tuple[int, int], scale: str) -> NDArray[np.uint8]:
    """[16]: for opacities of the first colour on the second the nearest colour of the palette."""
    known = palette(scale).astype(float)
    ink, paper = known[list(colours)]
    mixed = np.linspace(paper, ink, 16)
    return (np.square(known).sum(axis=1) - 2 * mixed @ known.T).argmin(axis=1).astype(np.uint8)


@functools.lru_cache(maxsize=1024)
def _turned(text: str, size: int, colour: int, bold: bool, angle: float) -> tuple[Image.Image, Image.Image]:
    """Colours of a text's pixels on the page, and a mask of them."""
    tile = text_tile(text, size, colour, bold)
    if angle:
        tile = tile.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    page = Image.new("RGB", tile.size, "white")
    page.paste(tile, mask=tile)
    colours = Image.new("P", (1, 1))
    colours.putpalette(palette(BLUES)[SHADES:].tobytes())  # the same in every scale
    few = page.quantize(palette=colours, dither=Image.Dither.NONE)
    indices = Image.frombytes("L", few.size, few.tobytes()).point(range(SHADES, SHADES + 256))
    return indices, tile.getchannel("A").point(_ANY)


@functools.lru_cache(maxsize=1024)
def text_tile(text: str, size: int, colour: int = INK, bold: bool = False) -> Image.Image:
    """A line of text on a transparent tile, centred on the height of capitals.

    Each word has one font. Words stand from left to right in the order given, also those of a script that runs from
    right to left: there, letters are in order within a word only.
    """
    ink = tuple(palette(BLUES)[colour].tolist())
    words = [_word(word, font_path(word), size, ink, bold) for word in text.split(" ")]
    space = round(0.32 * size)
    width = sum(word.width for word in words) + space * (len(words) - 1)
    tile = Image.new("RGBA", (width, words[0].height), (*ink, 0))
    left = 0
    for word in words:
        tile.paste(word, (left, 0))
        left += word.width + space
    return tile


def text_width(text: str, size: int) -> int:
    """Width of a text, by those of its words."""
    return sum(text_tile(word, size).width + round(0.32 * size) for word in text.split(" ")) - round(0.32 * size)


@functools.lru_cache(maxsize=1024)
def _word(word: str, path: Path, size: int, ink: tuple[int, ...], bold: bool) -> Image.Image:
    chosen = font(path.with_stem("DejaVuSans-Bold") if bold and path == typeface() else path, size)
    if word and not features.check("raqm") and unicodedata.bidirectional(word[:1]) in ("R", "AL"):
        word = word[::-1]  # the plain layout sets letters from left to right; it cannot join Arabic ones either
    width, height = max(1, math.ceil(chosen.getlength(word))), round(1.5 * chosen.size)
    tile = Image.new("RGBA", (width, height), (*ink, 0))
    ImageDraw.Draw(tile).text(
        (0, height / 2 + 0.36 * chosen.size), word, fill=ink, font=chosen, anchor="ls", embedded_color=True
    )
    if chosen.size == size:
        return tile
    return tile.resize((max(1, round(width * size / chosen.size)), round(1.5 * size)), Image.Resampling.BOX)
