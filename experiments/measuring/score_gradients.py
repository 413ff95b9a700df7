"""The gradient of the loss on its way back through attention, to the scores, by the model's own functions.

    context_gradient     dL/dcontext, from the whole model (a shift of zeros is added to the context)
    back_to_scores       from it to values, weights and scores, by the chain rule through `weighted_sum` and `softmax`
    score_gradient       both: dL/ds of every row

Training moves each score against its gradient: one that is above 0 is pushed down. The gradients of a row sum to 0 over
its words, unless a sink takes part. Rows do not meet, so the gradient of a sum of losses is that of each row's.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from model.attention import softmax, weighted_sum
from model.functional import PADDING, Model, apply, sink_scores
from model.transformer import ForwardOutput

Losses = Callable[[jax.Array], jax.Array]
"""The loss of each row [B] by its logits [B, V]."""


def context_gradient(model: Model, tokens_BK: jax.Array, masked_B: jax.Array, losses: Losses) -> jax.Array:
    """dL/dcontext of every row [B, Q, H, D]; Q is 1."""

    def whole(shift_BQHD: jax.Array) -> jax.Array:
        return losses(apply(model, tokens_BK, masked_B[:, None], context_shift_BQHD=shift_BQHD).logits_BQV[:, 0]).sum()

    shape = (len(masked_B), 1, model.config.heads, model.config.d_head)
    return jax.grad(whole)(jnp.zeros(shape, model.params["attention"]["output"]["kernel"].dtype))


def back_to_scores(
    score_BHQK: jax.Array,
    value_BKHD: jax.Array,
    allowed_BK: jax.Array,
    context_gradient_BQHD: jax.Array,
    sink_H: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """From the gradient of the context to those of the values [B, K, H, D], the weights and the scores [B, H, Q, K].

    The gradient of the weights is that of a weight by itself, which padding has as well; the scores' is 0 there.
    """
    weight_BHQK, from_weights = jax.vjp(lambda score: softmax(score, allowed_BK, sink_H), score_BHQK)
    _, from_context = jax.vjp(lambda weight, value: weighted_sum(weight, value)[1], weight_BHQK, value_BKHD)
    d_weight_BHQK, d_value_BKHD = from_context(context_gradient_BQHD)
    (d_score_BHQK,) = from_weights(d_weight_BHQK)
    return d_value_BKHD, d_weight_BHQK, d_score_BHQK


def score_gradient(
    model: Model, tokens_BK: jax.Array, masked_B: jax.Array, forward: ForwardOutput, losses: Losses
) -> jax.Array:
    """dL/ds of every row [B, H, K], where s are the scores as softmax gets them, scaled and capped.

    Args:
      model: a run's model.
      tokens_BK: sentences with a masked word.
      masked_B: its position.
      forward: their forward pass, in which each row asks that one query.
      losses: the loss of each row.
    """
    gradient_BQHD = context_gradient(model, tokens_BK, masked_B, losses)
    attention = forward.scores_BHQK, forward.value_BKHD, tokens_BK != PADDING
    return back_to_scores(*attention, gradient_BQHD, sink_scores(model))[2][:, :, 0]
