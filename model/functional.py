"""The model's face: plain dicts of arrays in, plain arrays out. Outside `model/` no flax module is seen.

params = init_params(config, jax.random.key(0))
out = apply(config, params, tokens_BK, query_positions_BQ)
out.weights_BHQK[0, :, 0]          how much each head looks at each word
"""

import functools
from typing import Any

import jax
from flax import nnx

from model.attention import Cut
from model.config import TransformerConfig
from model.transformer import ForwardOutput, Transformer

Params = dict[str, Any]
"""Nested dicts of arrays: `params["attention"]["query"]["kernel"]`."""
PADDING = 0
"""The token that no query may look at."""


def init_params(config: TransformerConfig, key: jax.Array) -> Params:
    """Fresh parameters, a pure function of `key`."""
    params: Params = nnx.to_pure_dict(nnx.state(Transformer(config, nnx.Rngs(params=key)), nnx.Param))
    return params


def apply(
    config: TransformerConfig,
    params: Params,
    tokens_BK: jax.Array,
    query_positions_BQ: jax.Array,
    *,
    scale: jax.Array | float | None = None,
    cut: Cut | None = None,
    context_shift_BQHD: jax.Array | None = None,
) -> ForwardOutput:
    """The forward pass, with everything that happens on the way.

    Args:
      config: the model's configuration.
      params: from `init_params`, or trained.
      tokens_BK: word numbers; padding is never attended to.
      query_positions_BQ: the positions whose masked word is guessed.
      scale: factor of the dot products; by default the configuration's. A learned one is a parameter instead.
      cut: edges of attention to cut.
      context_shift_BQHD: added to the context. With zeros, a gradient with respect to it is that of the context.
    """
    scale = config.scale_factor if scale is None else scale
    return _module(config, params)(tokens_BK, query_positions_BQ, tokens_BK != PADDING, scale, cut, context_shift_BQHD)


def training_logits(
    config: TransformerConfig,
    params: Params,
    tokens_BK: jax.Array,
    query_positions_BQ: jax.Array,
    scale: jax.Array | float,
) -> jax.Array:
    """`apply(...).logits_BQV` by a cheaper order of products: for training alone, equal in exact arithmetic."""
    return _module(config, params).training_logits(tokens_BK, query_positions_BQ, tokens_BK != PADDING, scale)


@functools.lru_cache(maxsize=64)
def _graph(config: TransformerConfig) -> tuple[Any, Any]:
    """The module without its arrays, made once for each configuration."""
    return nnx.split(nnx.eval_shape(lambda: Transformer(config, nnx.Rngs(params=jax.random.key(0)))))


def _module(config: TransformerConfig, params: Params) -> Transformer:
    graph, shapes = _graph(config)
    state = jax.tree.map(lambda shape: shape, shapes)
    nnx.replace_by_pure_dict(state, params)
    module: Transformer = nnx.merge(graph, state)
    return module
