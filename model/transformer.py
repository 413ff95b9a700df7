"""The transformer as flax.nnx modules: parameters and the forward pass, with every intermediate given back.

token + position -> norm -> attention -> add -> norm -> MLP -> add -> norm -> unembed -> logits
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from model.attention import Cut, attention_weights, weighted_sum
from model.attention_layer import Attention
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
        embedding_BKM, input_BKM, key_BKHD, value_BKHD = self._of_words(tokens_BK)
        query_tokens_BQ = jnp.take_along_axis(tokens_BK, query_positions_BQ, axis=1)
        query_BQM = self._query_input(query_tokens_BQ, query_positions_BQ, _at(input_BKM, query_positions_BQ))
        query_BQHD = self.attention.queries(query_BQM)
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

    def _of_words(self, tokens_BK: jax.Array) -> tuple[jax.Array, ...]:
        """What a word brings in by itself and its place: embedding, input of attention, key and value."""
        words, places = self.config.vocabulary_size, jnp.arange(tokens_BK.shape[1])
        if len(tokens_BK) > words:  # more than there are pairs of a word and a place: compute the pairs, look them up
            pairs = self._of_words(jnp.broadcast_to(jnp.arange(words)[:, None], (words, places.size)))
            return tuple(values[tokens_BK, places] for values in pairs)
        embedding_BKM = _rows(self.token, tokens_BK) + self.position.embedding[None, : places.size]
        input_BKM = self.attention_norm(embedding_BKM)
        return embedding_BKM, input_BKM, *self.attention.keys_and_values(input_BKM)

    def after_context(self, embedding_BQM: jax.Array, context_BQHD: jax.Array) -> tuple[jax.Array, ...]:
        """What attention adds, the residual stream after it, what the MLP adds, their sum, and the logits."""
        attention_BQM = self.attention.output(context_BQHD)
        residual_BQM = embedding_BQM + attention_BQM if self.config.residual else attention_BQM
        return attention_BQM, residual_BQM, *self._after_attention(residual_BQM)

    def input_pairs(self, places: int) -> jax.Array:
        """What attention gets of each word at each place [V, K, M]."""
        return self.attention_norm(self.token.embedding[:, None] + self.position.embedding[None, :places])

    def training_logits(
        self,
        tokens_BK: jax.Array,
        query_positions_BQ: jax.Array,
        allowed_BK: jax.Array,
        scale: jax.Array | float,
        input_VKM: jax.Array | None,
    ) -> jax.Array:
        """The logits of `__call__`, by the cheaper order of products where `can_reassociate` says so."""
        if not can_reassociate(self.config):
            return self(tokens_BK, query_positions_BQ, allowed_BK, scale, None).logits_BQV
        # There are fewer pairs of word and place than words in a batch: norm the pairs, then look them up.
        places = jnp.arange(tokens_BK.shape[1])
        input_VKM = self.input_pairs(places.size) if input_VKM is None else input_VKM
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
