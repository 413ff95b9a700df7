"""The evaluation sentences: repeats are merged, and what is padding alone is not computed."""

import dataclasses

import jax
import numpy as np
import pytest

from data.world import load_world
from experiments.config.schema import Config, EvaluateConfig
from experiments.measuring.evaluation_set import block_size, evaluation_shapes, make_evaluation_set, merge_repeats
from experiments.measuring.excess import evaluate
from experiments.training.hyperparameters import training_spec
from model.functional import Model, init_params

CONFIG = Config(evaluate=EvaluateConfig(sentences=660))
"""Of each kind: with repeats they need more blocks than without."""
BLOCK = block_size()


@pytest.fixture(scope="module")
def drawn():
    return make_evaluation_set(CONFIG, load_world("english"))


@pytest.fixture(scope="module")
def model():
    config = training_spec(CONFIG, load_world("english")).model
    return Model(config, init_params(config, jax.random.key(3)), 0.25)


def rows(examples):
    """Each example as one hashable value."""
    return [(*tokens, masked) for tokens, masked in zip(examples.tokens_EK.tolist(), examples.masked_E, strict=True)]


def test_repeats_are_merged_in_the_order_in_which_they_come(drawn):
    merged, drawn_rows = merge_repeats(drawn), rows(drawn)[: int(drawn.count_E.sum())]
    distinct = list(dict.fromkeys(drawn_rows))
    assert len(drawn_rows) == 1320
    assert len(drawn_rows) - len(distinct) > BLOCK / 2
    assert rows(merged)[: len(distinct)] == distinct
    np.testing.assert_array_equal(merged.count_E[: len(distinct)], [drawn_rows.count(row) for row in distinct])
    assert not merged.count_E[len(distinct) :].any()
    assert not merged.share_EG[len(distinct) :].any()
    np.testing.assert_allclose(merged.share_EG.sum(axis=0), 1, rtol=1e-5)
    posterior = dict(zip(drawn_rows, drawn.posterior_EV, strict=False))
    for row, posterior_V in zip(distinct, merged.posterior_EV, strict=False):
        np.testing.assert_array_equal(posterior_V, posterior[row])


def test_merged_they_have_the_shapes_that_are_known_before(drawn):
    shapes = evaluation_shapes(CONFIG, load_world("english"))
    for examples in (drawn, merge_repeats(drawn)):
        found = jax.tree.map(lambda array: (array.shape, array.dtype), examples)
        assert found == jax.tree.map(lambda shape: (shape.shape, shape.dtype), shapes)


def test_a_mean_over_merged_examples_is_that_over_the_sentences(drawn, model, assert_close):
    of_all, of_merged = (jax.jit(evaluate)(model, examples) for examples in (drawn, merge_repeats(drawn)))
    jax.tree.map(lambda one, other: assert_close(one, other, 1e-5), of_all, of_merged)


def test_blocks_of_padding_are_not_computed(drawn, model):
    """What stands there is not even looked at."""
    merged = merge_repeats(drawn)
    unused = -(-int((merged.count_E > 0).sum()) // BLOCK) * BLOCK
    assert unused <= len(merged.count_E) - BLOCK
    damaged = merged.posterior_EV.copy()
    damaged[unused:] = np.nan
    found = jax.jit(evaluate)(model, dataclasses.replace(merged, posterior_EV=damaged))
    assert np.isfinite(found.excess_G).all()
    damaged[unused - BLOCK] = np.nan  # the last block that is computed
    found = jax.jit(evaluate)(model, dataclasses.replace(merged, posterior_EV=damaged))
    assert np.isnan(found.excess_G).any()
