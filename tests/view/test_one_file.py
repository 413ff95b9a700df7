"""The page that is one file, opened from disk in a browser: its numbers are the oracle's, and it needs nothing else."""

import csv
import io
import json
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from file_page import MASKED, Page, formed_page, hostile_page, small_page
from selenium.webdriver.common.keys import Keys
from shown_numbers import check
from small_world import SMALL, SMALL_FORMS, world_from
from tab_page import need_chromium, wait_until

from data.errors import InputError
from data.inference import posterior, template_of
from experiments.speed.browser_times import browser
from experiments.view.plane import plane, share_held
from experiments.view.script import one_script
from experiments.view.word_groups import word_groups
from experiments.view.world_table import world_table

KEEP_SAVED = """
window.saved = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return make.call(URL, blob); };
"""
EXACT = """
const world = readWorld(decoded(arguments[0])), random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
let seed = 7;
const found = Array.from({ length: 300 }, () => drawnSentence(world, random));
const any = (tokens) => Math.floor(random() * tokens.length);
const asked = found.map(({ tokens, place }, i) => [tokens, i % 2 ? place : any(tokens)]);
for (const [tokens] of asked.slice(0, 100)) {  // most of these nobody says
  const other = any(tokens), word = 2 + Math.floor(random() * (world.words - 2));
  asked.push([tokens.map((token, k) => (k === other ? word : token)), any(tokens)]);
}
return asked.map(([tokens, place]) => [tokens, place, exactAnswer(world, tokens, place)]);
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    need_chromium()
    with browser(tmp_path_factory.mktemp("profile"), performance="ALL") as driver:
        yield driver


@pytest.fixture(scope="module")
def made(driver, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return {
        "small": Page(driver, small_page(), folder / "1.html"),
        "hostile": Page(driver, hostile_page(), folder / "2.html"),
        "formed": Page(driver, formed_page(), folder / "3.html"),
    }


@pytest.fixture
def page(made):
    """The page; whatever a test does in it, the console must stay empty of errors."""
    yield made["small"].load()
    assert not made["small"].errors()


@pytest.fixture
def hostile(made):
    yield made["hostile"].load()
    assert not made["hostile"].errors()


def test_every_stage_shows_what_the_oracle_computes(page, assert_close):
    check(page, assert_close)
    page.set("#step", 0)
    check(page, assert_close, t=0)
    page.click("[role=switch]")
    check(page, assert_close, t=0, scale=1.0)
    page.set("input[step=any]", 0.9)
    low, high = np.log(3**-0.5 / 8), np.log(8)
    changes = {"t": 0, "scale": float(np.exp(low + 0.9 * (high - low)))}
    check(page, assert_close, **changes)
    page.click("tbody tr:nth-child(2) td:nth-of-type(5) .edge")
    check(page, assert_close, **changes, head=1, cut=[(1, 4)])
    page.click(".all td:nth-of-type(8) .edge")
    check(page, assert_close, **changes, head=1, cut=[(1, 4), (0, 7), (1, 7)])
    page.button("as trained")
    page.click("tbody tr:nth-child(2) td:nth-of-type(5) .edge")
    check(page, assert_close, t=0, head=1, cut=[(0, 7), (1, 7)])
    page.button("Undo changes to the model")
    check(page, assert_close, head=1)


def test_another_sentence_and_another_masked_word(page, assert_close):
    number = page.paged.world.vocabulary.number
    tokens = list(page.paged.tokens)
    tokens[5], tokens[7] = number["slept"], number["roof"]
    for k in (5, 7):
        page.set(f".place:nth-child({k + 1}) select", tokens[k], "change")
    check(page, assert_close, tokens)
    page.click(".place:nth-child(6) input")
    check(page, assert_close, tokens, masked=5)
    page.js("document.querySelector('.place select').focus()")
    page.click(".sentence-buttons button:nth-child(2)")  # remove "so"
    check(page, assert_close, tokens[1:], masked=4)
    page.click(".sentence-buttons button")
    assert page.text(".sentence-said").endswith("the the old cat often [ ? ] on roof .")
    assert "make no sentence" in page.text(".said-guess")
    assert page.numbers(".edges tbody tr:first-child .edge").sum() == pytest.approx(1)
    for _ in range(9):
        page.click(".sentence-buttons button")
    assert len(page.texts(".place")) == page.paged.world.max_length
    assert page.js("return document.querySelector('.sentence-buttons button').disabled")
    page.button("Another sentence of this world")
    assert "make no sentence" not in page.text(".said-guess")


def test_words_that_have_forms(made, assert_close):
    """The blank is that of the masked word's form, which the model gets; what is guessed has no form."""
    page = made["formed"].load()
    number, tokens = page.paged.world.vocabulary.number, list(page.paged.tokens)
    check(page, assert_close)
    assert page.text(".sentence-said").startswith("The model reads: cat RAN sat [HIGH] mat MAT")
    assert page.texts(".guess .right") == ["dog"]
    assert "without its form: DOG as dog." in page.text(".said-guess")
    assert page.texts(".ledger .words th")[-6:] == ["cat", "RAN", "sat", "[HIGH]", "mat", "MAT"]
    page.click(".place:nth-child(1) input")
    check(page, assert_close, tokens, masked=0)
    assert "[mask], looked at" in [name for name, _ in page.evidence()]
    assert page.texts(".edges thead th")[0] == "[mask]"
    tokens[3] = number["CAT"]
    page.set(".place:nth-child(4) select", tokens[3], "change")
    check(page, assert_close, tokens, masked=0)
    page.set(".place:nth-child(4) select", number["kat"], "change")
    assert "make no sentence" in page.text(".said-guess")
    groups = page.js(
        "return [...document.querySelectorAll('.place:first-child optgroup')]"
        ".map((one) => [one.label, [...one.children].map((word) => word.textContent)])"
    )
    assert ["high subject", ["CAT", "DOG"]] in groups
    assert ["far verb", ["satt", "rann"]] in groups
    listed = [word for _, words in groups for word in words]
    assert sorted(listed) == sorted(set(number) - {"[PAD]", "[MASK]", "[mask]", "[HIGH]", "[far]"})
    page.js(KEEP_SAVED)
    page.button("Save CSV")
    wait_until(lambda: page.js("return saved.length") == 1)
    rows = list(csv.DictReader(io.StringIO(page.js("return saved[0]"), newline="")))
    assert rows[0]["word"] == "1 [mask]"
    for _ in range(3):
        page.button("Another sentence of this world")
        assert "make no sentence" not in page.text(".said-guess")
    assert not page.errors()


def test_the_last_edge_of_a_head_stays(page):
    for k in range(9):
        page.click(f"tbody tr:first-child td:nth-of-type({k + 1}) .edge")
    np.testing.assert_array_equal(page.weights()[0], [0] * 8 + [1])
    assert "stays" in page.text(".said-map")


@pytest.mark.parametrize("text", [SMALL, SMALL_FORMS], ids=["plain", "forms"])
def test_exact_answers_are_those_of_the_world(driver, assert_close, text):
    """Of sentences that the page draws, every one of which the world can say, and of others, which it mostly cannot."""
    world = world_from(text)
    driver.get("about:blank")
    table = json.loads(json.dumps(world_table(world)))
    found = driver.execute_script(one_script("file_draw.js") + EXACT, table)
    lengths, orders = set(), set()
    for tokens, place, answer in found[:300]:
        template = template_of(world, tokens)
        lengths.add(len(tokens))
        orders.add(template.fields)
        assert_close(answer, posterior(world, [tokens], [place])[0], 1e-6)
    for tokens, place, answer in found[300:]:
        try:
            expected = posterior(world, [tokens], [place])[0]
        except InputError:
            expected = None
        assert (answer is None) == (expected is None)
        if answer is not None:
            assert_close(answer, expected, 1e-6)
    assert 20 < sum(answer is None for _, _, answer in found) < 100
    assert len(lengths) > (2 if text == SMALL_FORMS else 4)
    assert len(orders) > (120 if text == SMALL_FORMS else 8)


def drawn_points(page):
    """Colour and place of every key, and of the query."""
    read = """
    return [...document.querySelectorAll(`.plane .point.${arguments[0]}`)].map((point) => {
      const { e, f } = point.transform.baseVal[0].matrix;
      return [point.firstChild.style.fill, e - 200, 200 - f];
    });
    """
    found = {kind: page.js(read, kind) for kind in ("key", "query")}
    colours = {kind: [colour for colour, *_ in one] for kind, one in found.items()}
    return colours, {kind: np.asarray([place for _, *place in one]) for kind, one in found.items()}


def check_points(page, tokens, masked, t=-1, head=0):
    """Where they are, but for a factor of each kind: axes are those of the last step."""
    last, now = page.paged.row(tokens, masked), page.paged.row(tokens, masked, t)
    axes = plane(last["query"][None, head], last["key"][:, head])
    _, places = drawn_points(page)
    for kind, vectors in (("query", now["query"][None, head]), ("key", now["key"][:, head])):
        expected = vectors @ axes
        factor = np.sum(places[kind] * expected) / np.sum(expected**2)
        assert factor > 0
        np.testing.assert_allclose(places[kind], factor * expected, atol=0.06)
    share = share_held(now["query"][None, None, head], now["key"][None, :, head], axes)
    assert f"It holds {100 * share[0]:.0f} % " in page.text("[data-part=plane]")


def test_points_lie_where_the_vectors_are(page):
    tokens = list(page.paged.tokens)
    check_points(page, tokens, MASKED)
    page.set("#step", 0)
    check_points(page, tokens, MASKED, t=0)
    page.click("tbody tr:nth-child(2) input")
    check_points(page, tokens, MASKED, t=0, head=1)
    page.click(".place:nth-child(6) input")
    tokens[7] = page.paged.world.vocabulary.number["roof"]
    page.set(".place:nth-child(8) select", tokens[7], "change")
    check_points(page, tokens, 5, t=0, head=1)


def test_points_have_the_colour_of_what_words_are(page):
    groups = word_groups(page.paged.world)
    colours, places = drawn_points(page)
    classes = [groups["class"][token] for token in page.paged.tokens]
    assert len(set(zip(classes, colours["key"], strict=True))) == len(set(classes)) == len(set(colours["key"])) == 4
    assert colours["query"] == [colours["key"][MASKED]]
    assert page.texts(".point-legend li") == ["pet", "object", "verb", "other words"]
    options = "return [...document.querySelectorAll('[data-choice=colour] option')].map((one) => one.value)"
    assert page.js(options) == ["class", "slot", "place", "kind"]
    page.set("[data-choice=colour]", "place", "change")
    of_places, same = drawn_points(page)
    assert len(set(of_places["key"])) == len(page.paged.tokens)
    np.testing.assert_array_equal(same["key"], places["key"])
    page.js("document.querySelectorAll('.plane .point.key')[5].dispatchEvent(new MouseEvent('click'))")
    assert page.js("return document.querySelectorAll('.edges thead th')[5].matches('.marked')")


def test_axes_are_those_of_the_pictures(driver):
    """The leading singular vectors, by another method, of vectors of many sizes."""
    rng = np.random.default_rng(8)
    cases = [(q, k, d) for q in (1, 3) for k in (1, 2, 9) for d in (1, 2, 5, 40)]
    groups = [(rng.normal(size=(q, d)) * 30, rng.normal(0.4, 1, size=(k, d))) for q, k, d in cases]
    groups += [(np.zeros((1, 4)), rng.normal(size=(5, 4))), (np.ones((2, 3)), np.ones((4, 3)))]
    told = [[one.tolist() for one in pair] for pair in groups]
    driver.get("about:blank")
    code = f"{one_script('file_plane.js')} return arguments[0].map(([q, k]) => planeOf(q, k));"
    for (queries, keys), found in zip(groups, driver.execute_script(code, told), strict=True):
        rank = np.linalg.matrix_rank(np.concatenate([queries, keys]))
        axes = plane(queries, keys).T[: min(rank, 2)]  # what is left is any direction, in which nothing lies
        np.testing.assert_allclose(np.asarray(found)[: len(axes)], axes, atol=1e-6)


def test_the_keyboard_alone_is_enough(page, assert_close):
    def to(selector):
        for _ in range(40):
            page.press(Keys.TAB)
            if page.js("return document.activeElement.matches(arguments[0])", selector):
                return
        pytest.fail(f"{selector} is not reached")

    to(".place:first-child select")
    to(".place input:checked")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    to("#step")
    page.press(Keys.ARROW_LEFT)
    to("[role=switch]")
    page.press(" ")
    to(".edge")
    page.press(Keys.HOME, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    check(page, assert_close, t=1, scale=1.0, head=1, cut=[(1, 2)])
    page.press(Keys.ENTER)
    check(page, assert_close, t=1, scale=1.0, head=1)


def test_it_asks_nothing_of_any_network(page):
    page.driver.get_log("performance")
    page.load()
    page.set("#step", 1)
    messages = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert {url.partition(":")[0] for url in asked} <= {"file", "data", "about"}, asked
    assert [url for url in asked if url.startswith("file:")] == [page.address]
    assert page.js("return performance.getEntriesByType('resource').length") == 0


def test_a_teachers_link_opens_a_lesson(page):
    opened = "return [...document.querySelectorAll('.lessons, .lesson')].map((one) => one.open)"
    assert page.js(opened) == [False, False, False]
    page.js("location.hash = '#lesson=9'")
    page.js("location.hash = '#lesson=2'")
    wait_until(lambda: page.js(opened) == [True, False, True])
    page.driver.get(f"{page.address}#lesson=1")
    page.driver.refresh()
    assert page.js(opened) == [True, True, False]


def test_a_lesson_is_done_when_the_reader_has_predicted(page):
    page.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert "Two." not in page.text(".lessons")
    page.button("one </script>")
    assert "You predicted: one </script>. Compare. The answer is: two." in page.text(".lesson")
    assert page.texts(".right-option") == ["two"]
    assert "1 of 2 done" in page.text(".lessons summary")
    page.button("two")
    assert "Yes: <i>" in page.text(".lesson")
    page.button("Show")
    assert page.text(".lesson:last-child").endswith("So it is.Because.Try it.")
    assert "2 of 2 done" in page.text(".lessons summary")


def test_its_policy_lets_nothing_else_run(made):
    page = made["small"].load()
    page.js("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)")
    page.js("document.body.setAttribute('style', 'color: red')")
    assert page.js("return window.ran === undefined && getComputedStyle(document.body).color !== 'rgb(255, 0, 0)'")
    assert len([message for message in page.errors() if "Content Security Policy" in message]) == 2


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible(page, theme):
    package = find_spec("axe_playwright_python")
    axe = Path(package.origin).with_name("axe.min.js").read_text(encoding="utf-8") if package else pytest.skip("no axe")
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    wait_until(lambda: page.js("return document.documentElement.dataset.theme") == theme)
    page.click("tbody tr:first-child td:nth-of-type(5) .edge")
    page.js("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.button("two")
    page.js(axe)
    run = "const done = arguments[0]; axe.run(document).then((r) => done(JSON.stringify(r.violations)))"
    found = json.loads(page.driver.execute_async_script(run))
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("width", [400, 1400])
def test_it_fits_the_window(hostile, width):
    """With a word of 200 letters where it can be long: masked, looked at, guessed."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    hostile.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    long = hostile.paged.world.vocabulary.number["w" * 200]
    for k in range(9):
        hostile.set(f".place:nth-child({k + 1}) select", long, "change")
        assert hostile.js("return document.documentElement.scrollWidth <= innerWidth"), k
    hostile.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_paper_is_white_and_has_what_is_chosen(page):
    page.click("tbody tr:first-child td:nth-of-type(5) .edge")
    page.js("dispatchEvent(new Event('beforeprint'))")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert page.js("return document.documentElement.dataset.theme") == "light"
    seen = "return document.querySelector(arguments[0]).checkVisibility()"
    assert not any(page.js(seen, one) for one in (".file-controls", ".actions", ".place select", ".all"))
    assert all(page.js(seen, one) for one in (".place .on-paper", ".edge", ".evidence", ".guess", ".ledger"))
    assert page.js("return document.querySelector('.said-state').innerText") == (
        "Step 100; dot products x 0.58, as trained; cut: head 1 to often."
    )
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.js("dispatchEvent(new Event('afterprint'))")


def test_hostile_words_are_text(hostile, assert_close):
    words, tokens = hostile.paged.world.vocabulary.words, hostile.paged.tokens
    assert set(hostile.texts(".place:first-child option")) == set(words[2:])
    check(hostile, assert_close, scale="learned")
    hostile.click("tbody tr:nth-child(3) td:nth-of-type(3) .edge")
    check(hostile, assert_close, head=2, cut=[(2, 2)], scale="learned")
    hostile.js(KEEP_SAVED)
    hostile.button("Save SVG")
    hostile.button("Save CSV")
    wait_until(lambda: hostile.js("return saved.length") == 2)
    picture, table = sorted(hostile.js("return saved"), key=lambda text: not text.startswith("<svg"))
    drawn = list(ET.fromstring(picture).itertext())
    assert {words[tokens[0]], "cut", "[ ? ]"} <= set(drawn)
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    named = {f"{k + 1} {'[MASK]' if k == MASKED else words[token]}" for k, token in enumerate(tokens)}
    assert {row["word"] for row in rows} == named
    assert_close([float(row["weight"]) for row in rows], hostile.weights().ravel(), 1e-12)
    assert {row["word"] for row in rows if row["cut"] == "1"} == {f"3 {words[tokens[2]]}"}
    names = set(hostile.js("return [...document.querySelectorAll('#page *')].map((one) => one.localName)"))
    assert not names & {"img", "script", "b", "iframe"}
    assert hostile.js("return document.scripts.length") == 2
    assert hostile.text(".of-run") == "Run <b>1</b>"


def test_the_source_is_small_and_plain(made):
    for page in made.values():
        html = page.paged.html()
        assert len(html.encode()) < 1_000_000
        assert html.isascii()  # no character that an editor would hide or turn round
        assert html.count("<script") == html.count("</script>") == 2
        assert "unsafe" not in html
