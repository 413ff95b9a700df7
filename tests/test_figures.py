"""Pictures of attention: the weights can be read off the colours, whatever was drawn before, whatever the words are."""

import dataclasses
import io

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from experiments.event_writer import png_size
from experiments.figures import MapLabels, MapPicture, film_strip

WORDS = ("the", "cat", "sat", "on", "the", "mat", ".")
RELEVANT = np.zeros((3, 7), bool)
RELEVANT[[0, 0, 1, 2], [2, 5, 1, 1]] = True
LABELS = MapLabels(WORDS, (1, 2, 5), RELEVANT)
BLUES = np.array([[round(255 * part) for part in mpl.colormaps["Blues"](i / 255)[:3]] for i in range(256)])
"""The colours of the weights from 0 to 1, in 256 steps; some neighbours are equal."""
FRAME = (0xD1, 0x49, 0x5B)


def weights(seed, rows=3, words=7):
    return np.random.default_rng(seed).dirichlet(np.full(words, 0.3), rows).astype(np.float32)


def pixels(png):
    picture = np.asarray(Image.open(io.BytesIO(png)))
    assert picture.shape[2:] == (3,)
    assert picture.shape[1::-1] == png_size(png)
    return picture.astype(int)


def value_of(colour):
    """Which weight a colour stands for: 0 is the palest of the scale, 1 the darkest."""
    distance = np.abs(BLUES - colour).sum(axis=1)
    assert distance.min() <= 3, colour
    return (np.flatnonzero(distance == distance.min()).mean() + 0.5) / 256


def box(picture, row, word):
    """Left, top, right, bottom of a cell, in pixels from the picture's upper left corner."""
    return (*picture._corners[row, word], *picture._corners[row + 1, word + 1])


def cells(picture, png):
    """The weights that the cells of a map show, read near their lower right corners: no digit or frame is there."""
    seen, (rows, words) = pixels(png), (picture._corners.shape[0] - 1, picture._corners.shape[1] - 1)
    found = np.empty((rows, words))
    for i in range(rows):
        for j in range(words):
            left, top, right, bottom = box(picture, i, j)
            found[i, j] = value_of(seen[round(top + 0.86 * (bottom - top)), round(left + 0.86 * (right - left))])
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_the_weights_can_be_read_off_the_colours(seed):
    picture, drawn = MapPicture(LABELS), weights(seed)
    assert drawn.max() > 0.6
    found = cells(picture, picture.png(drawn, "head 1, step 100"))
    np.testing.assert_allclose(found, drawn, atol=3 / 256)


@pytest.mark.parametrize("value", [0.0, 0.01, 0.5, 1.0])
def test_a_colour_means_the_same_in_every_picture(value):
    """A map whose largest weight is small is pale: the scale is not stretched to what it holds."""
    picture = MapPicture(LABELS)
    found = cells(picture, picture.png(np.full((3, 7), value), "head 1"))
    np.testing.assert_allclose(found, value, atol=3 / 256)


def test_a_picture_shows_nothing_of_the_ones_before():
    used = MapPicture(LABELS)
    for seed in range(3):
        drawn = weights(seed)
        assert used.png(drawn, f"step {seed}") == MapPicture(LABELS).png(drawn, f"step {seed}")
    used.png(np.ones((3, 7)), "head 12, step 1,000,000")
    assert used.png(drawn, "step 2") == MapPicture(LABELS).png(drawn, "step 2")
    assert used.png(drawn, "step 3") != used.png(drawn, "step 2")  # the heading names the step
    other = drawn.copy()
    other[2, 6] += 0.1
    assert used.png(other, "step 3") != used.png(drawn, "step 3")


def test_the_true_words_are_framed_and_no_others():
    picture = MapPicture(LABELS)
    seen = pixels(picture.png(np.zeros((3, 7)), "head 1"))
    framed = np.zeros((3, 7), bool)
    for i in range(3):
        for j in range(7):
            left, top, right, bottom = box(picture, i, j)
            cell = seen[top:bottom, left:right]
            framed[i, j] = (np.abs(cell - FRAME).sum(axis=-1) < 120).any()
    assert (framed == RELEVANT).all()


ODD_WORDS = ("$", "a$b$", r"$\frac{1}{0}$", "x_y", "\\", r"$\frac$", "$x_$", r"\alpha", "<b>", "&amp;", "%s", "{0}",
             "'", '"', "日本", "😀", "👩\u200d👧", "\u202eabc", "\u200b", "\x07", "\n", "\t",
             "\ud800", "भाषा", "e\u0301" * 9, "x" * 40, "")  # fmt: skip


@pytest.mark.parametrize("start", range(0, len(ODD_WORDS), 9))
def test_any_word_can_be_drawn(start):
    """Warnings are errors here, so a warning of the drawing library would fail too."""
    words = ODD_WORDS[start : start + 9]
    relevant = np.zeros((len(words), len(words)), bool)
    labels = MapLabels(words, tuple(range(len(words))), relevant)
    drawn = weights(0, len(words), len(words))
    plain = dataclasses.replace(labels, words=("a",) * len(words))
    picture = MapPicture(labels).png(drawn, "step 5")
    assert png_size(picture) == png_size(MapPicture(plain).png(drawn, "step 5"))
    assert picture != MapPicture(plain).png(drawn, "step 5")
    assert png_size(film_strip([drawn[None]], [5], labels, " ".join(words))) > (0, 0)


def test_words_beside_a_map_are_short_and_printable():
    labels = MapLabels(ODD_WORDS, (0,), np.zeros((1, len(ODD_WORDS)), bool))
    shown = [labels.short(i) for i in range(len(ODD_WORDS))]
    assert all(word.isprintable() and len(word) <= 12 for word in shown)
    assert shown[:5] == ["$", "a$b$", r"$\frac{1}{0…", "x_y", "\\"]
    assert shown[ODD_WORDS.index("\x07")] == r"\x07"
    assert shown[-3] == "é" * 9  # composed
    assert shown[-2] == "x" * 11 + "…"


@pytest.mark.parametrize("heads", [1, 2, 3, 4])
def test_a_film_strip_has_a_column_for_each_step_and_a_row_for_each_head(heads):
    """Every map is of one colour, so that it can be found again."""
    steps, rest = [0, 10, 1_500], np.zeros((3, 7), bool)
    values = 0.2 + 0.7 * np.random.default_rng(heads).permutation(3 * heads).reshape(3, heads) / (3 * heads)
    maps = [np.broadcast_to(values[t, :, None, None], (heads, 3, 7)) for t in range(3)]
    png = film_strip(maps, steps, dataclasses.replace(LABELS, relevant=rest), " ".join(WORDS))
    seen = pixels(png)
    place = np.empty((3, heads, 2))
    for t in range(3):
        for head in range(heads):
            here = np.argwhere(np.abs(seen - BLUES[int(values[t, head] * 256)]).max(axis=-1) <= 1)
            assert len(here) > 0.9 * 3 * 7 * (0.26 * 120) ** 2
            place[t, head] = np.median(here, axis=0)
    down, right = place[..., 0], place[..., 1]
    assert (np.ptp(down, axis=0) <= 1).all()
    assert (np.ptp(right, axis=1) <= 1).all()
    assert (np.diff(right[:, 0]) > 7 * 0.26 * 120).all()  # later to the right
    assert (np.diff(down[0]) > 3 * 0.26 * 120).all()  # head 1 on top
    assert len(seen) == pytest.approx(120 * (0.62 + 0.85 - 0.22 + heads * (3 * 0.26 + 0.22)), abs=1.5)
