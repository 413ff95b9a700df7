"""Runs of one program side by side are the runs that they would be alone; and the arms that only differ in form."""

import dataclasses
import functools
import io
import struct
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from refusals import refused
from small_model import fast_jit

from data.drawing_tables import sampler_tables
from data.errors import InputError
from data.sampler import sample
from data.world import load_world
from experiments.ablation.config import load_ablation
from experiments.ablation.plan import make_plan
from experiments.ablation.run_log import run_summary
from experiments.ablation.training import DamagedError, GroupTraining, load_results, save_results
from experiments.config.schema import Config, EvaluateConfig, TrackConfig, TrainConfig
from experiments.measuring.measurement import measure_sweep
from experiments.training.hyperparameters import TrainState, hyperparameters, init_state, optimizer, training_spec
from experiments.training.program_cache import cache_programs_in
from experiments.training.record import one_run
from experiments.training.trainer import Trainer
from experiments.training.update import batch_of, masked_row_loss, train_steps
from model.config import ModelConfig
from model.functional import Model, apply

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")
STEPS = 100
BASE = Config(
    model=ModelConfig(d_model=8, heads=2, d_head=3, d_mlp=0),
    train=TrainConfig(steps=STEPS, batch=16),
    evaluate=EvaluateConfig(sentences=8),
    track=TrackConfig(records=2),
)


def changed(config=BASE, **values):
    """`config` with values by their last name."""
    for name, value in values.items():
        for section in ("model", "train"):
            part = getattr(config, section)
            if hasattr(part, name):
                config = dataclasses.replace(config, **{section: dataclasses.replace(part, **{name: value})})
    return dataclasses.replace(config, **{k: v for k, v in values.items() if hasattr(config, k)})


@pytest.fixture(scope="module")
def world():
    return load_world("english")


@pytest.fixture(scope="module")
def tables(world):
    return sampler_tables(world, BASE.task.masked)


def trained_by_the_loop(world, tables, *configs):
    """The loss of every update, [update, run], as the training loop records it; and how many updates each run made."""
    assert len({training_spec(config, world) for config in configs}) == 1
    longest = max(config.train.steps for config in configs)
    spec, steps, nothing = training_spec(configs[0], world), list(range(longest + 1)), np.float32(0)
    trainer = Trainer(spec, hyperparameters(*configs), tables, steps, lambda model, _, __: model.scale, nothing)
    records = list(trainer.run(nothing))
    found = np.stack([record.loss_R for record in records[1:]])
    return found, trainer.ensemble.fetch(records[-1].states).optimizer[1].count


@pytest.fixture(scope="module")
def mixed():
    """Five runs of one program that differ in everything that may be swept."""
    return [
        changed(seed=3, scale="none", learning_rate=3e-2),
        changed(seed=7, scale=0.3, learning_rate=3e-3, weight_decay=0.5),
        changed(seed=3, query_start=0.2, warmup=0.5),
        changed(seed=3, scale="none", folded="inverse_sqrt"),
        changed(seed=1, scale="inverse", steps=40),
    ]


@pytest.fixture(scope="module")
def together(world, tables, mixed):
    return trained_by_the_loop(world, tables, *mixed)


def test_a_run_of_a_group_equals_the_lone_run(world, tables, mixed, together):
    together, _ = together
    for run in (1, 4):
        alone = trained_by_the_loop(world, tables, mixed[run])[0][:, 0]
        np.testing.assert_allclose(together[: len(alone), run], alone, rtol=1e-5)
    assert len({tuple(column) for column in together[:40].T}) == len(mixed)


def test_a_shorter_run_ends_where_it_should(together):
    """Its losses are those of 40 updates; afterwards it waits, and there is nothing to tell."""
    together, updates_R = together
    assert updates_R.tolist() == [100, 100, 100, 100, 40]
    assert np.isfinite(together[:40, 4]).all()
    assert np.isnan(together[40:, 4]).all()
    assert np.isfinite(together[:, :4]).all()


def in_float64(config):
    """The swept values of one run, not rounded to float32."""
    exact = {"learning_rate": config.train.learning_rate, "scale": config.model.scale_factor,
             "weight_decay": config.train.weight_decay, "warmup": config.train.warmup,
             "query_start": config.model.query_start_factor, "folded": config.model.folded_factor}  # fmt: skip
    values = {name: np.float64(value) for name, value in exact.items()}
    return dataclasses.replace(one_run(hyperparameters(config), 0), **values)


def trained(world, tables, updates, *configs):
    """The states of runs of one program before and after so many updates, in float64, stacked [R]."""
    static = training_spec(configs[0], world)

    def started(values):
        params = jax.tree.map(lambda x: x.astype(jnp.float64), init_state(static, values).params)
        return TrainState(params, optimizer(static, values).init(params), jnp.float64(0), jnp.int32(-1))

    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *map(in_float64, configs))
    # Two programs: in one, XLA may work out the start twice, with other roundings to float32.
    before = fast_jit(lambda values: jax.lax.map(started, values))(stacked)
    steps = fast_jit(lambda both: jax.lax.map(lambda one: train_steps(static, tables, *one, 0, updates)[0], both))
    return before, steps((stacked, before))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("name", "tolerance"), [("sgd", 1e-12), ("adamw", 1e-7)])
def test_weights_that_hold_the_scale_are_trained_as_those_that_do_not(world, tables, assert_close, name, tolerance):
    """P7: with the learning rates adapted, a scale is no more than other weights."""
    common = changed(optimizer=name, learning_rate=0.3 if name == "sgd" else 1e-2, weight_decay=0.02)
    arms = changed(common, scale="inverse_sqrt"), changed(common, scale="none", folded="inverse_sqrt")
    before, after = trained(world, tables, 200, *arms)
    assert_close(after.loss_sum[1], after.loss_sum[0], tolerance)
    for (path, start_R), (_, end_R) in zip(leaves(before), leaves(after), strict=True):
        root = 3**-0.25 if "query" in path or "key" in path else 1.0
        assert_close(end_R[1], end_R[0] * root, tolerance, path)
        assert np.abs(end_R - start_R).max() > 0.1 * np.abs(start_R).max(), path


def leaves(state):
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(state.params)]


@pytest.mark.usefixtures("float64")
def test_one_step_of_gradient_descent_by_hand(world, tables, assert_close):
    """W - rate (gradient + decay W), the rate of folded projections times the factor, that of the others as it is."""
    config = changed(optimizer="sgd", learning_rate=0.7, weight_decay=0.05, folded=0.2, warmup=0.1, seed=4)
    before, after = jax.tree.map(lambda x: x[0], trained(world, tables, 1, config))
    static = training_spec(config, world)

    def slope(params):
        batch = batch_of(static, tables, one_run(hyperparameters(config), 0), jnp.int32(0), 1)
        return jax.grad(lambda params: masked_row_loss(Model(static.model, params, 3**-0.5), batch))(params)

    gradient = TrainState(fast_jit(slope)(before.params), None, None, None)
    rate = 0.7 / 10  # the first of ten updates of warm-up
    for (path, start), (_, end), (_, gradient_) in zip(leaves(before), leaves(after), leaves(gradient), strict=True):
        factor = 0.2 if "query" in path or "key" in path else 1.0
        assert_close(end, start - rate * (factor * gradient_ + 0.05 * start), 1e-12, path)


def test_t5_starts_with_the_same_scores_from_smaller_weights(world, tables, assert_close):
    arms = changed(scale="inverse_sqrt"), changed(scale="none", query_start="inverse_sqrt")
    static = training_spec(arms[0], world)
    assert training_spec(arms[1], world) == static

    @fast_jit
    def started(values):
        params = init_state(static, values).params
        batch = sample(tables, jax.random.key(5), 4)
        forward = apply(Model(static.model, params, values.scale), batch.tokens_BK, batch.masked_B[:, None])
        return params, forward.scores_BHQK

    (standard, scores), (t5, same) = (started(one_run(hyperparameters(config), 0)) for config in arms)
    assert_close(same, scores, 1e-5)
    pairs = jax.tree_util.tree_leaves_with_path(standard), jax.tree.leaves(t5)
    for (path, one), other in zip(*pairs, strict=True):
        root = 3**0.5 if "query" in jax.tree_util.keystr(path) else 1.0
        assert_close(other * root, one, 1e-6)


DIVERGING = ["model.norm=none", "train.steps=12", "model.embedding_std=1"]
SMALL = {"base.model.d_model": "8", "base.model.d_head": "3", "base.model.d_mlp": "0", "base.train.batch": "16"}
SMALL |= {"base.evaluate.sentences": "8", "base.track.records": "2", "base.seeds": "2"}


def results_of(*axes):
    (group,) = make_plan(load_ablation(None, SMALL, [*DIVERGING, *axes])).groups
    return group, GroupTraining(group).run(lambda _: False)


def test_a_run_that_diverges_is_marked_and_spoils_no_other(tmp_path):
    group, found = results_of("train.learning_rate=1e-3,1000")
    _, sound = results_of("train.learning_rate=1e-3,2e-3")
    assert (sound.diverged_at_R == -1).all()
    assert (found.diverged_at_R[:2] == -1).all()
    assert ((found.diverged_at_R[2:] > 0) & (found.diverged_at_R[2:] < 12)).all()
    for name in ("loss_TR", "excess_TRG", "weights_TRGHK"):
        np.testing.assert_array_equal(getattr(found, name)[:, :2], getattr(sound, name)[:, :2])
    np.testing.assert_array_equal(found.attention_TNRH[:, :, :2], sound.attention_TNRH[:, :, :2])
    summary = run_summary(group, found, 3)
    assert (summary["status"], summary["diverged_at"]) == ("diverged", found.diverged_at_R[3])
    assert np.isnan(summary["loss"])
    assert run_summary(group, found, 1)["status"] == "finished"
    _only_whole_results_of_these_runs_count(tmp_path, group, found)


def test_the_measurement_is_traced_once(monkeypatch, tmp_path):
    if jax.devices()[0].platform != "cpu":
        pytest.skip("traced programs are kept on a CPU alone")
    cache_programs_in(tmp_path)
    _, first = results_of("train.learning_rate=1e-3,2e-3")

    @functools.wraps(measure_sweep)  # the cache knows it by its name
    def traced_again(*_):
        raise AssertionError

    monkeypatch.setattr("experiments.ablation.training.measure_sweep", traced_again)
    _check_equal(dataclasses.replace(results_of("train.learning_rate=1e-3,2e-3")[1], seconds=0.0),
                 dataclasses.replace(first, seconds=0.0))  # fmt: skip


def _only_whole_results_of_these_runs_count(folder, group, found):
    path = folder / "results.npz"
    assert load_results(path, group) is None
    save_results(path, group, found)
    again = load_results(path, group)
    _check_equal(again, found)
    with refused(str(path), "config", "world", "restore", "config.yaml"):
        load_results(path, dataclasses.replace(group, runs=group.runs[:-1]))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b""):
        path.write_bytes(damaged)
        assert _whole(path, group) is None
    read = []
    for damaged in _with_flipped_bytes(whole):
        path.write_bytes(damaged)
        read.append(_whole(path, group))
    for again in read:
        if again is not None:  # only what ends a member was hit: its numbers are all there
            _check_equal(again, found)
    assert sum(again is None for again in read) > 0.8 * len(read) > 80
    path.write_bytes(whole)
    with np.load(path) as file:
        arrays = dict(file)
    for name in arrays:
        np.savez(path, **{other: array for other, array in arrays.items() if other != name})
        with pytest.raises(InputError):
            load_results(path, group)
    np.savez(path, **arrays, one_more=np.zeros(2))
    assert _whole(path, group) is None
    np.savez(path, **arrays | {"version": 9}, one_more=np.zeros(2))
    with refused(str(path), "9", "2", "update"):
        load_results(path, group)


def _whole(path, group):
    """What can be read; None where it is damaged."""
    try:
        return load_results(path, group)
    except DamagedError:
        return None


def _check_equal(results, others):
    for name, array in vars(others).items():
        np.testing.assert_array_equal(getattr(results, name), array)


def _with_flipped_bytes(whole):
    """A file's bytes with one flipped, at places from the start to the end of what each member holds."""
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        members = file.infolist()
    for member in members:
        name_size, extra_size = struct.unpack_from("<HH", whole, member.header_offset + 26)
        start = member.header_offset + 30 + name_size + extra_size
        for share in np.linspace(0, 1, 12):
            at = start + round(share * (member.compress_size - 1))
            yield whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
