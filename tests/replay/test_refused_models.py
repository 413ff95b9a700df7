"""What explaining refuses of a model or a world, each in one line."""

import json
from pathlib import Path

import pytest
from asked_run import AskedRun
from refusals import refused
from small_world import SMALL

from data.world import load_world
from experiments.explain import main as explain

SENTENCE = "the cat sat on the mat ."


@pytest.fixture(scope="module")
def uniform(tmp_path_factory):
    return AskedRun(tmp_path_factory.mktemp("uniform") / "run", scale=0.0)


@pytest.mark.parametrize("arguments", [["--lesson", "1"], ["--lesson", "4"], ["--agreement"]])
def test_uniform_weights_teach_nothing(uniform, arguments):
    with refused(str(uniform.folder), "its weights are all the same", "choose another run"):
        explain([*arguments, "--run", str(uniform.folder)])


def test_the_page_of_uniform_weights_has_no_lessons(uniform, tmp_path):
    for folder, lessons in ((uniform.folder, False), (AskedRun(tmp_path / "other").folder, True)):
        explain([SENTENCE, "--run", str(folder), "--html", str(tmp_path / "page.html")])
        assert ("from all words the same" in (tmp_path / "page.html").read_text(encoding="utf-8")) == lessons
        (tmp_path / "page.html").unlink()


def test_a_world_that_has_changed_since_is_named(tmp_path):
    """With as many words as before, so that the parameters still fit."""
    path = tmp_path / "own.yaml"
    path.write_text(SMALL, encoding="utf-8")
    run = AskedRun(tmp_path / "run", world=str(path))
    summary = {"version": 2, "world_fingerprint": load_world(str(path)).fingerprint}
    (run.folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    explain(["the cat sat on mat .", "--run", str(run.folder), "--json"])
    path.write_text(SMALL.replace("strength: 1.5", "strength: 1.25"), encoding="utf-8")
    with refused(str(run.folder), "has changed since it was trained", "train anew"):
        explain(["the cat sat on mat .", "--run", str(run.folder), "--json"])


def test_a_word_without_form_is_not_masked_by_the_blank_of_a_form(tmp_path):
    world = tmp_path / "timed.yaml"
    text = Path("data/worlds/singular_plural.yaml").read_text(encoding="utf-8")
    world.write_text(text.replace("[many]", "[MASK]"), encoding="utf-8")
    run = AskedRun(tmp_path / "run", world=str(world))
    with refused("--mask now", "has no form", "is that of plural words"):
        explain(["dogs now cat sleep mat roofs sits", "--mask", "now", "--run", str(run.folder)])
