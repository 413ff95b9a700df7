"""Cut edges: which ones, and that the model's guess changes as the two rules say.

Cross-entropy and excess: written numbers, the identity between them, and the edges where NaN would lurk.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_model import config_of, fast_jit, model_of, random_params

from model import functional
from model.attention import Cut
from model.functional import apply, cut_logits, single_cuts

B, Q, K, H, V = 2, 3, 7, 3, 19
LENGTHS = (7, 5)
TOKENS = np.asarray([[4, 9, 1, 3, 9, 18, 7], [2, 5, 8, 1, 6, 0, 0]], np.int32)
ASKED = np.asarray([[2, 0, 6], [3, 1, 1]], np.int32)
WHOLE = config_of(sink="learned", softcap=2.0)
LINEAR = config_of(norm="none", d_mlp=0)  # logits = (embedding + attention) W + b: a changed context is seen plainly


@functools.cache
def computed(config, rule):
    """Parameters, everything without a cut, and the logits of all cuts, in float64."""
    with jax.enable_x64(True):
        params = random_params(config)

        def both(params):
            model = model_of(config, params)
            return apply(model, TOKENS, ASKED), cut_logits(model, TOKENS, ASKED, rule)

        return params, *fast_jit(both)(params)


def test_single_cuts_drawn():
    """Two heads, three keys: for each cut the heads' keys side by side, the cut ones marked 1."""
    drawn = [
        ["100 000", "010 000", "001 000"],
        ["000 100", "000 010", "000 001"],
        ["100 100", "010 010", "001 001"],
    ]
    expected = [[[[c == "1" for c in head] for head in cut.split()] for cut in row] for row in drawn]
    cuts = fast_jit(lambda: single_cuts(heads=2, keys=3))()
    assert cuts.dtype == bool
    np.testing.assert_array_equal(cuts, expected)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rule", ["renormalise", "zero"])
def test_logits_change_as_the_rule_says(rule, assert_close):
    """o' - o = p/(1 - p) (o - v) or -p v in the heads that are cut; without norm and MLP the logits follow linearly."""
    params, out, logits = computed(LINEAR, rule)
    assert logits.shape == (B, Q, H + 1, K, V)
    p, o, v = (np.asarray(x) for x in (out.weights_BHQK, out.context_BQHD, out.value_BKHD))
    matrix_HDV = np.asarray(params["attention"]["output"]["kernel"]) @ np.asarray(params["unembed"]["kernel"])
    assert p.max() < 0.9
    for b, q, j in np.ndindex(B, Q, K):
        change_HV = []
        for h in range(H):
            p_j, o_h, v_j = p[b, h, q, j], o[b, q, h], v[b, j, h]
            change = p_j / (1 - p_j) * (o_h - v_j) if rule == "renormalise" else -p_j * v_j
            change_HV.append(change @ matrix_HDV[h])
        expected = np.asarray(out.logits_BQV)[b, q] + np.asarray([*change_HV, sum(change_HV)])
        assert_close(logits[b, q, :, j], expected, 1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("rule", ["renormalise", "zero"])
def test_a_cut_in_every_row_is_a_cut_in_each_row_alone(rule, assert_close):
    """One edge of one row, chosen by hand: that row is as in the table of all cuts, every other as if uncut."""
    params, out, logits = computed(WHOLE, rule)
    logits, uncut = np.asarray(logits), np.asarray(out.logits_BQV)
    run = fast_jit(lambda edges: apply(model_of(WHOLE, params), TOKENS, ASKED, cut=Cut(edges, rule)).logits_BQV)
    for b, q, heads, j in [(0, 0, [0], 2), (0, 2, [2], 6), (1, 1, [0, 1, 2], 0), (1, 2, [1], 4)]:
        edges = np.zeros((B, H, Q, K), bool)
        edges[b, heads, q, j] = True
        got, expected = np.asarray(run(jnp.asarray(edges))), uncut.copy()
        expected[b, q] = logits[b, q, H if len(heads) == H else heads[0], j]
        assert np.abs(expected[b, q] - uncut[b, q]).max() > 1e-3  # the cut is felt
        assert_close(got, expected, 1e-13)


@pytest.mark.parametrize("rule", ["renormalise", "zero"])
def test_a_cut_at_padding_changes_nothing_and_one_at_a_word_does(rule):
    _, out, logits = computed(WHOLE, rule)
    logits, uncut = np.asarray(logits), np.asarray(out.logits_BQV)
    for b, j in np.ndindex(B, K):
        change = np.abs(logits[b, :, :, j] - uncut[b, :, None]).max(axis=(0, 2))
        assert (change > 1e-3).all() if j < LENGTHS[b] else (change < 1e-14 * np.abs(uncut).max()).all(), (b, j)


def test_the_only_word_may_be_cut_where_a_sink_takes_the_weight():
    tokens, asked = jnp.asarray([[3, 0]]), jnp.asarray([[0]])
    logits = fast_jit(cut_logits)(model_of(WHOLE, random_params(WHOLE)), tokens, asked)
    assert np.isfinite(logits).all()


def test_scale_and_runs_are_traced(assert_close):
    """Runs side by side, each with a scale of its own: as each alone with that scale."""
    params = random_params(LINEAR)
    runs = [params, jax.tree.map(lambda leaf: 0.7 * leaf, params)]

    def one_run(params, scale):
        return cut_logits(model_of(LINEAR, params, scale), TOKENS, ASKED)

    together = fast_jit(jax.vmap(one_run))(
        jax.tree.map(lambda *leaves: jnp.stack(leaves), *runs), jnp.asarray([0.2, 1.5])
    )
    for run, scale in enumerate([0.2, 1.5]):
        alone = fast_jit(cut_logits)(model_of(LINEAR, runs[run], scale), TOKENS, ASKED)
        assert_close(together[run], alone, 1e-5)
    assert not np.allclose(together[0], together[1], atol=0.1)


# --- losses ---

cross_entropy, excess = fast_jit(functional.cross_entropy), fast_jit(functional.excess)
divergence = fast_jit(functional.divergence)
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


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        ([1 / 8, 2 / 8, 5 / 8], [1 / 8, 2 / 8, 5 / 8], 0.0),
        ([1 / 2, 1 / 2, 0], [1 / 4, 1 / 4, 1 / 2], math.log(2)),
        ([1, 0, 0], [1 / 8, 2 / 8, 5 / 8], math.log(8)),
        ([1 / 2, 1 / 2, 0], [1, 0, 0], INF),
        ([1e-45, 1, 0], [0, 1, 0], 0.0),
        ([1e-45, 1, 0], [1 / 2, 1 / 2, 0], math.log(2)),
    ],
)
def test_divergence_in_written_numbers(p, q, expected):
    got = divergence(jnp.asarray([p], jnp.float32), jnp.asarray([q], jnp.float32))
    np.testing.assert_allclose(got, [expected], rtol=1e-6, atol=1e-7)


def test_divergence_of_distributions_that_hardly_differ():
    """In float32, of a millionth of a nat: by the logs of both, rounding is a twentieth of it."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(57), 20)
    q = p * (1 + 1e-3 * rng.standard_normal(p.shape))
    q /= q.sum(axis=1, keepdims=True)
    exact = (p * np.log(p / q)).sum(axis=1)
    got = divergence(jnp.asarray(p, jnp.float32), jnp.asarray(q, jnp.float32))
    np.testing.assert_allclose(got, exact, rtol=2e-3)


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
    got, of_posterior = fast_jit(jax.grad(lambda z, p: functional.excess(p, z), argnums=(0, 1)))(logits, posterior)
    np.testing.assert_allclose(got, gradient, atol=1e-6)
    assert np.isfinite(of_posterior).all()
