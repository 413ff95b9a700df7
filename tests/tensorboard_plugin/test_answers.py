"""What the tab's routes answer: every number equals the one in record.npz, or follows from it."""

import json

import numpy as np
import pytest
from made_run import SENTENCES, WORDS, MadeRun, made_config, rewritten
from tab_client import Tab, unpack

from model.config import ModelConfig

STEPS = [0, 1, 2, 5, 11, 100]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    root = tmp_path_factory.mktemp("logs")
    MadeRun(root / "toy-001").add(*STEPS).finish()
    return root


@pytest.fixture(scope="module")
def tab(logs):
    return Tab(logs)


@pytest.fixture(scope="module")
def arrays(logs):
    with np.load(logs / "toy-001" / "record.npz") as record:
        return dict(record)


def same(packed, array):
    found = unpack(packed)
    assert found.shape == array.shape
    assert found.tobytes() == np.ascontiguousarray(array, "<f4").tobytes()


def test_the_run(tab, arrays):
    run = tab.get("run", run="toy-001")
    assert run["recorded"] == STEPS
    assert run["steps"] == 100
    assert (run["seed"], run["status"], run["heads"], run["d_head"]) == (3, "finished", 2, 3)
    assert run["scale"] == "/ sqrt(3)"
    assert (run["learned_scale"], run["qk_norm"]) == (None, False)
    assert (run["softcap"], run["sink"], run["mlp"], run["norm"]) == (None, False, True, "layer")
    assert run["words"] == WORDS
    assert run["word_groups"] == {}  # as in a record of before
    assert run["excess_groups"] == ["trained/subject", "held_out/subject"]
    assert run["has_score_gradient"] is True
    same(run["loss"], arrays["loss"])
    same(run["excess"], arrays["excess"])
    for n, (tokens, masked) in enumerate(SENTENCES):
        told = run["sentences"][n]
        assert told["words"] == [WORDS[token] for token in tokens]
        assert told["tokens"] == tokens
        assert told["masked"] == masked
        same(told["exact_relevance"], arrays["exact_relevance"][n, : len(masked), : len(tokens)])
        for r, words in enumerate(told["candidates"]):
            chances = arrays["exact_posterior"][n, r]
            assert sorted(words) == np.flatnonzero(chances > 0.001).tolist()
            assert (np.diff(chances[words]) <= 0).all()
            same(told["exact"][r], chances[words])


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("h", [0, 1])
def test_a_head(tab, arrays, n, h):
    tokens, masked = SENTENCES[n]
    head = tab.get("head", run="toy-001", sentence=n, head=h, from_=1, to=4)
    assert (head["from"], head["to"]) == (1, 4)
    for name in ("weights", "scores", "dot_products", "cut_cost", "score_gradient"):
        same(head[name], arrays[name][1:4, n, : len(masked), h, : len(tokens)])


def test_a_sentence(tab, arrays):
    run = tab.get("run", run="toy-001")
    for n, (tokens, masked) in enumerate(SENTENCES):
        told = tab.get("sentence", run="toy-001", sentence=n, from_=0, to=6)
        same(told["cut_cost"], arrays["cut_cost"][:, n, : len(masked), -1, : len(tokens)])
        same(told["model_relevance"], arrays["model_relevance"][:, n, : len(masked), : len(tokens)])
        same(told["row_excess"], arrays["row_excess"][:, n, : len(masked)])
        heads = [tab.get("head", run="toy-001", sentence=n, head=h, from_=0, to=6)["evidence"] for h in (0, 1)]
        np.testing.assert_allclose(unpack(told["evidence"]), sum(map(unpack, heads)), rtol=1e-5, atol=1e-6)
        for r, words in enumerate(run["sentences"][n]["candidates"]):
            powers = np.exp(arrays["logits"][:, n, r].astype(np.longdouble))
            guess = powers / powers.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(unpack(told["guess"][r]), guess[:, words].astype(float), rtol=1e-6)
            chances = unpack(told["best_other_chance"][r])
            for t, word in enumerate(told["best_other"][r]):
                best, chance = int(guess[t].argmax()), chances[t]
                assert word == (None if best in words else best)
                assert np.isnan(chance) if word is None else chance == pytest.approx(float(guess[t].max()), rel=1e-6)
    assert any(word is not None for word in told["best_other"][0])  # else nothing was tested of it


def test_a_cell(tab, arrays):
    cell = tab.get("cell", run="toy-001", sentence=0, head=1, row=2, word=3)
    assert (cell["from"], cell["to"]) == (0, len(STEPS))
    for name in ("weights", "scores", "dot_products", "cut_cost", "score_gradient"):
        same(cell[name], arrays[name][:, 0, 2, 1, 3])
    same(cell["all_cut_cost"], arrays["cut_cost"][:, 0, 2, -1, 3])
    same(cell["model_relevance"], arrays["model_relevance"][:, 0, 2, 3])
    lengths = np.sqrt((arrays["weighted_values"][:, 0, 2, 1, 3].astype(float) ** 2).sum(axis=-1))
    np.testing.assert_allclose(unpack(cell["weighted_value_length"]), lengths, rtol=1e-6)
    head = tab.get("head", run="toy-001", sentence=0, head=1, from_=0, to=len(STEPS))
    sentence = tab.get("sentence", run="toy-001", sentence=0, from_=0, to=len(STEPS))
    np.testing.assert_array_equal(unpack(cell["evidence"]), unpack(head["evidence"])[:, 2, 3])
    np.testing.assert_array_equal(unpack(cell["all_evidence"]), unpack(sentence["evidence"])[:, 2, 3])


def test_a_run_before_its_first_record(tmp_path):
    MadeRun(tmp_path / "run")
    tab = Tab(tmp_path)
    (run,) = tab.get("runs")["runs"]
    assert (run["step"], run["status"], run["error"]) == (None, "running", None)
    told = tab.get("run", run="run")
    assert told["recorded"] == []
    assert told["loss"] == {"shape": [0], "float32": ""}
    assert told["has_score_gradient"] is False  # it is not known yet
    assert unpack(tab.get("plane", run="run", sentence=0, head=0)["queries"]).shape == (0, 3, 2)
    assert unpack(tab.get("cell", run="run", sentence=0, head=0, row=0, word=0)["evidence"]).shape == (0,)
    tab.error(404, "head", run="run", sentence=0, head=0, from_=0, to=1)


def test_vectors(tab, arrays):
    tokens = SENTENCES[0][0]
    told = tab.get("vectors", run="toy-001", sentence=0, head=1, row=2, from_=2, to=6)
    same(told["query"], arrays["query"][2:, 0, 2, 1])
    same(told["key"], arrays["key"][2:, 0, 2, : len(tokens), 1])
    same(told["value"], arrays["value"][2:, 0, 2, : len(tokens), 1])
    same(told["weighted_values"], arrays["weighted_values"][2:, 0, 2, 1, : len(tokens)])
    same(told["context"], arrays["context"][2:, 0, 2, 1])


def test_the_plane_keeps_dot_products_as_far_as_it_holds_them(tab, arrays):
    """With three components, the two of the plane and the one across it make up every dot product."""
    told = tab.get("plane", run="toy-001", sentence=0, head=0)
    queries, keys, masked = (unpack(told[name]).astype(float) for name in ("queries", "keys", "masked_keys"))
    assert unpack(told["share"])[-1] > 2 / 3
    query, key = (arrays[name][:, 0].astype(float) for name in ("query", "key"))
    for r, place in enumerate(SENTENCES[0][1]):
        lengths = np.linalg.norm(query[:, r, 0], axis=-1)
        assert (np.linalg.norm(queries[:, r], axis=-1) <= lengths * 1.00001).all()
        assert (np.linalg.norm(masked[:, r], axis=-1) <= np.linalg.norm(key[:, r, place, 0], axis=-1) * 1.00001).all()
    # The axes, from queries and keys of the last step: solved for, they are two unit vectors at right angles.
    vectors = np.concatenate([query[-1, :3, 0], key[-1, 0, [0, 3], 0]])
    points = np.concatenate([queries[-1], keys[-1, [0, 3]]])
    axes = np.linalg.lstsq(vectors, points, rcond=None)[0]
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-5)
    for t in range(len(STEPS)):  # the same at every step
        np.testing.assert_allclose(query[t, :3, 0] @ axes, queries[t], atol=1e-5)
        own = [key[t, 1 if k == 1 else 0, k, 0] for k in range(5)]  # row 0 masks word 1
        np.testing.assert_allclose(own @ axes, keys[t], atol=1e-5)


def test_the_key_of_a_word_that_is_always_masked_is_not_known(tab):
    keys = unpack(tab.get("plane", run="toy-001", sentence=1, head=0)["keys"])
    assert np.isnan(keys[:, 3]).all()
    assert np.isfinite(np.delete(keys, 3, axis=1)).all()


def test_a_record_without_score_gradients_says_so(tmp_path):
    MadeRun(tmp_path / "old").add(0, 1, without=["score_gradient"]).finish()
    tab = Tab(tmp_path)
    assert tab.get("run", run="old")["has_score_gradient"] is False
    assert tab.get("head", run="old", sentence=0, head=0, from_=0, to=2)["score_gradient"] is None


def test_evidence_without_parameters_is_not_known(tmp_path):
    run = MadeRun(tmp_path / "run").add(0, 1)
    (run.folder / "params-parts" / "step-0000000001.npz").unlink()  # the record is written first
    evidence = unpack(Tab(tmp_path).get("head", run="run", sentence=0, head=1, from_=0, to=2)["evidence"])
    assert np.isfinite(evidence[0]).all()
    assert np.isnan(evidence[1]).all()
    run.finish()
    (run.folder / "params.npz").unlink()
    told = Tab(tmp_path).get("sentence", run="run", sentence=0, from_=0, to=2)
    assert np.isnan(unpack(told["evidence"])).all()


def test_a_compressed_record_is_read_as_well(tmp_path, arrays):
    run = MadeRun(tmp_path / "run").add(*STEPS).finish()
    np.savez_compressed(run.folder / "record.npz", **run.arrays()[0])
    head = Tab(tmp_path).get("head", run="run", sentence=0, head=1, from_=1, to=4)
    same(head["weights"], arrays["weights"][1:4, 0, :3, 1, :5])


def test_numbers_that_are_not_finite_stay_so(tmp_path):
    run = MadeRun(tmp_path / "run").add(0, 1, 2)
    run.finish("diverged")
    record, _ = run.arrays()
    for name in ("weights", "logits", "query", "key", "output", "loss"):
        record[name][2] = np.nan
    rewritten(run.folder / "record.npz", **record)
    tab = Tab(tmp_path)
    assert tab.get("runs")["runs"][0]["status"] == "diverged"
    assert np.isnan(unpack(tab.get("run", run="run")["loss"])[2])
    told = tab.get("sentence", run="run", sentence=0, from_=0, to=3)
    assert told["best_other"][0][2] is None
    assert np.isnan(unpack(told["guess"][0])[2]).all()
    plane = tab.get("plane", run="run", sentence=0, head=0)
    assert np.isfinite(unpack(plane["queries"])[:2]).all()  # in the plane of the last step that has one
    assert np.isnan(unpack(plane["queries"])[2]).all()


def test_a_model_of_another_make(tmp_path):
    model = ModelConfig(d_model=4, heads=1, d_head=1, d_mlp=0, norm="rms", sink="learned", softcap=2.0, scale="none")
    MadeRun(tmp_path / "run", made_config(model)).add(0, 1).finish()
    tab = Tab(tmp_path)
    run = tab.get("run", run="run")
    assert (run["softcap"], run["sink"], run["mlp"], run["norm"]) == (2.0, True, False, "rms")
    assert run["scale"] == "x 1, no scale, capped at 2"
    assert not unpack(tab.get("plane", run="run", sentence=0, head=0)["queries"])[..., 1].any()  # one component


def test_a_learned_scale_at_each_step(tmp_path):
    run = MadeRun(
        tmp_path / "run", made_config(ModelConfig(d_model=4, heads=1, d_head=2, scale="learned", qk_norm=True))
    )
    run.add(0, 1, 5).finish()
    told = Tab(tmp_path).get("run", run="run")
    record, params = run.arrays()
    np.testing.assert_allclose(unpack(told["learned_scale"]), np.exp(params["attention/log_scale"]), rtol=1e-6)
    ratio = record["scores"][:, 0, 0, 0, 0] / record["dot_products"][:, 0, 0, 0, 0]
    np.testing.assert_allclose(unpack(told["learned_scale"]), ratio, rtol=1e-5)
    assert told["qk_norm"] is True
    assert told["scale"] == "x learned scale"


def test_64_words(tmp_path, monkeypatch):
    sentence = [(2 + np.arange(64) % 9).tolist(), [0, 63]]
    for name, value in {"PLACES": 64, "SENTENCES": [sentence], "MOST_ROWS": 2}.items():
        monkeypatch.setattr(f"made_run.{name}", value)
    MadeRun(tmp_path / "run").add(0, 1).finish()
    tab = Tab(tmp_path)
    assert len(tab.get("run", run="run")["sentences"][0]["words"]) == 64
    assert unpack(tab.get("head", run="run", sentence=0, head=0, from_=0, to=2)["weights"]).shape == (2, 2, 64)
    assert unpack(tab.get("plane", run="run", sentence=0, head=0)["keys"]).shape == (2, 64, 2)


def test_answers_are_strict_json_in_ascii(tab):
    answer = tab.answer("run", run="toy-001")
    text = answer.get_data(as_text=True)
    assert text.isascii()
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    json.loads(text, parse_constant=pytest.fail)


def test_what_words_are_is_told_if_they_are_anything(tmp_path):
    run = MadeRun(tmp_path / "run").add(0).finish()
    classes = [f"class {n % 3}" for n in range(len(WORDS))]
    none = np.full(len(WORDS), "")
    groups = {"word_groups/form": none, "word_groups/class": np.asarray(classes), "word_groups/slot": none}
    rewritten(run.folder / "record.npz", **groups)
    assert Tab(tmp_path).get("run", run="run")["word_groups"] == {"class": classes}
    for wrong in (np.asarray(classes[:-1]), np.arange(len(WORDS))):
        rewritten(run.folder / "record.npz", **{"word_groups/class": wrong})
        assert "word_groups/class does not fit its words" in Tab(tmp_path).error(422, "run", run="run")
