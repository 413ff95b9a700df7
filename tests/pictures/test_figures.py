"""Pictures of attention: the values can be read off the colours, whatever was drawn before, whatever the words are."""

import functools
import math
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from map_pixels import FRAME, INK, LABELS, RELEVANT, box, changed, inside, pixels, weights
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from experiments.pictures import canvas, fonts
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.film_strip import film_gif, film_strip
from experiments.pictures.map_parts import MapLabels

SCALES = {"weight": "Blues", "relevance": "Purples"}
HALF_SHADE = 0.5 / 127


@functools.cache
def shades(scale):
    """The colours of Matplotlib's scale at the 128 values that are told apart."""
    return np.array([[255 * part for part in mpl.colormaps[scale](i / 127)[:3]] for i in range(128)])


def value_of(colour, scale="Blues"):
    """Which value a colour stands for: 0 is the palest of the scale, 1 the darkest."""
    distance = np.abs(shades(scale) - colour).max(axis=1)
    assert distance.min() <= 2, colour
    return np.flatnonzero(distance == distance.min()).mean() / 127


def cells(picture, png, shape=(3, 7), scale="Blues"):
    """The values that the cells of a map show, read near their lower right corners, within a frame if there is one."""
    seen, found = pixels(png), np.empty(shape)
    for i, j in np.ndindex(*shape):
        cell = seen[box(picture, i, j)]
        found[i, j] = value_of(cell[round(0.8 * len(cell)), round(0.8 * len(cell[0]))], scale)
    return found


def test_the_scales_are_those_of_matplotlib():
    for scale, name in ((canvas.BLUES, "Blues"), (canvas.PURPLES, "Purples")):
        np.testing.assert_allclose(canvas.palette(scale)[:128], shades(name), atol=1.6)


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_values_can_be_read_off_the_colours(seed, kind):
    picture, drawn = MapPicture(LABELS, kind=kind), weights(seed)
    assert drawn.max() > 0.6
    found = cells(picture, picture.png(drawn, "head 1, step 100"), scale=SCALES[kind])
    np.testing.assert_allclose(found, drawn, atol=2 * HALF_SHADE)


@pytest.mark.parametrize("value", [0.0, 0.01, 0.5, 1.0])
def test_a_colour_means_the_same_in_every_picture(value):
    """A map whose largest weight is small is pale: the scale is not stretched to what it holds."""
    picture = MapPicture(LABELS)
    found = cells(picture, picture.png(np.full((3, 7), value), "head 1"))
    np.testing.assert_allclose(found, value, atol=2 * HALF_SHADE)


def test_more_than_one_nat_is_as_dark_as_one_and_the_number_is_written():
    picture = MapPicture(LABELS, kind="relevance")
    one, more, most = (picture.png(np.full((3, 7), value), "exact relevance") for value in (1.0, 1.3, 12.0))
    for png in (one, more, most):
        assert (cells(picture, png, scale="Purples") == 1).all()
    for left, right in combinations((one, more, most), 2):  # in each cell the number differs, and nothing beside it
        seen, other = pixels(left), pixels(right)
        for i, j in np.ndindex(3, 7):
            cell = box(picture, i, j)
            assert (seen[cell] != other[cell]).any()
            seen[cell] = other[cell]
        assert (seen == other).all()
    assert picture.png(np.ones((3, 7)), "exact relevance, in nats") == one  # the unit is named once


def test_a_value_that_is_not_finite_is_grey():
    picture, drawn = MapPicture(LABELS), np.full((3, 7), 0.5)
    drawn[0, 0], drawn[1, 4] = np.nan, np.inf
    seen = pixels(picture.png(drawn, "head 1"))
    for i, j in np.ndindex(3, 7):
        cell = seen[box(picture, i, j)]
        assert (len(np.unique(cell[-9, -9])) == 1) == (not np.isfinite(drawn[i, j]))
    film_strip([drawn[None]], [0], LABELS, "")


def test_a_picture_shows_nothing_of_the_ones_before():
    used = MapPicture(LABELS)
    for seed in range(3):
        drawn = weights(seed)
        assert used.png(drawn, f"step {seed}") == MapPicture(LABELS).png(drawn, f"step {seed}")
    used.png(np.ones((3, 7)), "head 12, step 1,000,000")
    assert used.png(drawn, "step 2") == MapPicture(LABELS).png(drawn, "step 2")
    heading = changed(used.png(drawn, "step 3"), used.png(drawn, "step 2"))
    assert heading[0].stop < used.corner[1]
    other = drawn.copy()
    other[2, 6] += 0.1
    assert inside(changed(used.png(other, "step 3"), used.png(drawn, "step 3")), box(used, 2, 6))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_true_words_are_framed_and_the_hidden_places_dashed_and_no_others(value):
    """A dashed edge has pixels of both its colours, so it is seen on pale and on dark cells."""
    picture = MapPicture(LABELS)
    seen = pixels(picture.png(np.full((3, 7), value), "head 1"))
    framed, dashed = np.zeros((2, 3, 7), bool)
    for i, j in np.ndindex(3, 7):
        cell = seen[box(picture, i, j)]
        edge = cell[2, 2:-4]
        framed[i, j] = (edge == FRAME).all()
        dashed[i, j] = (edge == INK).all(axis=-1).any() and (edge == 255).all(axis=-1).any()
    assert (framed == RELEVANT).all()
    assert dashed.nonzero()[0].tolist() == [0, 1, 2]
    assert dashed.nonzero()[1].tolist() == list(LABELS.masked)


ODD_WORDS = ("$", "a$b$", r"$\frac{1}{0}$", "x_y", "\\", r"$\frac$", "$x_$", r"\alpha", "<b>", "&amp;", "%s", "{0}",
             "'", '"', "日本", "😀", "👩\u200d👧", "\u202eabc", "\u200b", "\x07", "\n", "\t", "שלום", "مرحبا",
             "\ud800", "भाषा", "e\u0301" * 9, "x" * 40, "")  # fmt: skip


@pytest.mark.parametrize("start", range(0, len(ODD_WORDS), 9))
def test_any_word_can_be_drawn(start):
    """Warnings are errors here, so a warning of the drawing library would fail too."""
    words = ODD_WORDS[start : start + 9]
    relevant = np.zeros((len(words), len(words)), bool)
    labels = MapLabels(words, tuple(range(len(words))), relevant)
    drawn = weights(0, len(words), len(words))
    picture = MapPicture(labels)
    seen = pixels(picture.png(drawn, words[0]))
    left = picture.corner[0]
    for i, word in enumerate(words):  # something stands beside each row, but for the empty word
        beside = seen[box(picture, i, 0)[0], left - 40 : left - 2]
        assert (beside < 255).any() == bool(word), word
    assert pixels(film_strip([drawn[None]], [5], labels, " ".join(words))).min() < 255
    assert film_gif([drawn[None]], [5], labels, " ".join(words))


def test_the_typeface_has_the_usual_characters():
    usual = {c for c in range(0x600) if chr(c).isprintable() and fonts.USUAL.fullmatch(chr(c))}
    assert len(usual) > 900
    assert usual | {ord("…")} <= FT2Font(str(fonts.typeface())).get_charmap().keys()


def test_words_beside_a_map_are_short_and_printable():
    words = (*ODD_WORDS, "座布団の上に", "座布団の上に猫", "Ö" * 13)
    labels = MapLabels(words, (0,), np.zeros((1, len(words)), bool))
    shown = [labels.short(i) for i in range(len(words))]
    assert all(word.replace("\u200d", "").isprintable() and len(word) <= 12 for word in shown)
    assert shown[:5] == ["$", "a$b$", r"$\frac{1}{0…", "x_y", "\\"]
    assert shown[words.index("\x07")] == r"\x07"
    assert shown[-6:] == ["é" * 9, "x" * 11 + "…", "", "座布団の上に", "座布団の上…", "Ö" * 11 + "…"]  # composed


@pytest.mark.parametrize("count", [5, 16, 40])
def test_words_do_not_touch(count):
    """A word in one place after another, the others left out (but the last): no pixel belongs to two of them."""
    word, places = "Ågjpqy@W|Ågj", range(count // 2 - 2, count // 2 + 2)
    seen = []
    for place in places:
        words = tuple(word if j in (place, count - 1) else "" for j in range(count))
        picture = MapPicture(MapLabels(words, (count - 1,), np.zeros((1, count), bool)))
        page = pixels(picture.png(np.zeros((1, count)), ""))
        seen.append((page[box(picture, 0, 0)[0].stop + 2 :] < 128).all(axis=-1))
    same = np.logical_and.reduce(seen)
    alone = [page & ~same for page in seen]
    assert all(page.sum() > 100 for page in alone)
    assert not any((one & other).any() for one, other in combinations(alone, 2))


@pytest.fixture
def installed(monkeypatch):
    """`installed(*paths)`: from now on these are the fonts of the system."""

    def forget():
        for cached in (fonts.installed_fonts, fonts.font_path, canvas.text_tile):
            cached.cache_clear()

    def install(*paths):
        monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [str(path) for path in paths])
        forget()

    yield install
    forget()


def test_a_character_that_the_typeface_lacks_is_drawn_with_an_installed_font(installed, tmp_path):
    """The sans-serif typeface lacks U+1D24, its serif sister has it; a damaged font is passed over."""
    usual, word = fonts.typeface(), "\u1d24\u1d24"
    sister, damaged = usual.with_name("DejaVuSerif.ttf"), tmp_path / "Damaged.ttf"
    damaged.write_text("no font")
    widths = {path: math.ceil(ImageFont.truetype(path, 40).getlength(word)) for path in (usual, sister)}
    assert widths[usual] != widths[sister]
    for found, font in (((), usual), ((damaged,), usual), ((damaged, sister), sister)):
        installed(*found)
        assert fonts.font_path(word) == font
        assert canvas.text_tile(word, 40).width == widths[font]
        assert fonts.font_path("a\u00e4") == usual
        assert fonts.font_path("日\u1d24") == usual  # no font has both


def test_latin_words_are_drawn_without_matplotlib():
    """It takes longer to import than all pictures of a run to paint."""
    code = """
import sys, numpy as np
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.film_strip import film_gif, film_strip
from experiments.pictures.map_parts import MapLabels
labels = MapLabels(("Öl", "æß", "naïve…"), (0,), np.ones((1, 3), bool))
MapPicture(labels).png(np.ones((1, 3)), "head 1")
film_strip([np.ones((1, 1, 3))], [0], labels, "Öl")
film_gif([np.ones((1, 1, 3))], [0], labels, "Öl")
assert not {"matplotlib", "jax", "fontTools"} & set(sys.modules)"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
