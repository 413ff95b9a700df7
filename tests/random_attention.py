"""Random attention functions in NumPy, right and wrong, with the options of the check that fit them."""

import ml_dtypes
import numpy as np

LAYOUTS = ("BTNH", "BNTH", "BTH")
TYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def random_sizes(rng):
    """Options of the check: layout and sizes."""
    layout = str(rng.choice(LAYOUTS))
    d_head = int(rng.choice([8, 16, 64, 80, 96, 128]))
    heads = 1 if layout == "BTH" else int(rng.integers(2, 6))
    return {"d_head": d_head, "layout": layout, "heads": heads,
            "tokens": int(rng.integers(5, 13)), "batch": int(rng.integers(2, 5))}  # fmt: skip


def in_layout(function, layout):
    """`function` of arrays [B, T, N, H], for arrays in `layout`."""

    def inside(x):
        return {"BTNH": lambda: x, "BNTH": lambda: x.swapaxes(1, 2), "BTH": lambda: x[:, :, None]}[layout]()

    def attend(q, k, v):
        out = function(inside(q), inside(k), inside(v))
        return {"BTNH": lambda: out, "BNTH": lambda: out.swapaxes(1, 2), "BTH": lambda: out[:, :, 0]}[layout]()

    return attend


def random_mask(rng, sizes):
    """Of [batch, 1, queries, keys] -> visible, and whether it hides anything: none, causal, window, padding, or two."""
    causal, window = rng.random() < 0.5, int(rng.integers(3, 7)) if rng.random() < 0.25 else 99
    shortest = 4 if rng.random() < 0.4 else 99
    lengths = np.minimum(rng.integers(4, 13, sizes["batch"]), 99) if shortest == 4 else np.full(sizes["batch"], 99)

    def visible(shape):
        batch, queries, keys = shape
        distance = np.arange(keys) - np.arange(queries)[:, None]
        seen = (distance <= 0 if causal else distance < window) & (distance > -window)
        return seen[None, None] & (np.arange(keys) < np.resize(lengths, batch)[:, None, None, None])

    return visible


def random_right(rng):
    """A function that must pass, the options that fit it, and its factor."""
    sizes = random_sizes(rng)
    kind = TYPES[str(rng.choice(list(TYPES)))]
    factor = float(sizes["d_head"] ** -0.5 if rng.random() < 0.5 else 10 ** rng.uniform(-2.5, 0.3))
    visible, hides = random_mask(rng, sizes), rng.random() < 0.7
    value = float(rng.choice([-np.inf, -1e30, -1e9]))
    slope = float(rng.choice([0.0, 0.0, 0.25]))
    sink = bool(rng.random() < 0.2)
    divisors = [m for m in range(1, sizes["heads"]) if sizes["heads"] % m == 0]
    key_heads = int(rng.choice(divisors)) if divisors and rng.random() < 0.4 else None
    consecutive = bool(rng.random() < 0.5)

    def attend(q, k, v):
        q, k, v = (x.astype(kind).astype(np.float32) for x in (q, k, v))
        group = np.arange(q.shape[2])
        group = group // (q.shape[2] // k.shape[2]) if consecutive else group % k.shape[2]
        s = np.einsum("btnh,bsnh->bnts", q, k[:, :, group]) * np.float32(factor)
        s = s - slope * np.abs(np.arange(s.shape[-1]) - np.arange(s.shape[-2])[:, None])
        s = np.where(visible((len(s), *s.shape[2:])), s, value) if hides else s
        top = np.maximum(s.max(axis=-1, keepdims=True), 0.0) if sink else s.max(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore"):
            e = np.exp(s - top)
            w = e / (e.sum(axis=-1, keepdims=True) + (np.exp(-top) if sink else 0.0))
        return np.einsum("bnts,bsnh->btnh", w.astype(kind).astype(np.float32), v[:, :, group]).astype(kind)

    return in_layout(attend, sizes["layout"]), {**sizes, "key_heads": key_heads}, factor


def _wrong_axis(rng, sizes):
    axes = [axis for axis, size in enumerate((sizes["batch"], sizes["heads"], 2)) if size > 1]
    chosen = [int(axis) for axis in axes if rng.random() < 0.5] or [int(rng.choice(axes))]
    axis = tuple(chosen) if rng.random() < 0.5 else (*chosen, 3)
    return {"weigh": lambda s: softmax(s, axis)}


def _wrong_scale(rng, sizes):
    del sizes
    if rng.random() < 0.5:
        size = 10 ** rng.uniform(-4, -1) * rng.choice([-1, 1])
        return {"score": lambda s: s * (1 + size)}
    cap = float(10 ** rng.uniform(-1, 2.5))
    head = 1 + rng.uniform(0.02, 1, 64) * (rng.random() < 0.5)
    return {"score": lambda s: cap * np.tanh(s * head[: s.shape[1], None, None] / cap)}


def _wrong_mask(rng, sizes):
    value = float(rng.choice([0.0, -1e-9, rng.uniform(-60, 5)]))
    rows, keys = (rng.random(32) < 0.4 for _ in range(2))
    rows[[0, 1]], keys[[0, 1]] = (True, False), (True, False)
    which = int(rng.integers(4))

    def weigh(s):
        queries, count = s.shape[-2:]
        distance = np.arange(count) - np.arange(queries)[:, None]
        if which == 0:
            return softmax(np.where(distance <= 0, s, value))
        if which == 1:
            return softmax(np.where(rows[:queries, None], s, -1e9))
        if which == 2:
            return softmax(np.where(keys[:count], s, value))
        return softmax(np.where(distance >= 0, s, -1e9))

    del sizes
    return {"weigh": weigh}


def _permutation(rng, count):
    order = rng.permutation(count)
    while count > 1 and (order == np.arange(count)).all():
        order = rng.permutation(count)
    return order


def _wrong_order(rng, sizes):
    """One of q, k, v with one axis permuted; k and v, over tokens together, would be right."""
    which = int(rng.integers(3))
    axes = [a for a, size in ((0, sizes["batch"]), (1, sizes["tokens"]), (2, sizes["heads"]), (3, 2)) if size > 1]
    axis = int(rng.choice(axes))
    seed = int(rng.integers(1 << 30))

    def before(*qkv):
        order = _permutation(np.random.default_rng(seed), qkv[which].shape[axis])
        return [np.take(x, order, axis) if i == which else x for i, x in enumerate(qkv)]

    return {"before": before}


def _leak(rng, sizes):
    """A part of one of q, k, v or the output comes from the neighbour along an axis."""
    which, part = int(rng.integers(4)), float(10 ** rng.uniform(-1.5, 0))
    axes = [a for a, size in ((0, sizes["batch"]), (2, sizes["heads"])) if size > 1]
    axis = int(rng.choice(axes))

    def mixed(x):
        return (1 - part) * x + part * np.roll(x, 1, axis)

    if which == 3:
        return {"after": mixed}
    return {"before": lambda *qkv: [mixed(x) if i == which else x for i, x in enumerate(qkv)]}


FAULTS = (_wrong_axis, _wrong_scale, _wrong_mask, _wrong_order, _leak)


def random_wrong(rng):
    """A function that must not pass as 1/sqrt(d_head), the options that fit it, and what is wrong with it."""
    sizes = random_sizes(rng)
    fault = FAULTS[int(rng.integers(len(FAULTS)))]
    parts = fault(rng, sizes)
    causal = fault is not _wrong_mask and rng.random() < 0.3

    def attend(q, k, v):
        q, k, v = parts.get("before", lambda *qkv: qkv)(q, k, v)
        s = parts.get("score", lambda s: s)(np.einsum("btnh,bsnh->bnts", q, k) * q.shape[-1] ** -0.5)
        s = s + np.triu(np.full(s.shape[-2:], -1e9), 1) if causal else s
        return parts.get("after", lambda out: out)(np.einsum("bnts,bsnh->btnh", parts.get("weigh", softmax)(s), v))

    return in_layout(attend, sizes["layout"]), sizes, fault.__name__
