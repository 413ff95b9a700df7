"""The command `python -m experiments.explain`: what it prints and writes, and what it refuses."""

import dataclasses
import json
import os
import re

import numpy as np
import pytest
from asked_run import STEPS, AskedRun
from small_world import SMALL

from data.errors import InputError
from experiments.explain import main
from experiments.replay.asked import explain_sentence, too_large
from experiments.replay.explanation_fields import FIELDS
from experiments.run_directory.arrays import write_npz

pytestmark = pytest.mark.usefixtures("quickly_compiled")
SENTENCE = "the cat sat on the mat"
HOSTILE = "[red]=1+1[/]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `runs/`, of which the second run is the newer one."""
    folder = tmp_path_factory.mktemp("explain")
    for age, name in enumerate(["new", "old"]):
        AskedRun(folder / "runs" / name, d_mlp=0)
        os.utime(folder / "runs" / name / "config.yaml", (1e9 - age, 1e9 - age))
    return folder


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def run(capsys, *arguments):
    assert main(arguments) == 0
    return capsys.readouterr()


def test_the_newest_run_is_explained(capsys):
    out, err = run(capsys, SENTENCE)
    assert out.startswith("the [ ] sat on the mat .\nHow new, after 40 updates, guesses the masked word ('cat')")
    for number, name in enumerate(["Query", "Keys", "query . key", "Weights", "Values", "Sum", "Added", "Evidence"]):
        assert f"\n{number + 1} {name}, " in out
    assert err == "'.' was added at the end of the sentence\n"


def test_json_is_json_alone(capsys):
    out, err = run(capsys, SENTENCE, "--json", "--run", "old", "--step", "3", "--mask", "mat")
    found = json.loads(out)
    assert (found["run"], found["step"], found["masked"]) == ("old", STEPS[0], 5)
    assert "step 3 was not recorded; the nearest that was, 0, is explained" in err


def test_csv_is_csv_alone(capsys):
    out, _ = run(capsys, "the dog slept .", "--csv")
    assert out.startswith('"head","masked_word","word"')


def test_the_short_form_is_the_seven_lines_and_the_evidence(capsys):
    out, _ = run(capsys, SENTENCE, "--short", "--head", "2")
    assert out.startswith("Attention in seven lines, for the masked word cat, head 2\n1 query")
    assert "\nEvidence, what each word says" in out
    assert "\n2 Keys" not in out


@pytest.mark.parametrize("length", [[], ["--short"]])
def test_nothing_is_called_exact_where_there_is_no_exact_answer(capsys, length):
    out, err = run(capsys, "the dog slept .", *length)
    assert "no exact answer" in out
    assert "exact is" not in out
    assert "cannot say this sentence" in err


def test_every_component_is_there_if_asked_for(capsys, tmp_path):
    AskedRun(tmp_path / "wide", d_head=40)
    arguments = SENTENCE, "--run", str(tmp_path / "wide")
    for options, there in (([], False), (["--whole"], True)):
        keys = run(capsys, *arguments, *options)[0].split("2 Keys")[1].split("3 query")[0]
        assert bool(re.search(r"\b40\b", keys)) == there


def test_pictures_are_written_and_never_over_another_file(capsys, tmp_path):
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    run(capsys, SENTENCE, "--short", "--svg", str(svg), "--png", str(png))
    assert svg.read_text(encoding="utf-8").startswith("<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="nothing is overwritten"):
        main([SENTENCE, "--png", str(png)])
    with pytest.raises(InputError, match="cannot be written"):
        main([SENTENCE, "--short", "--png", str(tmp_path / "no" / "a.png")])


def test_a_picture_of_points_is_written_instead(capsys, tmp_path):
    run(capsys, SENTENCE, "--short", "--plane", "--svg", str(tmp_path / "a.svg"), "--png", str(tmp_path / "a.png"))
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "head 3, step 40" in drawn
    assert "query of a blank" in drawn
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_of_several_seeds_the_first_is_explained_and_named(capsys, tmp_path):
    AskedRun(tmp_path / "many" / "seed-0")
    config = tmp_path / "many" / "seed-0" / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.unlink()
    AskedRun(tmp_path / "other")
    (tmp_path / "other").rename(tmp_path / "many" / "seed-1")
    (tmp_path / "many" / "seed-1" / "config.yaml").unlink()
    (tmp_path / "many" / "config.yaml").write_text(text.replace("seeds: 1", "seeds: 2"), encoding="utf-8")
    _, err = run(capsys, SENTENCE, "--short", "--run", str(tmp_path / "many"))
    assert "holds 2 seeds; seed-0 is explained" in err


def test_words_are_text(capsys, tmp_path):
    world = tmp_path / "hostile.yaml"
    world.write_text(SMALL.replace("sat", json.dumps(HOSTILE)), encoding="utf-8")
    AskedRun(tmp_path / "run", world=str(world))
    out, _ = run(capsys, f"the cat {HOSTILE} on mat .", "--run", str(tmp_path / "run"))
    assert out.startswith(f"the [ ] {HOSTILE} on mat .")
    assert f"\n{HOSTILE} " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([SENTENCE, "--run", "nowhere"], "no run lies here"),
        ([SENTENCE, "--head", "4"], "this model has 3; name one from 1 to 3"),
        ([SENTENCE, "--head", "0"], "this model has 3"),
        ([SENTENCE, "--step", "-1"], "--step: must be at least 0"),
        ([SENTENCE, "--json", "--csv"], "not allowed with argument"),
        ([SENTENCE, "--svg", "a", "--png", "a"], "name the same file"),
        ([SENTENCE, "--json", "--html", "a.html"], "--json: does not go together with --html"),
        ([SENTENCE, "--seed", "3"], "--seed: does not go together with a sentence"),
        ([SENTENCE, "--agreement"], "--agreement: is about the run as a whole"),
        (["--lesson", "1", "--step", "0", "--svg", "a"], "--step and --svg: does not go together with --lesson"),
        (["--formation", "--step", "3"], "--step: does not go together with --formation"),
        (["--evidence", "--seed", "-1"], "--seed: must be from 0 to"),
        (["--evidence", "--sentences", "1"], "--sentences: must be from 2 to"),
        ([SENTENCE, "--plane"], "--plane: says what --svg or --png shows; add one of them"),
        (["--circuits", "--plane", "--png", "a"], "--plane: does not go together with --circuits"),
        (["the zebra sat"], "'zebra' is not a word of this world"),
        ([], "a sentence is missing"),
    ],
)
def test_a_mistake_is_one_line(arguments, said):
    with pytest.raises(InputError) as error:
        main(arguments)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sentence_that_the_newest_run_cannot_read_names_the_run():
    """Somebody who trained in another world meanwhile asks as before."""
    with pytest.raises(InputError) as error:
        main(["the zebra sat"])
    assert "the newest run is asked" in str(error.value)
    assert "--run asks another" in str(error.value)
    named = re.search(r"the newest run is asked, (\S+), of the world", str(error.value))[1]
    with pytest.raises(InputError) as error:
        main(["the zebra sat", "--run", named])
    assert "newest" not in str(error.value)


def test_a_closed_error_stream_leaves_the_output_alone(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    main([SENTENCE, "--json"])
    assert json.loads(capsys.readouterr().out)["notes"] == ["'.' was added at the end of the sentence"]


def test_a_model_that_diverged_is_named(tmp_path):
    run_ = AskedRun(tmp_path / "run")
    with np.load(run_.folder / "params.npz") as file:
        arrays = dict(file)
    arrays["attention/output/kernel"] = arrays["attention/output/kernel"] * np.float32(np.nan)
    write_npz(run_.folder / "params.npz", arrays)
    with pytest.raises(InputError, match="is not finite at step 40"):
        main([SENTENCE, "--run", str(run_.folder)])


def test_evidence_that_does_not_add_up_is_named():
    """Where squares overflow in 32 bits, as in a model that diverges."""
    told, notes = explain_sentence(SENTENCE)
    assert len(notes) == 1
    assert not too_large(told)
    off = dataclasses.replace(told, row=told.row | {"logits": told.row["logits"] * 1.01})
    assert "does not add up" in too_large(off)[0]


def test_without_a_run_the_command_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"--run: no run of experiments\.train in runs"):
        main([SENTENCE])


def test_help_lists_the_names_in_the_json(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(f"{name}: {' '.join(meaning.split()[:3])}" in out for name, meaning in FIELDS.items())
