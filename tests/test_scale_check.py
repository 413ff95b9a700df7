"""The scale check on small implementations of its own, right and wrong, and on those of the libraries."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from refusals import refused

from experiments import check_scale, scale_check
from experiments.scale_check import CheckError, assert_scale, effective_scale

D, D_MODEL = 24, 96  # four heads
SQRT = "1/sqrt(d_head)"


def some(cases, every=3):
    """One of `every` cases in plain pytest, the others where time does not matter."""
    return [one if i % every == 0 else pytest.param(one, marks=pytest.mark.long) for i, one in enumerate(cases)]


def dots(query, key):
    return np.einsum("BTNH,BSNH->BNTS", query, key)


def softmax(score, axis=-1):
    weight = np.exp(score - score.max(axis=axis, keepdims=True))
    return weight / weight.sum(axis=axis, keepdims=True)


def context(weight, value):
    return np.einsum("BNTS,BSNH->BTNH", weight, value)


def attention(score=lambda query, key: dots(query, key) / D**0.5, weigh=softmax):
    """An attention function [B, T, N, H] of its two halves."""
    return lambda query, key, value: context(weigh(score(query, key)), value)


def scaled(factor):
    return attention(lambda query, key: dots(query, key) * np.float32(factor))


def biased(bias):
    """Right, with `bias(distance [T, S], heads)` added to the scores."""

    def score(query, key):
        place = np.arange(query.shape[1])
        return dots(query, key) / D**0.5 + bias(place[None] - place[:, None], query.shape[2])

    return attention(score)


def alibi(distance, heads, first=0.5):
    return -np.abs(distance) * (first * 2.0 ** -np.arange(heads))[:, None, None]


def with_sink(score, sink=0.0):
    top = np.maximum(score.max(axis=-1, keepdims=True), sink)
    weight = np.exp(score - top)
    return weight / (weight.sum(axis=-1, keepdims=True) + np.exp(sink - top))


def unit(vector):
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True).clip(1e-12)


def rms_norm(vector):
    return vector / np.sqrt((vector**2).mean(axis=-1, keepdims=True) + 1e-6)


def capped(cap):
    return attention(lambda query, key: cap * np.tanh(dots(query, key) / D**0.5 / cap))


def linear_attention(query, key, value):
    feature_query, feature_key = (np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))) for x in (query, key))
    weight = dots(feature_query, feature_key)
    return context(weight / weight.sum(axis=-1, keepdims=True), value)


def rotated(vector):
    half = vector.shape[-1] // 2
    angle = np.arange(vector.shape[1])[:, None, None] * 100.0 ** (-np.arange(half) / half)
    one, other = vector[..., :half], vector[..., half:]
    return np.concatenate(
        [one * np.cos(angle) - other * np.sin(angle), one * np.sin(angle) + other * np.cos(angle)], axis=-1
    )


def causal_bias(score):
    return score + np.triu(np.full(score.shape[-2:], -np.inf), 1)


def rounded(kind, factor, bias=None, cap=0.0):
    """Attention in which scores, the exponential, weights and output are each rounded to `kind`."""

    def r(x):
        return np.asarray(x, np.float32).astype(kind).astype(np.float32)

    def attend(query, key, value):
        score = r(r(dots(r(query), r(key))) * r(factor))
        score = r(cap * r(np.tanh(r(score / r(cap))))) if cap else score
        score = score if bias is None else r(score + r(bias(score.shape)))
        weight = r(np.exp(r(score - score.max(axis=-1, keepdims=True))))
        return r(context(r(weight / weight.sum(axis=-1, keepdims=True)), r(value)))

    return attend


FACTORS = {
    "none": 1.0,
    SQRT: D**-0.5,
    "1/d_head, 1/sqrt(d_head) applied twice": 1 / D,
    "1/d_head applied twice": D**-2.0,
    "sqrt(d_head) (multiplied instead of divided)": D**0.5,
    "d_head (multiplied instead of divided)": float(D),
    "1/d_head**0.25 (only one of query and key scaled)": D**-0.25,
    "ln(2)/sqrt(d_head) (2**x in place of exp(x))": np.log(2) / D**0.5,
    "1/(ln(2) sqrt(d_head)) (prepared for 2**x, but exp(x) taken)": 1 / np.log(2) / D**0.5,
    "1/sqrt(d_model)": D_MODEL**-0.5,
    "1/d_model, 1/sqrt(d_model) applied twice": 1 / D_MODEL,
    "sqrt(d_model) (multiplied instead of divided)": D_MODEL**0.5,
    "1/sqrt(heads)": 0.5,
    "1/sqrt(tokens)": 8**-0.5,
}


@pytest.mark.parametrize("names", some(FACTORS, 7))
def test_a_factor_is_measured_and_named(names):
    report = effective_scale(scaled(FACTORS[names]), D, D_MODEL)
    assert report.scale == pytest.approx(FACTORS[names], rel=1e-6)
    assert ", ".join(report.names) == names
    assert report.softmax
    assert report.error < 1e-6
    assert all(name in report.verdict for name in report.names)


@pytest.mark.parametrize("factor", some([0.3, -(D**-0.5), D**-0.5 * 0.98, D**-0.5 * 1.02, 1e-9, 1e5]))
def test_a_factor_without_a_name_gets_none(factor):
    report = effective_scale(scaled(factor), D, D_MODEL)
    assert (report.names, report.softmax) == ((), True)
    assert report.scale == pytest.approx(factor, rel=1e-6)
    assert any(said in report.verdict for said in (f"{factor:.4g}, which has no name here", f"{factor:.7g}, near 1/"))


def test_all_names_that_coincide_are_given():
    assert effective_scale(scaled(1), D, D).names == ("none",)  # one head: no 1/sqrt(heads)
    assert effective_scale(scaled(0.25), 16, 16).names == (SQRT, "1/sqrt(d_model)")
    quarter = ("1/d_head", "1/sqrt(d_head) applied twice", "1/sqrt(d_model)")
    assert effective_scale(scaled(0.25), 4, 16, heads=3).names == quarter
    # One component: every power of d_head is 1.
    assert {"none", SQRT, "1/d_head", "d_head (multiplied instead of divided)"} < set(
        effective_scale(scaled(1), 1).names
    )


def test_the_numbers_of_heads_and_tokens_make_no_name_ambiguous():
    for d_head in (*range(2, 21), 32, 49, 64, 81, 96, 100, 121, 128, 144, 169, 196, 256):
        shapes = []
        with pytest.raises(CheckError):
            effective_scale(lambda q, *_, seen=shapes: seen.append(q.shape), d_head, framework="numpy")
        _, tokens, heads, _ = shapes[0]
        values = scale_check.scale_names(d_head, None, heads, tokens)
        for name in (SQRT, "1/sqrt(heads)", "1/sqrt(tokens)"):
            near = [other for other, value in values.items() if abs(values[name] - value) <= scale_check.SUMS * value]
            assert near == [name], d_head


@pytest.mark.parametrize("count", [4, pytest.param(60, marks=pytest.mark.long)])
def test_any_factor_and_width_is_measured(count):
    rng = np.random.default_rng(5)
    for _ in range(count):
        d_head, factor = int(rng.integers(1, 257)), float(10 ** rng.uniform(-4, 2))
        report = effective_scale(scaled(factor), d_head, heads=int(rng.integers(1, 6)))
        assert report.softmax, (d_head, factor, report.verdict)
        assert report.scale == pytest.approx(factor, rel=2e-6), (d_head, factor)


# name: (function, what the verdict says)
OTHERS = {
    "softcap 1": (capped(1), r"falls with magnitude, as under a softcap: 0\.2041 = 1/sqrt\(d_head\) for small scores"),
    "softcap 50": (capped(50), r"falls with magnitude, as under a softcap: 0\.2041 = 1/sqrt\(d_head\) for small"),
    "softcap 200": (capped(200), "falls with magnitude, as under a softcap"),
    "tiny softcap": (capped(0.01), "falls with magnitude, as under a softcap"),
    "cubic": (attention(lambda q, k: dots(q, k) + dots(q, k) ** 3 / 100), "the factor grows with magnitude: 1 = none"),
    "cosine": (attention(lambda q, k: dots(unit(q), unit(k))), "queries and keys are normalised .* that is 1 "),
    "sharp cosine": (attention(lambda q, k: 100 * dots(unit(q), unit(k))), "queries and keys .* that is 100 "),
    "dull cosine": (attention(lambda q, k: dots(unit(q), unit(k)) / 100), "queries and keys .* that is 0.01 "),
    "RMS norm": (attention(lambda q, k: dots(rms_norm(q), rms_norm(k)) / D**0.5), "queries and keys .* is 4.899 "),
    "key norm": (attention(lambda q, k: 8 * dots(q, unit(k))), ": keys are normalised first.* that is 8 "),
    "query norm": (attention(lambda q, k: 8 * dots(unit(q), k)), ": queries are normalised first.* that is 8 "),
    "swapped": (attention(lambda q, k: dots(k, q) / D**0.5), "query and key are swapped"),
    "over queries": (attention(weigh=lambda s: softmax(s, axis=-2)), "the softmax runs over queries, not"),
    "over heads": (attention(weigh=lambda s: softmax(s, axis=1)), "the softmax runs over heads, not over the keys"),
    "factor of a head": (
        attention(lambda q, k: dots(q, k) * np.array([0.1, 0.2, 0.1, 0.1])[:, None, None]),
        "the factor differs between heads, from 0.1 to 0.2",
    ),
    "factor of a row": (
        attention(lambda q, k: causal_bias(dots(q, k) * np.linspace(0.1, 0.2, q.shape[1])[:, None])),
        "the factor differs between queries, from 0.1143 to 0.2",  # the first query sees one key alone
    ),
    "linear": (linear_attention, r"log weights differ by \d\d% from every multiple of q.k"),
    "not normalised": (attention(weigh=lambda s: s), "weights below 0"),
    "sigmoid": (attention(weigh=lambda s: 1 / (1 + np.exp(-s))), r"log weights differ .*row sum to [\d.]+ to [\d.]+"),
    "sigmoid, -log(8)": (attention(weigh=lambda s: 1 / (1 + 8 * np.exp(-s))), "log weights differ .*row sum to"),
    "ReLU": (attention(weigh=lambda s: np.maximum(s, 0) / 8), "weights are exactly 0 for some queries alone"),
    "rotated": (attention(lambda q, k: dots(rotated(q), rotated(k)) / D**0.5), "likely cause: RoPE"),
    "uniform": (attention(lambda q, k: 0 * dots(q, k)), "log weights change by 0 at most"),
    "swapped, then overflow": (
        lambda q, k, v: attention(lambda q, k: dots(k, q))(q, k, v) * (np.nan if k.max() > 4 and q.max() > 0.1 else 1),
        "query and key are swapped",
    ),
    "softcap 0.6, then overflow": (
        lambda q, k, v: capped(0.6)(q, k, v) * (np.nan if k.max() > 4 else 1),
        "log weights differ by",
    ),
    "uniform, then overflow": (
        lambda q, k, v: attention(lambda q, k: 0 * dots(q, k))(q, k, v) * (np.nan if q.max() > 1e3 else 1),
        "log weights change by 0 at most",
    ),
    "by position": (attention(lambda q, k: 0 * dots(q, k) + np.arange(k.shape[1])), "log weights change by 0 at most"),
    "output bias": (lambda q, k, v: attention()(q, k, v) + 1, "components that no value has"),
    "itself": (lambda q, _, v: v + 0 * q, "queries see one key each .is BTNH the layout.*others: BNTH, BTH"),
}  # fmt: skip


@pytest.mark.parametrize("name", some(OTHERS, 8))
@pytest.mark.filterwarnings("ignore:overflow encountered in exp:RuntimeWarning")  # the sigmoid's
def test_what_is_no_scaled_dot_product_is_told(name):
    function, pattern = OTHERS[name]
    report = effective_scale(function, D, D_MODEL)
    assert report.verdict.startswith("not a softmax of a scaled dot product: ")
    assert re.search(pattern, report.verdict), report.verdict
    assert (report.softmax, report.names, np.isnan(report.scale), np.isnan(report.error)) == (False, (), True, True)
    assert not report.applies(SQRT)
    assert " -> likely cause: " in report.verdict
    assert " -> remedy: " in report.verdict


def test_a_few_weights_explain_nothing():
    sharp = attention(lambda q, k: 10 * dots(rotated(q), rotated(k)))
    for d_head in (12, 22):  # at natural size these have less than six weights, which a line fits
        assert "RoPE" in effective_scale(sharp, d_head, heads=1).verdict, d_head


def causal(distance, _):
    return np.where(distance <= 0, 0.0, -np.inf)


# name: (what is added to the scores, how much of it differs within a row)
ADDED = {
    "to a row": (lambda distance, _: 3.0 * np.arange(len(distance))[:, None], None),
    "causal": (causal, None),
    "causal, -1e9": (lambda distance, _: np.where(distance <= 0, 0.0, -1e9), None),
    "window": (lambda distance, _: np.where(np.abs(distance) <= 1, 0.0, -np.inf), None),
    "padding": (lambda distance, _: np.where(np.arange(len(distance)) < 5, 0.0, -np.inf), None),
    "to a key": (lambda distance, _: np.arange(len(distance)) / 4, "1.75"),
    "ALiBi": (alibi, "3.5"),
    "causal ALiBi": (lambda distance, heads: alibi(distance, heads) + causal(distance, heads), "3.5"),
}


@pytest.mark.parametrize("name", some(ADDED, 4))
def test_what_is_added_to_scores_does_not_matter(name):
    bias, apart = ADDED[name]
    report = effective_scale(biased(bias), D, D_MODEL)
    assert report.softmax
    assert report.scale == pytest.approx(D**-0.5, rel=1e-6)
    assert report.names == (SQRT,)
    said = re.search("something else is added to the scores, differing by up to (.*) between keys", report.verdict)
    assert (said and said[1]) == apart


@pytest.mark.parametrize("d_head", some([1, 3, 16, 24, 64, 100, 256], 6))
def test_what_a_plain_implementation_lacks_does_not_matter(d_head):
    def no_maximum(score):
        with np.errstate(over="raise"):
            return np.exp(score) / np.exp(score).sum(axis=-1, keepdims=True)

    def overflows(score):
        return softmax(score) * (np.nan if np.abs(score).max() > 20 else 1.0)

    def no_key_for_the_first(score):
        seen = np.tri(*score.shape[-2:], k=-1)
        return softmax(np.where(seen, score, -1e30)) * seen

    for weigh in (no_maximum, overflows, no_key_for_the_first):
        report = effective_scale(attention(weigh=weigh), d_head)
        assert re.match("softmax of q.k times 0.2041", report.verdict)
        assert ("every key is masked are 0 in rows 0" in report.verdict) == (weigh is no_key_for_the_first)
        assert "sink" not in report.verdict
        assert report.scale == pytest.approx(D**-0.5, rel=1e-6)


def test_what_follows_the_softmax_is_told_from_a_sink():
    after = effective_scale(lambda q, k, v: attention(dots)(q, k, v) / D**0.5, D)
    expected = "scaled after the softmax, by 0.2041 = 1/sqrt(d_head); softmax of q.k times 1 = none"
    assert after.verdict.startswith(expected)
    assert (after.softmax, after.names) == (False, ("none",))
    assert not after.applies("none")
    assert not after.applies(1.0)

    for sink in (-3.0, 0.0, 3.0):
        report = effective_scale(attention(weigh=lambda score, sink=sink: with_sink(score, sink)), D)
        assert re.search(r"with a sink: a row sums to 0\.\d+ to 1, as beside one more key", report.verdict), sink
        assert (report.softmax, report.names) == (True, (SQRT,))
        assert report.scale == pytest.approx(D**-0.5, rel=1e-6)

    gated = effective_scale(
        lambda q, k, v: attention()(q, k, v) / (1 + np.exp(-q.clip(-9, 9).mean(-1, keepdims=True))), D
    )
    assert re.match(
        r"changed after the softmax \(a gate, no normalisation\?\): a row sums to 0\.\d+ to 0\.\d+; softmax",
        gated.verdict,
    )
    assert not gated.softmax
    bare = effective_scale(attention(weigh=np.exp), D)
    assert re.match(r"changed after the softmax .*: a row sums to [\d.]+ to [\d.]+e\+\d\d; softmax", bare.verdict)
    doubled = effective_scale(lambda q, k, v: 2 * attention()(q, k, v), D)
    assert doubled.verdict.startswith("scaled after the softmax, by 2, which has no name here")


@pytest.mark.parametrize("kind", some([jnp.bfloat16, np.float16]))
@pytest.mark.parametrize("count", [2, pytest.param(40, marks=pytest.mark.long)])
@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # float16 ends at 65504
def test_sixteen_bits_raise_no_false_alarm(kind, count):
    rng = np.random.default_rng(6)
    biases = (None, lambda shape: alibi(np.arange(shape[-1])[None] - np.arange(shape[-1])[:, None], shape[1]))
    for i in range(count):
        d_head = int(rng.integers(1, 257)) if i % 4 else 1
        factor = float(np.float32(10 ** rng.uniform(-3, 1)).astype(kind))
        report = effective_scale(rounded(kind, factor, biases[i % 2]), d_head)
        assert report.softmax, (d_head, factor, report.verdict)
        assert report.scale == pytest.approx(factor, rel=2.0**-8), (d_head, factor)
        assert_scale(rounded(kind, d_head**-0.5, biases[i % 2]), d_head)


@pytest.mark.parametrize(
    ("kind", "cap"), [pytest.param(jnp.bfloat16, 50.0, marks=pytest.mark.long), (np.float16, 20.0)]
)
def test_sixteen_bits_hide_no_softcap(kind, cap):
    for d_head in (16, 128):
        report = effective_scale(rounded(kind, d_head**-0.5, cap=cap), d_head)
        assert "falls with magnitude, as under a softcap" in report.verdict, d_head


def in_bfloat16(x):
    return jnp.asarray(x, jnp.bfloat16)


@pytest.mark.parametrize(
    "framework", [*(pytest.param(f, marks=pytest.mark.long) for f in ("auto", "jax", in_bfloat16))]
)
def test_attention_of_jax_and_flax(framework):
    def masked(query, key, value):
        return nnx.dot_product_attention(
            query, key, value, mask=jnp.tril(jnp.ones((1, 1, *2 * [query.shape[1]]), bool))
        )

    for function in (
        jax.nn.dot_product_attention,
        lambda *qkv: jax.nn.dot_product_attention(*qkv, is_causal=True),
        jax.jit(nnx.dot_product_attention),
        masked,
        flax.linen.dot_product_attention,
    ):
        assert_scale(function, 64, d_model=256, framework=framework)
    twice = effective_scale(lambda q, *kv: nnx.dot_product_attention(q / 8, *kv), 64, 256, framework=framework)
    assert twice.names == ("1/d_head", "1/sqrt(d_head) applied twice")
    given = effective_scale(lambda *qkv: jax.nn.dot_product_attention(*qkv, scale=1.0), 64, framework=framework)
    assert given.names == ("none",)


def test_attention_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functional = torch.nn.functional

    def sdpa(*qkv, **options):
        return functional.scaled_dot_product_attention(*qkv, **options)

    for framework in (
        "auto",
        "torch",
        lambda x: torch.tensor(x, dtype=torch.bfloat16),
        lambda x: torch.tensor(x).half(),
    ):
        for options in ({}, {"is_causal": True}):
            assert_scale(lambda *qkv, o=options: sdpa(*qkv, **o), 64, layout="BNTH", framework=framework)
        once = effective_scale(lambda *qkv: sdpa(*qkv, scale=1.0), 64, layout="BNTH", framework=framework)
        assert once.names == ("none",)

    heads, d_head = 4, 16
    module = torch.nn.MultiheadAttention(heads * d_head, heads, batch_first=True)
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.eye(heads * d_head).repeat(3, 1))
        module.out_proj.weight.copy_(torch.eye(heads * d_head))

    def through_module(*qkv):
        output, weights = module(*(x.flatten(2) for x in qkv))
        return output.unflatten(2, (heads, d_head)), weights

    assert_scale(through_module, d_head, d_model=heads * d_head)


def test_layouts():
    def swapped(function):
        return lambda *qkv: function(*(x.swapaxes(1, 2) for x in qkv)).swapaxes(1, 2)

    assert_scale(swapped(attention()), D, layout="BNTH")
    assert "is BNTH the layout?" in effective_scale(attention(), D, layout="BNTH").verdict
    assert "is BTNH the layout?" in effective_scale(swapped(attention()), D).verdict

    def one_head(query, key, value):
        assert query.shape == (2, 8, D)
        return softmax(query @ key.swapaxes(1, 2) * D_MODEL**-0.5) @ value

    assert effective_scale(one_head, D, D_MODEL, "BTH").names == ("1/sqrt(d_model)",)


def test_a_function_may_write_into_its_arguments_and_give_a_tuple():
    def attend(query, key, value):
        query *= D**-0.5
        weight = softmax(dots(query, key))
        output = context(weight, value)
        value[:] = key[:] = 0.0
        return output, weight

    assert_scale(attend, D)


def test_a_function_gets_the_arrays_that_it_takes():
    seen = []

    def jax_only(query, key, value):
        seen.append(
            np.ndarray if isinstance(query, np.ndarray) else jax.Array if isinstance(query, jax.Array) else None
        )
        return jnp.asarray(attention()(query, key, value)).at[:].multiply(1.0) if hasattr(query, "at") else query.at

    assert_scale(jax_only, D)
    assert seen[0] is np.ndarray
    assert all(issubclass(kind, jax.Array) for kind in seen[1:])
    assert len(seen) < 100
    for framework, kind in (("numpy", np.ndarray), ("jax", jax.Array)):
        seen.clear()
        effective_scale(lambda q, k, v: seen.append(q) or attention()(q, k, v), D, framework=framework)
        assert all(isinstance(one, kind) for one in seen)


RNG = np.random.default_rng(7)
SHAPE = "(2, 8, 4, 24)"
# (a function, options, what the message begins with, what it names further)
ERRORS = [
    (lambda q, *_: q[:, :, 0], {}, "the output", ["shape", SHAPE, "BTNH", "(2, 8, 24)"]),
    (lambda *_: None, {}, "the output", ["shape", SHAPE, "()", "NoneType"]),
    (lambda *_: "text", {}, "the output", ["array", "tuple", "str"]),
    (lambda q, *_: q * np.nan, {}, "the output", ["NaN", "infinite", "masked"]),
    (lambda q, k, _: q @ k, {}, "the function", ["ValueError", "numpy", "jax", SHAPE, "BTNH"]),
    (lambda q, _: q, {}, "the function", ["TypeError", "3", "numpy", "jax"]),
    (lambda q, k, v: attention()(q, k, v) * (np.nan if k.max() > 4 else 1), {}, "larger queries and keys",
     ["finite", "softcap", "float32"]),
    (lambda _, __, v: v * RNG.random(v.shape), {}, "two equal calls", ["different", "dropout", "off"]),
    (attention(), {"layout": "TBNH"}, "layout", ["BTNH", "BNTH", "BTH", "TBNH", "axes"]),
    (attention(), {"layout": "BTH", "heads": 2}, "layout BTH", ["heads", "1", "2"]),
    (attention(), {"heads": 0}, "heads", ["whole number", "1", "0"]),
    (attention(), {"tokens": 2.5}, "tokens", ["whole number", "4", "2.5"]),
    (attention(), {"framework": "mlx"}, "framework", ["auto", "numpy", "jax", "torch", "function", "mlx"]),
    (attention(), {"expected": "1/sqrt(d)"}, "no factor", ["1/sqrt(d)", "number", "none", SQRT]),
    (attention(), {"expected": "1/d_model", "d_model": None}, "1/d_model", ["d_model", "give"]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "options", "place", "named"), ERRORS)
def test_errors_are_one_line(function, options, place, named):
    with refused(place, *named, kind=CheckError):
        assert_scale(function, D, **{"d_model": D_MODEL, **options})


def test_assert_scale():
    assert_scale(attention(), np.int64(D))
    assert_scale(attention(), D, D**-0.5)
    assert_scale(scaled(D**0.5), D, "sqrt(d_head)")
    assert_scale(scaled(D**0.5), D, "sqrt(d_head) (multiplied instead of divided)")
    with refused("softmax of q.k times 1 = none", "expected", SQRT, kind=AssertionError):
        assert_scale(scaled(1), D)
    with refused(f"softmax of q.k times {D**-0.5:.4g} = {SQRT}", "expected", "0.2", kind=AssertionError):
        assert_scale(attention(), D, 0.2)


def test_the_file_can_be_copied():
    tree = ast.parse(Path(scale_check.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"numpy"}


MODULE = """
import numpy as np

def attend(query, key, value, scale=0.125):
    score = np.einsum("BTNH,BSNH->BNTS", query, key) * scale
    weight = np.exp(score - score.max(axis=-1, keepdims=True))
    return np.einsum("BNTS,BSNH->BTNH", weight / weight.sum(axis=-1, keepdims=True), value)

class Model:
    @staticmethod
    def call(*qkv):
        return attend(*qkv, scale=1.0)

def loud(*qkv):
    print("loud", qkv[0].shape)
    return attend(*qkv)

def leaves(*qkv):
    raise SystemExit(4)

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a module of a user's, as the working directory."""
    (tmp_path / "their_attention.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "their_mistake.py").write_text("raise RuntimeError('two\\nlines')", encoding="utf-8")
    lazy = "def __getattr__(name):\n    raise ImportError(f'no {name}\\nhere')\n"
    (tmp_path / "their_lazy.py").write_text(lazy, encoding="utf-8")
    (tmp_path / "their_script.py").write_text("import sys; sys.exit(3)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield tmp_path
    sys.modules.pop("their_attention", None)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["attend"], 0, "softmax of q.k times 0.125 = 1/sqrt(d_head)\nfactor 0.125, "),
        (["attend", "--expect", SQRT], 0, f"\nas expected: {SQRT}"),
        (["attend", "--expect", "0.125", "--tokens", "11"], 0, "\nas expected: 0.125"),
        (["attend", "--expect", "none"], 1, "\nNOT as expected: none"),
        (["Model.call", "--expect", "none"], 0, "times 1 = none\n"),
        (["Model.call", "--expect", SQRT, "--framework", "jax"], 1, f"\nNOT as expected: {SQRT}"),
        (["attend", "--layout", "BNTH"], 1, "(is BNTH the layout? others: BTNH, BTH)\n  -> remedy: "),
        (["attend", "--layout", "BNTH", "--expect", SQRT], 1, f"\nNOT as expected: {SQRT}"),
        (["attend", "--d-model", "64", "--heads", "2"], 0, "= 1/sqrt(d_head) = 1/sqrt(d_model)"),
        (["attend", "--d-head", "16"], 0, "which has no name here (1/sqrt(d_head) is 0.25)\n"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_the_command(capsys, arguments, code, said):
    assert check_scale.main([f"their_attention:{arguments[0]}", *arguments[1:]]) == code
    out, err = capsys.readouterr()
    assert said in out
    assert err == ""


@pytest.mark.usefixtures("folder")
def test_what_the_function_prints_is_no_part_of_the_answer(capsys):
    assert check_scale.main(["their_attention:loud"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("softmax of q.k times 0.125 = 1/sqrt(d_head)\n")
    assert "loud" not in out
    assert "loud (" in err


@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.usefixtures("folder")
def test_a_terminal_gets_lines_of_its_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    check_scale.main(["their_attention:attend", "--layout", "BNTH"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert " ".join(map(str.strip, lines)).endswith("or transpose heads and tokens")


@pytest.mark.parametrize(
    ("arguments", "place", "named"),
    [
        (["their_attention:leaves"], "their_attention:leaves", ["SystemExit: 4"]),
        (["their_attention:atend"], "their_attention:atend", ["attend"]),
        (["their_attention:number"], "their_attention:number", ["function", "int"]),
        (["their_attention.py:attend"], "their_attention.py:attend", ["MODULE:FUNCTION"]),
        (["their_attention"], "their_attention", ["MODULE:FUNCTION"]),
        (["their_nothing:attend"], "their_nothing:attend", ["ModuleNotFoundError"]),
        (["their_mistake:attend"], "their_mistake:attend", ["RuntimeError: two lines"]),
        (["their_lazy:late.attend"], "their_lazy:late.attend", ["ImportError: no late here"]),
        (["their_script:attend"], "their_script:attend", ["SystemExit: 3"]),
        (
            ["numpy:matmul", "--framework", "numpy"],
            "numpy:matmul",
            ["ValueError", "numpy", "(3, 10, 2, 64)", "BTNH", "--dtype"],
        ),
        (["their_attention:attend", "--tokens", "3"], "their_attention:attend", ["tokens", "4", "3"]),
        (["their_attention:attend", "--layout", "BHT"], "argument --layout", ["BHT", "BTNH", "BNTH", "BTH"]),
        (["their_attention:attend", "--d-modle", "8"], "unknown option --d-modle", ["--d-model"]),
        (["their_attention:attend", "--expect", "sqrt"], "--expect", ["sqrt", "number", "none", SQRT]),
        (["their_attention:attend", "--expect", "1/d_model"], "--expect", ["1/d_model", "give"]),
        (["their_attention:attend", "--heads", "0"], "their_attention:attend", ["heads", "1", "0"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_mistakes_in_the_command_are_one_line(arguments, place, named):
    with refused(place, *named):
        check_scale.main(arguments)


def test_the_command_as_a_process(folder):
    done = subprocess.run(
        [sys.executable, "-m", "experiments.check_scale", "their_attention:attend", "--expect", "none"],
        cwd=folder,
        env={"PYTHONPATH": str(Path(scale_check.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("NOT as expected: none\n")


def test_the_help_names_all_options(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        check_scale.main(["--help"])
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    options = {"help", "d-head", "d-model", "heads", "key-heads", "tokens", "batch", "layout", "framework", "expect"}
    options |= {"dtype", "device", "signature"}
    assert set(re.findall(r"^  (?:-h, )?--([a-z-]+)", told, re.MULTILINE)) == options
    assert all(name in told for name in scale_check.scale_names(1))
