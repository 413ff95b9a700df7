"""The scale check on the zoo of attention functions, on random ones, and on what it tries beside the factor."""

import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from attention_zoo import Parts, Right, TorchLike, right_ones, wrong_ones
from random_attention import random_right, random_wrong
from refusals import refused

from experiments.scale_check import CheckError, assert_scale, effective_scale

SQRT = "1/sqrt(d_head)"
SIZES = (8, 16, 64, 80, 96, 128)
ZOO = {**wrong_ones(np), **right_ones(np)}
long = pytest.mark.long
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")


def assert_told(entry, d_head, **options):
    report = effective_scale(entry.attend, d_head, **options)
    told = " | ".join([report.verdict, *report.remarks])
    assert report.applies(SQRT) == isinstance(entry, Right), told
    assert re.search(entry.says, told), told
    if not report.softmax:
        assert str(report.finding).count(" -> ") == 2
    return report


def test_the_zoo_is_large_enough():
    assert len(ZOO) >= 60
    assert not set(wrong_ones(np)) & set(right_ones(np))


FIRST = [*{entry.says: name for name, entry in reversed(ZOO.items())}.values()][::2]
"""The first with a reason, for every second reason."""


@pytest.mark.parametrize("name", FIRST)
def test_each_of_the_zoo_is_told(name):
    assert_told(ZOO[name], 16)


@long
@pytest.mark.parametrize("d_head", SIZES)
def test_the_zoo_at_all_sizes_of_heads(d_head):
    for entry in ZOO.values():
        assert_told(entry, d_head)


@long
@pytest.mark.parametrize(("framework", "d_head"), [("jax", 16), *(("torch", d_head) for d_head in SIZES)])
def test_the_zoo_in_jax_and_pytorch(framework, d_head):
    functions = jnp if framework == "jax" else TorchLike(pytest.importorskip("torch"))
    with jax.numpy_rank_promotion("allow"):  # JAX's default: the functions are those of users
        zoo = [*wrong_ones(functions).values(), *right_ones(functions).values()]
        for entry in zoo[:: 3 if framework == "jax" else 1]:  # called eagerly, JAX compiles for each shape anew
            assert_told(entry, d_head, framework=framework)


@pytest.mark.parametrize("seeds", [range(6), pytest.param(range(500), marks=long)], ids=len)
def test_no_random_wrong_attention_passes(seeds):
    for seed in seeds:
        function, options, fault = random_wrong(np.random.default_rng(seed))
        assert not effective_scale(function, **options).applies(SQRT), (seed, fault, options)


@pytest.mark.parametrize("seeds", [range(6), pytest.param(range(500), marks=long)], ids=len)
def test_no_random_right_attention_is_refused(seeds):
    for seed in seeds:
        function, options, factor = random_right(np.random.default_rng(seed))
        report = effective_scale(function, **options)
        assert report.softmax, (seed, options, report.verdict)
        assert report.applies(factor), (seed, options, report.verdict)


def test_fresh_data_decide_where_all_else_is_right():
    kept = {}

    def cached(q, k, v):
        """The keys that first came with queries and keys of this size."""
        return Parts(np).attend()(q, kept.setdefault((np.abs(q).min(), np.abs(k).max()), k), v)

    report = effective_scale(cached, 16)
    assert not report.softmax
    assert "the outputs for fresh queries, keys and values differ" in report.verdict


# ---- Precision


def in_bits(kind, factor):
    """Attention in which weights are rounded, as is the factor."""
    p = Parts(np)

    def attend(q, k, v):
        w = p.softmax(p.dots(q, k) * np.float32(kind(factor)))
        return p.values(w.astype(kind).astype(np.float32), v)

    return attend


def test_the_measured_precision_decides_what_equals_a_known_factor():
    for d_head in (65, 128):
        fine = effective_scale(in_bits(np.float32, (d_head - 1) ** -0.5), d_head)
        assert (fine.names, fine.softmax) == ((), True)
        assert fine.precision < 1e-5
        assert "near 1/sqrt(d_head) = " in fine.verdict
        assert "1/sqrt(d_head - 1)" in fine.verdict
    coarse = effective_scale(in_bits(ml_dtypes.bfloat16, 128**-0.5), 128)
    assert coarse.names == (SQRT,)
    assert 2.0**-9 < coarse.precision < 2.0**-6
    assert any(
        re.match("not measured: the precision, .*, tells 1/sqrt.d_head. not from", one) for one in coarse.remarks
    )
    rounded = effective_scale(in_bits(np.float32, float(ml_dtypes.bfloat16(80**-0.5))), 80)
    assert "rounded to bfloat16" in rounded.verdict
    assert not rounded.applies(SQRT)


# ---- Other sizes


def causal(offset):
    p = Parts(np)
    return p.attend(weigh=lambda s: p.softmax(np.where(p.distance(s) <= offset(*s.shape[-2:]), s, -1e30)))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (causal(lambda *_: 0), "11 keys for 8 queries: the same factor, causal, aligned top-left"),
        (causal(lambda t, s: s - t), "11 keys for 8 queries: the same factor, causal, aligned bottom-right"),
        (causal(lambda t, s: s - t), "5 keys for 8 queries: .*bottom-right; .* uniform in rows 0, 1, 2"),
        (causal(lambda t, s: s if s != t else 0), "11 keys for 8 queries: the same factor, masks nothing here"),
        (Parts(np).attend(weigh=lambda s: Parts(np).softmax(s * np.log(s.shape[-1]) / np.log(8))),
         r"11 keys for 8 queries: the factor is 0\.2883 \(it depends on the number of keys\)"),
    ],
)  # fmt: skip
def test_other_numbers_of_keys(function, said):
    report = effective_scale(function, 16)
    assert report.applies(SQRT)
    assert any(re.match(said, remark) for remark in report.remarks), report.remarks


def test_what_a_function_cannot_do_is_not_measured():
    def square(q, k, v):
        assert q.shape == k.shape
        return Parts(np).attend()(q, k, v)

    report = effective_scale(square, 16)
    assert report.applies(SQRT)
    assert [one.partition(" (")[0] for one in report.remarks[1:]] == [
        f"not measured: {what}" for what in ("11 keys for 8 queries", "5 keys for 8 queries", "4 heads with 2 of keys")
    ]  # fmt: skip


def grouped(order):
    def attend(q, k, v):
        group = order(np.arange(q.shape[2]), q.shape[2], k.shape[2])
        return Parts(np).attend()(q, k[:, :, group], v[:, :, group])

    return attend


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (lambda n, heads, key_heads: n // (heads // key_heads), "0, 0, 1, 1 .consecutive"),
        (lambda n, _, key_heads: n % key_heads, "0, 1, 0, 1 .interleaved"),
    ],
)
def test_grouped_heads(order, said):
    tried = effective_scale(grouped(order), 16)
    needed = effective_scale(grouped(order), 16, heads=4, key_heads=2)
    for report, label in ((tried, "4 heads with 2 of keys: "), (needed, "grouped heads: ")):
        assert report.applies(SQRT)
        assert re.search(f"{label}queries' heads use those of keys {said}", " | ".join(report.remarks))
    single = effective_scale(grouped(order), 16, heads=3)
    assert any("0, 0, 0 (multi-query)" in remark for remark in single.remarks)


def test_grouped_heads_that_are_mixed_up():
    def attend(of_keys, of_values):
        return lambda q, k, v: Parts(np).attend()(q, k[:, :, of_keys], v[:, :, of_values])

    apart, together, first = [0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]
    for function, said in (
        (attend(together, apart), "those that use values 0, 1, 0, 1 use keys 0, 0, 1, 1"),
        (attend(first, first), "heads of keys and values have no part in the output: 1"),
        (attend(first, together), "scores follow other keys, over the heads"),
    ):
        report = effective_scale(function, 16, heads=4, key_heads=2)
        assert not report.softmax
        assert said in report.verdict


def test_keys_of_an_earlier_call():
    kept = {}

    def cached(q, k, v):
        """The first two keys stay those of the first call."""
        first = kept.setdefault(k.shape, k[:, :2].copy())
        return Parts(np).attend()(q, np.concatenate([first, k[:, 2:]], axis=1), v)

    assert "scores do not change with the keys 0, 1 -> likely cause: keys of an earlier" in (
        effective_scale(cached, 16).verdict
    )


# ---- The backward pass


def backward_times(factor, which):
    """Attention in JAX whose gradient for one argument is off by a factor."""
    plain = Parts(jnp).attend()

    @jax.custom_vjp
    def attend(*qkv):
        return plain(*qkv)

    def forward(*qkv):
        return jax.vjp(plain, *qkv)

    def back(pull, gradient):
        return tuple(g * factor if i == which else g for i, g in enumerate(pull(gradient)))

    attend.defvjp(forward, back)
    return jax.jit(attend)


@pytest.mark.parametrize("which", [0, pytest.param(1, marks=long), pytest.param(2, marks=long)])
def test_the_factor_of_the_backward_pass(which):
    label = ("queries", "keys", "values")[which]
    report = effective_scale(backward_times(0.25, which), 16, framework="jax")
    assert not report.applies(SQRT)
    assert re.match(
        f"backward: the gradient for {label} has the factor 0.{'25' if which == 2 else '0625'}", report.verdict
    )
    assert str(report.finding).count(" -> ") == 2


@pytest.mark.parametrize("framework", ["numpy", "jax"])
def test_a_right_backward_pass(framework):
    report = effective_scale(Parts(np if framework == "numpy" else jnp).attend(), 16, framework=framework)
    assert report.remarks[0].startswith("backward: the same factor in the ")
    assert report.remarks[0].endswith("(jax)") == (framework == "jax")


# ---- Signatures, types and devices


def test_outputs_and_arguments_of_other_forms():
    plain = Parts(np).attend()

    @dataclass
    class Output:
        weights: object
        output: object

    def interface(module, query, key, value, attention_mask, scaling=None, dropout=0.0, **_):
        assert (attention_mask, dropout, module.training) == (None, 0.0, False)
        query, key, value = (x.swapaxes(1, 2) for x in (query, key, value))
        key, value = (np.repeat(x, module.num_key_value_groups, axis=2) for x in (key, value))
        return plain(query * (scaling * query.shape[-1] ** 0.5), key, value), None

    forms = {
        "by name alone": lambda *, query, key, value: plain(query, key, value),
        "in another order": lambda value, key, query: plain(query, key, value),
        "weights first": lambda q, k, v: (np.ones((1, 2)), plain(q, k, v)),
        "dict": lambda q, k, v: {"weights": None, "output": plain(q, k, v)},
        "dataclass": lambda q, k, v: Output(None, plain(q, k, v)),
        "heads merged": lambda q, k, v: plain(q, k, v).reshape(*q.shape[:2], -1),
        "AttentionInterface": interface,
    }
    for name, function in forms.items():
        assert effective_scale(function, 16).applies(SQRT), name

    def without_names(*args, **options):
        return interface(*args, **options)

    hidden = effective_scale(without_names, 16, signature="transformers")
    assert any("consecutive" in remark for remark in hidden.remarks)


def test_a_function_of_one_type():
    def half_only(q, k, v):
        assert q.dtype == np.float16, "float16 alone"
        return Parts(np).attend()(*(x.astype(np.float32) for x in (q, k, v))).astype(np.float16)

    assert_scale(half_only, 16, dtype="float16")
    with refused("the function raised AssertionError: float16 alone", "--dtype", "--device", kind=CheckError):
        assert_scale(half_only, 16)
    for options, named in (
        ({"dtype": "float17"}, ["float16", "float17"]),
        ({"dtype": "bfloat16", "framework": "numpy"}, ["bfloat16", "jax"]),
        ({"device": "cuda", "framework": "numpy"}, ["device", "cuda"]),
        ({"device": "tpu:9", "framework": "jax"}, ["device", "tpu:9", "cpu:0"]),
        ({"signature": "flash"}, ["plain", "transformers", "flash"]),
    ):
        with pytest.raises(CheckError) as error:
            assert_scale(half_only, 16, **options)
        assert all(name in str(error.value) for name in named), str(error.value)
