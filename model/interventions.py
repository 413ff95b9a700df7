"""Interventions: what the model would say if one word could not be looked at.

A large weight is not yet an effect: the value behind it may say nothing, or other words may say the same. So edges
(query i -> key j) are cut one at a time, in one head or in all, and the guess is made again:

    logits = cut_logits(model, tokens_BK, query_positions_BQ)
    excess(posterior, logits[:, :, -1, j]) - excess(posterior, uncut)      what the row loses without word j

There are two rules. With p_j the weight, v_j the value and o the context,

    renormalise   o' - o = p_j / (1 - p_j) (o - v_j)    the score becomes -inf; the other weights grow
    zero          o' - o = -p_j v_j                     the term leaves the sum; the other weights stay

The scores are masked and not the identities applied: 1 - p_j has no digits left in float32 as p_j nears 1.

Not for "how much does the word matter": a cut model meets contexts that it never met in training. Model relevance
answers that. The cost is one softmax, sum and MLP for each cut; embeddings, keys and values are computed once.

One letter more than in `model`: A, the heads one by one and then all at once (H + 1).
"""

import jax
import jax.numpy as jnp

from model.attention import Cut, Rule
from model.functional import Model, apply


def single_cuts(heads: int, keys: int) -> jax.Array:
    """Every cut of a single key.

    Args:
      heads: number of heads H.
      keys: number of keys K.

    Returns:
      Booleans [A, K, H, K]: [h, j] is True at key j of head h alone, and [H, j], the last, at key j of all heads.
    """
    head_AH = jnp.concatenate([jnp.eye(heads, dtype=bool), jnp.ones((1, heads), bool)])
    key_KK = jnp.eye(keys, dtype=bool)
    return head_AH[:, None, :, None] & key_KK[None, :, None, :]


def cut_logits(
    model: Model, tokens_BK: jax.Array, query_positions_BQ: jax.Array, rule: Rule = "renormalise"
) -> jax.Array:
    """The logits of the model with each edge of every row cut, one edge at a time.

    There is one layer of attention, so rows do not meet: a cut of key j in all rows is a cut in each row alone.
    Cutting padding changes nothing. To cut the only word of a sentence by "renormalise" leaves no weights: NaN,
    unless the model has a sink.

    Args:
      model: configuration, parameters and scale.
      tokens_BK: word numbers.
      query_positions_BQ: the positions whose masked word is guessed.
      rule: how an edge is cut.

    Returns:
      Logits [B, Q, A, K, V]: [..., h, j, :] without key j in head h, [..., H, j, :] without key j in any head.
    """

    def logits_of(cut_HK: jax.Array) -> jax.Array:
        cut = Cut(cut_HK[None, :, None, :], rule)
        return apply(model, tokens_BK, query_positions_BQ, cut=cut).logits_BQV

    logits_AKBQV = jax.vmap(jax.vmap(logits_of))(single_cuts(model.config.heads, tokens_BK.shape[1]))
    return jnp.moveaxis(logits_AKBQV, (0, 1), (2, 3))
