"""What the forward pass gives: every intermediate, from the embeddings to the logits."""

from dataclasses import dataclass

import jax


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
    """Embedding of the query position + attention."""
    mlp_BQM: jax.Array
    """What the MLP adds."""
    output_BQM: jax.Array
    """residual + MLP: the new representation of the query position."""
    logits_BQV: jax.Array
    """One number a word of the vocabulary; softmax of them is the guess."""
