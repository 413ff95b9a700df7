"""The transformer as flax.nnx modules: parameters and the forward pass, with every intermediate given back.

token + position -> norm -> attention -> add -> norm -> MLP -> add -> norm -> unembed -> logits
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from model.attention import Cut, attention_weights, cap, softmax, unit_norm, weighted_sum
from model.config import TransformerConfig


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ForwardOutput:
    """Every number on the way from a masked sentence to the guess; what is shown anywhere is a field of this."""

    embedding_BKM: jax.Array
    """Token + position: what each word brings in."""
    query_BQHD: jax.Array
    """What the query position looks for."""
    key_BKHD: jax.Array
    """What each word offers to be found by."""
    value_BKHD: jax.Array
    """What each word gives when it is looked at."""
    dot_products_BHQK: jax.Array
    """query . key"""
    scores_BHQK: jax.Array
    """Dot products, scaled (and capped): what softmax gets."""
    weights_BHQK: jax.Array
    """softmax(scores): how much of each word's value is taken; 0 at padding."""
    weighted_values_BHQKD: jax.Array
    """weight * value"""
    context_BQHD: jax.Array
    """Sum of the weighted values."""
    attention_BQM: jax.Array
    """What attention adds to the residual stream: the contexts of all heads through W_O."""
    residual_BQM: jax.Array
    """Embedding of the query position + attention; attention alone where the configuration has no `residual`."""
    mlp_BQM: jax.Array
    """What the MLP adds."""
    output_BQM: jax.Array
    """residual + MLP: the new representation of the query position."""
    logits_BQV: jax.Array
    """One number a word of the vocabulary; softmax of them is the guess."""


REASSOCIATED = frozenset(
    {"d_model", "heads", "d_head", "d_mlp", "norm", "embedding_std", "query", "softcap", "sink"}
    | {"tied_query_key", "residual"}
    | {"vocabulary_size", "max_length", "learned_scale"}
)
"""The config values that the cheaper order of products (`Attention.reassociated`) takes into account."""


def can_reassociate(config: TransformerConfig) -> bool:
    """Whether the cheaper order of products computes this model: a value that it does not know has its default.

    So a term that is added to `Transformer.__call__` and to the config trains at once, by the full path. Add its name
    to REASSOCIATED only with code for it; trainings compare both paths on fresh parameters before the first update.
    """
    return all(
        item.name in REASSOCIATED or getattr(config, item.name) == item.default for item in dataclasses.fields(config)
    )


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

    def projections(self, query_BQM: jax.Array, input_BKM: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Queries [B, Q, H, D], keys and values [B, K, H, D]."""
        query_BQHD, key_BKHD = self.query(query_BQM), self.key_projection(input_BKM)
        if self.config.qk_norm:
            query_BQHD = unit_norm(query_BQHD) * self.gain[...][None, None, :, None]
            key_BKHD = unit_norm(key_BKHD)
        return query_BQHD, key_BKHD, self.value(input_BKM)

    def reassociated(
        self, query_BQM: jax.Array, input_BKM: jax.Array, allowed_BK: jax.Array, scale: jax.Array | float
    ) -> jax.Array:
        """What attention adds to the residual stream, without forming a key or a value.

        q . (W_K y) = (x W_Q W_K^T) . y and sum p (W_V y) = W_V (sum p y): the same function of the parameters. Heads
        and query positions are one axis N of the products, which is twice as fast on a CPU. W_Q W_K^T and W_V W_O,
        [M, M] for each head, are formed first where d_model is at most twice d_head: a row then takes no more products,
        and its heads need not be transposed. QK-norm has no such form.
        """
        query, key, value, output = (
            layer.kernel[...] for layer in (self.query, self.key_projection, self.value, self.output)
        )
        matrices_first = self.config.d_model <= 2 * self.config.d_head
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


class Transformer(nnx.Module):
    """One pre-norm block between embeddings and unembedding."""

    def __init__(self, config: TransformerConfig, rngs: nnx.Rngs) -> None:
        self.config = config
        init = nnx.initializers.normal(config.embedding_std)
        self.token = nnx.Embed(config.vocabulary_size, config.d_model, embedding_init=init, rngs=rngs)
        self.position = nnx.Embed(config.max_length, config.d_model, embedding_init=init, rngs=rngs)
        if config.query == "constant":
            self.constant_query = nnx.Param(jax.random.normal(rngs.params(), (config.d_model,)))
        self.attention_norm = _norm(config, rngs)
        self.attention = Attention(config, rngs)
        if config.d_mlp:
            self.mlp_norm = _norm(config, rngs)
            self.mlp_in = nnx.Linear(config.d_model, config.d_mlp, rngs=rngs)
            self.mlp_out = nnx.Linear(config.d_mlp, config.d_model, rngs=rngs)
        self.output_norm = _norm(config, rngs)
        self.unembed = nnx.Linear(config.d_model, config.vocabulary_size, rngs=rngs)

    def __call__(
        self,
        tokens_BK: jax.Array,
        query_positions_BQ: jax.Array,
        allowed_BK: jax.Array,
        scale: jax.Array | float,
        cut: Cut | None,
        context_shift_BQHD: jax.Array | None = None,
    ) -> ForwardOutput:
        embedding_BKM = _rows(self.token, tokens_BK) + self.position.embedding[None, : tokens_BK.shape[1]]
        input_BKM = self.attention_norm(embedding_BKM)
        query_tokens_BQ = jnp.take_along_axis(tokens_BK, query_positions_BQ, axis=1)
        query_BQM = self._query_input(query_tokens_BQ, query_positions_BQ, _at(input_BKM, query_positions_BQ))
        query_BQHD, key_BKHD, value_BKHD = self.attention.projections(query_BQM, input_BKM)
        dot_BHQK, score_BHQK, weight_BHQK = attention_weights(
            query_BQHD,
            key_BKHD,
            allowed_BK,
            scale=self.attention.factor(scale),
            softcap=self.config.softcap,
            sink_H=self.attention.sink_scores(),
            cut=cut,
        )
        weighted_BHQKD, context_BQHD = weighted_sum(weight_BHQK, value_BKHD)
        if context_shift_BQHD is not None:
            context_BQHD = context_BQHD + context_shift_BQHD
        embedding_BQM = _at(embedding_BKM, query_positions_BQ)
        attention_BQM, residual_BQM, mlp_BQM, output_BQM, logits_BQV = self.after_context(embedding_BQM, context_BQHD)
        return ForwardOutput(
            embedding_BKM=embedding_BKM,
            query_BQHD=query_BQHD,
            key_BKHD=key_BKHD,
            value_BKHD=value_BKHD,
            dot_products_BHQK=dot_BHQK,
            scores_BHQK=score_BHQK,
            weights_BHQK=weight_BHQK,
            weighted_values_BHQKD=weighted_BHQKD,
            context_BQHD=context_BQHD,
            attention_BQM=attention_BQM,
            residual_BQM=residual_BQM,
            mlp_BQM=mlp_BQM,
            output_BQM=output_BQM,
            logits_BQV=logits_BQV,
        )

    def after_context(self, embedding_BQM: jax.Array, context_BQHD: jax.Array) -> tuple[jax.Array, ...]:
        """What attention adds, the residual stream after it, what the MLP adds, their sum, and the logits."""
        attention_BQM = self.attention.output(context_BQHD)
        residual_BQM = embedding_BQM + attention_BQM if self.config.residual else attention_BQM
        return attention_BQM, residual_BQM, *self._after_attention(residual_BQM)

    def training_logits(
        self, tokens_BK: jax.Array, query_positions_BQ: jax.Array, allowed_BK: jax.Array, scale: jax.Array | float
    ) -> jax.Array:
        """The logits of `__call__`, by the cheaper order of products where `can_reassociate` says so."""
        if not can_reassociate(self.config):
            return self(tokens_BK, query_positions_BQ, allowed_BK, scale, None).logits_BQV
        # There are fewer pairs of word and place than words in a batch: norm the pairs, then look them up.
        places = jnp.arange(tokens_BK.shape[1])
        input_VKM = self.attention_norm(self.token.embedding[:, None] + self.position.embedding[None, : places.size])
        input_BKM = input_VKM[tokens_BK, places]
        query_tokens_BQ = jnp.take_along_axis(tokens_BK, query_positions_BQ, axis=1)
        query_BQM = self._query_input(
            query_tokens_BQ, query_positions_BQ, input_VKM[query_tokens_BQ, query_positions_BQ]
        )
        residual_BQM = self.attention.reassociated(query_BQM, input_BKM, allowed_BK, scale)
        if self.config.residual:
            embedding_BQM = _rows(self.token, query_tokens_BQ) + _rows(self.position, query_positions_BQ)
            residual_BQM = embedding_BQM + residual_BQM
        flat = residual_BQM.reshape(-1, self.config.d_model)  # one axis: the MLP's products are faster on a CPU
        return self._after_attention(flat)[2].reshape(*query_tokens_BQ.shape, -1)

    def _query_input(self, query_tokens_BQ: jax.Array, positions_BQ: jax.Array, whole_BQM: jax.Array) -> jax.Array:
        """What W_Q gets at each query position: all of the input there, or, in a control arm, a part."""
        if self.config.query == "full":
            return whole_BQM
        if self.config.query == "position":
            return self.attention_norm(_rows(self.position, positions_BQ))
        if self.config.query == "content":
            return self.attention_norm(_rows(self.token, query_tokens_BQ))
        return jnp.broadcast_to(self.constant_query[...], whole_BQM.shape)

    def _after_attention(self, residual_BQM: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """What the MLP adds, the sum, and the logits."""
        mlp_BQM = jnp.zeros_like(residual_BQM)
        if self.config.d_mlp:
            mlp_BQM = self.mlp_out(nnx.relu(self.mlp_in(self.mlp_norm(residual_BQM))))
        output_BQM = residual_BQM + mlp_BQM
        return mlp_BQM, output_BQM, self.unembed(self.output_norm(output_BQM))


def _rows(table: nnx.Embed, numbers: jax.Array) -> jax.Array:
    """Embeddings by number. Called itself, an nnx.Embed rounds 64-bit ones to the 32 bits that it was made with."""
    return jnp.take(table.embedding[...], numbers, axis=0)


def _at(values_BKM: jax.Array, positions_BQ: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values_BKM, positions_BQ[..., None], axis=1)


def _norm(config: TransformerConfig, rngs: nnx.Rngs) -> Callable[[jax.Array], jax.Array]:
    if config.norm == "none":
        return nnx.identity
    return {"layer": nnx.LayerNorm, "rms": nnx.RMSNorm}[config.norm](config.d_model, rngs=rngs)
