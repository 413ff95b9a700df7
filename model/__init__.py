"""The transformer: one self-attention layer, and every number on the way through it. Imports nothing of `data`.

What other programs use, importable from `model` itself; a name's module is loaded when the name is first used, so that
`import model` does not load jax:

    config = ModelConfig(d_model=32, heads=2).sized(vocabulary_size=100, max_length=16)
    model = Model(config, init_params(config, jax.random.key(0)), scale=config.d_head**-0.5)
    out = apply(model, tokens_BK, query_positions_BQ)       every intermediate, a `ForwardOutput`
    cut_logits(model, tokens_BK, query_positions_BQ)        the logits with each word cut off, one at a time
    attention_weights(query, key, allowed, scale=0.25)      attention alone, as pure functions; then `weighted_sum`
    cross_entropy(logits, target), excess(posterior, logits)

Tensor names carry their shape, one letter a dimension (`query_BQHD`):

    B   sentences of a batch
    Q   query positions: the masked places whose words are guessed
    K   words of a sentence, as keys
    H   heads
    A   heads one by one, and then all at once (H + 1), where something is done to each
    D   components of one head's query, key or value (d_head)
    M   components of the residual stream (d_model)
    F   hidden units of the MLP
    V   words of the vocabulary
    R   runs trained side by side; appears only where runs are stacked

A batch letter means "inside one run".
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.attention import Cut, attention_weights, weighted_sum
    from model.config import ModelConfig, TransformerConfig
    from model.functional import Model, apply, cross_entropy, cut_logits, excess, init_params
    from model.transformer import ForwardOutput

__all__ = [
    "Cut",
    "ForwardOutput",
    "Model",
    "ModelConfig",
    "TransformerConfig",
    "apply",
    "attention_weights",
    "cross_entropy",
    "cut_logits",
    "excess",
    "init_params",
    "weighted_sum",
]
_MODULE_OF = {
    "Cut": "attention",
    "ForwardOutput": "transformer",
    "Model": "functional",
    "ModelConfig": "config",
    "TransformerConfig": "config",
    "apply": "functional",
    "attention_weights": "attention",
    "cross_entropy": "functional",
    "cut_logits": "functional",
    "excess": "functional",
    "init_params": "functional",
    "weighted_sum": "attention",
}
"""Where each name of `__all__` is defined. No module may have the name of an export: it would hide it."""


def __getattr__(name: str) -> Any:
    """An export, from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'model' has no attribute '{name}'")
    return getattr(importlib.import_module(f"model.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
