"""The forward pass once more, in NumPy and float64, from its definitions: what tests of the model compare it with.

It shares no code with `model`, and takes one masked word of one sentence at a time: no batch, no padding tricks.
"""

import numpy as np
from small_model import flat


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Oracle:
    """A transformer of `config` (an `Architecture`) with `params`; `scale` as a config names it, or a number."""

    def __init__(self, config, params, scale="inverse_sqrt"):
        self.config, self.scale = config, scale
        # float64 arrays are not copied: a test may move a parameter
        self.p = {path: np.asarray(leaf, np.float64) for path, leaf in flat(params).items()}

    def norm(self, x, name):
        """Of each vector of `x`, the last axis."""
        if self.config.norm == "none":
            return x
        if self.config.norm == "rms":
            return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) * self.p[f"{name}/scale"]
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred**2).mean(axis=-1, keepdims=True)
        return centred / np.sqrt(variance + 1e-6) * self.p[f"{name}/scale"] + self.p[f"{name}/bias"]

    def query_input(self, token, position):
        """What W_Q gets."""
        content, place = self.p["token/embedding"][token], self.p["position/embedding"][position]
        if self.config.query == "constant":
            return self.p["constant_query"]
        part = {"full": content + place, "position": place, "content": content}[self.config.query]
        return self.norm(part, "attention_norm")

    def vectors(self, kind, x):
        """Query, key or value of each head, [..., H, D]."""
        matrix = "query" if kind == "key" and self.config.tied_query_key else kind
        heads = np.tensordot(x, self.p[f"attention/{matrix}/kernel"], 1)
        if self.config.qk_norm and kind != "value":
            gains = self.p["attention/gain"] if kind == "query" else np.ones(self.config.heads)
            # the length is kept from 0 by 1e-12 under its root
            heads = gains[:, None] * heads / np.sqrt((heads**2).sum(axis=-1, keepdims=True) + 1e-12)
        return heads

    def scores(self, dots):
        named = {"inverse_sqrt": self.config.d_head**-0.5, "inverse": 1 / self.config.d_head, "none": 1.0}
        learned = self.scale == "learned"
        z = dots * (np.exp(self.p["attention/log_scale"]) if learned else named.get(self.scale, self.scale))
        return self.config.softcap * np.tanh(z / self.config.softcap) if self.config.softcap else z

    def row(self, tokens, position, cut=(), push=0.0):
        """Every field of `ForwardOutput` by its name without letters, as seen from one position.

        Args:
          tokens: a sentence [K], 0 where it is padded.
          position: where the query stands.
          cut: (head, key) pairs that get no weight; what they had goes to the others.
          push: added to the scores [H, K] that softmax gets.
        """
        heads = self.config.heads
        out = {"embedding": self.p["token/embedding"][tokens] + self.p["position/embedding"][: len(tokens)]}
        inputs = self.norm(out["embedding"], "attention_norm")
        out["query"] = self.vectors("query", self.query_input(tokens[position], position))
        out["key"], out["value"] = self.vectors("key", inputs), self.vectors("value", inputs)
        out["dot_products"] = np.einsum("hd,khd->hk", out["query"], out["key"])
        out["scores"] = self.scores(out["dot_products"])
        seen = np.where(np.asarray(tokens) != 0, out["scores"] + push, -np.inf)
        for head, key in cut:
            seen[head, key] = -np.inf
        if self.config.sink != "none":  # a further score, whose weight gives no value
            sink = self.p["attention/sink"] if self.config.sink == "learned" else np.zeros(heads)
            seen = np.concatenate([seen, sink[:, None]], axis=1)
        out["weights"] = softmax(seen)[:, : len(tokens)]
        out["weighted_values"] = out["weights"][..., None] * out["value"].swapaxes(0, 1)
        out["context"] = out["weighted_values"].sum(axis=1)
        out["attention"] = np.einsum("hd,hdm->m", out["context"], self.p["attention/output/kernel"])
        out["residual"] = out["attention"] + (out["embedding"][position] if self.config.residual else 0)
        return out | self.after_attention(out["residual"])

    def after_attention(self, residual):
        mlp = np.zeros_like(residual)
        if self.config.d_mlp:
            inner = self.norm(residual, "mlp_norm") @ self.p["mlp_in/kernel"] + self.p["mlp_in/bias"]
            mlp = np.maximum(inner, 0) @ self.p["mlp_out/kernel"] + self.p["mlp_out/bias"]
        last = self.norm(residual + mlp, "output_norm")
        logits = last @ self.p["unembed/kernel"] + self.p["unembed/bias"]
        return {"mlp": mlp, "output": residual + mlp, "logits": logits}
