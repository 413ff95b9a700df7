"""The tab "Attention" in TensorBoard and a real browser: every number is the one in the arrays of the run."""

import csv
import io
import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys
from tab_page import Tab, installed_in, listening, need_chromium, tensorboard, wait_until
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from written_runs import HEADS, STEPS, WrittenRun, finished_run

from experiments.speed.browser_times import browser
from experiments.view.plane import plane, share_held

HOSTILE = [
    "</script><img src=x onerror=alert(1)>", "<b>bold</b>", "&lt;i&gt;", "&amp;", '"quoted"', "'single'", "`tick`",
    "${1+1}", "{{7*7}}", "=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "\\u003cscript\\u003e",
    "javascript:alert(1)", "<svg/onload=alert(1)>", "--><!--", "]]>", "%3Cscript%3E", "a,b;c", "مرحبا", "שלום", "漢字",
    "नमस्ते", "e\u0301", "\u202eabc", "\u200b", "w" * 120, "__proto__", "constructor", "null",
]  # fmt: skip
CHOSEN = """
return [...document.querySelectorAll(".compare-map")].map((map) =>
  [...map.querySelectorAll("td.cell")].findIndex((cell) => cell.classList.contains("chosen")));
"""
KEEP_SAVED = """
window.saved = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return make.call(URL, blob); };
"""
HEBREW = "החתול ישב על השטיח ."
POINTS = """
return [...document.querySelectorAll(`.plane .point.${arguments[0]}`)].map((point) => {
  const { e, f } = point.transform.baseVal[0].matrix;
  return [point.firstChild.style.fill, [e, f]];
});
"""
LEFT_SIDES = "return [...document.querySelectorAll(arguments[0])].map((node) => node.getBoundingClientRect().left)"
NARROW, WIDE = (800, 1000), (1500, 1000)
WIDE_HEBREW = " ".join(["שלום", "cat"] * 32)
LOOK = "dispatchEvent(new Event('focus'))"
"""The list of runs is asked for at once."""
SLOWLY = """
const ask = window.fetch;
window.fetch = async (url, ...more) => {
  const answer = await ask(url, ...more);
  if (/(sentence|head)[?]/.test(url)) await new Promise((done) => setTimeout(done, 2500));
  return answer;
};
"""
HEADS_OF_ROWS = """
const frame = document.querySelector(".map-frame"), [from, down] = arguments;
frame.scrollTo(from, down);
const box = frame.getBoundingClientRect(), across = (box.left + box.right) / 2;
const side = arguments[2] ? box.right - 1 : box.left + 1; // where the heads of rows are
const isCell = (at) => Boolean(document.elementFromPoint(...at)?.closest("td.cell"));
const beside = [...Array(Math.floor(frame.clientHeight / 3)).keys()].map((y) => [side, box.top + 3 * y]);
const heads = [...frame.querySelectorAll("th[scope=row]")].map((head) => {
  const text = document.createRange();
  text.selectNodeContents(head.querySelector("bdi"));
  return [head.getBoundingClientRect(), text.getBoundingClientRect()].map(({left, right}) => [left, right]);
});
return {
  frame: [box.left, box.right],
  heads,
  through: [[across, box.top + 1], ...beside].filter(isCell).length,
};
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs that are shown, by their names below the log directory."""
    root = tmp_path_factory.mktemp("runs of tests")
    made = {
        "a/seed-0": finished_run(root / "a" / "seed-0"),
        "a/seed-1": finished_run(root / "a" / "seed-1", seed=1),
        "raw": finished_run(root / "raw", scale="none"),
        "hostile": finished_run(root / "hostile", [HOSTILE], STEPS[:2]),
        "hebrew": finished_run(root / "hebrew", [HEBREW]),
        "wide hebrew": finished_run(root / "wide hebrew", [WIDE_HEBREW], range(2), masked=range(24)),
        "large": finished_run(root / "large", [" ".join(f"w{k}" for k in range(64))], range(3), masked=range(64)),
    }
    others = EventFileWriter(str(root / "of others"))
    others.add_event(Event(step=1, wall_time=1.0, summary=scalar_pb("their loss", 0.5)))
    others.close()
    return root, made


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return installed_in(tmp_path_factory.mktemp("installed") / "path")


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    need_chromium()
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def server(runs, path):
    with tensorboard(runs[0], path, "--load_fast=false") as address:
        yield address


@pytest.fixture
def tab(driver, server):
    """The tab; whatever a test does in it, the console must stay empty of errors."""
    driver.set_window_size(*WIDE)
    tab = Tab(driver, server)
    yield tab
    assert not tab.errors()


def weights(run, t, head=0, sentence=0):
    """What a map must show, [cells]."""
    fixed = run.fixed
    rows, words = (fixed["row"][sentence] >= 0).sum(), (fixed["tokens"][sentence] > 0).sum()
    return run.steps[t]["weights"][sentence, :rows, head, :words].ravel()


def remove(tab, folder):
    """Remove a run that is shown, once nothing is asked of it any more; what failed while it was away was a request."""
    tab.open(run="raw")
    shutil.rmtree(folder)
    assert all("status of 404" in message for message in tab.errors())


def test_the_tab_is_there_and_shows_the_first_run(tab, runs):
    tab.open()
    tab.driver.switch_to.default_content()
    assert "Attention" in tab.js("return document.querySelector('.plugins').textContent")
    tab.enter()
    np.testing.assert_array_equal(tab.cells(), weights(runs[1]["a/seed-0"], -1))


@pytest.mark.parametrize("head", range(HEADS))
def test_the_slider_shows_exactly_what_was_recorded(tab, runs, head):
    run = runs[1]["a/seed-0"]
    tab.open(run="a/seed-0", head=head + 1)
    for t, step in enumerate(STEPS):
        tab.step_to(np.log1p(step) / np.log1p(STEPS[-1]))
        assert tab.text(".player .step") == f"step {step}"
        np.testing.assert_array_equal(tab.cells(), weights(run, t, head))


def test_the_chosen_cell_shows_its_own_numbers(tab, runs):
    run = runs[1]["a/seed-0"]
    tab.open(run="a/seed-0", head=2, row=3, word=5, step=3)
    now, at = run.steps[2], (0, 2, 1, 4)
    one = {"weight": "weights", "score": "scores", "query . key": "dot_products", "gradient dL/ds": "score_gradient"}
    for measure, name in one.items():
        assert tab.number(measure) == now[name][at]
    assert tab.number("cost of cutting, this head") == now["cut_cost"][at]
    assert tab.number("cost of cutting, all heads") == now["cut_cost"][0, 2, HEADS, 4]
    assert tab.number("model relevance") == now["model_relevance"][0, 2, 4]
    assert tab.number("exact relevance") == run.fixed["exact_relevance"][0, 2, 4]
    length = wait_until(
        lambda: tab.js("return document.querySelector(\"[data-measure='weight x value']\").dataset.value")
    )
    np.testing.assert_allclose(float(length), np.linalg.norm(now["weighted_values"][at]), rtol=1e-6)
    wait_until(lambda: tab.js("return document.querySelector('.terms tbody td[data-value]')"))
    query, key = now["query"][0, 2, 1], now["key"][0, 2, 4, 1]
    np.testing.assert_array_equal(tab.column(".terms", 1), query)
    np.testing.assert_array_equal(tab.column(".terms", 2), key)
    np.testing.assert_allclose(tab.column(".terms", 3), query * key, rtol=1e-6)
    np.testing.assert_array_equal(tab.column(".terms", 5), now["weighted_values"][at])


def test_play_runs_to_the_end(tab, runs):
    tab.open(run="a/seed-0", step=0)
    tab.js("const s = document.querySelector('.player select'); s.value = 4; s.dispatchEvent(new Event('change'))")
    tab.js("window.focus()")
    tab.press(" ")
    seen = []

    def ended():
        seen.append(tab.text(".player .step"))
        return seen[-1] == f"step {STEPS[-1]}" and tab.js("return document.querySelector('[aria-label=Play]') !== null")

    wait_until(ended)
    assert len(set(seen)) == len(STEPS)
    np.testing.assert_array_equal(tab.cells(), weights(runs[1]["a/seed-0"], -1))


def test_compare_shows_both_runs_and_their_difference(tab, runs):
    tab.open(run="a/seed-0", step=10, compare="run:raw")
    a, b = (weights(runs[1][name], 3) for name in ("a/seed-0", "raw"))
    wait_until(lambda: len(tab.js("return document.querySelectorAll('.compare td.cell[data-value]')")) == 3 * len(a))
    np.testing.assert_array_equal(tab.cells(".compare"), np.concatenate([a, b, b - a]))
    tab.js("document.querySelectorAll('.compare-map')[1].querySelectorAll('td.cell')[9].focus()")
    tab.settle()
    assert tab.js(CHOSEN) == [9, 9, 9]
    tab.open(run="a/seed-0", compare="step:0")
    wait_until(lambda: tab.js("return document.querySelectorAll('.compare td.cell[data-value]').length"))
    first, last = (weights(runs[1]["a/seed-0"], t) for t in (0, -1))
    np.testing.assert_array_equal(tab.cells(".compare"), np.concatenate([last, first, first - last]))


def test_a_run_that_is_being_written_grows(tab, runs):
    root = runs[0]
    run = WrittenRun(root / "growing", seed=9)
    run.add(0, 1)
    tab.open(run="growing")
    assert "training now" in tab.text(".player")
    config = run.folder / "config.yaml"
    config.write_text(f"{config.read_text()}# resumed\n")  # as --resume does with other steps: it is the same training
    run.add(3)
    tab.js(
        "document.querySelectorAll('td.cell')[3].focus()"
    )  # its lines come with a step that the page has not seen yet
    wait_until(lambda: tab.text(".player .step") == "step 3")
    tab.settle()
    np.testing.assert_array_equal(tab.cells(), weights(run, 2))
    assert "begun anew" not in tab.text(".notices")
    for n in range(21):  # so many cells that their series push others out of what the page keeps
        tab.js("document.querySelectorAll('td.cell')[arguments[0]].focus()", n)
        tab.settle()
    run.add(4)
    wait_until(lambda: tab.text(".player .step") == "step 4")
    tab.settle()
    np.testing.assert_array_equal(tab.cells(), weights(run, 3))
    held = share_held(*(group[None] for group in vectors_of(run, 3)), plane(*vectors_of(run, 3)))
    wait_until(lambda: f"It holds {100 * held[0]:.0f} % " in tab.text("[data-part=plane]"))
    tab.step_to(0)
    run.add(10)
    wait_until(
        lambda: "5 recorded" in tab.js("return document.querySelector('.track input').getAttribute('aria-valuetext')")
    )
    assert tab.text(".player .step") == "step 0"  # who moved away from the end stays there
    run.finish()
    wait_until(lambda: "training now" not in tab.text(".player"))
    tab.settle()
    shutil.rmtree(root / "growing")
    tab.js("dispatchEvent(new Event('focus'))")
    wait_until(lambda: "no longer in the log directory" in tab.text(".notices"))
    np.testing.assert_array_equal(tab.cells(), weights(run, 0))
    tab.open(run="raw")
    assert all("status of 404" in message for message in tab.errors())  # requests, no exceptions


def test_a_run_without_a_step_is_shown_with_its_first(tab, runs):
    root = runs[0]
    run = WrittenRun(root / "young")
    tab.open(run="young", ready=False)
    wait_until(lambda: "no step is recorded yet" in tab.text(".notices"))
    tab.button("Compare")
    tab.press("c", " ")
    run.add(0)
    tab.enter()
    np.testing.assert_array_equal(tab.cells(), weights(run, 0))
    assert "no step" not in tab.text(".notices")
    remove(tab, root / "young")


def test_a_link_can_hide_comparing(tab):
    tab.open(run="raw", hide="compare")
    assert not tab.js("return document.querySelector('.actions button').checkVisibility()")
    tab.press("c")
    tab.settle()
    assert "compare" not in tab.js("return parent.location.hash").replace("hide=compare", "")


def points(tab):
    """Colour and place of every key and query."""
    wait_until(lambda: tab.js("return document.querySelector('.plane .point') !== null"))
    tab.settle()
    return {kind: tab.js(POINTS, kind) for kind in ("key", "query")}


def vectors_of(run, t, head=0):
    """Queries and keys of the first sentence; of each word the key in the first row in which it is not masked."""
    query, key = (run.steps[t][name][0].astype(float) for name in ("query", "key"))
    seen_in = [next(r for r, masked in enumerate(run.fixed["row"][0]) if masked != k) for k in range(key.shape[1])]
    return query[:, head], np.stack([key[r, k, head] for k, r in enumerate(seen_in)])


def test_points_are_coloured_by_what_is_chosen(tab, runs):
    fixed = runs[1]["raw"].fixed
    tokens, masked = fixed["tokens"][0], fixed["row"][0]
    tab.open(run="raw")
    found = points(tab)
    by_class = [fixed["word_groups/class"][token] for token in tokens]
    colours = {}
    for group, (colour, _) in zip(by_class, found["key"], strict=True):
        assert colours.setdefault(group, colour) == colour
    assert len(set(colours.values())) == len(colours) == len(set(by_class)) > 3
    assert [colour for colour, _ in found["query"]] == [colours[by_class[place]] for place in masked]
    legend = tab.js("return [...document.querySelectorAll('.point-legend li')].map((one) => one.textContent)")
    assert sorted(legend) == sorted([*{*by_class} - {""}, "other words"])
    chosen = "return [...document.querySelector('[data-choice=colour]').options].map((one) => one.value)"
    assert tab.js(chosen) == ["class", "slot", "place", "kind"]
    before = found
    tab.js("document.querySelector('[data-choice=colour]').focus()")
    tab.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    wait_until(lambda: "p.catmat.colour=place" in tab.js("return parent.location.hash"))
    found = points(tab)
    assert len({colour for colour, _ in found["key"]}) == len(tokens)
    assert [at for _, at in found["key"]] == [at for _, at in before["key"]]
    tab.press(Keys.ARROW_DOWN)
    assert {colour for kind in points(tab).values() for colour, _ in kind} == {""}
    assert not tab.js("return document.querySelector('.point-legend li')")
    tab.open(run="raw", colour="slot", step=1)
    assert tab.js("return document.querySelector('[data-choice=colour]').value") == "slot"
    slots = [fixed["word_groups/slot"][token] for token in tokens]
    pairs = set(zip(slots, (colour for colour, _ in points(tab)["key"]), strict=True))
    assert len(pairs) == len(set(slots)) == 3
    tab.open(run="raw", colour="form")
    assert "asks for colour form; there are class, slot, place, kind" in tab.text(".notices")


def test_points_stand_where_the_plane_has_them(tab, runs):
    """Both kinds have a scale of their own, so that the dot products of points are those of the plane, times one."""
    run = runs[1]["raw"]
    tab.open(run="raw", step=3, head=2, row=2)
    queries, keys = vectors_of(run, 2, head=1)
    keys[3] = run.steps[2]["key"][0, 1, 3, 1]  # of the chosen row's own word its blank's
    axes = plane(*vectors_of(run, -1, head=1))
    places = {kind: np.asarray([at for _, at in found]) for kind, found in points(tab).items()}
    for kind, vectors in (("query", queries), ("key", keys)):
        offsets = (places[kind] - 200) * [1, -1]
        expected = vectors @ axes
        scale = np.sum(offsets * expected) / np.sum(expected**2)
        assert scale > 0
        np.testing.assert_allclose(offsets, scale * expected, atol=0.11)  # they are written with one digit


def test_bands_join_runs_by_step(tab):
    tab.open(run="a/seed-0")
    code = """
    const [url, done] = arguments, runs = [{recorded: [0, 1, 3], x: [1, 2, 3]}, {recorded: [0, 3], x: [5, 7]}];
    import(url).then(({ summary }) => done(summary(runs, (run) => run.x)));
    """
    found = tab.driver.execute_async_script(code, f"{tab.address}data/plugin/catmat/static/training_curves.js")
    assert found == {"median": [3, 2, 5], "low": [1, 2, 3], "high": [5, 2, 7]}


@pytest.mark.parametrize("steps", [(0, 2), (0, 1, 3)])
def test_a_run_that_is_begun_anew_is_read_again(tab, runs, steps):
    root = runs[0]
    WrittenRun(root / "resumed").add(0, 1, 3)
    tab.open(run="resumed", step=1)
    shutil.rmtree(root / "resumed")
    again = WrittenRun(root / "resumed", seed=5)
    again.add(*steps)
    wait_until(lambda: "begun anew" in tab.text(".notices"))
    expected = {f"step {step}": weights(again, t) for t, step in enumerate(steps)}
    wait_until(lambda: np.array_equal(tab.cells(), expected.get(tab.text(".player .step"))))
    remove(tab, root / "resumed")


def test_whatever_is_shown_grows_and_nothing_moves(tab, runs):
    """A, B, and the seeds of a group, each alone; a place that was scrolled to stays in sight."""
    root, words = runs[0] / "seeds", [" ".join(f"w{k}" for k in range(64))]
    a, b = (WrittenRun(root / f"seed-{n}", words, seed=n, scale="inverse", masked=range(8)) for n in range(2))
    a.add(0, 1, 3)
    b.add(0, 1)
    tab.open(run="seeds/seed-0", compare="run:seeds/seed-1")
    wait_until(lambda: len(tab.js("return document.querySelectorAll('.compare td.cell[data-value]')")) == 3 * 8 * 64)
    scrolled = "return document.querySelector('.compare .map-frame').scrollLeft"
    tab.js("document.querySelector('.compare .map-frame').scrollTo(900, 0)")
    assert (place := tab.js(scrolled)) > 300
    seeds = "return document.querySelectorAll('[data-part=seeds] canvas')[1]?.toDataURL()"
    before = wait_until(lambda: tab.js(seeds))

    def shown():
        return list(tab.cells(".compare").reshape(3, -1)[:2])

    def shows(t_a, t_b):
        expected = [weights(a, t_a), weights(b, t_b)]
        tab.js(LOOK)
        wait_until(lambda: all(map(np.array_equal, shown(), expected)))
        assert tab.js(scrolled) == place

    shows(2, 1)  # B at the step nearest to that of A
    b.add(3)
    shows(2, 2)
    wait_until(lambda: tab.js(seeds) != before)
    a.add(10)
    shows(3, 2)
    finished_run(root / "seed-2", words, seed=2, scale="inverse", masked=range(8))
    tab.js(LOOK)
    wait_until(lambda: len(tab.js("return document.querySelectorAll('[data-part=seeds] button')")) == 3)
    assert "seed 2" in tab.text(".compare select")
    shutil.rmtree(root / "seed-1")
    b = WrittenRun(root / "seed-1", words, seed=77, scale="inverse", masked=range(8))
    b.add(0, 1, 3)
    tab.js(LOOK)
    wait_until(lambda: np.array_equal(shown()[1], weights(b, 2)))
    remove(tab, root)


def test_a_run_may_grow_while_a_sentence_is_on_its_way(tab, runs):
    run = WrittenRun(runs[0] / "slow", seed=5)
    run.add(0, 1)
    tab.open(run="slow")
    tab.js(SLOWLY)
    tab.js("window.focus()")
    run.add(3)
    run.finish()
    tab.js("setTimeout(() => dispatchEvent(new Event('focus')), 200)")  # after the key
    tab.js("document.querySelector('[data-choice=sentence]').focus()")
    tab.js("document.activeElement.blur()")
    tab.press("n", ",")
    wait_until(lambda: tab.js("return document.querySelectorAll('.map-place td.cell').length") == 2 * 4)
    tab.press(".", ".")
    wait_until(lambda: tab.text(".player .step") == "step 3")
    wait_until(lambda: np.array_equal(tab.cells(), weights(run, 2, sentence=1)))
    remove(tab, run.folder)


def test_only_one_look_at_the_runs_is_under_way(tab):
    tab.open(run="raw")
    code = """
    const [url, done] = arguments;
    let count = 0;
    const runs = () => new Promise((_, fail) => { count++; setTimeout(() => fail(new Error("x")), 300); });
    const view = {source: {runs}, page: {notices: {tell() {}}}};
    import(url).then(async ({ Live }) => {
      const live = new Live(view), wait = (time) => new Promise((then) => setTimeout(then, time));
      live.look();
      await wait(50);
      dispatchEvent(new Event("focus"));
      dispatchEvent(new Event("focus"));
      await wait(200);
      const first = count;
      await wait(300);
      dispatchEvent(new Event("focus")); // after the look: nobody waits two seconds
      await wait(150);
      clearTimeout(live.timer);
      done([first, count]);
    });
    """
    url = f"{tab.address}data/plugin/catmat/static/live.js"
    assert tab.driver.execute_async_script(code, url) == [1, 2]


def test_a_training_that_has_diverged_is_shown(tab, runs):
    run = WrittenRun(runs[0] / "diverged")
    run.add(0)
    lost = {name: np.full_like(array, np.nan) for name, array in run.steps[0].items()}
    run._params.append(1, run._parameters(len(run.fixed["words"])))
    run._record.append(1, lost)
    run.finish()
    tab.open(run="diverged", step=0, compare="step:1")
    tab.js("document.querySelector('.in-words').open = true")
    tab.step_to(1)
    assert "diverged" in tab.text(".row-sentences")
    assert tab.text(".player .step") == "step 1"
    assert np.isnan(tab.cells(".compare")).all()
    remove(tab, run.folder)


def test_a_cell_is_read_with_the_keyboard_alone(tab, runs):
    tab.open(run="a/seed-0")
    for _ in range(30):
        if tab.js("return document.activeElement.matches('td.cell')"):
            break
        tab.press(Keys.TAB)
    tab.press(Keys.CONTROL + Keys.HOME, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    expected = weights(runs[1]["a/seed-0"], -1).reshape(3, 7)[1, 2]
    assert np.float32(tab.js("return document.activeElement.dataset.value")) == expected == tab.number("weight")
    tab.press(",")
    assert tab.number("weight") == weights(runs[1]["a/seed-0"], -2).reshape(3, 7)[1, 2]
    quick = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));"
    tab.js(quick * 2)  # two keys before the page is drawn again
    tab.settle()
    assert tab.number("weight") == weights(runs[1]["a/seed-0"], -2).reshape(3, 7)[1, 4]
    tab.press("?")
    assert tab.js("return document.querySelector('dialog').open")
    tab.press(Keys.ESCAPE)
    assert not tab.js("return document.querySelector('dialog').open")


def test_words_run_from_right_to_left_where_their_language_does(tab, runs):
    selectors = (".strip-word:not(.labels)", ".map thead th", ".map tbody tr:first-child td")
    tab.open(run="raw")
    assert all(left == sorted(left) for left in (tab.js(LEFT_SIDES, one) for one in selectors))
    tab.open(run="hebrew")
    expected = weights(runs[1]["hebrew"], -1)
    np.testing.assert_array_equal(tab.cells(), expected)
    assert all(left == sorted(left)[::-1] and len(left) == 5 for left in (tab.js(LEFT_SIDES, s) for s in selectors))
    tab.js("document.querySelectorAll('td.cell')[1].focus()")
    tab.press(Keys.ARROW_LEFT)  # towards the end of the sentence
    assert tab.number("weight") == expected[2]
    tab.js(KEEP_SAVED)
    tab.button("Save SVG")
    wait_until(lambda: tab.js("return saved.length") == 1)
    texts = list(ET.fromstring(tab.js("return saved")[0]).iter("{http://www.w3.org/2000/svg}text"))
    columns = [float(text.get("x")) for text in texts if text.get("y") == "64"]
    assert len(columns) == 5
    assert columns == sorted(columns)[::-1]
    inside = """
    document.body.insertAdjacentHTML("beforeend", saved[0]);
    const picture = document.body.lastElementChild, width = picture.viewBox.baseVal.width;
    const ends = [...picture.querySelectorAll("text")].map((text) => text.getBBox()).map(({x, width}) => x + width);
    picture.remove();
    return Math.max(...ends) < width;
    """
    assert tab.js(inside)  # the legend is longer than five columns


def test_heads_of_rows_stay_beside_their_cells(tab):
    for run, from_, back in (("large", 1500, False), ("wide hebrew", -1500, True)):
        tab.open(run=run)
        found = tab.js(HEADS_OF_ROWS, from_, 300, back)
        left, right = found["frame"]
        assert found["through"] == 0  # no cell shows between the heads, or between them and the frame
        for head, text in found["heads"]:
            assert left - 4 <= head[0] < head[1] <= right + 4
            gap = text[0] - head[0] if back else head[1] - text[1]  # between the word and the cells
            assert 0 <= gap < 8


def test_the_focus_stays_where_it_was(tab):
    """Parts are built anew for another head, sentence or comparison."""
    focused = "return document.activeElement.matches(arguments[0])"
    tab.open(run="a/seed-0")
    tab.js("document.querySelectorAll('td.cell')[9].focus()")
    for key, place in [("h", ".map-place td.cell"), ("n", ".map-place td.cell"), ("c", ".compare td.cell"),
                       ("h", ".compare td.cell"), ("c", ".actions button")]:  # fmt: skip
        tab.press(key)
        tab.settle()
        wait_until(lambda place=place: tab.js(focused, place))
    tab.js("document.querySelectorAll('[data-part=heads] button')[1].focus()")
    tab.press(Keys.ENTER)
    tab.settle()
    assert tab.js(focused, "[data-part=heads] button")
    wait_until(lambda: len(tab.js("return document.querySelectorAll('[data-part=seeds] button')")) == 2)
    tab.js("document.querySelectorAll('[data-part=seeds] button')[1].focus()")
    for key in (Keys.ENTER, "h", "N"):
        tab.press(key)
        wait_until(lambda: tab.js("return document.querySelector('[data-choice=run]').value") == "a/seed-1")
        tab.settle()
        assert tab.js(focused, "[data-part=seeds] button[aria-pressed=true]")
    tab.open(run="a/seed-0", hide="actions", compare="head:2")
    tab.press("m", "h")  # head 2 is A by now
    wait_until(lambda: "B: head 1" in tab.text(".compare"))
    assert tab.js(focused, ".compare td.cell")
    tab.press("c")
    assert tab.js(focused, ".map-place td.cell")
    tab.open(run="a/seed-0", hide="map")
    tab.press("m")
    assert tab.js(focused, ".player input")


def test_a_notice_goes_with_what_it_is_about(tab):
    tab.open(run="raw", sentence=99, compare="nothing")
    wait_until(lambda: "nothing to compare with" in tab.text(".notices"))
    assert "sentence 99" in tab.text(".notices")
    tab.press("n", "c")
    tab.settle()
    assert not tab.text(".notices")
    tab.open(run="raw", compare="run:a/seed-1", hide="compare")
    wait_until(lambda: "Excess" in tab.text("[data-part=curves]"))
    tab.settle()
    assert "Orange" not in tab.text("[data-part=curves]")


def test_what_is_wrong_with_a_run_is_said(tab, runs):
    whole = finished_run(runs[0] / "cut")
    (whole.folder / "record.npz").write_bytes(b"PK")
    tab.open(run="raw")
    tab.open(run="cut", ready=False)
    wait_until(lambda: "record.npz" in tab.text(".notices"))
    shutil.rmtree(whole.folder)


def test_hostile_words_are_shown_as_text(tab, runs):
    tab.open(run="hostile")
    heads = tab.js("return [...document.querySelectorAll('.map thead th bdi')].map((word) => word.textContent)")
    assert heads == HOSTILE
    tab.button("Compare")
    tab.js("document.querySelector('.in-words').open = true")
    tab.settle()
    names = set(tab.js("return [...document.querySelectorAll('.catmat *')].map((one) => one.localName)"))
    assert not names & {"img", "script", "b", "iframe"}
    tab.js(KEEP_SAVED)
    tab.button("Save SVG")
    tab.button("Save CSV")
    wait_until(lambda: tab.js("return saved.length") == 2)
    texts = tab.js("return saved")
    picture, table = sorted(texts, key=lambda text: not text.startswith("<svg"))
    assert HOSTILE[1] in [node.text for node in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert {row["word"] for row in rows} == {f"{k + 1} {word}" for k, word in enumerate(HOSTILE)}
    found = np.asarray([np.float32(row["weight"]) for row in rows])
    np.testing.assert_array_equal(found, weights(runs[1]["hostile"], -1))


def test_the_address_keeps_the_state_and_hides_parts(tab):
    tab.open(run="raw", sentence=2, head=2, row=2, word=1, step=3, hide="ledger,actions")

    def state():
        return [
            tab.text("h2"),
            tab.text(".player .step"),
            tab.js("return document.querySelector('[data-choice=run]').value"),
        ]

    before = state()
    assert before[1:] == ["step 3", "raw"]
    assert not tab.js("return document.querySelector('.ledger-panel').checkVisibility()")
    tab.js("window.focus()")
    tab.press(".")
    wait_until(lambda: "p.catmat.step=10" in tab.js("return parent.location.hash"))
    tab.driver.refresh()
    tab.enter()
    assert state() == [before[0], "step 10", "raw"]
    tab.js("parent.location.hash = '#catmat&p.catmat.run=a/seed-1&p.catmat.step=0'")  # a link is pasted over it
    wait_until(lambda: state()[1:] == ["step 0", "a/seed-1"])
    assert tab.js("return document.querySelector('.ledger-panel').checkVisibility()")
    tab.open(run="nowhere/../x", sentence=99, step="late")
    assert "nowhere/../x, which is not here" in tab.text(".notices")
    assert "sentence 99; there are 2" in tab.text(".notices")


def test_the_theme_is_tensorboards_and_both_are_accessible(tab):
    package = find_spec("axe_playwright_python")
    axe = Path(package.origin).with_name("axe.min.js").read_text(encoding="utf-8") if package else pytest.skip("no axe")
    for theme in ("light", "dark"):
        tab.open(run="a/seed-0", compare="head:2")
        tab.js("parent.document.body.classList.toggle('dark-mode', arguments[0])", theme == "dark")
        wait_until(lambda now=theme: tab.js("return document.documentElement.dataset.theme") == now)
        tab.js("document.querySelector('.in-words').open = true")
        tab.js(axe)
        check = "const done = arguments[0]; axe.run(document).then((r) => done(JSON.stringify(r.violations)))"
        found = json.loads(tab.driver.execute_async_script(check))
        assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


def test_a_large_map_is_whole_and_a_narrow_page_fits(tab, runs):
    tab.open(run="large", step=1)
    expected = weights(runs[1]["large"], 1)
    wait_until(lambda: len(tab.js("return document.querySelectorAll('td.cell[data-value]')")) == 64 * 64)
    wait_until(lambda: np.array_equal(tab.cells(), expected))
    for width in (NARROW, WIDE):
        tab.driver.set_window_size(*width)
        assert tab.js("return document.documentElement.scrollWidth <= innerWidth")


def test_behind_a_prefix_with_the_fast_loader(driver, runs, path):
    with tensorboard(runs[0], path, "--load_fast=true", "--path_prefix=/some/where", prefix="/some/where") as address:
        listening(address)
        tab = Tab(driver, address).open(run="raw", head=2)
        np.testing.assert_array_equal(tab.cells(), weights(runs[1]["raw"], -1, 1))
        assert not tab.errors()
