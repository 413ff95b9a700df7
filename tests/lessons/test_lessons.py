"""What the lessons say of a run is what the float64 oracle says; texts, translations, and what waits for an answer."""

import io
import re
import string

import numpy as np
import pytest
from asked_run import AskedRun
from oracle import softmax
from rich.console import Console
from small_world import SMALL

from data.errors import InputError
from data.vocabulary import MASK
from experiments.explain import main
from experiments.lessons import terminal
from experiments.lessons.ablations import scale_ablation
from experiments.lessons.facts import COUNT, facts_of
from experiments.lessons.lesson import lesson_material, lesson_of
from experiments.lessons.paged import paged
from experiments.lessons.terminal import give_lesson
from experiments.lessons.texts import FOLDER, languages, load_texts

pytestmark = pytest.mark.usefixtures("quickly_compiled")
SENTENCE = "the cat sat on the mat ."
MODELS = {
    "layer norm and an MLP": {},
    "no scale, one head": {"norm": "rms", "d_mlp": 0, "scale": "none", "heads": 1},
    "one matrix, no residual": {"tied_query_key": True, "residual": False, "norm": "rms"},
    "every variant": {"qk_norm": True, "softcap": 2.0, "sink": "learned", "scale": "learned", "query": "constant"},
}
BRACES = "{run}{0.__class__}"


@pytest.fixture(scope="module", params=MODELS.values(), ids=MODELS)
def asked(request, tmp_path_factory):
    run = AskedRun(tmp_path_factory.mktemp("lessons") / "one", **request.param)
    return run, lesson_material(SENTENCE, str(run.folder), None)[0]


def row(run, at=1, t=-1, scale=None):
    tokens = list(run.world.vocabulary.encode(SENTENCE))
    tokens[at] = MASK
    return run.oracle(t, scale).row(tokens, at)


def shown(facts, *names):
    return [float(re.search(r"-?[\d.,]+", facts.filled[name].replace(",", ""))[0]) for name in names]


def test_the_weights_of_lesson_1(asked):
    run, material = asked
    facts, weights = facts_of(1, material), row(run)["weights"].mean(axis=0)
    assert shown(facts, "weight") == pytest.approx([weights.max()], abs=0.00501)
    assert int(weights.argmax()) in facts.right
    assert len(facts.options) == 7


def test_the_query_of_lesson_2_changes_with_the_place_alone(asked):
    run, material = asked
    facts = facts_of(2, material)
    change = np.linalg.norm(row(run, at=5)["query"] - row(run)["query"])
    expected = [0, change, np.linalg.norm(row(run)["query"])]
    assert shown(facts, "same_place", "other_place", "query_length") == pytest.approx(expected, abs=0.00501)
    assert facts.right == (() if run.model.query == "constant" else (1,))


@pytest.mark.parametrize("query", ["full", "position", "content", "constant"])
def test_the_query_of_lesson_2_where_words_have_forms(tmp_path, query):
    """The blank is a part of it, and neither position nor blank is said to matter where the query lacks it."""
    run = AskedRun(tmp_path / "run", "two_stories", query=query, d_mlp=0)
    material, _ = lesson_material("cat DOG SLEPT ROOF mat sat", str(run.folder), "DOG")
    number, facts = run.world.vocabulary.number, facts_of(2, material)

    def query_of(place, blank):
        tokens = [number[word] for word in ("cat", "DOG", "SLEPT", "ROOF", "mat", "sat")]
        tokens[place] = number[blank]
        return run.oracle().row(tokens, place)["query"]

    own = query_of(1, "[MASK]")
    changes = [np.linalg.norm(query_of(3, "[MASK]") - own), np.linalg.norm(query_of(1, "[mask]") - own)]
    assert [x > 0.01 for x in changes] == [query in ("full", "position"), query in ("full", "content")]
    expected = [0, *changes, np.linalg.norm(own)]
    found = shown(facts, "same_place", "other_place", "form_change", "query_length")
    assert found == pytest.approx(expected, abs=0.00501)
    assert (facts.filled["elsewhere"], facts.filled["other_form"]) == ("'ROOF'", "'dog'")
    lesson = lesson_of(2, material, load_texts())
    assert facts.right == ((1,) if query == "full" else ())
    assert lesson.options[1].startswith("the form of the hidden word")
    assert "in another form" in lesson.answer or "another blank than [MASK]" in lesson.answer
    assert "{" not in lesson.answer + lesson.explain
    assert facts_of(1, material).filled["sentence"] == "cat [MASK] SLEPT ROOF mat sat"
    assert facts_of(7, material).filled["relevant"] in ("'ROOF' and 'SLEPT'", "'SLEPT' and 'ROOF'")


def test_the_scores_of_lesson_3(asked):
    run, material = asked
    facts, expected = facts_of(3, material), row(run)
    head = int(facts.filled["head"]) - 1
    assert head == expected["scores"].max(axis=1).argmax()
    scores = np.sort(expected["scores"][head])[::-1]
    assert shown(facts, "first_score", "second_score") == pytest.approx(scores[:2], abs=0.0501)
    assert shown(facts, "difference") == pytest.approx([scores[0] - scores[1]], abs=0.00501)
    weight = expected["weights"][head].max()
    assert shown(facts, "first_weight") == pytest.approx([100 * weight], abs=0.0501)
    assert facts.right == (0 if weight <= 0.5 else 1 if weight <= 0.9 else 2,)


def test_the_scale_of_lesson_4(asked):
    run, material = asked
    facts, other = facts_of(4, material), "inverse_sqrt" if run.model.scale == "none" else "none"
    now, then = (row(run, t=0, scale=scale)["weights"].max() for scale in (None, other))
    assert shown(facts, "now", "then") == pytest.approx([now, then], abs=0.000501)
    assert facts.right == (2 if abs(then - now) < 0.005 else 0 if then > now else 1,)


def test_the_lengths_of_lesson_5(asked):
    run, material = asked
    facts, expected = facts_of(5, material), row(run)
    lengths = [np.linalg.norm(x) for x in (expected["embedding"][1], expected["attention"], expected["output"])]
    assert shown(facts, "own_length", "attention_length", "output_length") == pytest.approx(lengths, abs=0.0501)
    assert bool(facts.filled["mlp"]) == (run.model.d_mlp > 0)
    added = np.allclose(expected["residual"], expected["embedding"][1] + expected["attention"])
    assert facts.right == ((1,) if added else (0,))
    assert ("is gone" in lesson_of(5, material, load_texts()).answer) != added


def test_the_heads_of_lesson_6(asked):
    run, material = asked
    facts, weights = facts_of(6, material), row(run)["weights"]
    found = [float(x) for x in re.findall(r"\((\d\.\d\d)\)", facts.filled["looks"])]
    assert found == pytest.approx(weights.max(axis=1), abs=0.00501)
    assert facts.right == (0 if len(set(weights.argmax(axis=1))) == 1 else 1,)


def test_the_cuts_of_lesson_7(asked):
    run, material = asked
    facts, told = facts_of(7, material), material.told
    exact = told.exact.posterior_V

    def excess(logits):
        return float(np.sum(exact[exact > 0] * np.log(exact[exact > 0] / softmax(logits)[exact > 0])))

    tokens = [MASK if k == 1 else token for k, token in enumerate(told.question.tokens)]
    heads, plain = range(run.model.heads), excess(row(run)["logits"])
    costs = [excess(run.oracle().row(tokens, 1, cut=[(h, k) for h in heads])["logits"]) - plain for k in range(7)]
    assert shown(facts, "cost") == pytest.approx([max(costs)], abs=0.00501)
    assert int(np.argmax(costs)) in facts.right


@pytest.mark.parametrize("language", languages())
def test_every_text_is_filled_with_what_its_lesson_knows(asked, language):
    texts = load_texts(language)
    for number in range(1, COUNT + 1):
        lesson = lesson_of(number, asked[1], texts)
        facts = facts_of(number, asked[1])
        assert "{" not in "".join([lesson.title, lesson.expect, lesson.question, lesson.answer, lesson.explain])
        assert all(right < len(lesson.options) for right in facts.right)
        known = {*facts.filled, "ablation", "ablation_run", "ablation_d_head", "ablation_ratio", "ablation_low",
                 "ablation_high", "other_form", "form_change"}  # fmt: skip
        for text in texts[f"lesson_{number}"].values():
            for part in [text] if isinstance(text, str) else text:
                assert {name for _, name, _, _ in string.Formatter().parse(part) if name} <= known


def test_a_translation_may_be_partial(tmp_path):
    (tmp_path / "de.yaml").write_text("lesson_1:\n  title: Was ist Attention?\nlesson_2:\n", encoding="utf-8")
    english, german = load_texts("en"), load_texts("de", tmp_path)
    assert german["lesson_1"] == english["lesson_1"] | {"title": "Was ist Attention?"}
    assert german["lesson_2"] == english["lesson_2"]
    with pytest.raises(InputError, match="--language xx"):
        load_texts("xx")
    assert (FOLDER / "en.yaml").is_file()


def test_words_with_braces_are_text(tmp_path):
    world = tmp_path / "braces.yaml"
    world.write_text(SMALL.replace("sat", f"'{BRACES}'"), encoding="utf-8")
    run = AskedRun(tmp_path / "run", world=str(world), d_mlp=0)
    material, _ = lesson_material(f"the cat {BRACES} on mat .", str(run.folder), None)
    lesson = lesson_of(1, material, load_texts())
    assert f"'{BRACES}'" in lesson.options
    assert BRACES in lesson.expect


def given(number, material, monkeypatch, typed):
    """What a lesson prints on a terminal on which this is typed; None: no terminal."""
    answers = iter(typed or [])
    console = Console(file=io.StringIO(), width=80)

    def answer(_):
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(console, "input", answer)
    monkeypatch.setattr(terminal.sys, "stdin", io.StringIO())
    monkeypatch.setattr(terminal.sys.stdin, "isatty", lambda: typed is not None, raising=False)
    lesson = lesson_of(number, material, load_texts())
    done = give_lesson(number, lesson, material, load_texts(), console, " --run one")
    return done, console.file.getvalue()


def test_a_lesson_is_done_when_something_was_predicted(asked, monkeypatch):
    lesson = lesson_of(3, asked[1], load_texts())
    right = str(lesson.right[0] + 1)
    done, out = given(3, asked[1], monkeypatch, ["nine", "0", right])
    assert done
    assert "You predicted that." in out
    assert "--lesson 4 --run one" in " ".join(out.split())
    done, out = given(3, asked[1], monkeypatch, ["1" if right != "1" else "2"])
    assert done
    assert "You predicted: " in out
    for typed in (None, []):  # no terminal; the end of the input
        done, out = given(3, asked[1], monkeypatch, typed)
        assert not done
        assert "it is done when you have predicted" in " ".join(out.split())


def test_the_page_has_the_lessons(asked):
    html, _ = paged(SENTENCE, str(asked[0].folder), None, "en")
    assert "Is attention an explanation?" in html


def test_a_world_without_an_example_needs_a_sentence(tmp_path):
    world = tmp_path / "none.yaml"
    world.write_text(SMALL.partition("examples:")[0], encoding="utf-8")
    run = AskedRun(tmp_path / "run", world=str(world), d_mlp=0)
    for asking in (lesson_material, lambda *given: paged(*given, "en")):
        with pytest.raises(InputError, match="has no example; name a sentence"):
            asking(None, str(run.folder), None)


def test_an_ablation_of_the_scale_is_found(tmp_path):
    assert scale_ablation(tmp_path) is None
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "arms.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert scale_ablation(tmp_path) is None
    header = "model.d_head,model.scale,ratio,ratio_low,ratio_high\n"
    lines = "4,none,1.9,1.3,3\n64,none,56,28,67\n64,inverse_sqrt,,,\n"
    (tmp_path / "one" / "arms.csv").write_text(header + lines, encoding="utf-8")
    found = scale_ablation(tmp_path)
    assert (found.d_head, found.ratio, found.low, found.high) == ("64", 56, 28, 67)


@pytest.mark.parametrize("number", [0, 8, -1])
def test_there_are_seven(asked, number):
    with pytest.raises(InputError, match="there are 7"):
        main(["--lesson", str(number), "--run", str(asked[0].folder)])
