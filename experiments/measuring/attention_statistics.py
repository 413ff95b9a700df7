"""The state of a layer's attention: how sharp it is, how large its scores are, whether its rows still are rows.

Means over a fixed sample of rows, per head. Padding counts nowhere: entropy is divided by the log of the number of
words that the row could look at, so 1 is uniform in a sentence of any length.
"""

from collections import OrderedDict

import jax
import jax.numpy as jnp

from data.vocabulary import PAD
from experiments.training.hyperparameters import Array
from model.transformer import ForwardOutput

SATURATED = 0.9
"""A row is saturated if one word has more than this weight."""
AttentionStatistics = OrderedDict[str, Array]
"""The statistics by the names of MEANINGS; one number a head, [H]. JAX keeps the order of this dict."""
MEANINGS = {
    "entropy": "Entropy of a row of weights over the log of the number of its words: 1 is uniform, 0 is one word.",
    "effective_words": "1 / sum of squared weights: how many words share the weight of a row.",
    "max_weight": "Largest weight of a row, mean over rows.",
    "saturated_rows": "Share of rows in which one word has more than 0.9 of the weight.",
    "score_std": "Root of the mean over rows of the variance of a row's scores: the larger, the sharper the softmax.",
    "score_max": "Largest absolute score (scaled dot product).",
    "row_sum_error": "Largest |1 - sum of a row's weights|: rounding, or what a sink takes.",
    "query_norm": "Mean length of a query.",
    "key_norm": "Mean length of a key.",
    "cosine": "Mean cosine of a query and the keys of its row.",
}


def row_statistics(tokens_EK: jax.Array, forward: ForwardOutput) -> dict[str, jax.Array]:
    """What each row adds to the statistics, of one forward pass (E rows, Q is 1); numbers by their names, [E, H].

    `key_norm` and `cosine` are sums over the words of a row.
    """
    word_E1K = (tokens_EK != PAD)[:, None]
    count_E1 = word_E1K.sum(axis=-1)
    weight_EHK, score_EHK = forward.weights_BHQK[:, :, 0], forward.scores_BHQK[:, :, 0]
    log_EHK = jnp.log(jnp.where(weight_EHK > 0, weight_EHK, 1.0))
    mean_EH1 = jnp.sum(score_EHK * word_E1K, axis=-1, keepdims=True) / count_E1[..., None]
    query_EH = jnp.linalg.norm(forward.query_BQHD[:, 0], axis=-1)
    key_EHK = jnp.swapaxes(jnp.linalg.norm(forward.key_BKHD, axis=-1), 1, 2)
    lengths_EHK = jnp.maximum(query_EH[..., None] * key_EHK, 1e-30)
    return {
        "entropy": -jnp.sum(weight_EHK * log_EHK, axis=-1) / jnp.log(jnp.maximum(count_E1, 2)),
        "effective_words": 1 / jnp.sum(weight_EHK**2, axis=-1),
        "max_weight": weight_EHK.max(axis=-1),
        "score_variance": jnp.sum((score_EHK - mean_EH1) ** 2 * word_E1K, axis=-1) / count_E1,
        "score_max": jnp.max(jnp.abs(score_EHK) * word_E1K, axis=-1),
        "row_sum_error": jnp.abs(1 - weight_EHK.sum(axis=-1)),  # about 1e-7 where there is no sink
        "query_norm": query_EH,
        "key_norm": jnp.sum(key_EHK * word_E1K, axis=-1),
        "cosine": jnp.sum(forward.dot_products_BHQK[:, :, 0] / lengths_EHK * word_E1K, axis=-1),
    }


def attention_statistics(tokens_EK: jax.Array, rows: dict[str, jax.Array]) -> AttentionStatistics:
    """The statistics of all rows, from what each of them adds (see `row_statistics`)."""
    words = (tokens_EK != PAD).sum()
    return OrderedDict(
        entropy=rows["entropy"].mean(axis=0),
        effective_words=rows["effective_words"].mean(axis=0),
        max_weight=rows["max_weight"].mean(axis=0),
        saturated_rows=jnp.mean(rows["max_weight"] > SATURATED, axis=0),
        score_std=jnp.sqrt(rows["score_variance"].mean(axis=0)),
        score_max=rows["score_max"].max(axis=0),
        row_sum_error=rows["row_sum_error"].max(axis=0),
        query_norm=rows["query_norm"].mean(axis=0),
        key_norm=rows["key_norm"].sum(axis=0) / words,
        cosine=rows["cosine"].sum(axis=0) / words,
    )
