"""Attention as two pure functions: which keys are looked at, and what is brought back.

    dot products = q . k                    for each head, query and key
    scores       = cap(scale * dot products)
    weights      = softmax(scores)          over the keys that are allowed
    context      = sum of weight * value    over the keys

Shapes as in `model`: query [B, Q, H, D], key and value [B, K, H, D], scores and weights [B, H, Q, K].
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp

Rule = Literal["renormalise", "zero"]
"""How an edge is cut: its score becomes -inf (the other weights grow to sum to 1), or its term leaves the sum."""


@dataclass(frozen=True)
class Cut:
    """Edges (query i -> key j, in some heads) that carry nothing: an intervention on attention."""

    edges_BHQK: jax.Array
    """True where the edge is cut; broadcasts to the weights."""
    rule: Rule = "renormalise"


def attention_weights(
    query_BQHD: jax.Array,
    key_BKHD: jax.Array,
    allowed_BK: jax.Array,
    *,
    scale: jax.Array | float,
    softcap: float = 0.0,
    sink_H: jax.Array | None = None,
    cut: Cut | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Dot products, scores and weights, each [B, H, Q, K].

    Args:
      query_BQHD: queries.
      key_BKHD: keys.
      allowed_BK: which keys are words; the others get weight 0.
      scale: factor of the dot products.
      softcap: bound c of the scores (Gemma 2); 0 for none.
      sink_H: a score of each head that takes part in the softmax but brings no value, so that weights sum to less
        than 1; None for none.
      cut: edges to cut.

    Returns:
      Dot products; scores as softmax gets them, but for the keys that are not allowed or are cut, which have their
      plain value here and weight 0; weights.
    """
    dot_BHQK = jnp.einsum("BQHD,BKHD->BHQK", query_BQHD, key_BKHD)
    score_BHQK = cap(dot_BHQK * scale, softcap)
    return dot_BHQK, score_BHQK, softmax(score_BHQK, allowed_BK, sink_H, cut)


def cap(score: jax.Array, softcap: float) -> jax.Array:
    """Cap scores: c tanh(score / c), which is `score` for small ones and stays within c; no cap for c = 0."""
    return softcap * jnp.tanh(score / softcap) if softcap else score


def softmax(
    score_BHQK: jax.Array, allowed_BK: jax.Array, sink_H: jax.Array | None = None, cut: Cut | None = None
) -> jax.Array:
    """Weights over the allowed keys of each row; see `attention_weights`."""
    allowed_BHQK = allowed_BK[:, None, None, :]
    if cut is not None and cut.rule == "renormalise":
        allowed_BHQK = allowed_BHQK & ~cut.edges_BHQK
    score_BHQK = jnp.where(allowed_BHQK, score_BHQK, -jnp.inf)
    if sink_H is not None:
        sink_BHQ1 = jnp.broadcast_to(sink_H[:, None, None], (*score_BHQK.shape[:-1], 1))
        weight_BHQK = jax.nn.softmax(jnp.concatenate([score_BHQK, sink_BHQ1], axis=-1), axis=-1)[..., :-1]
    else:
        weight_BHQK = jax.nn.softmax(score_BHQK, axis=-1)
    if cut is not None and cut.rule == "zero":
        weight_BHQK = jnp.where(cut.edges_BHQK, 0.0, weight_BHQK)
    return weight_BHQK


def weighted_sum(weight_BHQK: jax.Array, value_BKHD: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Each key's share (weight * value) [B, H, Q, K, D], and their sum over the keys, the context [B, Q, H, D].

    The sum is a matrix product, which costs a fifteenth of adding up the shares (a test holds them equal); the shares
    cost nothing where they are not used.
    """
    weighted_BHQKD = weight_BHQK[..., None] * jnp.moveaxis(value_BKHD, 1, 2)[:, :, None]
    return weighted_BHQKD, jnp.einsum("BHQK,BKHD->BQHD", weight_BHQK, value_BKHD)


def unit_norm(vector: jax.Array) -> jax.Array:
    """`vector` scaled to length 1 over its last axis (QK-norm, Henry et al. 2020)."""
    return vector * jax.lax.rsqrt(jnp.sum(vector * vector, axis=-1, keepdims=True) + 1e-12)
