"""Made-up addresses, links and files: each gets one line, and nothing outside of the log directory is read."""

import builtins
import io
import os
import random
import shutil
import zipfile

import numpy as np
import pytest
from made_run import WORDS, MadeRun, rewritten
from tab_client import Tab, plugin_of
from werkzeug.test import Client

from experiments.tensorboard_plugin import plugin as plugin_module

ASKED = {
    "run": {},
    "sentence": {"sentence": 0, "from_": 0, "to": 3},
    "head": {"sentence": 0, "head": 1, "from_": 0, "to": 3},
    "vectors": {"sentence": 0, "head": 1, "row": 2, "from_": 0, "to": 3},
    "plane": {"sentence": 0, "head": 1},
    "cell": {"sentence": 0, "head": 1, "row": 0, "word": 3},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that is never changed."""
    return MadeRun(tmp_path_factory.mktemp("whole") / "toy").add(0, 1, 5).finish().folder


@pytest.fixture
def toy(whole, tmp_path):
    """Its copy, which a test may damage."""
    shutil.copytree(whole, tmp_path / "logs" / "toy")
    return tmp_path / "logs" / "toy"


def answers(tab, run="toy"):
    """The status of each route; every answer is JSON, and an error is one line."""
    found = {}
    for route, asked in ASKED.items():
        answer = tab.answer(route, run=run, **asked)
        found[route] = answer.status_code
        assert answer.status_code in (200, 404, 422), answer.json
        if answer.status_code != 200:
            assert list(answer.json) == ["error"]
            assert len(answer.json["error"]) > 20
            assert answer.json["error"].isprintable()
    return found


def all_refused(tab, *said, status=422):
    assert set(answers(tab).values()) == {status}
    for route, asked in ASKED.items():
        line = tab.error(status, route, run="toy", **asked)
        assert all(part in line for part in said), line


NAMES = ["", ".", "..", "../secret", "toy/../../secret", "/etc", "toy/", "/toy", "./toy", "TOY", "toy\0", "toy\0.npz"]
NAMES += [
    "..\\x",
    "%2e%2e/secret",
    "x" * 3_000,
    "\ud800",
    "<b>",
    "toy\n",
    "file:///etc/passwd",
    "toy;ls",
    "~",
    "$HOME",
]


@pytest.mark.parametrize("name", [*NAMES, b"\xff\xfe"], ids=lambda name: ascii(name)[:20])
def test_a_run_of_another_name_is_not_looked_for(toy, name, monkeypatch):
    shutil.copytree(toy, toy.parents[1] / "secret")
    tab = Tab(toy.parent)
    assert tab.names() == ["toy"]
    opened = []
    kept = os.open
    monkeypatch.setattr(os, "open", lambda path, *args, **more: (opened.append(path), kept(path, *args, **more))[1])
    monkeypatch.setattr(builtins, "open", lambda *args, **_: pytest.fail(f"opened {args}"))
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogatepass")
    for route, asked in ASKED.items():
        numbers = "&".join(f"{key.removesuffix('_')}={value}" for key, value in asked.items())
        query = f"run={''.join(f'%{byte:02x}' for byte in name)}&{numbers}"
        answer = Client(tab.apps[f"/{route}"]).get(f"/{route}", query_string=query)
        assert answer.status_code == 404
        assert "below the log directory" in answer.json["error"]
    assert not opened


@pytest.mark.parametrize(
    "text", ["", "-1", "1.0", "1e1", "0x1", " 1", "1 ", "+1", "٣", "²", "nan", "9" * 10, "9" * 9000, "\0"]
)
@pytest.mark.parametrize("place", ["sentence", "head", "row", "from_", "to"])
def test_what_is_no_number_is_refused(whole, place, text):
    asked = ASKED["vectors"] | {place: text}
    assert place.removesuffix("_") in Tab(whole.parent).error(400, "vectors", run="toy", **asked)


@pytest.mark.parametrize(
    ("status", "changed"),
    [(404, {"sentence": 2}), (404, {"head": 2}), (404, {"row": 3}), (404, {"sentence": 999_999_999}), (404, {"to": 4}),
     (400, {"from_": 3}), (400, {"from_": 2, "to": 1}), (400, {"to": 33})],
)  # fmt: skip
def test_numbers_of_what_is_not_there(whole, status, changed):
    Tab(whole.parent).error(status, "vectors", run="toy", **ASKED["vectors"] | changed)
    if "row" not in changed and changed != {"to": 33}:
        Tab(whole.parent).error(status, "head", run="toy", **ASKED["head"] | changed)
    Tab(whole.parent).error(404, "vectors", run="toy", **ASKED["vectors"] | {"sentence": 1, "row": 1})


def test_at_most_128_steps_at_once(tmp_path):
    run = MadeRun(tmp_path / "toy").add(0)
    for step in range(1, 130):
        for kind in ("record", "params"):
            part = run.folder / f"{kind}-parts" / "step-{:010d}.npz"
            shutil.copy(str(part).format(0), str(part).format(step))
    tab = Tab(tmp_path)
    assert len(tab.get("run", run="toy")["recorded"]) == 130
    tab.get("head", run="toy", sentence=0, head=0, from_=1, to=129)
    assert "128" in tab.error(400, "head", run="toy", sentence=0, head=0, from_=0, to=129)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_is_answered(whole, method):
    tab = Tab(whole.parent)
    assert tab.answer("runs", method=method).status_code == 400
    assert tab.answer("runs", method="HEAD").status_code == 200


def test_a_link_that_leads_out_is_named_and_not_read(toy, tmp_path):
    shutil.copytree(toy, tmp_path / "secret" / "run")
    (toy.parent / "outside").symlink_to(tmp_path / "secret")
    (toy.parent / "around").symlink_to("../secret/run")
    (toy.parent / "again").symlink_to("toy")  # is listed by its own name
    (toy.parent / "loop").symlink_to("loop")
    (toy.parent / "root").symlink_to("/")
    tab = Tab(toy.parent)
    assert tab.names() == ["toy"]
    notes = tab.get("runs")["notes"]
    assert sorted(note.partition(":")[0] for note in notes) == ["around", "outside", "root"]
    assert all("out of the log directory" in note and "not read" in note for note in notes)
    for name in ("outside/run", "around", "again", "root"):
        tab.error(404, "run", run=name)


@pytest.mark.parametrize("name", ["record.npz", "config.yaml", "params.npz", "summary.json"])
def test_a_file_of_a_run_that_is_a_link_is_not_read(toy, tmp_path, name):
    shutil.move(toy / name, tmp_path / "secret")
    (toy / name).symlink_to(tmp_path / "secret")
    tab = Tab(toy.parent)
    (run,) = tab.get("runs")["runs"]
    if name == "summary.json":
        assert run["status"] == "stopped"  # it is not known that it is finished
    elif name == "params.npz":
        all_refused(tab, name, "link")
    else:
        assert name in run["error"]
        assert "link" in run["error"]
        all_refused(tab, name, "link")


def test_parts_that_are_links_are_not_read(tmp_path):
    run = MadeRun(tmp_path / "logs" / "toy").add(0, 1, 5)
    part = run.folder / "record-parts" / "step-0000000001.npz"
    shutil.move(part, tmp_path / "secret.npz")
    part.symlink_to(tmp_path / "secret.npz")
    all_refused(Tab(tmp_path / "logs"), "link")
    shutil.move(run.folder / "record-parts", tmp_path / "secret")
    (run.folder / "record-parts").symlink_to(tmp_path / "secret")
    all_refused(Tab(tmp_path / "logs"), "link")


def test_a_run_whose_folder_becomes_a_link_is_not_read(toy, tmp_path):
    tab = Tab(toy.parent)
    tab.get("run", run="toy")
    shutil.move(toy, tmp_path / "secret")
    toy.symlink_to(tmp_path / "secret")
    all_refused(tab, "link")
    assert tab.names() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
@pytest.mark.parametrize("name", ["record.npz", "config.yaml", "params.npz", "summary.json", "record-parts/fixed.npz"])
def test_a_pipe_is_not_waited_for(toy, name):
    (toy / name).unlink(missing_ok=True)
    (toy / name).parent.mkdir(exist_ok=True)
    os.mkfifo(toy / name)
    tab = Tab(toy.parent)
    tab.get("runs")
    assert set(answers(tab).values()) <= ({404} if name == "record.npz" else {200, 404, 422})


def test_a_name_that_is_no_text(toy):
    try:
        shutil.copytree(toy, os.fsdecode(os.fsencode(toy.parent) + b"/caf\xe9"))
    except OSError:
        pytest.skip("a file system whose names are text")
    answer = Tab(toy.parent).get("runs")
    assert [run["name"] for run in answer["runs"]] == ["toy"]
    assert "caf\\udce9: its name is not UTF-8 text" in answer["notes"][0]


def test_words_are_data(toy):
    text = Tab(toy.parent).answer("run", run="toy").get_data(as_text=True)
    assert WORDS[5] in text  # as it was written; the page shows it by text nodes
    assert Tab(toy.parent).answer("run", run="toy").content_type == "application/json"
    shutil.copytree(toy, toy.parent / "<img src=x onerror=alert(1)>")
    assert Tab(toy.parent).names()[0] == "<img src=x onerror=alert(1)>"


def test_static_files(tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "tab.js").write_text("export const render = () => '猫';", encoding="utf-8")
    (tmp_path / "assets" / "tab.css").touch()
    (tmp_path / "assets" / "notes.txt").touch()
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(plugin_module, "ASSETS", tmp_path / "assets")
    client = Client(plugin_of(tmp_path).get_plugin_apps()["/static/*"])
    good = client.get("/data/plugin/catmat/static/tab.js")
    assert (good.status_code, good.content_type) == (200, "text/javascript; charset=utf-8")
    assert "猫" in good.get_data(as_text=True)
    assert client.get("/data/plugin/catmat/static/tab.css").content_type == "text/css; charset=utf-8"
    for name in ("", "..", "../secret.js", "%2e%2e/secret.js", "..%2fsecret.js", "/etc/passwd", "tab.js/", "tab.js%00",
                 "notes.txt", "TAB.JS", "assets", "none.js", "x" * 9000):  # fmt: skip
        answer = client.get(f"/data/plugin/catmat/static/{name}")
        assert (answer.status_code, answer.get_data()) == (404, b"no such file"), name
        assert answer.headers["X-Content-Type-Options"] == "nosniff"  # TensorBoard warns of an answer without it


def test_a_record_cut_short_at_any_place(toy):
    content = (toy / "record.npz").read_bytes()
    tab = Tab(toy.parent)
    for size in [0, 1, 3, 30, 100, 1000, *range(2000, len(content), len(content) // 9), len(content) - 1]:
        (toy / "record.npz").write_bytes(content[:size])
        all_refused(tab, "record.npz", "damaged")
        assert "damaged" in tab.get("runs")["runs"][0]["error"]


@pytest.mark.parametrize("name", ["record.npz", "params.npz"])
def test_any_other_damage_of_a_record(toy, name):
    """Where bytes of a number changed another number is shown; whatever else changed is refused in a line."""
    content = bytearray((toy / name).read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        headers = [info.header_offset for info in archive.infolist()]
        start = archive.start_dir
    rng, tab, statuses = random.Random(0), Tab(toy.parent), set()
    for _ in range(25):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 2, 30])):
            near = rng.choice([rng.choice(headers) + rng.randrange(190), rng.randrange(start, len(content))])
            damaged[min(near, len(content) - 1)] = rng.randrange(256)
        (toy / name).write_bytes(damaged)
        statuses |= set(answers(tab).values())
        tab.get("runs")
    assert 422 in statuses


def version(number):
    return {"version": np.int64(number)}


DAMAGE = {
    "newer": (version(3), "version 3", "update catmat"),
    "older": (version(1), "version 1"),
    "no version": ({"version": None}, "not a record"),
    "no steps": ({"step": None}, "no steps"),
    "steps of another kind": ({"step": np.asarray(["a", "b", "c"])}, "steps"),
    "steps that fall": ({"step": np.asarray([0, 5, 1])}, "steps"),
    "no words": ({"words": None}, "words"),
    "too few words": ({"words": np.asarray(WORDS[:4])}, "fit"),
    "tokens that are no words": ({"tokens": np.full((2, 7), 99)}, "fit"),
    "negative tokens": ({"tokens": np.full((2, 7), -1)}, "fit"),
    "a masked place behind the end": ({"row": np.full((2, 3), 6)}, "fit"),
    "rows of another run": ({"row": np.full((5, 3), 0)}, "fit"),
    "a sentence of nothing": ({"tokens": np.zeros((2, 7), np.int32)}, "fit"),
    "a pickle": ({"words": np.asarray([{"a": 1}] * 11, object)}, "damaged"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_record_with_something_wrong_in_it(toy, kind):
    changes, *said = DAMAGE[kind]
    with np.load(toy / "record.npz") as file:
        arrays = {name: array for name, array in (dict(file) | changes).items() if array is not None}
    np.savez(toy / "record.npz", **arrays)
    all_refused(Tab(toy.parent), *said)


@pytest.mark.parametrize("how", ["gone", "another shape", "integers", "too few steps"])
def test_an_array_of_the_record_that_does_not_fit(whole, toy, how):
    for name in ("weights", "logits", "query", "key", "loss", "cut_cost", "output"):
        shutil.copy(whole / "record.npz", toy / "record.npz")
        with np.load(toy / "record.npz") as file:
            array = file[name]
        numbers = np.nan_to_num(array).astype(int)
        changes = {"gone": None, "another shape": array[..., None], "integers": numbers, "too few steps": array[:2]}
        rewritten(toy / "record.npz", **{name: changes[how]})
        assert 422 in answers(Tab(toy.parent)).values(), name


def test_a_record_of_another_model(toy):
    text = (toy / "config.yaml").read_text(encoding="utf-8")
    (toy / "config.yaml").write_text(text.replace("heads: 2", "heads: 3"), encoding="utf-8")
    tab = Tab(toy.parent)
    for route in ("head", "vectors", "plane"):
        assert "fit" in tab.error(422, route, run="toy", **ASKED[route])


@pytest.mark.parametrize(
    "text", ["", "seed: x\n", "format: 3\n", "a: &a [*a]\n", "\0", "- " * 5000, "model: {heads: -1}", "command: x"]
)
def test_a_config_that_cannot_be_read(toy, text):
    (toy / "config.yaml").write_text(text)
    shutil.copytree(toy, toy.parent / "whole")
    tab = Tab(toy.parent)
    for run in tab.get("runs")["runs"]:
        assert run["error"] is None if text == "" else "config.yaml" in run["error"]
    assert text == "" or set(answers(tab).values()) == {422}


def test_one_damaged_run_hides_no_other(toy):
    shutil.copytree(toy, toy.parent / "whole")
    (toy / "record.npz").write_bytes(b"PK")
    runs = Tab(toy.parent).get("runs")["runs"]
    assert [(run["name"], run["error"] is None) for run in runs] == [("toy", False), ("whole", True)]
    assert set(answers(Tab(toy.parent), "whole").values()) == {200}


def test_files_that_go_while_they_are_looked_at(toy):
    tab = Tab(toy.parent)
    tab.names()
    (toy / "config.yaml").unlink()
    all_refused(tab, "config.yaml", status=404)
    shutil.rmtree(toy)
    all_refused(tab, "toy", status=404)
