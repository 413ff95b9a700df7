"""Results from papers: theory against written numbers, each measurement against one by hand, and the whole command."""

import dataclasses
import io
import itertools
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from rich.console import Console
from small_model import config_of, fast_jit, model_of, random_params

from data.errors import InputError
from data.sampler import Batch
from data.vocabulary import PAD
from data.world import load_world
from experiments import papers
from experiments.config.schema import Config, EvaluateConfig
from experiments.measuring.evaluation_set import EvaluationSet, make_evaluation_set
from experiments.paper_results import arms, measurements, results
from experiments.paper_results.arms import of_clauses, sweep
from experiments.paper_results.config import PAPERS, PapersConfig, load_papers
from experiments.paper_results.report import STUDY
from experiments.statistics.intervals import short
from experiments.training.hyperparameters import init_state, training_spec
from experiments.training.record import one_run
from model.config import ModelConfig
from model.functional import Model, apply

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(6, [1.76572, 1.66828, 1.22975, 0.31845, 0.00763]), (10, [2.28619, 2.21914, 1.83965, 0.61885, 0.01844])],
)
def test_the_bound_and_its_extremal_row_against_written_numbers(keys, expected):
    for norm, number in zip((0.5, 1.0, 2.0, 4.0, 8.0), expected, strict=True):
        row = measurements.extremal_row(norm, keys)
        assert row.sum() == pytest.approx(0, abs=1e-12)
        assert np.linalg.norm(row) == pytest.approx(norm)
        weights = np.exp(row) / np.exp(row).sum()
        assert round(float(results.entropy_bound(np.float64(norm), np.int64(keys))), 5) == number
        assert round(float(-(weights * np.log(weights)).sum()), 5) == number
        found = measurements._extremal(norm, keys)
        assert (found.bound_N, found.entropy_N) == (pytest.approx([number], abs=6e-6),) * 2


@pytest.mark.parametrize("norm", [0.3, 1.0, 3.0, 7.0])
def test_the_bound_is_the_least_entropy_of_all_directions(norm):
    """Three logits: every centred direction is an angle."""
    angle = np.linspace(0, 2 * np.pi, 30_001)
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    scores = norm * np.stack([np.cos(angle), np.sin(angle)], axis=1) @ plane
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    least = measurements.entropy(weights).min()
    assert least == pytest.approx(float(results.entropy_bound(np.float64(norm), np.int64(3))), rel=1e-6)


def test_random_rows_come_near_the_bound_and_stay_above_it():
    rows = measurements.random_rows(250_001, 1)
    assert len(rows.norm_N) == 250_001
    assert set(rows.keys_N.tolist()) == set(measurements.ROW_LENGTHS)
    assert 0.09 < rows.norm_N.min() < 0.11
    assert 30 < rows.norm_N.max() < 32
    away_N = rows.entropy_N - rows.bound_N
    assert away_N.min() > -1e-13
    # Of two logits every row is extremal, and short rows all have nearly the largest entropy.
    others_N = (rows.keys_N > 2) & (rows.bound_N > 0.1) & (rows.norm_N > 1)
    near, random = (np.mean(away_N[start::2][others_N[start::2]] < 1e-3) for start in (0, 1))
    assert near > 0.5
    assert random < 0.05


def test_recorded_rows_are_those_of_every_run_row_and_head():
    rng = np.random.default_rng(5)
    tokens_GK = np.array([[3, 4, 5, PAD], [3, 9, PAD, PAD], [6, 7, 8, 9]])
    scores = rng.normal(0, 3, (2, 3, 2, 1, 4)).astype(np.float32)
    weights = np.where((tokens_GK != PAD)[None, :, None, None], np.exp(scores), 0)
    weights /= weights.sum(axis=-1, keepdims=True)
    training = SimpleNamespace(data=SimpleNamespace(probes=SimpleNamespace(tokens_GK=tokens_GK)))
    forward = SimpleNamespace(scores_BHQK=scores, weights_BHQK=weights)
    record = SimpleNamespace(measurement=SimpleNamespace(observation=SimpleNamespace(forward=forward)))
    rows = measurements.recorded_rows(training, record)
    expected = []
    for g, r, h in itertools.product(range(3), range(2), range(2)):
        words = int((tokens_GK[g] != PAD).sum())
        z, p = (array[r, g, h, 0, :words].astype(float) for array in (scores, weights))
        expected.append((words, np.sqrt(((z - z.mean()) ** 2).sum()), -(p * np.log(p)).sum()))
    found = np.stack([rows.keys_N, rows.norm_N, rows.entropy_N], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert rows.distance(0.0).least > -1e-6  # rows of two words lie on the bound, but for rounding


def test_a_row_below_the_bound_refutes_it():
    good = measurements.random_rows(100, 0)
    entropy_N = good.entropy_N.copy()
    entropy_N[7] = good.bound_N[7] - 1e-4
    bad = dataclasses.replace(good, entropy_N=entropy_N)
    extremal = results.Rows(*(np.asarray([value]) for value in (6, 0.5, 1.76572, 1.7658)))
    result = results.EntropyResult(extremal, bad.distance(1e-12), {"none": good})
    claims = result.claims()
    assert [claim.verdict for claim in claims] == ["refuted", "refuted", "confirmed"]
    assert [claim.found.estimate for claim in claims[:2]] == pytest.approx([8e-5, -1e-4])


@pytest.fixture(scope="module")
def qk_model():
    """A small model with QK-norm whose gain is far from 1, and a batch."""
    config = config_of(qk_norm=True)
    rng = np.random.default_rng(2)
    batch = Batch(
        tokens_BK=jnp.asarray(rng.integers(1, 19, (6, 7))),
        masked_B=jnp.asarray(rng.integers(0, 7, 6)),
        target_B=jnp.asarray(rng.integers(1, 19, 6)),
        slot_B=jnp.zeros(6, int),
    )
    return model_of(config, random_params(config), jnp.float32(2.0)), batch


def test_held_scores_are_kappa_sqrt_d_times_a_cosine(qk_model):
    """By g(z) itself, of the projections that the model makes of its inputs."""
    model, batch = qk_model
    kappa, d = 3.0, model.config.d_head
    held_model = dataclasses.replace(arms.held(model), scale=kappa * d**0.5)
    attention = {name: value for name, value in held_model.params["attention"].items() if name != "gain"}
    params = {**held_model.params, "attention": attention}
    plain = model_of(dataclasses.replace(model.config, qk_norm=False), params, 1.0)
    raw, held = (fast_jit(apply)(one, batch.tokens_BK, batch.masked_B[:, None]) for one in (plain, held_model))

    def g(z):
        z = np.asarray(z, float)
        return np.sqrt(kappa) * z / np.sqrt(np.mean(z**2, axis=-1, keepdims=True))

    expected = np.einsum("BQHD,BKHD->BHQK", g(raw.query_BQHD), g(raw.key_BKHD)) / np.sqrt(d)
    np.testing.assert_allclose(held.scores_BHQK, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(held.scores_BHQK).max() <= kappa * d**0.5 * 1.0001


def test_no_gradient_reaches_the_held_gain(qk_model):
    model, batch = qk_model
    params = model.params

    def loss_of(params):
        return arms.held_loss(dataclasses.replace(model, params=params), batch)

    gradient = fast_jit(jax.grad(loss_of))(params)
    assert not np.asarray(gradient["attention"]["gain"]).any()
    assert np.abs(gradient["attention"]["query"]["kernel"]).max() > 1e-6
    louder = {**params, "attention": {**params["attention"], "gain": 9 * params["attention"]["gain"]}}
    loss = fast_jit(loss_of)
    assert loss(params) == loss(louder)


def test_the_guess_of_a_model_that_does_not_attend():
    """Place 1: posteriors (1, 0) and (0, 1), the guess (.5, .5) costs log 2 each. Place 2: always the same, costs 0."""
    posterior_EV = np.array([[1, 0], [0, 1], [0.2, 0.8], [1, 0], [0.9, 0.1]], np.float32)
    share_EG = np.array([[0.5, 0, 0], [0.5, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], np.float32)
    held_out = np.zeros_like(share_EG)
    held_out[4, 1] = 1
    masked_E = np.array([1, 1, 2, 3, 1])
    examples = EvaluationSet(
        np.zeros((5, 4), int), masked_E, posterior_EV, np.ones(5), np.concatenate([share_EG, held_out], 1)
    )
    assert arms.blind_excess(examples) == pytest.approx(np.log(2) / 3, rel=1e-6)


@pytest.mark.parametrize(
    ("kappas", "excess", "low", "high"),
    [
        ((1, 10, 100), [1, 1, 9], 10, 100),  # no kappa beyond: between two of them is all that is known
        ((1, 10, 100), [2, 60, 60], 1, 10),
        ((1, 10, 100), [1, 2, 2.9], 100, 100),  # never
        (
            (1, 10, 100, 1000),
            [1, 1, 9, 81],
            10**1.5,
            10**1.618,
        ),  # 3 is half way from 1 to 9 on a log scale, but for the bend at 10
        ((1, 10, 100, 1000), [1 / 9, 1 / 3, 3, 27], 10, 10),
        ((1, 10, 100, 1000, 10_000), [3**0.4, 3**0.8, 3**1.2, 3**1.6, 9], 10**2.5, 10**2.5),  # a straight line
    ],
)
def test_the_place_of_the_knee(kappas, excess, low, high):
    """Four equal seeds: what is left of the interval is what interpolation may be wrong by."""
    excess_ALS = np.repeat(np.asarray(excess)[:, None, None], 4, axis=2)
    found = results.LogitSizeResult(kappas, (0.1,), 16, excess_ALS, 1.0, 0).knee()
    assert [found.low, found.high] == pytest.approx([low, high], rel=1e-3)
    assert found.low <= found.estimate <= found.high


def logit_size_result(levels, blind):
    """A result with these excesses at the second of two learning rates, and worse ones at the first."""
    spread_S = np.array([0.95, 1.0, 1.0, 1.05])
    best_AS = np.asarray(levels)[:, None] * spread_S
    kappas = (0.1, 1.0, 300.0, 1000.0, 3000.0, 10_000.0)
    return results.LogitSizeResult(kappas, (0.1, 0.2), 16, np.stack([3 * best_AS, best_AS], 1), blind, 0)


@pytest.mark.parametrize(
    ("levels", "verdicts"),
    [
        ([0.02, 0.02, 0.02, 0.04, 0.2, 2.0], ["confirmed"] * 4),  # as in the paper
        ([0.02, 0.02, 0.5, 0.5, 0.5, 0.5], ["confirmed", "confirmed", "refuted", "refuted"]),
        ([0.2, 0.02, 0.02, 0.02, 0.02, 0.02], ["refuted", "refuted", "refuted", "refuted"]),
        ([0.02, 0.02, 0.02, 0.04, 0.2, 1.0], ["confirmed", "confirmed", "confirmed", "undecided"]),
    ],
)
def test_verdicts_on_the_size_of_logits(levels, verdicts):
    result = logit_size_result(levels, blind=1.0)
    assert result.best_A.tolist() == [1] * 6
    assert [claim.verdict for claim in result.claims()] == verdicts


def test_sigma_is_the_std_of_a_rows_scores():
    config, rng = config_of(max_length=7), np.random.default_rng(4)
    model = model_of(config, random_params(config), 0.7)
    tokens_EK, masked_E = rng.integers(1, 19, (10, 7)), rng.integers(0, 4, 10)
    tokens_EK[:4, 5:] = PAD
    examples = EvaluationSet(tokens_EK, masked_E, None, None, None)
    found = fast_jit(lambda model: arms.sigma(model, examples, trained=5))(model)
    scores = fast_jit(lambda model: apply(model, tokens_EK, masked_E[:, None]).scores_BHQK)(model)
    variances = [
        np.var(np.asarray(scores[e, h, 0], float)[tokens_EK[e] != PAD])
        for e, h in itertools.product(range(5), range(config.heads))
    ]
    assert float(found) == pytest.approx(np.sqrt(np.mean(variances)), rel=1e-5)


def test_an_evaluation_set_begins_with_the_asked_rows():
    """And ends with copies of its last one, which count nowhere."""
    config = Config(evaluate=EvaluateConfig(sentences=40))
    share_EG = make_evaluation_set(config, load_world("english")).share_EG
    asked_EG, held_out_EG = np.split(share_EG > 0, 2, axis=1)
    assert [asked_EG[:40].any(axis=1).all(), asked_EG[40:].any()] == [True, False]
    assert held_out_EG[40:80].any(axis=1).all()
    assert not held_out_EG[:40].any()
    assert not held_out_EG[80:].any()
    assert len(share_EG) > 80


def test_exponents_of_power_laws():
    sizes, spread_S = (4, 16, 64), np.array([0.9, 1.0, 1.0, 1.2, 1.1])
    before = [[d**-0.5 * spread_S, spread_S] for d in sizes]
    after = [[spread_S, d**0.3 * spread_S] for d in sizes]
    result = results.MupResult(sizes, np.asarray(before), np.asarray(after), 0)
    assert [claim.verdict for claim in result.claims()] == ["confirmed"] * 4
    assert result.exponents(result.before_DCS)[0].estimate == pytest.approx(-0.5)
    assert result.exponents(result.after_DCS)[1].low == pytest.approx(0.3)
    ratios, p_D = result.differences()
    assert [ratio.estimate for ratio in ratios] == pytest.approx([d**0.3 for d in sizes])
    np.testing.assert_allclose(p_D, 3 * 2 / 2**5)  # all 5 seeds agree; Holm: three sizes
    turned = dataclasses.replace(result, before_DCS=1 / result.before_DCS, after_DCS=result.before_DCS)
    assert [claim.verdict for claim in turned.claims()] == [
        "refuted",
        "confirmed",
        "refuted",
        "undecided",
    ]


def test_sentences_of_one_clause():
    world = load_world("english")
    one = of_clauses(world, 1)
    assert {template.clauses for template in one.templates} == {1}
    assert sum(template.probability for template in one.templates) == pytest.approx(1)
    ratio = {
        t.probability / u.probability
        for t, u in itertools.product(one.templates, world.templates)
        if t.fields == u.fields
    }
    assert max(ratio) == pytest.approx(min(ratio))
    assert one.max_length < world.max_length
    assert of_clauses(world, 0) is world
    with pytest.raises(InputError, match="no sentence of 3 clauses"):
        of_clauses(world, 3)


def test_arms_of_every_size_of_logits():
    config = load_papers(
        None,
        {
            "logit_size.kappas": "[0.5, 1, 100]",
            "logit_size.learning_rates": "[0.1, 0.2]",
            "logit_size.d_head": "25",
            "logit_size.seeds": "2",
            "seed": "7",
        },
    )
    found = arms.logit_size_arms(config)
    assert found[:5] == [(7, 0.1, 2.5), (8, 0.1, 2.5), (7, 0.2, 2.5), (8, 0.2, 2.5), (7, 0.1, 5.0)]
    assert len(found) == 12
    assert found[-1] == (8, 0.2, 500.0)


def test_arms_of_one_program():
    config = arms.experiment(PapersConfig(), PapersConfig().mup, ModelConfig(d_head=8, d_mlp=0))
    values = sweep(config, [(5, 1e-3, 0.25), (6, 1e-2, 2.0)])
    assert values.seed.tolist() == [5, 6]
    np.testing.assert_allclose([values.learning_rate, values.scale], [[1e-3, 1e-2], [0.25, 2.0]])
    assert values.steps.tolist() == [500, 500]
    assert {array.shape for array in jax.tree.leaves(values)} == {(2,)}


@pytest.mark.parametrize("paper", PAPERS)
def test_shipped_configs_are_the_defaults(paper, tmp_path, monkeypatch):
    """What runs without a config is what the files in configs/papers/ say."""
    monkeypatch.chdir(tmp_path)
    expected = dataclasses.replace(PapersConfig(), papers=(paper,))
    assert load_papers(f"{paper}.yaml", {}) == load_papers(paper, {}) == expected
    assert load_papers(str(ROOT / "configs" / "papers" / f"{paper}.yaml"), {}) == expected
    assert load_papers(None, {}).papers == PAPERS
    assert load_papers(paper, {"mup.seeds": "3"}).mup.seeds == 3


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("mup: {sizes: [8, 4]}", "mup.sizes", ["rising", "1", "4096", "[8, 4]"]),
        ("mup: {sizes: [4, 16, 8, 32]}", "mup.sizes", ["[4, 16, 8, 32]"]),
        ("mup: {sizes: [4, 4, 8]}", "mup.sizes", ["[4, 4, 8]"]),
        ("mup: {seeds: 1}", "mup.seeds", ["2", "1000", "1"]),
        ("logit_size: {kappas: [1, 2, x]}", "logit_size.kappas.2", ["number"]),
        ("papers: [mub]", "papers", ["entropy", "logit_size", "mup", "mub"]),
        ("papers: [mup, mup]", "papers", ["once"]),
        ("entropy: {lenghts: [2]}", "entropy.lenghts", ["lengths"]),
    ],
)
def test_mistakes_in_a_config(tmp_path, text, name, named):
    path = tmp_path / "mup.yaml"
    path.write_text(f"command: papers\n{text}\n", encoding="utf-8")
    with refused(f"{path}:2: {name}", *named):
        load_papers(str(path), {})


def test_the_command_prints_its_config_and_refuses_mistakes(capsys):
    assert papers.main(["--config", "mup.yaml", "--mup.seeds", "4", "--print-config"]) == 0
    shown = capsys.readouterr().out
    assert "command: papers" in shown
    assert re.search(r"mup:\n(  .*\n)*  seeds: 4\n", shown)
    with refused("unknown option --mub.seeds", "--mup.seeds"):
        papers.main(["--mub.seeds", "4"])
    with refused("mupp.yaml", "mup.yaml"):
        papers.main(["--config", "mupp.yaml"])


def test_help_and_mistakes_load_no_jax():
    code = "import sys, experiments.papers\nassert not {'jax', 'matplotlib'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


TINY = {
    "entropy.rows": "1000", "entropy.d_head": "4", "entropy.seeds": "1", "entropy.steps": "3", "entropy.batch": "8",
    "entropy.records": "2", "logit_size.kappas": "[0.1, 1, 1000]", "logit_size.learning_rates": "[0.01]",
    "logit_size.d_head": "4", "logit_size.seeds": "2", "logit_size.steps": "20", "logit_size.batch": "8",
    "logit_size.sentences": "64", "mup.sizes": "[2, 8]", "mup.seeds": "2", "mup.steps": "20", "mup.batch": "8",
    "mup.sentences": "64",
}  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory, quick_compiler):
    """(exit code, folder, what was printed) of all papers on tiny trainings."""
    folder = tmp_path_factory.mktemp("papers") / "run"
    console = Console(file=io.StringIO(), width=200)
    with quick_compiler():
        code = STUDY.run(load_papers(None, TINY), run_dir=str(folder), console=console)
    return code, folder, console.file.getvalue()


@pytest.mark.long
def test_the_report_has_every_paper(report):
    code, folder, shown = report
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert code == 0
    for name in results.PREDICTIONS:
        assert text.count(name.partition(" (")[0]) > 1
        assert name in shown
    assert len(re.findall(r"\| (confirmed|refuted|undecided) \|", text)) == 12
    assert len(re.findall(r"\*\*(confirmed|refuted|undecided|in part .*)\*\* \|", text)) == 3
    assert "12 statements" in shown
    for figure in ("entropy", "logit_size", "mup"):
        assert f"]({figure}.png)" in text
        assert (folder / f"{figure}.png").read_bytes()[:4] == b"\x89PNG"
        assert b"<svg" in (folder / f"{figure}.svg").read_bytes()
    assert load_papers(str(folder / "config.yaml"), {}) == load_papers(None, TINY)


@pytest.mark.long
def test_the_reports_numbers_are_those_of_its_csv_files(report):
    _, folder, _ = report
    lines = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in folder.glob("*.csv")}
    assert len(lines["claims"]) == 1 + 12
    assert len(lines["logit_size"]) == 1 + 3 * 2
    assert len(lines["mup"]) == 1 + 2 * 2 * 2
    text = (folder / "report.md").read_text(encoding="utf-8")
    counts = [int(count) for count in re.findall(r"least distance of (\d+) recorded rows", text)]
    assert len(counts) == 2
    assert sum(counts) == len(lines["entropy_rows"]) - 1
    starts = [float(line.split(",")[3]) for line in lines["mup"][1:3]]
    assert f"| 2 | {short(np.mean(starts))} [" in text


@pytest.mark.long
def test_the_report_is_the_same_when_it_is_written_anew(report):
    _, folder, shown = report
    written = {path: path.read_bytes() for path in folder.iterdir() if path.suffix in (".md", ".csv", ".svg", ".png")}
    for path in written:
        path.unlink()
    console = Console(file=io.StringIO(), width=200)
    assert dataclasses.replace(STUDY, measurements="").report_anew(str(folder), console) == 0
    assert {path: path.read_bytes() for path in written} == written
    again = console.file.getvalue().splitlines()
    assert again[:-1] == shown.splitlines()[-len(again) : -1]  # before it stands a line for each piece of work


@pytest.mark.long
def test_sigma_at_the_start_is_that_of_fresh_models(report):
    """Measured anew from the seed, outside the ensemble."""
    _, folder, _ = report
    config = load_papers(None, TINY)
    own, world = (
        arms.experiment(config, config.mup, ModelConfig(d_head=8, d_mlp=0)),
        of_clauses(load_world(config.world), 1),
    )
    static, examples = training_spec(own, world), make_evaluation_set(own, world)
    lines = [line.split(",") for line in (folder / "mup.csv").read_text(encoding="utf-8").splitlines()]
    for seed in (0, 1):
        written = next(float(line[3]) for line in lines if line[:3] == ["8", "inverse", str(seed)])
        params = init_state(static, one_run(sweep(own, [(seed, 0.01, 1 / 8)]), 0)).params
        found = arms.sigma(Model(static.model, params, 1 / 8), examples, trained=64)
        assert float(found) == pytest.approx(written, rel=1e-4)


@pytest.mark.long
def test_real_models_learn_worse_with_large_logits():
    config = load_papers(
        None,
        {"logit_size.kappas": "[0.3, 1, 300]", "logit_size.learning_rates": "[0.01]", "logit_size.seeds": "2",
         "logit_size.steps": "300", "logit_size.batch": "128", "logit_size.sentences": "256"},
    )  # fmt: skip
    done = []
    result = arms.measure_logit_size(config, load_world("english"), lambda: done.append(1))
    excess_A = result.best_AS.mean(axis=1)
    assert len(done) == arms.CHUNKS
    assert excess_A[:2].max() < 0.1
    assert excess_A[2] > 5 * excess_A[1]
    assert 1.0 < result.blind < 2.0


def test_a_part_of_the_papers_states_its_own_predictions_alone():
    assert list(STUDY.stated(load_papers("mup.yaml", {}))) == [results.YANG]
    assert STUDY.stated(PapersConfig()) == results.PREDICTIONS
