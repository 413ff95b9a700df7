"""record.npz against an independent oracle: every number again, in float64 NumPy, from params.npz and the sentences."""

import base64
import io
import math
import re
import shutil

import jax
import numpy as np
import pytest
from oracle import Oracle, softmax
from PIL import Image
from refusals import refused
from small_training import PICTURED, STEPS, WHOLE
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from data.inference import posterior, relevance
from data.vocabulary import MASK, PAD
from data.world import load_world
from experiments import film, runs
from experiments.measuring.evaluation_set import make_evaluation_set
from experiments.pictures.attention_map import MapPicture
from experiments.pictures.canvas import BLUES, palette, shade
from experiments.run_directory.saved_run import load_run
from experiments.run_directory.step_reader import open_steps
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.view.run_arrays import RunArrays
from experiments.view.view_model import ViewModel

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(trained):
    return trained.folder / "seed-6"  # of two runs the second, so that nothing passes which takes the first for all


@pytest.fixture(scope="module")
def run(folder):
    return load_run(folder)


@pytest.fixture(scope="module")
def world():
    return load_world("english")


def oracle(params, tokens, at, cut=()):
    """One masked sentence (no padding), its guess asked for at one place: every intermediate, see `Oracle.row`."""
    return Oracle(WHOLE.model, params).row(tokens, at, cut)


def kl(p, q):
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


def rows_of(record):
    """(n, r, tokens, place) of every recorded row."""
    for n, sentence in enumerate(record["tokens"]):
        for r, place in enumerate(record["row"][n]):
            if place >= 0:
                yield n, r, sentence[sentence != PAD].astype(int), int(place)


WORD_AXIS = {"embedding": 0, "key": 0, "value": 0, "dot_products": 1, "scores": 1, "weights": 1, "weighted_values": 1}


def test_pages_show_the_mean_excess_of_the_summary_and_its_relevant_words(trained):
    """One formula each: the server tells them, the pages compute neither."""
    run = load_run(trained.folder / "seed-6")
    view = ViewModel(RunArrays(open_steps(run.folder, "record"), None, run.config.model)).run()
    for kind in ("trained", "held_out"):
        values = np.frombuffer(base64.b64decode(view["mean_excess"][kind]["float32"]), "<f4")
        assert len(values) == len(run.record["step"])
        assert values[-1] == pytest.approx(run.summary[f"excess/{kind}/all"], rel=1e-6)
    labels = SentencePictures(run.record).labels
    assert [sentence["relevant"] for sentence in view["sentences"]] == [
        [np.flatnonzero(row).tolist() for row in of.relevant] for of in labels
    ]


def test_every_field_of_the_forward_pass(run, assert_close):
    record = run.record
    assert record["step"].tolist() == STEPS
    for t in range(len(record["step"])):
        found, expected = {}, {}
        for n, r, tokens, place in rows_of(record):
            masked = tokens.copy()
            masked[place] = MASK
            for name, value in oracle(run.params(t), masked, place).items():
                stored = record[name][t, n, r]
                if name in WORD_AXIS:
                    stored = np.take(stored, range(len(tokens)), axis=WORD_AXIS[name])
                found.setdefault(name, []).append(stored.ravel())
                expected.setdefault(name, []).append(value.ravel())
        assert len(found) == 14
        for name, values in found.items():
            assert_close(np.concatenate(values), np.concatenate(expected[name]), TOLERANCE, f"{name} at {t}")


def test_padding_and_missing_rows_carry_nothing(run):
    record = run.record
    missing = record["row"] < 0
    assert missing.any()
    assert np.isnan(record["weights"][:, missing]).all()
    for n, r, tokens, _ in rows_of(record):
        assert (record["weights"][:, n, r, :, len(tokens) :] == 0).all()


def test_excess_and_cut_cost(run, world, assert_close):
    record, t = run.record, -1
    heads = WHOLE.model.heads
    for n, r, tokens, place in rows_of(record):
        exact = posterior(world, [tokens], [place])[0]
        assert_close(record["exact_posterior"][n, r], exact, 1e-6)
        assert_close(record["exact_relevance"][n, r, : len(tokens)], relevance(world, [tokens], [place])[0], 1e-5)
        masked = tokens.copy()
        masked[place] = MASK
        whole = kl(exact, softmax(oracle(run.params(t), masked, place)["logits"]))
        assert record["row_excess"][t, n, r] == pytest.approx(whole, rel=TOLERANCE)
        every = [[h] for h in range(heads)] + [list(range(heads))]
        cost = [[kl(exact, softmax(oracle(run.params(t), masked, place, [(h, k) for h in which])["logits"])) - whole
                 for k in range(len(tokens))] for which in every]  # fmt: skip
        # A cost is a difference of two excesses: its error is relative to them.
        error = np.abs(record["cut_cost"][t, n, r][:, : len(tokens)] - cost).max()
        assert error <= TOLERANCE * whole


def test_score_gradients_by_finite_differences(run, world, assert_close):
    record, found, expected = run.record, [], []
    for n, r, tokens, place in list(rows_of(record))[:4]:
        exact = posterior(world, [tokens], [place])[0]
        masked = tokens.copy()
        masked[place] = MASK
        for at in np.ndindex(WHOLE.model.heads, len(tokens)):
            losses = []
            for size in (1e-4, -1e-4):
                push = np.zeros((WHOLE.model.heads, len(tokens)))
                push[at] = size
                row = Oracle(WHOLE.model, run.params(-1)).row(masked, place, push=push)
                losses.append(kl(exact, softmax(row["logits"])))
            found.append(record["score_gradient"][-1, n, r][at])
            expected.append((losses[0] - losses[1]) / 2e-4)
        assert (record["score_gradient"][-1, n, r, :, len(tokens) :] == 0).all()
    assert_close(np.asarray(found), np.asarray(expected), TOLERANCE)


def test_model_relevance(run, world, assert_close):
    """KL(guess || guess averaged over the words that could stand at j), of every word in every row."""
    record, t = run.record, -1
    params, found, expected = run.params(t), [], []
    for n, r, tokens, place in rows_of(record):
        masked = tokens.copy()
        masked[place] = MASK
        guess = softmax(oracle(params, masked, place)["logits"])
        for j in range(len(tokens)):
            found.append(record["model_relevance"][t, n, r, j])
            expected.append(0.0)
            if j == place:
                continue
            averaged = np.zeros_like(guess)
            chance_W = posterior(world, [tokens], np.asarray([j]), np.asarray([place]))[0].sum(axis=1)
            for word in np.flatnonzero(chance_W):
                changed = masked.copy()
                changed[j] = word
                averaged += chance_W[word] * softmax(oracle(params, changed, place)["logits"])
            expected[-1] = kl(guess, averaged)
    assert len(found) > 100
    assert_close(np.asarray(found), np.asarray(expected), TOLERANCE)


def test_excess_attention_statistics_and_position_map_over_the_evaluation_sets(run, world, assert_close):
    record, t = run.record, 2
    examples = make_evaluation_set(WHOLE, world)
    used = np.flatnonzero(examples.share_EG.sum(axis=1) > 0)
    excess, maps, fields = np.zeros(examples.share_EG.shape[1]), {}, []
    for e in used:
        tokens = examples.tokens_EK[e][examples.tokens_EK[e] != PAD]
        out = oracle(run.params(t), tokens, examples.masked_E[e])
        exact = examples.posterior_EV[e].astype(float)
        excess += kl(exact / exact.sum(), softmax(out["logits"])) * examples.share_EG[e]
        for k in range(len(tokens)):
            maps.setdefault((int(examples.masked_E[e]), k), []).append(out["weights"][:, k])
        fields.append(out)
    assert_close(record["excess"][t], excess, TOLERANCE)
    for (place, k), weights in maps.items():
        assert_close(record["position_map"][t, place, :, k], np.mean(weights, axis=0), TOLERANCE)
    sample = fields[: len(record["gradient_norm"][t])]
    weights = [out["weights"] for out in sample]
    expected = {
        "entropy": np.mean([-(w * np.log(w)).sum(axis=1) / math.log(w.shape[1]) for w in weights], axis=0),
        "effective_words": np.mean([1 / (w**2).sum(axis=1) for w in weights], axis=0),
        "max_weight": np.mean([w.max(axis=1) for w in weights], axis=0),
        "saturated_rows": np.mean([w.max(axis=1) > 0.9 for w in weights], axis=0),
        "score_std": np.sqrt(np.mean([out["scores"].var(axis=1) for out in sample], axis=0)),
        "score_max": np.max([np.abs(out["scores"]).max(axis=1) for out in sample], axis=0),
        "query_norm": np.mean([np.linalg.norm(out["query"], axis=-1) for out in sample], axis=0),
        "key_norm": np.mean(np.concatenate([np.linalg.norm(out["key"], axis=-1) for out in sample]), axis=0),
        "cosine": np.mean(np.concatenate([
            (out["dot_products"] / np.linalg.norm(out["query"], axis=-1)[:, None]
             / np.linalg.norm(out["key"], axis=-1).T).T for out in sample]), axis=0),
    }  # fmt: skip
    for name, value in expected.items():
        assert_close(record[f"attention_statistics/{name}"][t], value, TOLERANCE, name)
    assert record["attention_statistics/row_sum_error"][t].max() < 1e-6


@pytest.mark.parametrize("e", [0, 5])
def test_gradient_norms_by_finite_differences(run, world, assert_close, e):
    """Of every parameter group, for one row; each parameter is moved by itself."""
    record, t = run.record, 3
    examples = make_evaluation_set(WHOLE, world)
    tokens = examples.tokens_EK[e][examples.tokens_EK[e] != PAD]
    exact = examples.posterior_EV[e].astype(float)
    params = jax.tree.map(lambda x: np.asarray(x, np.float64), run.params(t))
    squares = dict.fromkeys(record["parameter_groups"].tolist(), 0.0)
    for path, array in jax.tree_util.tree_flatten_with_path(params)[0]:
        names = [part.key for part in path]
        group = "/".join(names[:2]) if names[0] == "attention" else re.sub("_.*", "", names[0].replace("_norm", ""))
        group = "norm" if names[0].endswith("_norm") else group
        for i in np.ndindex(*array.shape):
            losses, kept = [], array[i]
            for sign in (1, -1):
                array[i] = kept + sign * 1e-5
                losses.append(kl(exact, softmax(oracle(params, tokens, examples.masked_E[e])["logits"])))
            array[i] = kept
            squares[group] += ((losses[0] - losses[1]) / 2e-5) ** 2
    assert min(squares.values()) > 0
    assert_close(record["gradient_norm"][t, e], np.sqrt([*squares.values()]), TOLERANCE)


def events(folder):
    (path,) = folder.glob("events.out.tfevents.*")
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            yield event.step, value.tag, value.metadata, tensor_util.make_ndarray(value.tensor)


def test_tensors_and_pictures_hold_the_recorded_numbers(folder, run):
    record = run.record
    steps = record["step"].tolist()
    content, seen = {}, set()
    for step, tag, metadata, array in events(folder):
        if tag.startswith("catmat/"):
            content[tag] = metadata.plugin_data.content or content[tag]
            n, name = int(tag.split("/")[1].removeprefix("sentence-")) - 1, tag.split("/")[2]
            rows, words = (record["row"][n] >= 0).sum(), (record["tokens"][n] != PAD).sum()
            np.testing.assert_array_equal(array, record[name][steps.index(step), n, :rows, :, :words])
            seen.add((step, tag))
        if "/head-" in tag and metadata.plugin_data.plugin_name == "images":
            n, head = int(tag.split("/")[1].removeprefix("sentence-")) - 1, int(tag[-1]) - 1
            assert_picture_shows(array[2], record, steps.index(step), n, head)
            seen.add((step, tag))
    assert {step for step, _ in seen} == set(steps)
    assert {step for step, tag in seen if "/head-" in tag} == set(PICTURED)
    assert b'"cat"' in content["catmat/sentence-1/weights"]


def assert_picture_shows(png, record, t, n, head):
    """The colour of each cell is that of its weight, by the fixed colours that every picture shares."""
    labels = SentencePictures(record).labels[n]
    picture = MapPicture(labels)
    (left, top), (wide, high) = picture.corner, np.broadcast_to(picture.cell, 2)
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    for i, j in np.ndindex(labels.relevant.shape):
        # Beside the number, within a frame if there is one.
        x, y = int(left + (j + 0.2) * wide), int(top + (picture.lines[i] + 0.2) * high)
        wanted = palette(BLUES)[shade(record["weights"][t, n, i, head, j])]
        assert image[y, x].tolist() == wanted.tolist(), (i, j)


def pictures(path):
    """How many pictures a file holds."""
    with Image.open(path) as file:
        assert min(file.size) > 100
        return getattr(file, "n_frames", 1)


def test_the_record_says_what_words_are(run, world):
    """What points of queries and keys are coloured by."""
    record, (cat, small) = run.record, (world.vocabulary.number[word] for word in ("cat", "small"))
    found = {name: record[f"word_groups/{name}"] for name in ("form", "class", "slot")}
    assert {len(groups) for groups in found.values()} == {len(record["words"])}
    assert [groups[cat] for groups in found.values()] == ["", "pet", "subject"]
    assert [groups[small] for groups in found.values()] == ["", "", "adjective"]
    told = ViewModel(RunArrays(open_steps(run.folder, "record"), None, run.config.model)).run()["word_groups"]
    assert told == {name: found[name].tolist() for name in ("class", "slot")}  # no word has a form


def test_the_film_of_a_sentence(trained, tmp_path, capsys):
    copy = tmp_path / "new"
    shutil.copytree(trained.folder, copy, ignore=shutil.ignore_patterns("checkpoints"))
    folder = copy / "seed-6"
    assert film.main(["--run", str(folder), "the dog often sat on the mat ."]) == 0
    gif, png = (line for line in capsys.readouterr().out.split())
    assert pictures(gif) == 6
    assert pictures(png) == 1
    my = str(folder / "my")
    assert film.main(["--run", str(folder), "the dog sat on the mat .", "--steps", "2", "--out", my]) == 0
    assert pictures(folder / "my.gif") == 2
    with refused(f"{folder}/my.gif", "--out"):
        film.main(["--run", str(folder), "the dog sat on the mat .", "--out", my])
    with refused("'sit'", "sat"):
        film.main(["--run", str(folder), "the dog sit on the mat ."])
    with refused(f"{folder}/nowhere", "config.yaml"):
        film.main(["--run", str(folder / "nowhere"), "the dog sat on the mat ."])


def test_the_table_of_runs(trained, capsys, tmp_path):
    assert runs.main(["--root", str(trained.folder.parent)]) == 0
    shown = capsys.readouterr().out
    assert "new" in shown
    assert "2 finished" in shown
    excesses = [load_run(trained.folder / run).summary["excess/trained/all"] for run in ("seed-5", "seed-6")]
    assert f"{np.median(excesses):.4f}" in shown
    with refused(f"--root {tmp_path}/none", "folder"):
        runs.main(["--root", str(tmp_path / "none")])
    assert runs.main(["--root", str(tmp_path)]) == 0
    assert "no runs in" in capsys.readouterr().out
