"""What the trained model must show, on real trainings: the newcomer's run over ten seeds, and its control arms."""

import dataclasses
import io
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kept_results import once
from rich.console import Console

from data.drawing_tables import sampler_tables
from data.sampler import sample_evenly
from data.world import load_world, make_world, world_names
from data.world_file import check_world
from data.yaml_file import read_yaml
from experiments.config.loader import load_config
from experiments.measuring.evaluation_set import make_evaluation_set
from experiments.measuring.excess import evaluate, evaluation, evaluation_sums
from experiments.measuring.experiment import (
    Experiment,
    evaluation_data_shapes,
    make_evaluation_data,
    prepare,
    watched_sentences,
)
from experiments.measuring.metrics import most_costly, on_relevant
from experiments.measuring.probes import make_probes
from experiments.measuring.shared_rows import sum_over_devices
from experiments.run_directory.saved_run import load_run
from experiments.session.session import train
from experiments.training.checkpoints import Checkpoints
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import (
    Hyperparameters,
    hyperparameters,
    init_state,
    sequence_shift,
    training_spec,
)
from experiments.training.record import record_steps
from experiments.training.trainer import Trainer, one_run
from experiments.training.update import batch_of, train_steps
from model.functional import Model

pytestmark = pytest.mark.usefixtures("traced_once")
SEEDS = 10


def excess_of_groups(model, examples, shards):
    """What is measured where nothing else matters."""
    return evaluation(sum_over_devices(evaluation_sums(model, examples, shards), shards)).excess_G


def runs(overrides, world, **options):
    """The records of a config given by command-line values; `options` are those of `Trainer`."""
    config = load_config("toy.yaml", overrides)
    steps, tables = record_steps(config.train.steps, config.track.records), sampler_tables(world, config.task.masked)
    examples = make_evaluation_set(config, world)
    values = hyperparameters(config)
    trainer = Trainer(training_spec(config, world), values, tables, steps, excess_of_groups, examples, **options)
    return list(trainer.run(examples))


def kinds(experiment, record):
    """Mean excess over the slots of trained and of held-out contexts, [R, 2]."""
    return record.measurement.evaluation.excess_G.reshape(experiment.config.seeds, 2, -1).mean(axis=2)


@pytest.fixture
def quickly_compiled_here(quick_compiler):
    """For one test: those that train for long want the compiler's best."""
    with quick_compiler():
        yield


@pytest.fixture(scope="module")
def toy():
    """(experiment, first record, last record)."""
    config = load_config("toy.yaml", {"seed": "0", "seeds": str(SEEDS), "track.records": "2"})
    world = load_world(config.world)

    def train_all():
        experiment, trainer = prepare(config, world)
        return list(trainer.run(experiment.data))

    sentences = watched_sentences(config, world)
    data = make_evaluation_data(config, world, make_probes(world, sentences))
    return Experiment(config, world, sentences, data), *once("ten-seeds", train_all)


@pytest.fixture(scope="module")
def cat_sat_mat(toy):
    """The rows of cat, sat and mat in the three example sentences, none of which training ever draws."""
    experiment, *_ = toy
    number = experiment.world.vocabulary.number
    targets = [tokens[place] for tokens, places in experiment.sentences for place in places]
    rows = np.flatnonzero(np.isin(targets, [number[word] for word in ("cat", "sat", "mat")]))
    assert len(rows) == 9
    assert experiment.world.always_held_out == ((number["cat"], number["sat"], number["mat"]),)
    return rows


def test_excess_of_every_seed(toy):
    experiment, first, last = toy
    trained, held_out = kinds(experiment, last).T
    assert trained.max() <= 0.010
    assert held_out.max() <= 0.015
    assert np.median(trained) <= 0.006
    assert np.median(held_out) <= 0.009
    assert kinds(experiment, first).min() > 1.0  # untrained: hundreds of times as much


def test_model_relevance_is_exact_relevance(toy, cat_sat_mat):
    experiment, first, last = toy
    exact = experiment.data.probes.relevance_GK[cat_sat_mat]
    error = np.abs(last.measurement.observation.model_relevance_GK[:, cat_sat_mat] - exact)
    assert error.max() <= 0.1
    untrained = np.abs(first.measurement.observation.model_relevance_GK[:, cat_sat_mat] - exact)
    assert untrained.max(axis=(1, 2)).min() > 0.5


def test_the_words_whose_removal_costs_most_are_the_right_ones(toy, cat_sat_mat):
    experiment, first, last = toy
    truth = np.sort(most_costly(experiment.data.probes.relevance_GK[cat_sat_mat]), axis=1)

    def hits(record):
        cost = record.measurement.observation.cut_cost_GJK[:, cat_sat_mat, -1]
        return np.mean([(np.sort(most_costly(of_run), axis=1) == truth).all(axis=1) for of_run in cost])

    assert hits(last) >= 0.95
    assert hits(first) < 0.3


def test_the_weight_lies_on_the_right_words(toy, cat_sat_mat):
    experiment, first, last = toy
    relevance = experiment.data.probes.relevance_GK[cat_sat_mat]
    relevant = np.zeros(relevance.shape, bool)
    np.put_along_axis(relevant, most_costly(relevance), True, axis=1)

    def weight(record):
        maps = [one_run(record.measurement, run).weights_GHK[cat_sat_mat] for run in range(experiment.config.seeds)]
        return np.asarray([on_relevant(each, relevant).mean() for each in maps])

    assert np.median(weight(last)) >= 0.9
    assert np.median(weight(first)) < 0.4


@pytest.fixture(scope="module")
def two_clauses():
    """The default world with two clauses in every sentence."""
    document = read_yaml(Path("data/worlds/english.yaml"))
    both = [
        sentence for sentence in document.value["sentences"] if sum("clause" in part for part in sentence["parts"]) == 2
    ]
    document.value["sentences"] = [{**sentence, "chance": 1 / len(both)} for sentence in both]
    document.value["examples"] = document.value["examples"][1:]
    return make_world("two_clauses", check_world(document))


def test_a_constant_query_is_not_enough_for_two_clauses(two_clauses):
    values = {"train.steps": "800", "train.batch": "256", "seeds": "2", "track.records": "2"}
    found = {}
    for query in ("full", "constant"):
        made = values | {"model.query": query}
        last = once(f"{query}-query", lambda made=made: runs(made, two_clauses)[-1])
        found[query] = last.measurement.reshape(2, 2, -1)[:, 0].mean()
    assert found["constant"] >= 10 * found["full"]


@pytest.mark.long
def test_without_scaling_a_large_head_learns_far_worse():
    """Best of four learning rates on either side; rates and scales share one program."""
    config = load_config("toy.yaml", {"model.d_head": "64", "train.steps": "1000", "train.batch": "256"})
    world = load_world(config.world)
    static, rates = training_spec(config, world), (1e-3, 3e-3, 1e-2, 3e-2)
    arms = [(rate, scale) for scale in (1.0, config.model.scale_factor) for rate in rates]
    base = hyperparameters(dataclasses.replace(config, seeds=len(arms)))
    values = dataclasses.replace(
        base,
        seed=np.zeros_like(base.seed),
        learning_rate=np.asarray([rate for rate, _ in arms], np.float32),
        scale=np.asarray([scale for _, scale in arms], np.float32),
    )
    excess = final_excess(config, world, static, values)
    unscaled, scaled = excess.reshape(2, len(rates)).min(axis=1)
    assert unscaled >= 10 * scaled


def final_excess(config, world, static, values: Hyperparameters):
    """Mean excess over trained contexts of every run of `values`, trained to its end."""
    ensemble = Ensemble(len(values.seed), config.train.pieces)

    def whole(shared, one):
        tables, examples = shared
        state, _ = train_steps(static, tables, one, init_state(static, one), 0, one.steps)
        return evaluate(Model(static.model, state.params, one.scale), examples).excess_G

    shared = ensemble.replicate((sampler_tables(world, config.task.masked), make_evaluation_set(config, world)))
    excess = ensemble.fetch(ensemble.each(whole)(shared, ensemble.place(values)))
    return excess[:, : len(config.task.masked)].mean(axis=1)


SMALL = {"train.steps": "100", "train.batch": "64", "evaluate.sentences": "64", "track.records": "8"}


def small_runs(overrides, **options):
    return runs(SMALL | overrides, load_world("english"), **options)


@pytest.fixture(scope="module")
def alone(quick_compiler):
    """One run, on one device."""
    with quick_compiler():
        return small_runs({"seed": "7"}, devices=jax.devices()[:1])


@pytest.mark.usefixtures("quickly_compiled_here")
def test_a_member_of_an_ensemble_equals_the_lone_run(alone):
    runs = small_runs({"seed": "5", "seeds": "3"})
    third, one = ([record.loss_R[run] for record in records[1:]] for records, run in ((runs, 2), (alone, 0)))
    np.testing.assert_allclose(third, one, rtol=1e-5)
    assert len(set(runs[-1].loss_R)) == 3


@pytest.mark.usefixtures("quickly_compiled_here")
@pytest.mark.parametrize(("at_once", "groups"), [(2, [2, 2]), (5, [3])])
def test_runs_that_a_device_trains_at_once_equal_those_in_turn(alone, at_once, groups):
    """Three runs on one device: in two groups, of which one is filled with a copy, or all at once."""
    runs = small_runs({"seed": "5", "seeds": "3"}, devices=jax.devices()[:1], at_once=at_once)
    np.testing.assert_allclose([record.loss_R[2] for record in runs[1:]], [r.loss_R[0] for r in alone[1:]], rtol=1e-5)
    assert runs[0].loss_R.shape == (3,)
    ensemble = Ensemble(3, 1, jax.devices()[:1], at_once=at_once)
    size = jax.ShapeDtypeStruct((len(groups) * groups[0], 7), np.float32)
    program = ensemble.each(lambda _, one: jnp.sin(one)).lower((), size).as_text()
    assert (ensemble.at_once, ensemble.place(np.zeros(3)).shape) == (groups[0], (sum(groups),))
    assert ("while" in program) == (len(groups) > 1)


@pytest.mark.usefixtures("quickly_compiled_here")
@pytest.mark.parametrize("sampling", ["quasi_random", "independent"])
def test_devices_that_share_a_batch_draw_the_same_sentences(alone, sampling):
    """The losses of one run on one device and on two; only the order of a sum differs."""
    values = {"seed": "7", "train.sampling": sampling}
    alone = alone if sampling == "quasi_random" else small_runs(values, devices=jax.devices()[:1])
    for one, two in zip(alone, small_runs(values, devices=jax.devices()[:2]), strict=True):
        np.testing.assert_allclose(one.loss_R, two.loss_R, rtol=1e-5)
        np.testing.assert_allclose(one.measurement, two.measurement, rtol=1e-4)


@pytest.mark.usefixtures("quickly_compiled_here")
def test_the_updates_of_a_run_go_through_the_quasi_random_sequence():
    """Piece by piece and step by step; what is asked is of the sequence, and no draw of its own key."""
    config, world = load_config("toy.yaml", {"train.batch": "64", "seed": "3"}), load_world("english")
    static, one = training_spec(config, world), one_run(hyperparameters(config), 0)
    tables = sampler_tables(world, config.task.masked)
    draw, draw_evenly = jax.jit(batch_of, static_argnums=(0, 4)), jax.jit(sample_evenly, static_argnums=2)
    shift = jax.jit(sequence_shift)
    batches = [draw(static, tables, one, jnp.int32(step), 1) for step in (5, 6)]
    in_turn = draw_evenly(tables, jax.random.key(0), 128, jnp.uint32(5 * 64), shift(one))
    for name in ("target_B", "slot_B"):
        taken = np.concatenate([getattr(batch, name) for batch in batches])
        np.testing.assert_array_equal(taken, getattr(in_turn, name))
    other_shift = shift(dataclasses.replace(one, seed=np.uint32(4)))
    other = draw_evenly(tables, jax.random.key(0), 128, jnp.uint32(5 * 64), other_shift)
    assert (np.asarray(other.target_B) != in_turn.target_B).any()


class LateCompiler(Compiler):
    """Its program number `late` is ready 9 s after it is asked for, by a clock that else stands still."""

    def __init__(self, late):
        super().__init__()
        self.now, self._left = 0.0, late

    def run(self, work):
        future, is_late = super().run(work), self._left == 0
        self._left -= 1
        return Late(self, future) if is_late else future


class Late:
    def __init__(self, compiler, future):
        self._compiler, self._future = compiler, future

    def result(self):
        self._compiler.now = 9.0
        return self._future.result()

    def add_done_callback(self, function):
        self._future.add_done_callback(function)


@pytest.mark.usefixtures("quickly_compiled_here")
@pytest.mark.parametrize("late", [1, 2], ids=["updates", "measurement"])
def test_the_time_that_is_reported_leaves_the_compiler_out(late):
    """Whichever program was compiled last."""
    compiler = LateCompiler(late)
    records = small_runs({}, compiler=compiler, clock=lambda: compiler.now)
    assert compiler.now == 9.0
    assert {record.time.seconds for record in records} == {0.0}


@pytest.mark.usefixtures("quickly_compiled_here")
def test_chunks_do_not_change_the_training():
    """One chunk of 20 updates and chunks of 7 and 13 end in the same bits."""
    config = load_config("toy.yaml", SMALL)
    world = load_world("english")
    static, values = training_spec(config, world), one_run(hyperparameters(config), 0)
    tables = sampler_tables(world, config.task.masked)
    chunk = jax.jit(lambda state, start, stop: train_steps(static, tables, values, state, start, stop)[0])
    start = jax.jit(lambda: init_state(static, values))()
    whole, parts = chunk(start, 0, 20), chunk(chunk(start, 0, 7), 7, 20)
    for left, right in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_array_equal(left, right)
    moved = [
        np.abs(a - b).max() for a, b in zip(jax.tree.leaves(start.params), jax.tree.leaves(whole.params), strict=True)
    ]
    assert min(moved) > 0


@pytest.mark.usefixtures("quickly_compiled_here")
def test_a_diverged_run_is_told(tmp_path):
    made = []
    values = {"train.learning_rate": "1000", "model.norm": "none", "train.steps": "30", "track.images": "2"}
    values |= {"track.checkpoint_seconds": "0", "seed": "0"}
    console = Console(file=io.StringIO(), width=100)
    code = train(
        load_config("toy.yaml", SMALL | values), "toy", str(tmp_path / "run"), console,
        make_trainer=lambda *given, **options: made.append(Trainer(*given, **options, chunk_seconds=1e9)) or made[-1],
    )  # fmt: skip
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (code, summary["status"], summary["loss"]) == (3, "diverged", None)
    step = summary["diverged_at"]
    assert 0 < step < 30
    assert f"diverged: at update {step} loss or gradient of seed 0 " in console.file.getvalue()
    # What is kept is the state before that update; and training ended at the next recorded step.
    run = load_run(tmp_path / "run")
    assert all(np.isfinite(array).all() for name, array in run.all_params.items())
    steps = run.record["step"]
    assert steps[-2] <= step < steps[-1] < 30
    # So it is with the checkpoints: the last holds that state too, the one before it was saved while all was well.
    for t, diverged_at in ((-1, step), (-2, -1)):
        (at, states, _), damaged = Checkpoints(tmp_path / "run").restore(made[0].empty_states())
        assert (at, states.diverged_at.tolist(), damaged) == (steps[t], [diverged_at], [])
        for kept, recorded in zip(jax.tree.leaves(states.params), jax.tree.leaves(run.params(t)), strict=True):
            np.testing.assert_array_equal(kept[0], recorded)
        shutil.rmtree(tmp_path / "run" / "checkpoints" / str(at))


@pytest.mark.usefixtures("quickly_compiled_here")
def test_a_diverged_run_spoils_no_other():
    """Two runs of one program, one with a hopeless learning rate: the other equals itself beside a sound one."""
    config, world = load_config("toy.yaml", SMALL | {"model.norm": "none"}), load_world("english")
    static, base = training_spec(config, world), hyperparameters(dataclasses.replace(config, seeds=2))
    tables = sampler_tables(world, config.task.masked)
    ends = []
    for rate in (1e-3, 1e4):
        values = dataclasses.replace(base, learning_rate=np.asarray([1e-3, rate], np.float32))
        ensemble = Ensemble(2, config.train.pieces)
        train_all = ensemble.each(
            lambda tables, one: train_steps(static, tables, one, init_state(static, one), 0, 30)[0]
        )
        ends.append(ensemble.fetch(train_all(ensemble.replicate(tables), ensemble.place(values))))
    sound, mixed = ends
    assert (mixed.diverged_at[0], sound.diverged_at.max()) == (-1, -1)
    assert mixed.diverged_at[1] > 0
    for left, right in zip(jax.tree.leaves(sound.params), jax.tree.leaves(mixed.params), strict=True):
        np.testing.assert_array_equal(left[0], right[0])


@pytest.mark.parametrize(
    ("name", "overrides"),
    [(name, {"evaluate.sentences": "20"}) for name in world_names()]
    + [("english", {"evaluate.sentences": "300"}), ("english", {"task.masked": "[adverb]"})],
)
def test_the_shapes_that_are_compiled_for_are_those_of_what_is_measured_on(name, overrides):
    """With fewer sentences than rows wanted, and more; and where nothing is held out."""
    probes = ["the cat often sat on the mat ."] if "task.masked" in overrides else []
    config, world = dataclasses.replace(load_config("toy.yaml", overrides), probes=tuple(probes)), load_world(name)
    probes = make_probes(world, watched_sentences(config, world))
    shapes, made = (make(config, world, probes) for make in (evaluation_data_shapes, make_evaluation_data))
    for told, given in zip(jax.tree.leaves(shapes), jax.tree.leaves(made), strict=True):
        assert (told.shape, told.dtype) == (given.shape, given.dtype)


@pytest.mark.parametrize(("steps", "records"), [(1500, 40), (1, 2), (7, 40), (100_000, 64)])
def test_recorded_steps(steps, records):
    found = record_steps(steps, records)
    assert found[0] == 0
    assert found[-1] == steps
    assert found == sorted(set(found))
    assert len(found) <= records + 1
    gaps = np.diff(found)
    assert (np.diff(gaps) >= -1).all()  # ever wider, but for rounding
