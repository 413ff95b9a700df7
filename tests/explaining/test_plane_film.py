"""Queries and keys of a run in one plane: they are those of the model, and the pictures show them."""

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from asked_run import STEPS, AskedRun
from PIL import Image
from refusals import refused

from data.errors import InputError
from data.vocabulary import MASK
from experiments import film
from experiments.explaining.plane_film import plane_points, point_style
from experiments.replay.film import filmed_run
from experiments.replay.plane_labels import write_labels
from experiments.replay.plane_picture import COLOURS, PointStyle, plane_gif, plane_strip
from experiments.reports.plots import figure_files, panels
from experiments.view.plane_points import NO_GROUP, SEVERAL, PlaneOverTime

pytestmark = pytest.mark.usefixtures("quickly_compiled")
SENTENCE = "the cat sat on the mat ."
QUERIES_AND_KEYS = ["--of", "queries_and_keys"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Heads of two components: their plane holds all of them."""
    return AskedRun(tmp_path_factory.mktemp("runs") / "one", heads=3, d_head=2, scale=0.8)


def dots(plane, s, query, key):
    return float(plane.query_SQ2[s, query] @ plane.key_SP2[s, key])


def test_the_dot_products_of_points_are_those_of_the_model(run):
    """Of one sentence: cat, sat and mat are masked, each in a copy of its own."""
    points, planes = plane_points(filmed_run(run.folder, 8), SENTENCE)
    assert points.query_place == (1, 2, 5)
    assert [plane.head for plane in planes] == [0, 1, 2]
    tokens = run.world.vocabulary.encode(SENTENCE)
    for s in range(len(STEPS)):
        for q, place in enumerate(points.query_place):
            row = run.oracle(s).row([MASK if k == place else token for k, token in enumerate(tokens)], place)
            for h, plane in enumerate(planes):
                for p, k in enumerate(points.key_place):
                    if k != place:
                        assert dots(plane, s, q, p) == pytest.approx(row["dot_products"][h, k], rel=1e-4, abs=1e-5)


def test_a_blank_of_a_form_asks_with_its_own_query(tmp_path):
    run = AskedRun(tmp_path / "two", "two_stories", heads=2, d_head=2, scale=0.8)
    sentence = "cat DOG sat ROOF mat SLEPT"
    filmed = filmed_run(run.folder, 1)
    points, (plane,) = plane_points(filmed, sentence, head=2)
    tokens, number = run.world.vocabulary.encode(sentence), run.world.vocabulary.number
    for q, (place, blank) in enumerate(zip(points.query_place, ["[mask]", "[MASK]"] * 3, strict=True)):
        row = run.oracle().row([number[blank] if k == place else word for k, word in enumerate(tokens)], place)
        for p, k in enumerate(points.key_place):
            if k != place:
                assert dots(plane, 0, q, p) == pytest.approx(row["dot_products"][1, k], rel=1e-4, abs=1e-5)
    style = point_style(run.world, points, "form", with_words=True)
    assert style.query_groups == ["whispered", "shouted"] * 3
    drawn, _ = plane_points(filmed, None, sentences=300)
    assert len(drawn.query_place) == 12  # two blanks at six places; each hides words of one form, of all slots
    for by, known in (("form", {"whispered", "shouted"}), ("slot", {SEVERAL})):
        assert {*point_style(run.world, drawn, by, with_words=False).query_groups} == known


def test_sentences_are_drawn_where_none_is_named(run):
    filmed = filmed_run(run.folder, 2)
    points, _ = plane_points(filmed, None, sentences=40)
    again, _ = plane_points(filmed, None, sentences=40)
    assert points == again
    assert len(set(zip(points.key_word, points.key_place, strict=True))) == len(points.key_word) > 60
    assert len(set(points.query_place)) == len(points.query_place)  # the only blank
    slots, keys = (point_style(run.world, points, by, with_words=False) for by in ("slot", "class"))
    assert {*slots.query_groups} - {SEVERAL} == {"subject", "verb", "object"}
    assert "determiner" in slots.key_groups
    assert SEVERAL in keys.query_groups


def test_the_command_writes_a_film_a_strip_and_a_drawing(run, capsys, tmp_path):
    assert film.main(["--run", str(run.folder), *QUERIES_AND_KEYS, "--sentences", "5", "--head", "1"]) == 0
    gif, png, svg = capsys.readouterr().out.split()
    assert gif == str(run.folder / "points-001.gif")
    with Image.open(gif) as moving, Image.open(png) as still:
        assert moving.n_frames == 2
        assert min(still.size) > 200
    out = str(tmp_path / "my")
    film.main(["--run", str(run.folder), *QUERIES_AND_KEYS, SENTENCE, "--colour", "place", "--out", out])
    assert "head 3, step 40" in (tmp_path / "my.svg").read_text(encoding="utf-8")
    assert ET.parse(svg).getroot().tag.endswith("svg")
    with refused(f"{out}.gif", "--out"):
        film.main(["--run", str(run.folder), *QUERIES_AND_KEYS, SENTENCE, "--out", out])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a sentence is missing"),
        ([SENTENCE, "--colour", "class", "--head", "1"], "--colour and --head: goes together with --of"),
        ([*QUERIES_AND_KEYS, "--colour", "form"], "have no forms; choose class, slot or place"),
        ([*QUERIES_AND_KEYS, "--colour", "taste"], "invalid choice"),
        ([*QUERIES_AND_KEYS, "--head", "4"], "--head 4: this model has 3; name one from 1 to 3"),
        ([*QUERIES_AND_KEYS, "--sentences", "0"], "--sentences: must be from 1 to 2,000, not 0"),
        ([*QUERIES_AND_KEYS, SENTENCE, "--sentences", "3"], "--sentences: says how many are drawn"),
        ([*QUERIES_AND_KEYS, "the dog sit on the mat ."], "'sit'"),
        ([*QUERIES_AND_KEYS, "--steps", "0"], "--steps: must be at least 1"),
    ],
)
def test_a_mistake_is_one_line(run, arguments, said):
    with pytest.raises(InputError) as error:
        film.main(["--run", str(run.folder), *arguments])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def made_planes(steps, heads=2):
    rng = np.random.default_rng(3)
    return [
        PlaneOverTime(h, rng.normal(size=(steps, 2, 2)), rng.normal(size=(steps, 3, 2)), rng.random(steps))
        for h in range(heads)
    ]


STYLE = PointStyle("class", ["b", SEVERAL], ["b", NO_GROUP, "c"], ["", "a", "b", "c"])


def test_a_panel_shows_its_points_and_axes_do_not_move():
    planes = made_planes(7)
    axes = plane_strip(planes, range(7), STYLE, "title").axes
    drawn = [one for one in axes if one.axison]
    assert len(drawn) == 14
    order = [(h, s) for first in (0, 4) for h in (0, 1) for s in range(first, min(first + 4, 7))]
    for one, (h, s) in zip(drawn, order, strict=True):
        assert one.get_title().startswith(f"head {h + 1}, step {s}: {100 * planes[h].share_S[s]:.0f} %")
        keys, queries = (points.get_offsets() for points in one.collections)
        np.testing.assert_array_equal(keys, planes[h].key_SP2[s])
        np.testing.assert_array_equal(queries, planes[h].query_SQ2[s])
        assert one.get_xlim() == one.get_ylim() == (-1.1 * planes[h].reach, 1.1 * planes[h].reach)


def test_a_group_has_one_colour_in_all_pictures():
    assert STYLE.colour("b") == COLOURS[1]  # though no point is of group a
    assert STYLE.colour(NO_GROUP) not in COLOURS
    assert STYLE.colour(SEVERAL) == "white"
    many = PointStyle("slot", [], ["x12"], [f"x{n}" for n in range(20)])
    assert many.colour("x8") == COLOURS[8]
    assert many.colour("x12") == STYLE.colour(NO_GROUP)
    place = PointStyle("place", ["2"], ["10", "1", "2"])
    assert place.names == ["1", "2", "10"]
    assert len({place.colour(name) for name in place.names}) == 3
    legend = plane_strip(made_planes(1), [0], STYLE, "title").legends[0]
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["query of a blank", "key of a word", "b", "c", "blank of several classes", "other words"]


def test_a_film_has_a_frame_for_each_step():
    film_ = Image.open(io.BytesIO(plane_gif(made_planes(3, heads=5), [0, 8, 100], STYLE, "title")))
    assert film_.n_frames == 3
    durations = []
    for s in range(3):
        film_.seek(s)
        durations.append(film_.info["duration"])
        assert film_.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    assert durations[-1] > 2 * durations[0]


def test_labels_do_not_lie_on_each_other():
    figure, axes = panels(1, 1, width=3, height=3)
    axes[0, 0].set(xlim=(-1, 1), ylim=(-1, 1))
    near = np.asarray([[0, 0], [0.01, 0], [0, 0.01], [0.01, 0.01], [0.02, 0], [0.02, 0.02], [0.7, 0.7]])
    write_labels(axes[0, 0], near, ["first", *["crowded" * 2] * 5, "alone"])
    shown = [text.get_text() for text in axes[0, 0].texts]
    assert shown[0] == "first"
    assert shown[-1] == "alone"
    assert len(shown) < 7
    figure_files(figure, "drawn")
    boxes = [text.get_window_extent() for text in axes[0, 0].texts]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
