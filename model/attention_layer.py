"""The attention layer as a flax.nnx module: its matrices, and two orders of the products that it is made of.

The shown order forms queries, keys and values (`Attention.queries`, `Attention.keys_and_values`), which go through the
two pure functions of `model.attention`. The cheaper one (`Attention.reassociated`) trains, and forms no key and no
value.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx

from model.attention import cap, softmax, unit_norm
from model.config import TransformerConfig


def forms_matrices_first(config: TransformerConfig) -> bool:
    """Whether the cheaper order of products begins with W_Q W_K^T and W_V W_O, [M, M] for each head.

    A row then takes H M M products instead of 2 H M D, and its heads need not be transposed.
    """
    return config.d_model <= 2 * config.d_head


class Attention(nnx.Module):
    """Multi-head attention: projections, variants, and the two pure functions of `model.attention` between them."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs) -> None:
        self.config = config
        inner = (config.heads, config.d_head)

        def projection() -> nnx.LinearGeneral:
            return nnx.LinearGeneral(config.d_model, inner, use_bias=False, rngs=rngs)

        self.query = projection()
        if not config.tied_query_key:
            self.key = projection()
        self.value = projection()
        self.output = nnx.LinearGeneral(inner, config.d_model, axis=(-2, -1), use_bias=False, rngs=rngs)
        if config.learned_scale:
            self.log_scale = nnx.Param(jnp.log(jnp.asarray(1 / math.sqrt(config.d_head), jnp.float32)))
        if config.qk_norm:
            self.gain = nnx.Param(jnp.full(config.heads, float(config.d_head) ** 0.5))
        if config.sink == "learned":
            self.sink = nnx.Param(jnp.zeros(config.heads))

    @property
    def key_projection(self) -> nnx.LinearGeneral:
        """What makes the keys: W_K, or W_Q where one matrix makes both."""
        return self.query if self.config.tied_query_key else self.key

    def factor(self, scale: jax.Array | float) -> jax.Array | float:
        """What the dot products are multiplied by: `scale`, or the learned factor."""
        return jnp.exp(self.log_scale[...]) if self.config.learned_scale else scale

    def sink_scores(self) -> jax.Array | None:
        """The sink's score in each head [H], or None."""
        if self.config.sink == "none":
            return None
        return self.sink[...] if self.config.sink == "learned" else jnp.zeros(self.config.heads)

    def queries(self, query_BQM: jax.Array) -> jax.Array:
        """Queries [B, Q, H, D]."""
        query_BQHD = self.query(query_BQM)
        return unit_norm(query_BQHD) * self.gain[...][None, None, :, None] if self.config.qk_norm else query_BQHD

    def keys_and_values(self, input_BKM: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Keys and values, each [B, K, H, D]."""
        key_BKHD = self.key_projection(input_BKM)
        return unit_norm(key_BKHD) if self.config.qk_norm else key_BKHD, self.value(input_BKM)

    def reassociated(
        self, query_BQM: jax.Array, input_BKM: jax.Array, allowed_BK: jax.Array, scale: jax.Array | float
    ) -> jax.Array:
        """What attention adds to the residual stream, without forming a key or a value.

        q . (W_K y) = (x W_Q W_K^T) . y and sum p (W_V y) = W_V (sum p y): the same function of the parameters. Heads
        and query positions are one axis N of the products, which is twice as fast on a CPU. Where it costs no more, the
        parameters are multiplied first, see `forms_matrices_first`. QK-norm has no such form.
        """
        query, key, value, output = (
            layer.kernel[...] for layer in (self.query, self.key_projection, self.value, self.output)
        )
        matrices_first = forms_matrices_first(self.config)
        if matrices_first:
            looking_BQHM = jnp.einsum("BQN,NHM->BQHM", query_BQM, jnp.einsum("NHD,MHD->NHM", query, key))
        else:
            looking_BQHM = jnp.einsum("BQHD,MHD->BQHM", self.query(query_BQM), key)
        looking_BNM = looking_BQHM.reshape(len(query_BQM), -1, self.config.d_model) * self.factor(scale)
        score_BNK = cap(jnp.einsum("BNM,BKM->BNK", looking_BNM, input_BKM), self.config.softcap)
        score_BHQK = jnp.swapaxes(score_BNK.reshape(*looking_BQHM.shape[:3], -1), 1, 2)
        weight_BHQK = softmax(score_BHQK, allowed_BK, self.sink_scores())
        weight_BNK = jnp.swapaxes(weight_BHQK, 1, 2).reshape(score_BNK.shape)
        brought_BQHM = jnp.einsum("BNK,BKM->BNM", weight_BNK, input_BKM).reshape(looking_BQHM.shape)
        if matrices_first:
            return jnp.einsum("BQHN,HNM->BQM", brought_BQHM, jnp.einsum("NHD,HDM->HNM", value, output))
        return self.output(jnp.einsum("BQHM,MHD->BQHD", brought_BQHM, value))
