"""Learning rates by group of parameters, what keeps its start, and that nobody else pays for it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import fast_jit, flat

from data.world import load_world
from experiments.config.schema import Config, TrainConfig
from experiments.training.hyperparameters import batch_tables, hyperparameters, init_state, training_spec
from experiments.training.record import one_run
from experiments.training.update import train_steps
from model.config import ModelConfig

SGD = {"optimizer": "sgd", "learning_rate": 0.5}
CONFIG = Config(
    model=ModelConfig(d_model=8, heads=2, d_head=4, d_mlp=6, embedding_std=0.5),
    train=TrainConfig(steps=10, batch=16, warmup=0.0, weight_decay=0.1, **SGD),
)
RATES = {"token_rate": 0.5, "position_rate": 3.0, "query_key_rate": 0.25, "value_output_rate": 2.0,
         "unembedding_rate": 0.0}  # fmt: skip
GROUPS = {
    "token/": 0.5, "position/": 3.0, "attention/query": 0.25, "attention/key": 0.25, "attention/value": 2.0,
    "attention/output": 2.0, "unembed/": 0.0,
}  # fmt: skip


def changed(model=None, **train):
    return dataclasses.replace(
        CONFIG,
        model=dataclasses.replace(CONFIG.model, **(model or {})),
        train=dataclasses.replace(CONFIG.train, **train),
    )


@pytest.fixture(scope="module")
def english():
    return load_world("english")


def trained(english, config, updates=1, **values):
    """The parameters of a run before and after so many updates."""
    spec, own = training_spec(config, english), one_run(hyperparameters(config), 0)
    tables, own = batch_tables(spec, config, english), dataclasses.replace(own, **values)
    before = fast_jit(lambda own: init_state(spec, own))(own)
    after = fast_jit(lambda state: train_steps(spec, tables, own, state, jnp.int32(0), jnp.int32(updates))[0])(before)
    return flat(before.params), flat(after.params)


@pytest.fixture(scope="module")
def plain(english):
    return trained(english, CONFIG)


def test_each_group_moves_by_its_factor_decay_included(english, plain, assert_close):
    before, after = plain
    same, scaled = trained(english, changed(**RATES))
    for path, start in before.items():
        np.testing.assert_array_equal(same[path], start)
        factor = next((value for group, value in GROUPS.items() if path.startswith(group)), 1.0)
        moved = np.asarray(after[path]) - start
        assert np.abs(moved).max() > 0, path
        assert_close(scaled[path], start + factor * moved, 1e-5, path)
    assert {path for path in before if not path.startswith(tuple(GROUPS))} == {
        *(f"{norm}_norm/{part}" for norm in ("attention", "mlp", "output") for part in ("scale", "bias")),
        *(f"mlp_{end}/{part}" for end in ("in", "out") for part in ("kernel", "bias")),
    }


@pytest.mark.parametrize("tied", [False, True])
def test_frozen_attention_keeps_its_start_to_the_last_bit(english, tied):
    frozen = changed({"tied_query_key": tied}, query_key_rate=0.0, optimizer="adamw", learning_rate=0.01)
    before, after = trained(english, frozen, updates=5)
    kept = {path for path in before if np.array_equal(before[path], after[path])}
    assert kept == {f"attention/{name}/kernel" for name in (("query",) if tied else ("query", "key"))}


def test_positions_that_start_at_0_and_are_not_trained_stay_there(english):
    before, after = trained(english, changed({"position_start": 0.0}, position_rate=0.0), updates=2)
    assert not np.any(before["position/embedding"])
    assert not np.any(after["position/embedding"])
    assert np.abs(after["token/embedding"] - before["token/embedding"]).max() > 0


def test_the_start_of_positions_is_a_factor(english, plain):
    before, _ = trained(english, changed({"position_start": 2.0}), updates=0)
    for path, leaf in plain[0].items():
        np.testing.assert_array_equal(before[path], leaf * (2 if path == "position/embedding" else 1))


def test_where_all_factors_are_1_nothing_is_multiplied(english, plain):
    """They are not read, whatever they are; and the state has no entry for them."""
    config, nothing = changed(), np.float32(np.nan)
    assert not training_spec(config, english).has_group_rates
    rates = jax.tree.map(lambda _: nothing, one_run(hyperparameters(config), 0).group_rates)
    _, again = trained(english, config, group_rates=rates)
    jax.tree.map(np.testing.assert_array_equal, again, plain[1])
    spec = training_spec(changed(**RATES), english)
    states = [init_state(one, one_run(hyperparameters(config), 0)).optimizer for one in
              (training_spec(config, english), spec)]  # fmt: skip
    assert len(states[1]) == len(states[0]) + 1


def test_factors_and_starts_are_swept_by_one_program(english):
    arms = [changed(query_key_rate=0.0), changed(token_rate=3.0), changed({"position_start": 0.0}, position_rate=0.0)]
    assert len({training_spec(arm, english) for arm in arms}) == 1
    swept = hyperparameters(dataclasses.replace(arms[0], seeds=2), *arms[1:])
    np.testing.assert_array_equal(swept.group_rates.query_key, np.float32([0, 0, 1, 1]))
    np.testing.assert_array_equal(swept.group_rates.position, np.float32([1, 1, 1, 0]))
    np.testing.assert_array_equal(swept.position_start, np.float32([1, 1, 1, 0]))
