"""dL/ds against central differences of the float64 oracle, in which each score is moved by itself."""

import jax.numpy as jnp
import numpy as np
import pytest
from oracle import Oracle, softmax
from small_model import config_of, fast_jit, model_of, random_params

from experiments.measuring.score_gradients import score_gradient
from model.functional import apply, excess

pytestmark = pytest.mark.usefixtures("float64", "quickly_compiled")
TOKENS = np.asarray([[3, 1, 7, 5, 9, 0], [4, 8, 1, 6, 2, 11]], np.int32)
MASKED = np.asarray([1, 2], np.int32)
VARIANTS = [
    {},
    {"sink": "learned", "softcap": 1.5, "qk_norm": True},
    {"sink": "zero", "norm": "none", "d_mlp": 0, "query": "position"},
    {"norm": "rms", "d_mlp": 0, "softcap": 0.7},
]


def loss(exact, logits):
    return float((exact * np.log(exact / softmax(logits))).sum())


@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "-".join(map(str, changes)) or "default")
def test_the_gradient_of_each_score(changes, assert_close):
    config, scale = config_of(**changes), 0.6
    params = random_params(config, seed=5)
    exact_BV = softmax(np.random.default_rng(1).normal(size=(len(TOKENS), config.vocabulary_size)))

    @fast_jit
    def gradient(params):
        model = model_of(config, params, scale)
        forward = apply(model, jnp.asarray(TOKENS), jnp.asarray(MASKED)[:, None])
        losses = lambda logits_BV: excess(jnp.asarray(exact_BV), logits_BV)  # noqa: E731
        return score_gradient(model, jnp.asarray(TOKENS), jnp.asarray(MASKED), forward, losses)

    found = np.asarray(gradient(params))
    oracle, expected = Oracle(config, params, scale), np.zeros_like(found)
    for at in np.ndindex(*found.shape):
        b, *of_head = at
        ends = []
        for size in (1e-5, -1e-5):
            push = np.zeros(found.shape[1:])
            push[tuple(of_head)] = size
            ends.append(loss(exact_BV[b], oracle.row(TOKENS[b], MASKED[b], push=push)["logits"]))
        expected[at] = (ends[0] - ends[1]) / 2e-5
    assert_close(found, expected, 1e-8)
    assert (found[0, :, -1] == 0).all()  # padding
    sums = found.sum(axis=-1)
    assert np.allclose(sums, 0, atol=1e-12) == (config.sink == "none")
