"""The model's face: plain dicts of arrays in, plain arrays out. Outside `model/` no flax module is seen.

config = ModelConfig(d_model=32, heads=2).sized(vocabulary_size=100, max_length=16)
model = Model(config, init_params(config, jax.random.key(0)), scale=config.d_head**-0.5)
out = apply(model, tokens_BK, query_positions_BQ)
out.weights_BHQK[0, :, 0]          how much each head looks at each word
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from model.attention import Cut
from model.config import TransformerConfig
from model.forward_output import ForwardOutput
from model.transformer import Transformer

Params = dict[str, Any]
"""Nested dicts of arrays: `params["attention"]["query"]["kernel"]`."""
PADDING = 0
"""The token that no query may look at."""


@functools.partial(jax.tree_util.register_dataclass, data_fields=["params", "scale"], meta_fields=["config"])
@dataclass(frozen=True)
class Model:
    """A model that can be applied: a pytree of its parameters and its scale; the configuration is static."""

    config: TransformerConfig
    params: Params
    """From `init_params`, or trained."""
    scale: jax.Array | float
    """Factor of the dot products. Where the configuration says that it is learned, a parameter stands in for it."""


def init_params(config: TransformerConfig, key: jax.Array) -> Params:
    """Fresh parameters, a pure function of `key`."""
    params: Params = nnx.to_pure_dict(nnx.state(Transformer(config, nnx.Rngs(params=key)), nnx.Param))
    return params


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
    allowed_BK = tokens_BK != PADDING
    return _module(model)(tokens_BK, query_positions_BQ, allowed_BK, model.scale, cut, context_shift_BQHD)


def training_logits(model: Model, tokens_BK: jax.Array, query_positions_BQ: jax.Array) -> jax.Array:
    """`apply(...).logits_BQV`, by a cheaper order of products where that order knows the whole configuration.

    For training alone; equal in exact arithmetic. See `model.transformer.can_reassociate`.
    """
    return _module(model).training_logits(tokens_BK, query_positions_BQ, tokens_BK != PADDING, model.scale)


@functools.lru_cache(maxsize=64)
def _graph(config: TransformerConfig) -> tuple[Any, Any]:
    """The module without its arrays, made once for each configuration."""
    return nnx.split(nnx.eval_shape(lambda: Transformer(config, nnx.Rngs(params=jax.random.key(0)))))


def _module(model: Model) -> Transformer:
    graph, shapes = _graph(model.config)
    state = jax.tree.map(lambda shape: shape, shapes)
    nnx.replace_by_pure_dict(state, model.params)
    module: Transformer = nnx.merge(graph, state)
    return module
