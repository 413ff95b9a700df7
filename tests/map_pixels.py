"""Small maps, and what their pictures show, read off the pixels."""

import dataclasses
import io

import numpy as np
from PIL import Image

from experiments.pictures import canvas
from experiments.pictures.map_parts import MapLabels

WORDS = ("the", "cat", "sat", "on", "the", "mat", ".")
RELEVANT = np.zeros((3, 7), bool)
RELEVANT[[0, 0, 1, 2], [2, 5, 1, 1]] = True
RELEVANT[1, 1] = True
LABELS = MapLabels(WORDS, (1, 2, 5), RELEVANT)
NOTHING_MATTERS = dataclasses.replace(LABELS, relevant=np.zeros((3, 7), bool))
LONG = MapLabels(
    ("the", "small", *WORDS[1:6], "while", "a", "bird", "often", "landed", "on", "the", "roof", "."),
    (2, 3, 6, 9, 11, 14),
    np.zeros((6, 16), bool),
)
FRAME, INK = (0xD1, 0x49, 0x5B), (0x22, 0x30, 0x3C)


def weights(seed, rows=3, words=7):
    return np.random.default_rng(seed).dirichlet(np.full(words, 0.3), rows).astype(np.float32)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def changed(one, other):
    """The part in which two pictures of one size differ: slices of rows and columns, as small as can be."""
    at = np.argwhere((pixels(one) != pixels(other)).any(axis=-1))
    assert len(at), "the pictures are equal"
    (top, left), (bottom, right) = at.min(axis=0), at.max(axis=0) + 1
    return slice(top, bottom), slice(left, right)


def inside(part, whole):
    """Whether a part of a picture, as slices, lies within another."""
    return all(w.start <= p.start and p.stop <= w.stop for p, w in zip(part, whole, strict=True))


def box(picture, row, word):
    """A cell's slices of the picture."""
    (left, top), (wide, high) = picture.corner, picture.cell
    line = top + picture.lines[row] * high
    return slice(line, line + high), slice(left + word * wide, left + (word + 1) * wide)


def found_maps(picture, values):
    """Where each of these values has its cells: the middle (down, right) of all pixels of its colour."""
    place, seen = np.empty((*values.shape, 2)), picture @ (1 << 16, 1 << 8, 1)
    for index in np.ndindex(values.shape):
        colour = canvas.palette(canvas.BLUES)[round(values[index] * 127)].astype(int)
        here = np.argwhere(seen == colour @ (1 << 16, 1 << 8, 1))
        assert len(here) > 21 * 200, index
        place[index] = np.median(here, axis=0)
    return place


def one_value_a_map(steps, heads, seed=0, rows=3, words=7):
    """[steps, heads] of values that differ by some shades, and maps that are filled with them."""
    order = np.random.default_rng(seed).permutation(steps * heads).reshape(steps, heads)
    values = np.round((0.2 + 0.75 * order / (steps * heads)) * 127) / 127
    return values, [np.broadcast_to(values[t, :, None, None], (heads, rows, words)) for t in range(steps)]
