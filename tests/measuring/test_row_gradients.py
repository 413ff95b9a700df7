"""The norms of single rows' gradients are those of one row after the other, and take a bounded memory."""

import functools

import jax
import pytest

from data.world import load_world
from experiments.config.schema import Config, EvaluateConfig
from experiments.measuring import row_gradients
from experiments.measuring.evaluation_set import EvaluationSet, make_evaluation_set
from experiments.measuring.row_gradients import row_norms
from model.config import ModelConfig
from model.functional import Model, init_params

ROWS = 64


def model_and_sample(**sizes):
    world = load_world("english")
    examples: EvaluationSet = make_evaluation_set(Config(evaluate=EvaluateConfig(sentences=ROWS)), world)
    config = ModelConfig(**sizes).sized(vocabulary_size=len(world.vocabulary), max_length=world.max_length)
    params = jax.jit(functools.partial(init_params, config))(jax.random.key(2))
    return Model(config, params, 0.25), jax.tree.map(lambda array: array[:ROWS], examples)


@pytest.mark.parametrize("at_once", [1, 5])
def test_few_rows_at_a_time_give_the_same_norms(monkeypatch, assert_close, at_once):
    """64 rows are not divided by 5."""
    model, sample = model_and_sample(d_model=8, d_head=4, d_mlp=0)
    together = jax.jit(row_norms)(model, sample)
    one = sum(leaf.nbytes for leaf in jax.tree.leaves(model.params))
    monkeypatch.setattr(row_gradients, "_ROW_GRADIENTS", at_once * one)
    traced_anew = functools.partial(row_norms)
    assert_close(jax.jit(traced_anew)(model, sample), together, 1e-6)


def test_the_gradients_of_a_large_model_are_not_there_all_at_once():
    """Those of 64 rows took 72 MB beside the model, jax 0.10.2."""
    model, sample = model_and_sample(d_model=64, d_head=4, d_mlp=4096)
    compiled = jax.jit(row_norms).lower(model, sample).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < row_gradients._ROW_GRADIENTS
