"""Pictures as TensorBoard's cards show them: 350 pixels wide, each second pixel painted, on a white or a dark page."""

import io

import numpy as np
import pytest
from map_pixels import FRAME, LABELS, LONG, NOTHING_MATTERS, changed, one_value_a_map, pixels, weights
from PIL import Image
from scipy import ndimage

from experiments.pictures import canvas
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.film_strip import film_strip
from experiments.pictures.map_parts import CARD, MapLabels

CAPITAL = 2 * 0.73 * 11
"""Height of a capital or a digit of letters of 11 pixels, before each second pixel is left out."""


def sentence(count, word="HHH"):
    """The second and the third word and the last but one are masked, and all others relevant."""
    masked = (1, 2, count - 2)
    relevant = np.ones((3, count), bool)
    relevant[range(3), masked] = False
    return MapLabels((word,) * count, masked, relevant)


def colours(*indices):
    return [tuple(canvas.palette(canvas.BLUES)[index].tolist()) for index in indices]


def frames(png):
    """How many frames are seen, those that touch being one; without that of the legend."""
    return ndimage.label((pixels(png)[::2, ::2] == FRAME).all(axis=-1), np.ones((3, 3)))[1] - 1


@pytest.mark.parametrize("kind", ["weight", "relevance"])
@pytest.mark.parametrize("count", [5, 7, 9, 16])
def test_a_map_is_as_wide_as_a_card_whatever_it_shows(count, kind):
    picture = MapPicture(sentence(count), kind)
    ((height, width, _),) = {pixels(picture.png(weights(n, 3, count), "head 1" * 30 * n)).shape for n in range(3)}
    assert width == CARD
    assert picture.corner[0] + count * picture.cell[0] < width
    assert picture.corner[1] + count * picture.cell[1] < height


def test_a_short_sentence_also_reads_in_the_low_cards_of_the_first_dashboard():
    """They leave a picture 215 pixels: half of its height, so that every second pixel is shown there, too."""
    assert pixels(MapPicture(LABELS).png(weights(0), "head 1")).shape == (430, 700, 3)


@pytest.mark.parametrize("count", [6, 7, 8, 9, 12])
def test_words_and_numbers_are_large_enough_and_fit_their_cells(count):
    picture = MapPicture(sentence(count), "relevance")
    values = np.ones((3, count))
    page = pixels(picture.png(values, ""))
    (left, top), (wide, high) = picture.corner, picture.cell
    for line in range(count):
        beside = page[top + line * high : top + (line + 1) * high, 8 : left - 4]
        written = (beside < 160).all(axis=-1).any(axis=1).nonzero()[0]
        assert CAPITAL - 2 <= np.ptp(written) + 1 < high - 2
    values[0, 3] = 88.88  # as dark as 1, so that only the number differs
    down, across = changed(picture.png(values, ""), picture.png(np.ones((3, count)), ""))
    assert down.stop - down.start >= CAPITAL - 2
    assert across.stop - across.start <= wide + 8


def test_a_map_has_a_line_for_each_word_and_those_that_are_never_masked_are_hatched():
    picture = MapPicture(LABELS)
    (left, top), (wide, high) = picture.corner, picture.cell
    assert wide == high
    pages = [pixels(picture.png(values, "head 1")) for values in (weights(0), weights(1))]
    paper_and_line = set(colours(canvas.PAPER, canvas.LINE))
    for line in range(7):
        one, other = (page[top + line * high : top + (line + 1) * high, left : left + 7 * wide] for page in pages)
        seen = {tuple(colour) for colour in one[: high - 1].reshape(-1, 3).tolist()}
        assert (seen == paper_and_line) == (line not in LABELS.masked)
        assert (one == other).all() == (line not in LABELS.masked)


@pytest.mark.parametrize("count", [5, 7, 12, 16, 45])
def test_frames_of_neighbours_stay_apart(count):
    labels = sentence(count)
    assert frames(MapPicture(labels).png(np.zeros((3, count)), "head 1")) == labels.relevant.sum()
    for card in (False, True):
        strip = film_strip([np.zeros((1, 3, count))], [0], labels, "a title", card=card)
        assert frames(strip) == labels.relevant.sum()


def test_a_picture_is_a_light_card_with_clear_corners():
    maps = [weights(0)[None]]
    strips = [film_strip(maps, [0], LABELS, "a title", card=card) for card in (False, True)]
    for png in (MapPicture(LABELS).png(weights(0), "head 1"), *strips):
        opacity = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))[..., 3]
        assert not opacity[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        assert (opacity[20:-20] == 255).all()
        assert (opacity[:, 20:-20] == 255).all()


@pytest.mark.parametrize(("labels", "shown"), [(NOTHING_MATTERS, [0, 1, 2, 3, 4, 5]), (LONG, [0, 2, 5])])
def test_a_strip_for_a_card_has_as_many_steps_as_a_readable_one_has_room_for(labels, shown):
    rows, words = labels.relevant.shape
    values, maps = one_value_a_map(6, 2, rows=rows, words=words)
    strip = Image.open(io.BytesIO(film_strip(maps, range(6), labels, " ".join(labels.words), card=True)))
    assert strip.width == CARD
    assert strip.height <= 2.5 * CARD
    covered = np.array(strip.histogram())[(values * 127).round().astype(int)]
    assert ((covered > 400 * rows * words).all(axis=1).nonzero()[0] == shown).all()
    assert (covered < 40 * rows * words).any(axis=1).sum() == 6 - len(shown)
