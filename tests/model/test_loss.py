"""Cross-entropy and excess loss: written numbers, the identity between them, and the edges where NaN would lurk."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import fast_jit

from model import loss

cross_entropy, excess = fast_jit(loss.cross_entropy), fast_jit(loss.excess)
EIGHTHS = [math.log(1), math.log(2), math.log(5)]  # the model says 1/8, 2/8, 5/8
INF = math.inf


def test_cross_entropy_in_written_numbers():
    got = cross_entropy(jnp.asarray([EIGHTHS, EIGHTHS, EIGHTHS]), jnp.asarray([0, 1, 2]))
    np.testing.assert_allclose(got, [math.log(8), math.log(4), math.log(8 / 5)], rtol=1e-6)


@pytest.mark.parametrize(
    ("posterior", "logits", "expected"),
    [
        ([1 / 8, 2 / 8, 5 / 8], EIGHTHS, 0.0),
        ([1 / 2, 1 / 2, 0], EIGHTHS, math.log(4) / 2 + math.log(2) / 2),
        ([1, 0, 0], EIGHTHS, math.log(8)),
        ([0, 1, 0], [7.0, 7.0, 7.0], math.log(3)),
        ([1 / 2, 1 / 2, 0], [3.0, 3.0, -INF], 0.0),
        ([0, 0, 1], [-1e4, 1e4, 1e4], math.log(2)),
        ([1, 0, 0], [0.0, 1e4, 0.0], 1e4),
        ([1 / 2, 1 / 2, 0], [0.0, -INF, 0.0], INF),
    ],
)
def test_excess_in_written_numbers(posterior, logits, expected):
    got = excess(jnp.asarray([posterior], float), jnp.asarray([logits]))
    assert got.shape == (1,)
    np.testing.assert_allclose(got, [expected], rtol=1e-6, atol=1e-7)


def test_further_leading_axes():
    logits = jnp.asarray([[EIGHTHS, [0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(cross_entropy(logits, jnp.asarray([[0, 0]])), [[math.log(8), math.log(3)]], rtol=1e-6)
    posterior = jnp.asarray([[[1.0, 0, 0], [0, 0, 1.0]]])
    np.testing.assert_allclose(excess(posterior, logits), [[math.log(8), math.log(3)]], rtol=1e-6)


@pytest.mark.usefixtures("float64")
def test_expected_cross_entropy_is_excess_plus_entropy(assert_close):
    rng = np.random.default_rng(0)
    posterior, logits = rng.dirichlet(np.ones(13), size=7), jnp.asarray(rng.normal(size=(7, 13)))
    each_word = np.stack([cross_entropy(logits, jnp.full(7, word)) for word in range(13)], axis=1)
    entropy = -(posterior * np.log(posterior)).sum(axis=1)
    got = excess(jnp.asarray(posterior), logits)
    assert_close(np.asarray(got) + entropy, (posterior * each_word).sum(axis=1), 1e-13)
    assert (np.asarray(got) > 0).all()


@pytest.mark.parametrize(
    ("posterior", "logits", "gradient"),  # of the logits: softmax - posterior
    [
        ([1 / 2, 1 / 2, 0], EIGHTHS, [-3 / 8, -2 / 8, 5 / 8]),
        ([1 / 2, 1 / 2, 0], [0.0, 0.0, -INF], [0, 0, 0]),
        ([1, 0, 0], [-1e4, 1e4, -1e4], [-1, 1, 0]),
    ],
)
def test_gradient_is_softmax_minus_posterior(posterior, logits, gradient):
    posterior, logits = jnp.asarray(posterior, float), jnp.asarray(logits)
    got, of_posterior = fast_jit(jax.grad(lambda z, p: loss.excess(p, z), argnums=(0, 1)))(logits, posterior)
    np.testing.assert_allclose(got, gradient, atol=1e-6)
    assert np.isfinite(of_posterior).all()
