"""The world: sentences, and the exact answers to every question about them. Imports nothing of `model`.

What other programs use, importable from `data` itself; a name's module is loaded when the name is first used, so that
`import data` loads neither NumPy nor jax:

    world = load_world("english")                     a world that comes with catmat, or the path of a world file
    posterior(world, tokens_BL, masked_B)             P(masked word | the other words), exact
    relevance(world, tokens_BL, masked_B)             how much each other word tells about the masked one, in nats
    tables = sampler_tables(world, ("subject",))      what sentences are drawn from; these slots are masked
    sample(tables, key, 256)                          256 fresh masked sentences, a `Batch`
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data.drawing_tables import sampler_tables
    from data.errors import InputError
    from data.inference import posterior, relevance, relevant_words
    from data.sampler import Batch, sample
    from data.vocabulary import MASK, PAD
    from data.world import World, load_world, world_names

__all__ = [
    "MASK",
    "PAD",
    "Batch",
    "InputError",
    "World",
    "load_world",
    "posterior",
    "relevance",
    "relevant_words",
    "sample",
    "sampler_tables",
    "world_names",
]
_MODULE_OF = {
    "MASK": "vocabulary",
    "PAD": "vocabulary",
    "Batch": "sampler",
    "InputError": "errors",
    "World": "world",
    "load_world": "world",
    "posterior": "inference",
    "relevance": "inference",
    "relevant_words": "inference",
    "sample": "sampler",
    "sampler_tables": "drawing_tables",
    "world_names": "world",
}
"""Where each name of `__all__` is defined. No module may have the name of an export: it would hide it."""


def __getattr__(name: str) -> Any:
    """An export, from its module (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'data' has no attribute '{name}'")
    return getattr(importlib.import_module(f"data.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
