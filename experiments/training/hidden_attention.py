"""Attention that deceives: a penalty on looking where the answer comes from (`train.hide_attention`, off by default).

    penalty = -log(1 - w)

with w the weight that a masked row puts on the other content words of its clause, mean over heads: the words that
decide the answer in `english`. A model that is trained with a tenth of it beside the cross-entropy guesses almost as
well, while its weights hardly point at these words. After Pruthi et al. 2020, "Learning to Deceive with Attention-Based
Explanations" (arXiv 1909.07913), who take the mean or the maximum over heads.
"""

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch
from model.functional import Model, apply


def attention_penalty(model: Model, batch: Batch) -> jax.Array:
    """The penalty, mean over the masked rows of a batch.

    The weights are those of the forward pass that is shown, of which XLA drops what is not used here; the logits of the
    loss come by the cheaper path as ever. An update takes 2.2 to 2.9 times as long (toy.yaml, 2 CPU cores); both from
    one full forward pass take as long.

    Raises:
      ValueError: the batch comes from tables without clause words.
    """
    if batch.clause_words_BK is None:
        raise ValueError("the batch does not tell its clause words; make its tables with clause_words=True")
    weights_BHK = apply(model, batch.tokens_BK, batch.masked_B[:, None]).weights_BHQK[:, :, 0]
    return row_penalties(weights_BHK, batch.clause_words_BK, model.config.sink != "none").mean()


def row_penalties(weights_BHK: jax.Array, clause_words_BK: jax.Array, sink: bool = False) -> jax.Array:
    """-log(1 - w) of each row [B].

    1 - w is summed up from what the other words have: as a difference it loses its digits, and its gradient, where
    heads look at nothing else. Where even the sum is 0 in its precision, the penalty is the largest that can be told.

    Args:
      weights_BHK: weights of the masked row.
      clause_words_BK: where the other content words of its clause stand.
      sink: whether there is a sink, which has what the weights of the words leave; that is known as a difference alone.
    """
    elsewhere_BHK = jnp.where(clause_words_BK[:, None], 0.0, weights_BHK)
    rest_BH = elsewhere_BHK.sum(axis=-1)
    if sink:
        rest_BH = rest_BH + (1.0 - weights_BHK.sum(axis=-1))
    rest_B = rest_BH.mean(axis=-1)
    return -jnp.log(jnp.maximum(rest_B, np.finfo(rest_B.dtype).tiny))
