"""Strips and films: every step and head is where it should be, at the size at which it is shown."""

import io

import numpy as np
import pytest
from map_pixels import LABELS, LONG, NOTHING_MATTERS, WORDS, changed, found_maps, one_value_a_map, pixels, weights
from PIL import Image

from experiments.pictures.film_strip import film_gif, film_strip


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_a_film_strip_has_a_column_for_each_step_and_a_row_for_each_head(heads):
    steps = [0, 10, 1_500]
    values, maps = one_value_a_map(3, heads, seed=heads)
    place = found_maps(pixels(film_strip(maps, steps, NOTHING_MATTERS, " ".join(WORDS))), values)
    down, right = place[..., 0], place[..., 1]
    assert (np.ptp(down, axis=0) <= 2).all()
    assert (np.ptp(right, axis=1) <= 2).all()
    assert (np.diff(right[:, 0]) > 150).all()  # later to the right
    assert (np.diff(down[0]) > 60).all()  # head 1 on top


def test_steps_that_do_not_fit_beside_each_other_go_on_below():
    values, maps = one_value_a_map(10, 2, rows=6, words=16)
    picture = pixels(film_strip(maps, range(10), LONG, " ".join(LONG.words)))
    assert picture.shape[1] <= 1920
    place = found_maps(picture, values)[:, 0]
    lines = sorted({round(down, -1) for down in place[:, 0]})
    assert len(lines) == 3  # 4 + 4 + 2
    reading = sorted(range(10), key=lambda t: (round(place[t, 0], -1), place[t, 1]))
    assert reading == list(range(10))  # step 0 first, the last step last


def test_a_strip_names_its_steps_and_its_sentence():
    values, maps = one_value_a_map(2, 1)
    strip = film_strip(maps, [0, 10], NOTHING_MATTERS, "a title")
    (_, first), (down, second) = found_maps(pixels(strip), values)[:, 0]
    rows, columns = changed(strip, film_strip(maps, [0, 11], NOTHING_MATTERS, "a title"))  # above the second map
    assert rows.stop < down
    assert rows.stop - rows.start < 20
    assert (first + second) / 2 < columns.start < columns.stop < second + (second - first) / 2
    title, _ = changed(strip, film_strip(maps, [0, 10], NOTHING_MATTERS, "other title"))
    assert title.stop < rows.start
    long = film_strip(maps, [0, 10], NOTHING_MATTERS, "a title " * 10_000)
    assert pixels(long).shape == pixels(strip).shape
    assert changed(strip, long)[0].stop < rows.start


def test_a_film_has_a_frame_for_each_step_with_all_heads_side_by_side():
    values, maps = one_value_a_map(5, 3)
    film = Image.open(io.BytesIO(film_gif(maps, [0, 3, 20, 100, 1_000], NOTHING_MATTERS, "a title")))
    assert film.format == "GIF"
    assert film.n_frames == 5
    assert film.info["loop"] == 0  # for ever
    durations = []
    for t in range(5):
        film.seek(t)
        durations.append(film.info["duration"])
        place = found_maps(np.asarray(film.convert("RGB")).astype(int), values[t])
        assert np.ptp(place[:, 0]) <= 2
        assert (np.diff(place[:, 1]) > 150).all()
    assert durations[-1] > 2 * max(durations[:-1])


def test_equal_maps_are_still_frames_of_their_own():
    film = Image.open(io.BytesIO(film_gif([weights(0)[None]] * 3, [0, 1, 2], LABELS, "a title")))
    assert film.n_frames == 3
