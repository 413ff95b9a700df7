"""Gradients at every stage: against the formulas, and against what differentiating the whole model gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracle import Oracle, softmax
from small_model import config_of, fast_jit, model_of, random_params

from data.sampler import Batch
from experiments.gradient_study.config import SimulatedConfig
from experiments.gradient_study.norm_statistics import ALL_STAGES, KERNELS, STAGES
from experiments.gradient_study.simulated_layer import simulated_block, softmax_rows
from experiments.gradient_study.stage_gradients import (
    context_gradient,
    kernel_norms,
    model_norms,
    row_losses,
    stage_gradients,
)
from experiments.gradient_study.theory import jacobian_norm, score_gradient
from model.functional import apply

pytestmark = pytest.mark.usefixtures("float64", "quickly_compiled")
B, K, H, D, V = 3, 5, 2, 7, 4  # a value may have other components than a key
SCALE = 0.6


def gradients_of(*layer):
    return fast_jit(stage_gradients)(*layer)


def simulated(*block):
    return fast_jit(simulated_block, static_argnums=(1, 2, 3))(*block)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.fixture(scope="module")
def layer():
    """Query, key, value, allowed and the context's gradient; the last key of row 0 is padding."""
    allowed = np.ones((B, K), bool)
    allowed[0, -1] = False
    return (
        normal(B, 1, H, D),
        normal(B, K, H, D, seed=1),
        normal(B, K, H, V, seed=2),
        allowed,
        normal(B, 1, H, V, seed=3),
    )


def test_every_stage_obeys_its_formula(layer, assert_close):
    q, k, v, allowed, g = layer
    found = gradients_of(*map(jnp.asarray, layer), SCALE)
    p = softmax(np.where(allowed[:, None], SCALE * np.einsum("bqhd,bkhd->bhk", q, k), -np.inf))
    a = np.einsum("bqhv,bkhv->bhk", g, v)
    dz = score_gradient(p, a)
    assert_close(found.weights_BHQK[:, :, 0], a * allowed[:, None], 1e-13, "weights")
    assert_close(found.scores_BHQK[:, :, 0], dz, 1e-13, "scores")
    assert_close(found.query_BQHD[:, 0], SCALE * np.einsum("bhk,bkhd->bhd", dz, k), 1e-13, "query")
    assert_close(found.key_BKHD, SCALE * np.einsum("bhk,bqhd->bkhd", dz, q), 1e-13, "key")
    assert_close(found.value_BKHD, np.einsum("bhk,bqhv->bkhv", p, g), 1e-13, "value")
    np.testing.assert_allclose(found.scores_BHQK.sum(axis=-1), 0, atol=1e-13, err_msg="dL/dz sums to 0")


def test_norms_are_of_one_row_over_heads_keys_and_components(layer, assert_close):
    found = gradients_of(*map(jnp.asarray, layer), SCALE)
    parts = [found.weights_BHQK, found.scores_BHQK, found.query_BQHD, found.key_BKHD, found.value_BKHD]
    expected = [[np.linalg.norm(np.ravel(part[b])) for b in range(B)] for part in parts]
    assert_close(found.norms_SB(), expected, 1e-13)


def test_the_jacobian_of_the_models_softmax(assert_close):
    z = normal(11, 5) * 3
    p = softmax(z)
    norms, squares = fast_jit(softmax_rows)(jnp.asarray(z))
    assert_close(norms, jacobian_norm(p), 1e-13)
    assert_close(squares, np.sum(p**2, axis=1), 1e-13)


CONFIG = config_of()
TOKENS = np.asarray([[3, 1, 7, 5, 9, 0], [4, 8, 1, 6, 2, 11], [1, 12, 5, 13, 0, 0]], np.int32)
BATCH = Batch(*(np.asarray(x, np.int32) for x in (TOKENS, [1, 2, 0], [7, 12, 3], [0, 0, 0])))


@pytest.fixture
def params():
    return random_params(CONFIG, seed=5)


def test_a_shift_of_zeros_changes_nothing_and_a_shift_is_added_to_the_context(params, assert_close):
    shape = (3, 1, CONFIG.heads, CONFIG.d_head)
    asked = model_of(CONFIG, params, SCALE), BATCH.tokens_BK, BATCH.masked_B[:, None]
    forward = fast_jit(apply)
    plain = forward(*asked)
    for shift in (np.zeros(shape), normal(*shape)):
        shifted = forward(*asked, context_shift_BQHD=jnp.asarray(shift))
        assert_close(shifted.context_BQHD, plain.context_BQHD + shift, 1e-13)
        through_output = np.einsum("bqhd,hdm->bqm", shift, params["attention"]["output"]["kernel"])
        assert_close(shifted.attention_BQM, plain.attention_BQM + through_output, 1e-13)


@pytest.mark.long
def test_the_stages_lead_to_what_differentiating_the_model_gives(params, assert_close):
    """dL/dW_Q of a row is input x dL/dq, dL/dW_K the sum of input x dL/dk, ...: both ends of the chain meet."""
    scale = jnp.float64(SCALE)
    forward = apply(model_of(CONFIG, params, scale), BATCH.tokens_BK, BATCH.masked_B[:, None])
    g = context_gradient(model_of(CONFIG, params, scale), BATCH)
    found = stage_gradients(forward.query_BQHD, forward.key_BKHD, forward.value_BKHD, BATCH.tokens_BK != 0, g, scale)
    whole = jax.grad(lambda params: row_losses(model_of(CONFIG, params, scale), BATCH).sum())(params)["attention"]
    x = Oracle(CONFIG, params).norm(np.asarray(forward.embedding_BKM), "attention_norm")
    queried = x[np.arange(3), np.asarray(BATCH.masked_B)]
    assert_close(whole["query"]["kernel"], np.einsum("bm,bhd->mhd", queried, found.query_BQHD[:, 0]), 1e-11)
    assert_close(whole["key"]["kernel"], np.einsum("bkm,bkhd->mhd", x, found.key_BKHD), 1e-11)
    assert_close(whole["value"]["kernel"], np.einsum("bkm,bkhd->mhd", x, found.value_BKHD), 1e-11)


@pytest.mark.long
def test_the_norms_of_parameters_are_those_of_single_rows(params, assert_close):
    scale = jnp.float64(SCALE)
    norms_4B = fast_jit(lambda params: kernel_norms(model_of(CONFIG, params, scale), BATCH))(params)
    loss = fast_jit(jax.grad(lambda params, batch: row_losses(model_of(CONFIG, params, scale), batch)[0]))
    for b in range(3):
        row = jax.tree.map(lambda array, b=b: array[b : b + 1], BATCH)
        gradient = loss(params, row)["attention"]
        assert_close(norms_4B[:, b], [np.linalg.norm(np.ravel(gradient[n]["kernel"])) for n in KERNELS.values()], 1e-12)
    assert model_norms(model_of(CONFIG, params, scale), BATCH).shape == (len(ALL_STAGES), 3)


def test_where_scores_are_small_only_the_query_and_key_feel_the_scale():
    """A block of the simulated layer: unscaled over scaled is sqrt(d) for q and k, 1 for weights and values."""
    norms_CST, square = simulated(jax.random.key(0), 50, SimulatedConfig(), 16, 1e-4)
    ratio = np.asarray(norms_CST[0] / norms_CST[1])
    np.testing.assert_allclose(ratio[[0, 1, 4]], 1.0, rtol=1e-4)
    np.testing.assert_allclose(ratio[[2, 3]], 4.0, rtol=1e-4)
    assert float(square) == pytest.approx(16 * 1e-16, rel=0.5)


@pytest.mark.parametrize("size", [1, 16, 64])
def test_gradients_grow_with_that_of_the_output_whatever_the_size_of_a_value(size):
    """Where weights are uniform, dL/dv_j is g / n, so its length over n keys is |g| / sqrt(n)."""
    config = SimulatedConfig(value_size=size, output_gradient=3.0)
    norms_CST, _ = simulated(jax.random.key(1), 4096, config, 4, 1e-4)
    one_CST, _ = simulated(jax.random.key(1), 4096, SimulatedConfig(value_size=size), 4, 1e-4)
    np.testing.assert_allclose(norms_CST, 3 * np.asarray(one_CST), rtol=1e-5)
    value_T = np.asarray(norms_CST[0, STAGES.index("value")])
    assert np.mean(value_T**2) == pytest.approx(9 / 6, rel=0.1)
