"""The state of a layer's attention: how sharp it is, how large its scores are, whether its rows still are rows.

Means over a fixed sample of rows, per head. Padding counts nowhere: entropy is divided by the log of the number of
words that the row could look at, so 1 is uniform in a sentence of any length.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from data.vocabulary import PAD
from experiments.training.arrays import Array
from model.transformer import ForwardOutput

SATURATED = 0.9
"""A row is saturated if one word has more than this weight."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class AttentionStatistics:
    """One number a head, [H]."""

    entropy_H: Array
    """Entropy of a row over the log of the number of its words; 1 uniform, 0 one word. Mean over rows."""
    effective_words_H: Array
    """1 / sum of squared weights: how many words share the weight. Mean over rows."""
    max_weight_H: Array
    """Largest weight of a row. Mean over rows."""
    saturated_rows_H: Array
    """Share of rows with a weight above 0.9."""
    score_std_H: Array
    """Root of the mean variance of a row's scores: what softmax's sharpness depends on."""
    score_max_H: Array
    """Largest absolute score."""
    row_sum_error_H: Array
    """Largest |1 - sum of a row's weights|; about 1e-7 of rounding, or what a sink takes."""
    query_norm_H: Array
    """Mean length of a query."""
    key_norm_H: Array
    """Mean length of a key."""
    cosine_H: Array
    """Mean cosine of a query and the keys of its row."""

    def named(self) -> dict[str, Any]:
        """The numbers by name, each [H]: entropy, effective_words, ..."""
        return {item.name.removesuffix("_H"): getattr(self, item.name) for item in dataclasses.fields(self)}

    def metrics(self) -> dict[str, float]:
        """`attention_statistics/entropy/head-1` and so on, of one run."""
        return {
            f"attention_statistics/{name}/head-{head + 1}": float(value)
            for name, values_H in self.named().items()
            for head, value in enumerate(values_H)
        }


MEANINGS = {
    "entropy": "Entropy of a row of weights over the log of the number of its words: 1 is uniform, 0 is one word.",
    "effective_words": "1 / sum of squared weights: how many words share the weight of a row.",
    "max_weight": "Largest weight of a row, mean over rows.",
    "saturated_rows": "Share of rows in which one word has more than 0.9 of the weight.",
    "score_std": "Standard deviation of the scores within a row: softmax is as sharp as this is large.",
    "score_max": "Largest absolute score (scaled dot product).",
    "row_sum_error": "Largest |1 - sum of a row's weights|: rounding, or what a sink takes.",
    "query_norm": "Mean length of a query.",
    "key_norm": "Mean length of a key.",
    "cosine": "Mean cosine of a query and the keys of its row.",
}


def attention_statistics(tokens_EK: jax.Array, forward: ForwardOutput) -> AttentionStatistics:
    """Statistics of the rows of one forward pass (E rows, Q is 1)."""
    word_E1K = (tokens_EK != PAD)[:, None]
    count_E1 = word_E1K.sum(axis=-1)
    weight_EHK, score_EHK = forward.weights_BHQK[:, :, 0], forward.scores_BHQK[:, :, 0]
    log_EHK = jnp.log(jnp.where(weight_EHK > 0, weight_EHK, 1.0))
    entropy_EH = -jnp.sum(weight_EHK * log_EHK, axis=-1) / jnp.log(jnp.maximum(count_E1, 2))
    mean_EH1 = jnp.sum(score_EHK * word_E1K, axis=-1, keepdims=True) / count_E1[..., None]
    variance_EH = jnp.sum((score_EHK - mean_EH1) ** 2 * word_E1K, axis=-1) / count_E1
    query_EH = jnp.linalg.norm(forward.query_BQHD[:, 0], axis=-1)
    key_EHK = jnp.swapaxes(jnp.linalg.norm(forward.key_BKHD, axis=-1), 1, 2)
    lengths_EHK = jnp.maximum(query_EH[..., None] * key_EHK, 1e-30)
    cosine_EHK = forward.dot_products_BHQK[:, :, 0] / lengths_EHK * word_E1K
    words = count_E1.sum()
    return AttentionStatistics(
        entropy_H=entropy_EH.mean(axis=0),
        effective_words_H=jnp.mean(1 / jnp.sum(weight_EHK**2, axis=-1), axis=0),
        max_weight_H=weight_EHK.max(axis=-1).mean(axis=0),
        saturated_rows_H=jnp.mean(weight_EHK.max(axis=-1) > SATURATED, axis=0),
        score_std_H=jnp.sqrt(variance_EH.mean(axis=0)),
        score_max_H=jnp.max(jnp.abs(score_EHK) * word_E1K, axis=(0, 2)),
        row_sum_error_H=jnp.max(jnp.abs(1 - weight_EHK.sum(axis=-1)), axis=0),
        query_norm_H=query_EH.mean(axis=0),
        key_norm_H=jnp.sum(key_EHK * word_E1K, axis=(0, 2)) / words,
        cosine_H=jnp.sum(cosine_EHK, axis=(0, 2)) / words,
    )
