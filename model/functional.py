"""The model's face: plain dicts of arrays in, plain arrays out. Outside `model/` no flax module is seen.

config = ModelConfig(d_model=32, heads=2).sized(vocabulary_size=100, max_length=16)
model = Model(config, init_params(config, jax.random.key(0)), scale=config.d_head**-0.5)
out = apply(model, tokens_BK, query_positions_BQ)
out.weights_BHQK[0, :, 0]             how much each head looks at each word
cross_entropy(logits_BV, target_B)    -log of the probability of the masked word, which training minimises
excess(posterior_BV, logits_BV)       KL(posterior || model): 0 for a model that guesses as well as can be

On average over sentences the cross-entropy is the excess plus the entropy of the posterior, which no model can lower:
the excess says the same without the noise of which word happened to be masked. All in nats, one number an example;
means are the caller's.

What would the model say if one word could not be looked at? A large weight is not yet an effect: the value behind it
may say nothing, or other words may say the same. So edges (query i -> key j) are cut one at a time, in one head or in
all, and the guess is made again:

    logits = cut_logits(model, tokens_BK, query_positions_BQ)
    excess(posterior, logits[:, :, -1, j]) - excess(posterior, uncut)      what the row loses without word j

There are two rules. With p_j the weight, v_j the value and o the context,

    renormalise   o' - o = p_j / (1 - p_j) (o - v_j)    the score becomes -inf; the other weights grow
    zero          o' - o = -p_j v_j                     the term leaves the sum; the other weights stay

The scores are masked and not the identities applied: 1 - p_j has no digits left in float32 as p_j nears 1.

Not for "how much does the word matter": a cut model meets contexts that it never met in training. Model relevance
answers that. The cost is one softmax, sum and MLP for each cut; embeddings, keys and values are computed once.
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from model.attention import Cut, Rule
from model.config import TransformerConfig
from model.transformer import ForwardOutput, Transformer

Params = dict[str, Any]
"""Nested dicts of arrays: `params["attention"]["query"]["kernel"]`."""
PADDING = 0
"""The token that no query may look at."""


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["params", "scale", "pairs_VKM"], meta_fields=["config"]
)
@dataclass(frozen=True)
class Model:
    """A model that can be applied: a pytree of its parameters and its scale; the configuration is static."""

    config: TransformerConfig
    params: Params
    """From `init_params`, or trained."""
    scale: jax.Array | float
    """Factor of the dot products. Where the configuration says that it is learned, a parameter stands in for it."""
    pairs_VKM: jax.Array | None = None
    """From `input_pairs`, so that `training_logits` of several batches need not compute it for each of them."""


def init_params(config: TransformerConfig, key: jax.Array) -> Params:
    """Fresh parameters, a pure function of `key`."""
    return nnx.to_pure_dict(nnx.state(Transformer(config, nnx.Rngs(params=key)), nnx.Param))


def apply(
    model: Model,
    tokens_BK: jax.Array,
    query_positions_BQ: jax.Array,
    *,
    cut: Cut | None = None,
    context_shift_BQHD: jax.Array | None = None,
) -> ForwardOutput:
    """The forward pass, with everything that happens on the way.

    Args:
      model: configuration, parameters and scale.
      tokens_BK: word numbers; padding is never attended to.
      query_positions_BQ: the positions whose masked word is guessed.
      cut: edges of attention to cut.
      context_shift_BQHD: added to the context. With zeros, a gradient with respect to it is that of the context.
    """
    return _module(model)(tokens_BK, query_positions_BQ, tokens_BK != PADDING, model.scale, cut, context_shift_BQHD)


def sink_scores(model: Model) -> jax.Array | None:
    """The score of the sink in each head [H], which takes part in the softmax; None without one."""
    return _module(model).attention.sink_scores()


def logits_from_context(model: Model, embedding_BQM: jax.Array, context_BQHD: jax.Array) -> jax.Array:
    """The rest of the forward pass [B, Q, V], from the contexts on: what a gradient of the context needs.

    Args:
      model: configuration, parameters and scale.
      embedding_BQM: token + position at the query positions.
      context_BQHD: `apply(...).context_BQHD`.
    """
    return _module(model).after_context(embedding_BQM, context_BQHD)[-1]


def training_logits(model: Model, tokens_BK: jax.Array, query_positions_BQ: jax.Array) -> jax.Array:
    """`apply(...).logits_BQV`, by a cheaper order of products where that order knows the whole configuration.

    For training alone; equal in exact arithmetic. See `model.transformer.can_reassociate`.
    """
    allowed_BK = tokens_BK != PADDING
    return _module(model).training_logits(tokens_BK, query_positions_BQ, allowed_BK, model.scale, model.pairs_VKM)


def input_pairs(model: Model, places: int) -> jax.Array:
    """What attention gets of each word at each of the first `places` places [V, K, M]."""
    return _module(model).input_pairs(places)


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
        return apply(model, tokens_BK, query_positions_BQ, cut=Cut(cut_HK[None, :, None, :], rule)).logits_BQV

    logits_AKBQV = jax.vmap(jax.vmap(logits_of))(single_cuts(model.config.heads, tokens_BK.shape[1]))
    return jnp.moveaxis(logits_AKBQV, (0, 1), (2, 3))


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


def divergence(p_BV: jax.Array, q_BV: jax.Array) -> jax.Array:
    """KL(p || q) of each row in nats [B], accurate also where the two hardly differ.

    By the relative difference d = q / p - 1 it is the sum of p (d - log(1 + d)), since p d sums to 0: the logs of p and
    of q, whose rounding would be as large as such a divergence, are not formed.

    Args:
      p_BV: probabilities.
      q_BV: probabilities; infinite is what excludes a word that p does not.
    """
    some_BV = p_BV > float(np.finfo(p_BV.dtype).tiny)
    difference_BV = q_BV - p_BV
    relative_BV = jnp.where(some_BV, difference_BV / jnp.where(some_BV, p_BV, 1.0), 0.0)
    return jnp.sum(difference_BV - p_BV * jnp.log1p(relative_BV), axis=-1)


@functools.lru_cache(maxsize=64)
def _graph(config: TransformerConfig) -> tuple[nnx.GraphDef[Transformer], Any]:
    """The module without its arrays, made once for each configuration."""
    return nnx.split(nnx.eval_shape(lambda: Transformer(config, nnx.Rngs(params=jax.random.key(0)))))


def _module(model: Model) -> Transformer:
    graph, shapes = _graph(model.config)
    state = jax.tree.map(lambda shape: shape, shapes)
    nnx.replace_by_pure_dict(state, model.params)
    return nnx.merge(graph, state)
