"""Attention's two pure functions: against written numbers, against the libraries, and under cuts."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_model import fast_jit

from model.attention import Cut, attention_weights, cap, softmax, unit_norm, weighted_sum

B, Q, K, H, D = 2, 3, 7, 5, 11


def random_inputs(seed=0):
    """Queries, keys, values, and which keys are words: all of the first sentence's, four of the second's."""
    draw = np.random.default_rng(seed).normal
    query, key, value = (jnp.asarray(draw(size=(B, n, H, D))) for n in (Q, K, K))
    return query, key, value, jnp.arange(K)[None] < jnp.asarray([K, 4])[:, None]


@functools.partial(fast_jit, static_argnames=("softcap", "rule"))
def attend(query, key, value, allowed, scale, *, softcap=0.0, sink_H=None, edges=None, rule=None):
    """Dot products, scores, weights, shares, context."""
    cut = None if rule is None else Cut(edges, rule)
    found = attention_weights(query, key, allowed, scale=scale, softcap=softcap, sink_H=sink_H, cut=cut)
    return *found, *weighted_sum(found[2], value)


# One query and four keys, whose scores are the logs of 1, 2, 4, 1: the weights are 1/8, 2/8, 4/8, 1/8.
LOGS = [0.0, math.log(2), math.log(4), 0.0]
ALL, THREE = [True, True, True, True], [True, True, True, False]
CUT_THIRD = [False, False, True, False]


@pytest.mark.parametrize(
    ("allowed", "sink", "rule", "weights", "context"),
    [
        (ALL, None, None, [1 / 8, 2 / 8, 4 / 8, 1 / 8], 40 / 8),
        (THREE, None, None, [1 / 7, 2 / 7, 4 / 7, 0], 32 / 7),
        (THREE, 0.0, None, [1 / 8, 2 / 8, 4 / 8, 0], 32 / 8),
        (ALL, math.log(8), None, [1 / 16, 2 / 16, 4 / 16, 1 / 16], 40 / 16),
        (ALL, None, "renormalise", [1 / 4, 2 / 4, 0, 1 / 4], 24 / 4),
        (ALL, None, "zero", [1 / 8, 2 / 8, 0, 1 / 8], 24 / 8),
        (ALL, 0.0, "renormalise", [1 / 5, 2 / 5, 0, 1 / 5], 24 / 5),
        (ALL, 0.0, "zero", [1 / 9, 2 / 9, 0, 1 / 9], 24 / 9),
        (THREE, None, "renormalise", [1 / 3, 2 / 3, 0, 0], 16 / 3),
    ],
)
def test_four_written_weights(allowed, sink, rule, weights, context):
    query = jnp.asarray([0.5, 0.0]).reshape(1, 1, 1, 2)
    key = jnp.asarray([[z, 9.0] for z in LOGS]).reshape(1, 4, 1, 2)  # the 9 meets a 0 of the query
    value = jnp.asarray([8.0, 4.0, 4.0, 8.0]).reshape(1, 4, 1, 1)
    options = {"sink_H": None if sink is None else jnp.asarray([sink])}
    if rule:
        options |= {"edges": jnp.asarray(CUT_THIRD).reshape(1, 1, 1, 4), "rule": rule}
    dots, scores, got, shares, total = attend(query, key, value, jnp.asarray([allowed]), 2.0, **options)
    np.testing.assert_allclose(np.ravel(dots), np.asarray(LOGS) / 2, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(scores), LOGS, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(got), weights, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(shares), np.asarray([8, 4, 4, 8]) * weights, rtol=1e-6)
    np.testing.assert_allclose(np.ravel(total), [context], rtol=1e-6)


def of_jax(query, key, value, mask, scale):
    return jax.nn.dot_product_attention(query, key, value, mask=mask, scale=scale)


def of_flax(query, key, value, mask, scale, **options):
    """Flax has no `scale` but 1/sqrt(d): the rest of it is put into the query."""
    return nnx.dot_product_attention(query * (scale * math.sqrt(D)), key, value, mask=mask, **options)


def of_flax_itself(*arguments):
    """Without dropout flax calls jax's; a dropout that is switched off keeps flax to its own code."""
    return of_flax(*arguments, dropout_rate=0.5, deterministic=True)


@pytest.mark.parametrize(
    ("library", "dtype", "tolerance"),
    [
        (of_jax, "float32", 1e-6),
        (of_jax, "float64", 1e-6),  # "softmax is always carried out in fp32", its source says, and so it is
        (of_flax, "float32", 1e-6),
        (of_flax_itself, "float32", 1e-6),
        (of_flax_itself, "float64", 1e-12),
    ],
)
def test_equals_the_libraries(library, dtype, tolerance, assert_close):
    scale = 0.7  # none of the usual ones, so that a library's own choice is seen
    with jax.enable_x64(dtype == "float64"):
        query, key, value, allowed = random_inputs()
        assert query.dtype == dtype
        mask = jnp.broadcast_to(allowed[:, None, None, :], (B, H, Q, K))
        expected = fast_jit(library)(query, key, value, mask, scale)
        assert_close(attend(query, key, value, allowed, scale)[-1], expected, tolerance)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sink", [None, 0.0, 1.5])
def test_weights_sum_to_one_over_the_words_and_the_sink(sink, assert_close):
    sink_H = None if sink is None else jnp.full(H, sink)
    query, key, value, allowed = random_inputs()
    _, scores, weights, *_ = attend(query, key, value, allowed, 0.7, sink_H=sink_H)
    weights = np.asarray(weights)
    assert (weights[1, :, :, 4:] == 0).all()  # padding: exactly 0, not small
    assert (weights[0] > 0).all()
    exp = np.where(np.asarray(allowed)[:, None, None], np.exp(np.asarray(scores)), 0)
    total = exp.sum(axis=-1, keepdims=True)
    rest = 0 if sink is None else math.exp(sink)
    assert_close(weights, exp / (rest + total), 1e-13)
    assert_close(weights.sum(axis=-1), (total / (rest + total))[..., 0], 1e-13)
    assert (sink is None) == bool(np.allclose(weights.sum(axis=-1), 1, rtol=1e-13, atol=0))


@pytest.mark.parametrize("sink", [None, 0.0])
def test_a_constant_added_to_every_score_changes_nothing_but_under_a_sink(sink):
    """A public SSMax subtracts a term from all scores of a row, which does nothing: softmax does not see a shift."""
    weights_of = fast_jit(
        lambda score: softmax(score, jnp.ones((1, 4), bool), None if sink is None else jnp.asarray([sink]))
    )
    score = jnp.asarray(LOGS).reshape(1, 1, 1, 4)
    same = np.allclose(weights_of(score + 3.0), weights_of(score), atol=1e-6)
    assert same == (sink is None)


@pytest.mark.parametrize(
    ("score", "capped"),
    # tanh(log 2) = 3/5, tanh(log 3) = 4/5; far out the bound itself
    [(0.0, 0.0), (5 * math.log(2), 3.0), (5 * math.log(3), 4.0), (-5 * math.log(2), -3.0), (1e9, 5.0), (-1e9, -5.0)],
)
def test_softcap_in_written_numbers(score, capped):
    assert float(cap(jnp.asarray(score), 5.0)) == pytest.approx(capped, rel=1e-6)
    assert float(cap(jnp.asarray(score), 0.0)) == pytest.approx(score)  # 0 means no cap


@pytest.mark.usefixtures("float64")
def test_softcap_bounds_scores_and_leaves_small_ones(assert_close):
    inputs = random_inputs()
    dots, large, *_ = attend(*inputs, 2.0, softcap=3.0)
    assert 2 * np.abs(dots).max() > 12.0
    assert 2.9 < np.abs(large).max() < 3.0
    # c tanh(z/c) = z - z^3 / 3c^2 + ...: for |z| < 3e-5 of c = 3 the second term is below 1e-10 of the first.
    _, small, *_ = attend(*inputs, 1e-6, softcap=3.0)
    assert_close(small, np.asarray(dots) * 1e-6, 1e-10)


def test_unit_norm_in_written_numbers():
    np.testing.assert_allclose(
        unit_norm(jnp.asarray([[3.0, 4.0], [-5.0, 12.0]])), [[0.6, 0.8], [-5 / 13, 12 / 13]], rtol=1e-6
    )
    gradient = fast_jit(jax.grad(lambda x: unit_norm(x).sum()))(jnp.zeros(2))
    assert np.isfinite(gradient).all()


def drawn(text):
    """0/1 drawings of the heads side by side -> booleans [H, Q, K]."""
    rows = [line.split() for line in text.strip().splitlines()]
    return np.asarray([[[c == "1" for c in cell] for cell in row] for row in rows]).swapaxes(0, 1)


NOTHING_CUT = """
    11110  11110
    11110  11110
    11110  11110
"""
TWO_EDGES_OF_THE_SECOND_HEAD = """
    11110  10110
    11110  11110
    11110  11100
"""
ONE_KEY_OF_ALL_ROWS_IN_ALL_HEADS = """
    01110  01110
    01110  01110
    01110  01110
"""


@pytest.mark.parametrize("rule", ["renormalise", "zero"])
@pytest.mark.parametrize(
    ("edges", "picture"),
    [
        ([], NOTHING_CUT),
        ([(1, 0, 1), (1, 2, 3)], TWO_EDGES_OF_THE_SECOND_HEAD),
        ([(h, q, 0) for h in range(2) for q in range(3)], ONE_KEY_OF_ALL_ROWS_IN_ALL_HEADS),
        ([(0, 1, 4)], NOTHING_CUT),
    ],
    ids=["no edge", "two edges", "a key everywhere", "padding"],
)
def test_where_weights_are(edges, picture, rule):
    query, key, value, _ = random_inputs()
    mask = np.zeros((1, 2, 3, 5), bool)
    for edge in edges:
        mask[(0, *edge)] = True
    allowed = jnp.asarray([[True, True, True, True, False]])
    inputs = query[:1, :, :2], key[:1, :5, :2], value[:1, :5, :2], allowed
    _, _, weights, *_ = attend(*inputs, 0.3, edges=jnp.asarray(mask), rule=rule)
    np.testing.assert_array_equal(np.asarray(weights)[0] > 0, drawn(picture))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sink", [None, 0.5])
def test_what_a_cut_does_to_the_context(sink, assert_close):
    """science.md section 3. The scores are moderate here: the identity divides by 1 - p, which must keep its digits."""
    *vectors, allowed = random_inputs()
    sink_H = None if sink is None else jnp.full(H, sink)
    p, _, o = (np.asarray(x) for x in attend(*vectors, allowed, 0.3, sink_H=sink_H)[2:])
    assert p.max() < 0.99
    for j in range(K):
        edges = (jnp.arange(K) == j)[None, None, None]
        p_j = p[..., j].swapaxes(1, 2)[..., None]  # [B, Q, H, 1]
        v_j = np.asarray(vectors[2])[:, j, None]  # [B, 1, H, D]
        cut = functools.partial(attend, *vectors, allowed, 0.3, sink_H=sink_H, edges=edges)
        *_, renormalised = cut(rule="renormalise")
        _, _, kept, _, zeroed = cut(rule="zero")
        # o stands on the right, so that the error is relative to the operands of the difference.
        assert_close(renormalised, o + p_j / (1 - p_j) * (o - v_j), 1e-12)
        assert_close(zeroed, o - p_j * v_j, 1e-12)
        others = np.arange(K) != j
        assert_close(np.asarray(kept)[..., others], p[..., others], 1e-15)


@pytest.mark.parametrize(("c_q", "c_k"), [(1.0, 1.0), (0.5, 3.0)])
@pytest.mark.parametrize("d_head", [4, 16, 64])
def test_prediction_1_the_variance_of_a_dot_product(d_head, c_q, c_k):
    """Var(q . k) = d c_q^2 c_k^2, mean 0 (Vaswani et al. 2017, footnote 4).

    A sum of d products of normals has excess kurtosis 6/d, so a variance of n draws has the relative standard error
    sqrt((2 + 6/d) / n), and a mean sqrt(1/n) of the standard deviation; four of them are allowed.
    """
    n = 20_000
    draw = np.random.default_rng(0).standard_normal
    query, key = (jnp.asarray(c * draw((n, 1, 1, d_head), np.float32)) for c in (c_q, c_k))
    dots, scores, *_ = attend(query, key, key, jnp.ones((n, 1), bool), 1 / math.sqrt(d_head))
    predicted = d_head * c_q**2 * c_k**2
    assert np.var(dots) == pytest.approx(predicted, rel=4 * math.sqrt((2 + 6 / d_head) / n))
    assert abs(np.mean(dots)) < 4 * math.sqrt(predicted / n)
    assert np.var(scores) == pytest.approx(c_q**2 * c_k**2, rel=4 * math.sqrt((2 + 6 / d_head) / n))
