"""Attention functions, right and wrong, each with the reason that the scale check must give.

Each is written once, of the functions of `np`: NumPy, jax.numpy, or what stands in for them on PyTorch (`TorchLike`).
Arrays are [batch, token, head, component]; B batch, T queries, S keys, N heads, H components.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """A function that must pass, and what its verdict and remarks must say."""

    attend: object
    says: str = ""


@dataclass(frozen=True)
class Wrong:
    """A function that must not pass, and what its verdict must say."""

    attend: object
    says: str


class TorchLike:
    """The functions of NumPy that the zoo uses, of PyTorch."""

    def __init__(self, torch):
        self.torch = torch
        for name in ("einsum", "exp", "tanh", "where", "cos", "sin", "abs", "sqrt", "roll", "log"):
            setattr(self, name, getattr(torch, name))

    def arange(self, n):
        return self.torch.arange(n)

    def max(self, x, axis, keepdims=True):
        return self.torch.amax(x, dim=axis, keepdim=keepdims)

    def sum(self, x, axis, keepdims=True):
        return self.torch.sum(x, dim=axis, keepdim=keepdims)

    def maximum(self, x, y):
        return x.clamp(min=y)

    def concatenate(self, arrays, axis):
        return self.torch.cat(arrays, dim=axis)

    def flip(self, x, axis):
        return self.torch.flip(x, (axis,))

    def swapaxes(self, x, a, b):
        return self.torch.swapaxes(x, a, b)

    def reshape(self, x, shape):
        return self.torch.reshape(x, shape)

    def array(self, numbers):
        return self.torch.tensor(numbers)

    def broadcast_to(self, x, shape):
        return self.torch.broadcast_to(x, shape)


class Parts:
    """The parts of which the functions are made."""

    def __init__(self, np):
        self.np = np

    def dots(self, q, k):
        return self.np.einsum("btnh,bsnh->bnts", q, k)

    def scores(self, q, k):
        return self.dots(q, k) * q.shape[-1] ** -0.5

    def softmax(self, s, axis=-1):
        e = self.np.exp(s - self.np.max(s, axis=axis, keepdims=True))
        return e / self.np.sum(e, axis=axis, keepdims=True)

    def values(self, w, v):
        return self.np.einsum("bnts,bsnh->btnh", w, v)

    def attend(self, score=None, weigh=None, before=None, after=None):
        """softmax(score(q, k)) v; `weigh` replaces the softmax, `before` changes q, k, v, `after` the output."""

        def function(q, k, v):
            if before is not None:
                q, k, v = before(q, k, v)
            out = self.values((weigh or self.softmax)((score or self.scores)(q, k)), v)
            return out if after is None else after(out)

        return function

    def distance(self, s):
        """Key position less query position [T, S]."""
        return self.np.arange(s.shape[-1])[None] - self.np.arange(s.shape[-2])[:, None]

    def masked(self, visible, value=-1e30):
        """Attention in which only keys with visible(distance [T, S]) get their score."""
        return self.attend(weigh=lambda s: self.softmax(self.np.where(visible(self.distance(s)), s, value)))

    def unit(self, x):
        return x / self.np.sqrt(self.np.sum(x * x, axis=-1, keepdims=True) + 1e-12)

    def rotated(self, x):
        half = x.shape[-1] // 2
        angle = self.np.arange(x.shape[1])[:, None, None] * 0.5 ** self.np.arange(half)
        one, other = x[..., :half], x[..., half:]
        c, s = self.np.cos(angle), self.np.sin(angle)
        return self.np.concatenate([one * c - other * s, one * s + other * c], axis=-1)


def right_ones(np):  # noqa: C901 - a table
    """Name -> function that must pass as 1/sqrt(d_head)."""
    p = Parts(np)

    def log_of(w):
        return np.log(w + 0.0)

    def sink(s, height=0.0):
        top = np.maximum(np.max(s, axis=-1, keepdims=True), height)
        e = np.exp(s - top)
        return e / (np.sum(e, axis=-1, keepdims=True) + np.exp(height - top))

    def alibi(s):
        slope = 0.5 ** np.arange(s.shape[1])[:, None, None]
        return s - slope * np.abs(p.distance(s))

    def per_item_padding(q, k, v):
        s = p.scores(q, k)
        length = k.shape[1] - 1 - np.arange(k.shape[0])[:, None, None, None]
        return p.values(p.softmax(np.where(np.arange(k.shape[1]) < length, s, -1e30)), v)

    def by_halves(q, k, v):
        """Keys in two blocks with a running maximum, as flash attention."""
        half = k.shape[1] // 2
        s1, s2 = p.scores(q, k[:, :half]), p.scores(q, k[:, half:])
        top = np.max(s1, axis=-1, keepdims=True)
        high = np.max(p.np.concatenate([top, np.max(s2, axis=-1, keepdims=True)], axis=-1), axis=-1, keepdims=True)
        e1, e2 = np.exp(s1 - top) * np.exp(top - high), np.exp(s2 - high)
        total = np.sum(e1, axis=-1, keepdims=True) + np.sum(e2, axis=-1, keepdims=True)
        return p.values(e1 / total, v[:, :half]) + p.values(e2 / total, v[:, half:])

    def strictly_causal(s):
        seen = p.distance(s) < 0
        return p.softmax(np.where(seen, s, -1e30)) * seen

    def left_padded(s):
        return p.softmax(np.where((p.distance(s) <= 0) & (np.arange(s.shape[-1]) >= 2), s, -1e30))

    def left_padded_nan(s):
        seen = (p.distance(s) <= 0) & (np.arange(s.shape[-1]) >= 2)
        return p.softmax(np.where(seen, s, -math.inf))

    def rounded(s):
        """To the 8 digits of bfloat16."""
        large = s * 65537.0
        return large - (large - s)

    def one_rotation(x):
        half = x.shape[-1] // 2
        one, other = x[..., :half], x[..., half:]
        return np.concatenate([0.8 * one - 0.6 * other, 0.6 * one + 0.8 * other], axis=-1)

    def less_mean(s):
        e = np.exp(s - np.sum(s, axis=-1, keepdims=True) / s.shape[-1])
        return e / np.sum(e, axis=-1, keepdims=True)

    def masked_again(s):
        w = p.softmax(s) * (p.distance(s) <= 0)
        return w / np.sum(w, axis=-1, keepdims=True)

    root = lambda q: q.shape[-1] ** 0.25  # noqa: E731
    return {
        "plain": Right(p.attend()),
        "both divided by d**0.25": Right(p.attend(lambda q, k: p.dots(q / root(q), k / root(q)))),
        "query scaled first": Right(p.attend(lambda q, k: p.dots(q * q.shape[-1] ** -0.5, k))),
        "base 2": Right(p.attend(lambda q, k: p.scores(q, k) / math.log(2), lambda s: p.softmax(s * math.log(2)))),
        "causal": Right(p.masked(lambda d: d <= 0), "masked: causal"),
        "causal, -10000": Right(p.masked(lambda d: d <= 0, -1e4), "masked: causal"),
        "causal, -inf": Right(p.masked(lambda d: d <= 0, -math.inf), "masked: causal"),
        "causal, added": Right(
            p.attend(weigh=lambda s: p.softmax(s + np.where(p.distance(s) <= 0, 0.0, -1e9))), "masked: causal"
        ),
        "window": Right(p.masked(lambda d: (d <= 0) & (d > -4)), "a window of 4 keys, from -3"),
        "symmetric window": Right(p.masked(lambda d: np.abs(d) < 3), "a window of 5 keys, from -2"),
        "padding": Right(
            p.attend(weigh=lambda s: p.softmax(np.where(np.arange(s.shape[-1]) < 5, s, -1e30))), "masked: keys 5, 6"
        ),
        "padding of each item": Right(per_item_padding, "masked: keys"),
        "left padding and causal": Right(p.attend(weigh=left_padded), "uniform in rows 0, 1"),
        "left padding and causal, NaN": Right(p.attend(weigh=left_padded_nan), "NaN in rows 0, 1"),
        "strictly causal, rows of 0": Right(p.attend(weigh=strictly_causal), "0 in rows 0"),
        "ALiBi": Right(p.attend(weigh=lambda s: p.softmax(alibi(s))), "linear in the distance, as ALiBi"),
        "causal ALiBi": Right(
            p.attend(weigh=lambda s: p.softmax(np.where(p.distance(s) <= 0, alibi(s), -1e30))), "masked: causal"
        ),
        "bias of a key": Right(
            p.attend(weigh=lambda s: p.softmax(s + np.arange(s.shape[-1]) * 0.25)), "a bias for each key"
        ),
        "bias of a row": Right(p.attend(weigh=lambda s: p.softmax(s + np.arange(s.shape[-2])[:, None] * 3.0))),
        "additive mask of -20": Right(
            p.attend(weigh=lambda s: p.softmax(s + np.where(p.distance(s) <= 0, 0.0, -20.0)))
        ),
        "a mask of 0 and 1 added": Right(
            p.attend(weigh=lambda s: p.softmax(s + np.where(p.distance(s) <= 0, 1.0, 0.0))), "a mask of 0 and 1"
        ),
        "sink": Right(p.attend(weigh=sink), "with a sink"),
        "high sink": Right(p.attend(weigh=lambda s: sink(s, 3.0)), "with a sink"),
        "log and exp": Right(p.attend(weigh=lambda s: np.exp(log_of(p.softmax(s))))),
        "in blocks": Right(by_halves),
        "keys less their mean": Right(
            p.attend(before=lambda q, k, v: (q, k - np.sum(k, axis=1, keepdims=True) / k.shape[1], v))
        ),
        "a rotation of queries and keys": Right(p.attend(before=lambda q, k, v: (one_rotation(q), one_rotation(k), v))),
        "bias of the keys": Right(p.attend(before=lambda q, k, v: (q, k + 0.5, v))),
        "scores less their mean": Right(p.attend(weigh=less_mean)),
        "scores rounded inside": Right(p.attend(lambda q, k: rounded(rounded(p.dots(q, k)) * q.shape[-1] ** -0.5))),
        "scores not below -10000": Right(p.attend(lambda q, k: np.maximum(p.scores(q, k), -1e4))),
        "masked after the softmax, normalised again": Right(p.attend(weigh=masked_again), "masked: causal"),
        "one key ahead": Right(p.masked(lambda d: d <= 1), "a query sees keys up to its own \\+1"),
        "prefix": Right(p.masked(lambda d: (d <= 0) | (np.arange(d.shape[1])[None] < 3)), "some keys of some queries"),
        "ALiBi with the wrong sign": Right(
            p.attend(weigh=lambda s: p.softmax(s + 0.25 * np.abs(p.distance(s)))), "it grows with it: the wrong sign"
        ),
        "keys and values of 0 behind": Right(
            p.attend(before=lambda q, k, v: (q, *(np.concatenate([x, 0 * x[:, :4]], axis=1) for x in (k, v)))),
            "beside 4 more keys of 0",
        ),
        "scores less the highest of all": Right(
            p.attend(weigh=lambda s: p.softmax(s - np.max(s, axis=(0, 1, 2, 3), keepdims=True)))
        ),
    }


def wrong_ones(np):  # noqa: C901 - a table
    """Name -> function that must not pass as 1/sqrt(d_head)."""
    p = Parts(np)

    def mixed_view(q, k, v):
        b, t, n, h = q.shape
        q, k, v = (np.reshape(x, (b * n, t, 1, h)) for x in (q, k, v))
        return np.reshape(p.attend()(q, k, v), (b, t, n, h))

    def mixed_output(q, k, v):
        b, t, n, h = q.shape
        return np.reshape(np.swapaxes(p.attend()(q, k, v), 1, 2), (b, t, n, h))

    def over_heads(q, k, v):
        return np.swapaxes(p.attend()(*(np.swapaxes(x, 1, 2) for x in (q, k, v))), 1, 2)

    def over_batch(q, k, v):
        return np.swapaxes(p.attend()(*(np.swapaxes(x, 0, 1) for x in (q, k, v))), 0, 1)

    def first(x, axis):
        return np.broadcast_to(x[:1] if axis == 0 else x[:, :, :1], x.shape)

    def rows_ignored(s):
        seen = np.arange(s.shape[-2])[:, None] < s.shape[-2] - 2
        return p.softmax(np.where(seen, s, -1e10))

    def unscaled_after(s):
        return p.softmax(np.where(p.distance(s) <= 0, s, 0.0 * s))

    def after_softmax(s):
        return p.softmax(s) * (p.distance(s) <= 0)

    def times(factor, power=0.0):
        return p.attend(lambda q, k: p.dots(q, k) * (factor * q.shape[-1] ** power))

    def cap(size):
        return p.attend(lambda q, k: size * np.tanh(p.scores(q, k) / size))

    def per_head(s):
        return s * (1 + 0.1 * np.arange(s.shape[1])[:, None, None])

    def quiet_key(s):
        return p.softmax(np.where(np.arange(s.shape[-1]) == 2, 0.0 * s, s))

    def linear(q, k, v):
        fq, fk = (np.where(x > 0, x + 1, np.exp(np.where(x > 0, 0.0 * x, x))) for x in (q, k))
        w = p.dots(fq, fk)
        return p.values(w / np.sum(w, axis=-1, keepdims=True), v)

    def rolled(x, axis):
        return np.roll(x, 1, axis)

    def two_heads_inside(q, k, v):
        b, t, n, h = q.shape
        parts = (np.reshape(x, (b, x.shape[1], 2 * n, h // 2)) for x in (q, k, v))
        return np.reshape(p.attend()(*parts), (b, t, n, h))

    def blocks(q, k, v):
        """Two blocks of keys, each less its own maximum."""
        half = k.shape[1] // 2
        s = p.scores(q, k)
        one, other = (np.exp(x - np.max(x, axis=-1, keepdims=True)) for x in (s[..., :half], s[..., half:]))
        w = np.concatenate([one, other], axis=-1)
        return p.values(w / np.sum(w, axis=-1, keepdims=True), v)

    def highest_of_queries(s):
        e = np.exp(s - np.max(s, axis=2, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    def layer_norm(x):
        x = x - np.sum(x, axis=-1, keepdims=True) / x.shape[-1]
        return p.unit(x) * x.shape[-1] ** 0.5

    axis = "the softmax runs over"
    mask = "keys that should be masked"
    return {
        "softmax over everything": Wrong(
            p.attend(weigh=lambda s: p.softmax(s, (0, 1, 2, 3))), f"{axis} the whole array"
        ),
        "softmax over the batch": Wrong(p.attend(weigh=lambda s: p.softmax(s, 0)), f"{axis} batch items"),
        "softmax over heads": Wrong(p.attend(weigh=lambda s: p.softmax(s, 1)), f"{axis} heads"),
        "softmax over queries": Wrong(p.attend(weigh=lambda s: p.softmax(s, 2)), f"{axis} queries"),
        "softmax over queries and keys": Wrong(p.attend(weigh=lambda s: p.softmax(s, (2, 3))), "queries and keys"),
        "softmax over heads and keys": Wrong(p.attend(weigh=lambda s: p.softmax(s, (1, 3))), "heads and keys"),
        "softmax over batch and keys": Wrong(p.attend(weigh=lambda s: p.softmax(s, (0, 3))), "batch items and keys"),
        "keys and values of item 0": Wrong(
            p.attend(before=lambda q, k, v: (q, first(k, 0), first(v, 0))), "batch items are not independent"
        ),
        "keys of item 0": Wrong(
            p.attend(before=lambda q, k, v: (q, first(k, 0), v)), "batch items are not independent"
        ),
        "queries of item 0": Wrong(
            p.attend(before=lambda q, k, v: (first(q, 0), k, v)), "batch items are not independent"
        ),
        "values of item 0": Wrong(
            p.attend(before=lambda q, k, v: (q, k, first(v, 0))), "batch items are not independent"
        ),
        "batch rolled": Wrong(p.attend(before=lambda q, k, v: (q, rolled(k, 0), rolled(v, 0))), "batch items are not"),
        "a leak of a hundredth": Wrong(
            p.attend(after=lambda out: 0.99 * out + 0.01 * rolled(out, 0)), "batch items are not independent"
        ),
        "keys of head 0": Wrong(p.attend(before=lambda q, k, v: (q, first(k, 2), v)), "heads are not independent"),
        "values of head 0": Wrong(p.attend(before=lambda q, k, v: (q, k, first(v, 2))), "heads"),
        "heads rolled": Wrong(p.attend(before=lambda q, k, v: (q, rolled(k, 2), rolled(v, 2))), "heads are permuted"),
        "heads summed": Wrong(
            p.attend(after=lambda out: 0 * out + np.sum(out, 2, keepdims=True)), "heads leak into each other"
        ),
        "scores summed over heads": Wrong(
            p.attend(lambda q, k: 0 * p.scores(q, k) + np.sum(p.scores(q, k), 1, keepdims=True)),
            "heads are not independent",
        ),
        "queries averaged": Wrong(
            p.attend(before=lambda q, k, v: (q - np.sum(q, 1, keepdims=True) / q.shape[1], k, v)),
            "queries are not independent",
        ),
        "view without transpose": Wrong(mixed_view, "tokens and heads are mixed up"),
        "output without transpose": Wrong(mixed_output, "tokens and heads of the output are mixed up"),
        "attends over heads": Wrong(over_heads, "is BTNH the layout"),
        "attends over the batch": Wrong(over_batch, "the first two axes are exchanged"),
        "keys rolled": Wrong(p.attend(before=lambda q, k, v: (q, rolled(k, 1), v)), "scores follow other keys"),
        "queries rolled": Wrong(p.attend(before=lambda q, k, v: (rolled(q, 1), k, v)), "scores follow other queries"),
        "keys reversed": Wrong(p.attend(before=lambda q, k, v: (q, np.flip(k, 1), v)), "positions reversed"),
        "query and key swapped": Wrong(p.attend(before=lambda q, k, v: (k, q, v)), "query and key are swapped"),
        "components reversed": Wrong(p.attend(before=lambda q, k, v: (np.flip(q, 3), k, v)), "components of q and k"),
        "values reversed": Wrong(
            p.attend(before=lambda q, k, v: (q, k, np.flip(v, 3))), "components that are mixed up"
        ),
        "padding on query rows": Wrong(p.attend(weigh=rows_ignored), "some query rows ignore q.k"),
        "a key that ignores q.k": Wrong(p.attend(weigh=quiet_key), "keys 2 ignore q.k"),
        "mask of -1e-9": Wrong(p.masked(lambda d: d <= 0, -1e-9), f"{mask} get a constant score near 0"),
        "mask of 0": Wrong(p.masked(lambda d: d <= 0, 0.0), f"{mask} get a constant score near 0"),
        "mask multiplied in": Wrong(p.attend(weigh=unscaled_after), f"{mask} get a constant score near 0"),
        "mask of -5": Wrong(p.masked(lambda d: d <= 0, -5.0), f"{mask} keep a constant score near -5"),
        "mask of -70": Wrong(p.masked(lambda d: d <= 0, -70.0), f"{mask} keep a constant score near -70"),
        "mask inverted": Wrong(p.masked(lambda d: d >= 0), "the wrong side"),
        "mask inverted, strict": Wrong(p.masked(lambda d: d > 0, -math.inf), "the wrong side"),
        "mask after the softmax": Wrong(p.attend(weigh=after_softmax), "masked after the softmax"),
        "scaled after the softmax": Wrong(
            p.attend(p.dots, after=lambda out: out * out.shape[-1] ** -0.5), "scaled after the softmax"
        ),
        "dropout's factor": Wrong(p.attend(after=lambda out: out / 0.9), "scaled after the softmax, by 1.111"),
        "gated": Wrong(lambda q, k, v: p.attend()(q, k, v) / (1 + np.exp(-q[..., :1])), "changed after the softmax"),
        "not normalised": Wrong(p.attend(weigh=lambda s: np.exp(np.where(s > 80, 80.0 + 0 * s, s))), "changed after"),
        "no factor": Wrong(times(1.0), "= none"),
        "applied twice": Wrong(times(1.0, -1.0), "1/sqrt\\(d_head\\) applied twice"),
        "multiplied": Wrong(times(1.0, 0.5), "multiplied instead of divided"),
        "two per cent more": Wrong(times(1.02, -0.5), "near 1/sqrt\\(d_head\\) = .* but not it: \\+2.00%"),
        "a thousandth less": Wrong(times(0.999, -0.5), "near 1/sqrt\\(d_head\\) = .* but not it: -0.10%"),
        "1/sqrt(d_head - 1)": Wrong(
            p.attend(lambda q, k: p.dots(q, k) * (q.shape[-1] - 1) ** -0.5), "it is 1/sqrt\\(d_head - 1\\)"
        ),
        "1/sqrt(d_head + 1)": Wrong(
            p.attend(lambda q, k: p.dots(q, k) * (q.shape[-1] + 1) ** -0.5), "it is 1/sqrt\\(d_head \\+ 1\\)"
        ),
        "negative": Wrong(times(-1.0, -0.5), "the wrong sign"),
        "size of all heads": Wrong(
            p.attend(lambda q, k: p.dots(q, k) * (q.shape[2] * q.shape[3]) ** -0.5), "= 1/sqrt\\(d_model\\)"
        ),
        "size of the batch": Wrong(p.attend(lambda q, k: p.dots(q, k) * q.shape[0] ** -0.5), "= 1/sqrt\\(batch\\)"),
        "half the size": Wrong(times(2**0.5, -0.5), "1/sqrt\\(d_head / 2\\)"),
        "three times the size": Wrong(times(3**-0.5, -0.5), "as in DeBERTa"),
        "softcap 1": Wrong(cap(1.0), "as under a softcap"),
        "softcap 50": Wrong(cap(50.0), "as under a softcap"),
        "softcap 500": Wrong(cap(500.0), "as under a softcap"),
        "QK-norm": Wrong(p.attend(lambda q, k: 8 * p.dots(p.unit(q), p.unit(k))), "queries and keys are normalised"),
        "norm of keys": Wrong(p.attend(lambda q, k: p.dots(q, p.unit(k))), "keys are normalised"),
        "RoPE": Wrong(p.attend(lambda q, k: p.scores(p.rotated(q), p.rotated(k))), "RoPE"),
        "RoPE on queries alone": Wrong(p.attend(lambda q, k: p.scores(p.rotated(q), k)), "RoPE"),
        "temperature of heads": Wrong(p.attend(weigh=lambda s: p.softmax(per_head(s))), "differs between heads"),
        "log n of the position": Wrong(
            p.attend(weigh=lambda s: p.softmax(s * np.log(np.arange(s.shape[-2])[:, None] + 2.0))),
            "differs between queries",
        ),
        "sigmoid": Wrong(p.attend(weigh=lambda s: 1 / (1 + np.exp(-np.where(s < -80, -80.0 + 0 * s, s)))), "sigmoid"),
        "linear attention": Wrong(linear, "linear"),
        "ReLU": Wrong(p.attend(weigh=lambda s: np.where(s > 0, s, 0 * s) / 8), "ReLU|hardly more"),
        "softmax twice": Wrong(p.attend(weigh=lambda s: p.softmax(p.softmax(s))), "the softmax is taken twice"),
        "log softmax": Wrong(p.attend(weigh=lambda s: np.log(p.softmax(s) + 1e-30)), "weights below 0"),
        "weights transposed": Wrong(p.attend(weigh=lambda s: np.swapaxes(p.softmax(s), 2, 3)), f"{axis} queries"),
        "highest of the queries taken off": Wrong(p.attend(weigh=highest_of_queries), "queries are not independent"),
        "blocks without one maximum": Wrong(blocks, "blocks of keys without one maximum"),
        "absolute scores": Wrong(p.attend(weigh=lambda s: p.softmax(np.abs(s))), "another function of the scores"),
        "clipped": Wrong(p.attend(weigh=lambda s: p.softmax(np.where(s > 5, 5 + 0 * s, s))), "a clip of the scores"),
        "bias of the queries": Wrong(p.attend(before=lambda q, k, v: (q + 0.5, k, v)), "depends on the keys alone"),
        "distance": Wrong(
            p.attend(lambda q, k: p.scores(q, k) - 0.1 * np.einsum("bsnh,bsnh->bns", k, k)[:, :, None]),
            "depends on the keys alone",
        ),
        "weighted components": Wrong(
            p.attend(before=lambda q, k, v: (q * (1 + 0.1 * np.arange(q.shape[-1])), k, v)),
            "linear in queries and keys.*projection",
        ),
        "a component left out": Wrong(p.attend(lambda q, k: p.scores(q[..., 1:], k[..., 1:])), "linear in queries"),
        "two heads inside": Wrong(two_heads_inside, "components of a value get different weights"),
        "LayerNorm": Wrong(
            p.attend(before=lambda q, k, v: (layer_norm(q), layer_norm(k), v)), "less their mean; .* LayerNorm"
        ),
        "keys for queries": Wrong(p.attend(before=lambda _, k, v: (k, k, v)), "scores that do not use q.k"),
        "values for keys": Wrong(p.attend(before=lambda q, _, v: (q, v, v)), "not linear in the values"),
        "keys for values": Wrong(p.attend(before=lambda q, k, _: (q, k, k)), "does not depend on the values"),
        "keys mixed": Wrong(
            p.attend(before=lambda q, k, v: (q, 0.9 * k + 0.1 * rolled(k, 1), v)), "the scores of other keys change"
        ),
        "values added": Wrong(lambda q, k, v: p.attend()(q, k, v) + v, "a query's own position is added"),
        "queries added": Wrong(lambda q, k, v: p.attend()(q, k, v) + q, "components that no value has"),
        "ReLU behind": Wrong(p.attend(after=lambda out: np.where(out > 0, out, 0 * out)), "not linear in the values"),
        "five thousandths less": Wrong(p.attend(after=lambda out: 0.995 * out), "scaled after the softmax, by 0.995"),
        "a head of 0": Wrong(
            p.attend(after=lambda out: out * (np.arange(out.shape[2]) > 0)[:, None]), "heads of queries have no part"
        ),
        "uniform": Wrong(p.attend(weigh=lambda s: p.softmax(0 * s)), "log weights change by 0"),
        "output bias": Wrong(p.attend(after=lambda out: out + 1), "components that no value has"),
        "the value itself": Wrong(lambda q, _, v: v + 0 * q, "queries see one key each"),
        "the values squared": Wrong(p.attend(before=lambda q, k, v: (q, k, v * v)), "other components"),
    }
