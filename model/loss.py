"""Losses of a guess, one number an example: what training minimises, and what is reported.

cross_entropy(logits_BV, target_B)    -log of the probability of the masked word
excess(posterior_BV, logits_BV)       KL(posterior || model): 0 for a model that guesses as well as can be

On average over sentences the cross-entropy is the excess plus the entropy of the posterior, which no model can lower:
the excess says the same without the noise of which word happened to be masked. All in nats; means are the caller's.
"""

import jax
import jax.numpy as jnp
import optax


def cross_entropy(logits_BV: jax.Array, target_B: jax.Array) -> jax.Array:
    """Each example's -log softmax(logits)[target] [B]; further leading axes are taken as they come."""
    return optax.softmax_cross_entropy_with_integer_labels(logits_BV, target_B)


def excess(posterior_BV: jax.Array, logits_BV: jax.Array) -> jax.Array:
    """Each example's sum of p log(p / softmax(logits)) [B], for the exact posterior p.

    A word that the posterior excludes costs nothing by itself (0 log 0 = 0), whatever its logit, -inf as well.

    Args:
      posterior_BV: probabilities of the words, 0 where a word cannot stand.
      logits_BV: the model's logits.
    """
    possible_BV = posterior_BV > 0
    # Both logs are made harmless before the product: a `where` after it would let NaN into the gradient.
    log_posterior_BV = jnp.log(jnp.where(possible_BV, posterior_BV, 1.0))
    log_softmax_BV = jax.nn.log_softmax(logits_BV)
    log_model_BV = jnp.where(possible_BV, log_softmax_BV, 0.0)
    terms_BV = posterior_BV * (log_posterior_BV - log_model_BV)
    # q - p sums to 0 and belongs to each term: what rounding does to log q then cancels to first order. In float32 a KL
    # of 0.001 nats has a seventh of the error (median 9e-6 of it instead of 7e-5).
    return jnp.sum(terms_BV - posterior_BV + jnp.exp(log_softmax_BV), axis=-1)
