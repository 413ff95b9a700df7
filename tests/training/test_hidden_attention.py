"""The penalty that teaches attention to deceive: its value and gradient, who trains it, and that nobody else does."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import Oracle
from refusals import refused
from small_model import config_of, fast_jit, flat, model_of, random_params

from data.sampler import Batch
from data.world import load_world
from experiments.config.loader import load_config
from experiments.config.schema import Config, TrainConfig
from experiments.training.hidden_attention import attention_penalty, row_penalties
from experiments.training.hyperparameters import batch_tables, hyperparameters, init_state, training_spec
from experiments.training.record import one_run
from experiments.training.trainer import Trainer
from experiments.training.update import batch_of, train_steps
from model.config import ModelConfig
from model.functional import Model

TOKENS = np.asarray([[3, 1, 12, 7, 5, 2, 0], [9, 4, 1, 16, 11, 8, 2], [6, 13, 4, 1, 0, 0, 0]], np.int32)
MASKED = np.asarray([1, 2, 3], np.int32)
OTHERS = [[2, 4], [0, 5], []]
"""Where the other content words stand; in the last sentence there are none."""
CONFIG = Config(
    model=ModelConfig(d_model=8, heads=2, d_head=4, d_mlp=0, embedding_std=0.5),
    train=TrainConfig(steps=10, batch=16, optimizer="sgd", learning_rate=0.5, warmup=0.0, weight_decay=0.0),
)


def small_batch():
    clause_words_BK = np.zeros(TOKENS.shape, bool)
    for row_K, others in zip(clause_words_BK, OTHERS, strict=True):
        row_K[others] = True
    return Batch(TOKENS, MASKED, np.zeros(3, np.int32), np.zeros(3, np.int32), clause_words_BK)


def expected_penalty(config, params):
    """By its definition, row by row, with the weights of the independent forward pass."""
    rows = []
    for tokens, masked, others in zip(TOKENS, MASKED, OTHERS, strict=True):
        weights_HK = Oracle(config, params).row(tokens, masked)["weights"]
        rows.append(-np.log(1 - weights_HK[:, others].sum(axis=1).mean()))
    return np.mean(rows)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("changes", [{}, {"sink": "learned", "softcap": 3.0, "qk_norm": True, "norm": "rms"}])
def test_value_and_gradient_are_those_of_the_definition(changes):
    config = config_of(**changes)
    params = random_params(config)

    def penalty(params):
        return attention_penalty(model_of(config, params), small_batch())

    value, gradient = fast_jit(jax.value_and_grad(penalty))(params)
    assert value == pytest.approx(expected_penalty(config, params), rel=1e-12)
    moved = 0
    for path, slope in flat(gradient).items():
        direction = np.random.default_rng(len(path)).normal(size=slope.shape)
        ends = []
        for step in (1e-5, -1e-5):
            there = jax.tree.map(np.array, params)
            leaf = flat(there)[path]
            leaf += step * direction
            ends.append(expected_penalty(config, there))
        by_differences = (ends[0] - ends[1]) / 2e-5
        assert float((slope * direction).sum()) == pytest.approx(by_differences, rel=1e-6, abs=1e-9), path
        moved += by_differences != 0
    assert moved >= 5
    assert not any(np.any(slope) for path, slope in flat(gradient).items() if "value" in path or "unembed" in path)


def test_a_head_that_looks_at_nothing_else_still_has_a_slope():
    """In float32 1 - w is 0 as a difference, and e^-40 as a sum; where that is 0 too, the value is finite."""
    others_1K = jnp.asarray([[True, False]])

    def value(score):
        return row_penalties(jax.nn.softmax(jnp.stack([score, jnp.float32(0)]))[None, None], others_1K)[0]

    values, slopes = fast_jit(jax.vmap(jax.value_and_grad(value)))(jnp.asarray([40.0, 500.0]))
    np.testing.assert_allclose([values[0], slopes[0]], [40, 1], rtol=1e-6)
    assert np.isfinite([values[1], slopes[1]]).all()


def changed(hide_attention, **values):
    train = dataclasses.replace(CONFIG.train, hide_attention=hide_attention)
    return dataclasses.replace(CONFIG, train=train, **values)


HIDING = changed(0.3)


@pytest.fixture(scope="module")
def english():
    return load_world("english")


def after_one_update(english, config):
    """The spec, tables and hyperparameters of a run, and its state before and after one update of gradient descent."""
    spec, values = training_spec(config, english), one_run(hyperparameters(config), 0)
    tables = batch_tables(spec, config, english)
    before = fast_jit(lambda values: init_state(spec, values))(values)
    return spec, tables, values, before, one_update(spec, tables, values, before)


def one_update(spec, tables, values, before):
    return fast_jit(lambda state: train_steps(spec, tables, values, state, 0, 1)[0])(before)


@pytest.fixture(scope="module")
def plain(english):
    return after_one_update(english, CONFIG)


@pytest.fixture(scope="module")
def hidden(english):
    return after_one_update(english, HIDING)


def test_an_update_follows_both_slopes_and_records_the_cross_entropy_alone(plain, hidden, assert_close):
    spec, tables, values, before, after = hidden
    assert float(after.loss_sum) == float(plain[-1].loss_sum) > 1

    @fast_jit
    def slope(params):
        batch = batch_of(spec, tables, values, jnp.int32(0), 1)
        return jax.grad(lambda params: attention_penalty(Model(spec.model, params, values.scale), batch))(params)

    rate, without = float(values.learning_rate) * 0.3, flat(plain[-1].params)
    gradients = flat(slope(before.params))
    for path, gradient in gradients.items():
        assert_close(flat(after.params)[path], without[path] - rate * gradient, 1e-6, path)
    assert sum(np.abs(gradient).max() > 1e-3 for gradient in gradients.values()) >= 4


def test_without_it_the_update_is_the_one_of_before(plain, monkeypatch):
    """Nothing of the penalty is traced, and its factor is not used: no operation is added, whatever it is."""
    spec, tables, values, before, after = plain
    assert not spec.hides_attention

    def forbidden(*_):
        raise AssertionError

    monkeypatch.setattr("experiments.training.update.attention_penalty", forbidden)
    again = one_update(spec, tables, dataclasses.replace(values, hide_attention=np.float32(np.nan)), before)
    jax.tree.map(np.testing.assert_array_equal, again, after)


def test_factors_are_swept_by_one_program_and_none_has_its_own(english):
    spec = {factor: training_spec(changed(factor), english) for factor in (0.0, 0.1, 1.0)}
    assert spec[0.1] == spec[1.0] != spec[0.0]
    swept = hyperparameters(changed(0.1, seeds=2), changed(1.0)).hide_attention
    np.testing.assert_array_equal(swept, np.asarray([0.1, 0.1, 1], np.float32))


@pytest.mark.usefixtures("quickly_compiled")
def test_devices_that_share_a_batch_train_it_as_one_does(hidden, assert_close):
    spec, tables, _, _, after = hidden
    trainer = Trainer(spec, hyperparameters(HIDING), tables, [0, 1], lambda *_: (), ())
    *_, last = trainer.run(())
    jax.tree.map(lambda one, other: assert_close(one, other, 1e-5), last.of(0).params, after.params)
    assert last.of(0).loss == pytest.approx(float(after.loss_sum), rel=1e-6)


def test_tables_that_do_not_tell_the_words_are_refused(plain):
    spec, tables, values, before, _ = plain
    with pytest.raises(ValueError, match="clause_words=True"):
        train_steps(dataclasses.replace(spec, hides_attention=True), tables, values, before, 0, 1)


@pytest.mark.parametrize(
    ("value", "told"), [("-0.1", "-0.1"), ("nan", "nan"), ("inf", "inf"), ("1e9", "1000.0"), ("much", "number")]
)
def test_a_bad_factor_is_refused_in_one_line(value, told):
    with refused("--train.hide_attention", told):
        load_config("toy.yaml", {"train.hide_attention": value})


def test_the_config_that_hides_is_the_toy_but_for_the_penalty():
    hiding, toy = load_config("hidden_attention.yaml", {}), load_config("toy.yaml", {})
    assert hiding.train.hide_attention == 0.1
    assert dataclasses.replace(hiding, train=dataclasses.replace(hiding.train, hide_attention=0.0)) == toy
