"""The gradient of the loss by the scores of attention, through the model's own functions.

A score s is what softmax gets, scaled and capped. Training moves it against its gradient: a score with dL/ds above 0 is
pushed down. The gradients of a row sum to 0 over its words, unless a sink takes part.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from model.attention import softmax, weighted_sum
from model.functional import PADDING, Model, logits_from_context, sink_scores
from model.transformer import ForwardOutput


def score_gradient(
    model: Model,
    tokens_BK: jax.Array,
    masked_B: jax.Array,
    forward: ForwardOutput,
    losses: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """dL/ds of every row [B, H, K]; 0 at padding.

    Args:
      model: a run's model.
      tokens_BK: sentences with a masked word.
      masked_B: its position.
      forward: their forward pass, in which each row asks that one query.
      losses: the loss of each row [B] by its logits [B, V]. Rows do not meet: the gradient of their sum is each row's.
    """
    allowed_BK, sink_H = tokens_BK != PADDING, sink_scores(model)
    embedding_BQM = jnp.take_along_axis(forward.embedding_BKM, masked_B[:, None, None], axis=1)

    def loss(score_BHQK: jax.Array) -> jax.Array:
        _, context_BQHD = weighted_sum(softmax(score_BHQK, allowed_BK, sink_H), forward.value_BKHD)
        return losses(logits_from_context(model, embedding_BQM, context_BQHD)[:, 0]).sum()

    return jax.grad(loss)(forward.scores_BHQK)[:, :, 0]
