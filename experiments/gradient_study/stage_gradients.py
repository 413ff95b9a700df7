"""The gradient of the loss at every stage of attention, through the model's own functions.

    context_gradient   dL/dcontext, from the real model (a shift of zeros is added to the context) or given
    stage_gradients    from it to weights, scores, query, key and value, by the chain rule through
                       `attention_weights`, `softmax` and `weighted_sum` of `model.attention`
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
from model.attention import attention_weights, softmax, weighted_sum
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

    weight_BHQK, from_weights, score_BHQK = jax.vjp(scores_and_weights, query_BQHD, key_BKHD, has_aux=True)
    _, from_context = jax.vjp(lambda weight, value: weighted_sum(weight, value)[1], weight_BHQK, value_BKHD)
    _, from_softmax = jax.vjp(lambda score: softmax(score, allowed_BK), score_BHQK)
    d_weights_BHQK, d_value_BKHD = from_context(context_gradient_BQHD)
    (d_scores_BHQK,) = from_softmax(d_weights_BHQK)
    d_query_BQHD, d_key_BKHD = from_weights(d_weights_BHQK)
    allowed_BHQK = allowed_BK[:, None, None, :]
    return StageGradients(
        jnp.where(allowed_BHQK, d_weights_BHQK, 0.0),  # the weight of padding is 0 and stays 0: it has no gradient
        d_scores_BHQK,
        d_query_BQHD,
        d_key_BKHD,
        d_value_BKHD,
    )


def row_losses(model: Model, batch: Batch, shift_BQHD: jax.Array | None = None) -> jax.Array:
    """Cross-entropy of each row's masked word [B], nats; `shift_BQHD` is added to the context."""
    forward = apply(model, batch.tokens_BK, batch.masked_B[:, None], context_shift_BQHD=shift_BQHD)
    return cross_entropy(forward.logits_BQV[:, 0], batch.target_B)


def context_gradient(model: Model, batch: Batch) -> jax.Array:
    """dL/dcontext of every row [B, Q, H, D]. Rows do not meet, so the gradient of the sum is that of each."""
    shape = (len(batch.masked_B), 1, model.config.heads, model.config.d_head)
    zeros_BQHD = jnp.zeros(shape, model.params["attention"]["output"]["kernel"].dtype)
    return jax.grad(lambda shift: row_losses(model, batch, shift).sum())(zeros_BQHD)


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
        context_gradient(model, batch),
        model.scale,
    )
    return jnp.concatenate([gradients.norms_SB(), kernel_norms(model, batch)])
