"""The gradient of the loss at every stage of attention, through the model's own functions.

    stage_gradients    from dL/dcontext (given, or of the real model: `measuring.score_gradients`) to weights, scores,
                       query, key and value, by the chain rule through the functions of `model.attention`
    kernel_norms       dL/dW_Q, dL/dW_K, dL/dW_V, dL/dW_O of each row, through the whole model

A row is one masked word of one sentence: B rows, Q is 1. Its loss is the cross-entropy of its masked word in nats. The
norm of a row is taken over everything of that stage that belongs to the row: all heads, keys and components.
"""

import dataclasses
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from data.sampler import Batch
from experiments.gradient_study.norm_statistics import KERNELS
from experiments.measuring.score_gradients import back_to_scores, context_gradient
from model.attention import attention_weights
from model.functional import Model, apply, cross_entropy

_ROWS_AT_ONCE = 8
"""Rows whose parameter gradients are in memory together."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StageGradients:
    """dL/dstage of every row; the shapes are those of the stages."""

    weights_BHQK: jax.Array
    scores_BHQK: jax.Array
    query_BQHD: jax.Array
    key_BKHD: jax.Array
    value_BKHD: jax.Array

    def norms_SB(self) -> jax.Array:
        """Euclidean norm of each row at each of STAGES."""
        parts = jax.tree.leaves(self)  # in the order of the fields
        return jnp.stack([jnp.sqrt(jnp.sum(part**2, axis=tuple(range(1, part.ndim)))) for part in parts])


def stage_gradients(
    query_BQHD: jax.Array,
    key_BKHD: jax.Array,
    value_BKHD: jax.Array,
    allowed_BK: jax.Array,
    context_gradient_BQHD: jax.Array,
    scale: jax.Array | float,
) -> StageGradients:
    """From the gradient of the context back through attention (without softcap, sink and QK-norm)."""

    def scores_and_weights(query: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        _, score, weight = attention_weights(query, key, allowed_BK, scale=scale)
        return weight, score

    _, from_weights, score_BHQK = jax.vjp(scores_and_weights, query_BQHD, key_BKHD, has_aux=True)
    d_value_BKHD, d_weights_BHQK, d_scores_BHQK = back_to_scores(
        score_BHQK, value_BKHD, allowed_BK, context_gradient_BQHD
    )
    d_query_BQHD, d_key_BKHD = from_weights(d_weights_BHQK)
    allowed_BHQK = allowed_BK[:, None, None, :]
    return StageGradients(
        jnp.where(allowed_BHQK, d_weights_BHQK, 0.0),  # the weight of padding is 0 and stays 0: it has no gradient
        d_scores_BHQK,
        d_query_BQHD,
        d_key_BKHD,
        d_value_BKHD,
    )


def row_losses(model: Model, batch: Batch) -> jax.Array:
    """Cross-entropy of each row's masked word [B], nats."""
    forward = apply(model, batch.tokens_BK, batch.masked_B[:, None])
    return cross_entropy(forward.logits_BQV[:, 0], batch.target_B)


def kernel_norms(model: Model, batch: Batch) -> jax.Array:
    """Norm of each row's gradient in each of KERNELS, [4, B]."""

    def loss(kernels: dict[str, jax.Array], row: Batch) -> jax.Array:
        attention = model.params["attention"] | {name: {"kernel": kernel} for name, kernel in kernels.items()}
        changed = dataclasses.replace(model, params=model.params | {"attention": attention})
        return row_losses(changed, jax.tree.map(lambda array: array[None], row))[0]

    kernels = {name: model.params["attention"][name]["kernel"] for name in KERNELS.values()}

    def norms(row: Batch) -> jax.Array:
        gradient = jax.grad(loss)(kernels, row)
        return jnp.stack([jnp.sqrt(jnp.sum(gradient[name] ** 2)) for name in KERNELS.values()])

    return jax.lax.map(norms, batch, batch_size=_ROWS_AT_ONCE).T


def model_norms(model: Model, batch: Batch) -> jax.Array:
    """Norm of each row at each of ALL_STAGES, [S, B]."""
    forward = apply(model, batch.tokens_BK, batch.masked_B[:, None])
    gradients = stage_gradients(
        forward.query_BQHD,
        forward.key_BKHD,
        forward.value_BKHD,
        batch.tokens_BK != 0,
        context_gradient(model, batch.tokens_BK, batch.masked_B, lambda logits: cross_entropy(logits, batch.target_B)),
        model.scale,
    )
    return jnp.concatenate([gradients.norms_SB(), kernel_norms(model, batch)])
