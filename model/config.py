"""The model's configuration: plain frozen values, checked where they are made."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

FACTORS = ("inverse_sqrt", "inverse", "none")


def setting(default: Any, meaning: str, **bounds: Any) -> Any:
    """A dataclass field with its meaning (for --help) and its bounds: `low`, `high`, `choices`.

    The bounds of lists are checked by `experiments.studies.options.CheckedLists` alone.
    """
    return field(default=default, metadata={"meaning": meaning, **bounds})


class Checked:
    """A config dataclass whose values are checked against the bounds of their settings when it is made."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Architecture(Checked):
    """What decides the shapes and the forward pass of the transformer, and is compiled in."""

    d_model: int = setting(32, "components of the residual stream", low=1, high=4096)
    heads: int = setting(2, "attention heads", low=1, high=64)
    d_head: int = setting(16, "components of one head's query, key and value", low=1, high=4096)
    d_mlp: int = setting(64, "hidden units of the MLP; 0 leaves it out", low=0, high=16384)
    norm: str = setting("layer", "normalisation before attention, MLP and output", choices=("layer", "rms", "none"))
    embedding_std: float = setting(0.01, "standard deviation of the embeddings at the start", low=0.0, high=100.0)
    query: str = setting(
        "full",
        "what the query is made of; all but full are control arms",
        choices=("full", "position", "content", "constant"),
    )
    qk_norm: bool = setting(False, "normalise queries and keys, with a learned gain per head")
    softcap: float = setting(0.0, "bound c of the scores, c tanh(score / c); 0 for none", low=0.0, high=1e6)
    sink: str = setting(
        "none",
        "a further score, 0 or learned, that takes weight and gives no value",
        choices=("none", "zero", "learned"),
    )
    tied_query_key: bool = setting(False, "one matrix for queries and keys: W_K is W_Q")
    residual: bool = setting(
        True,
        "attention is added to the vector of the masked place; false: it takes the place of that vector (control arm)",
    )


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Architecture):
    """An architecture, and the factors that may differ between the runs of one compiled program."""

    scale: str | float = setting(
        "inverse_sqrt",
        "factor of the dot products: 1/sqrt(d_head), 1/d_head, 1, learned from 1/sqrt(d_head), or a number; 0: uniform "
        "attention, every word gets the same weight (control arm)",
        choices=("inverse_sqrt", "inverse", "none", "learned"),
        low=0.0,
        high=1e6,
    )
    query_start: str | float = setting(
        "none",
        "factor of W_Q at the start; inverse_sqrt with scale none is how T5 begins",
        choices=FACTORS,
        low=0.0,
        high=1e6,
    )
    position_start: float = setting(
        1.0,
        "factor of the position embeddings at the start; 0, with train.position_rate 0: no positions (control arm)",
        low=0.0,
        high=1e6,
    )
    folded: str | float = setting(
        "none",
        "factor that W_Q and W_K take over from the scale, each its root, with learning rates to match (control arm)",
        choices=FACTORS,
        low=1e-6,
        high=1e6,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tied_query_key and self.query_start != "none":
            raise ValueError("query_start: W_Q has no start of its own where W_K is W_Q; leave one of the two out")

    @property
    def scale_factor(self) -> float:
        """What the dot products are multiplied by (at the start, where it is learned)."""
        return self._factor(self.scale)

    @property
    def query_start_factor(self) -> float:
        """What W_Q is multiplied by before the first update."""
        return self._factor(self.query_start)

    @property
    def folded_factor(self) -> float:
        """The factor that W_Q and W_K take over from the scale."""
        return self._factor(self.folded)

    def _factor(self, value: str | float) -> float:
        """A factor given by name or as a number; a learned one starts at 1/sqrt(d_head)."""
        root = 1 / math.sqrt(self.d_head)
        named = {"none": 1.0, "inverse": 1 / self.d_head, "inverse_sqrt": root, "learned": root}
        return named[value] if isinstance(value, str) else float(value)

    def sized(self, vocabulary_size: int, max_length: int) -> "TransformerConfig":
        """What is compiled in, for a vocabulary and a length of sentences."""
        return TransformerConfig(
            **{item.name: getattr(self, item.name) for item in dataclasses.fields(Architecture)},
            learned_scale=self.scale == "learned",
            vocabulary_size=vocabulary_size,
            max_length=max_length,
        )


@dataclass(frozen=True, kw_only=True)
class TransformerConfig(Architecture):
    """An architecture with the sizes that the world decides; which factor the dot products get is not part of it."""

    vocabulary_size: int
    max_length: int
    learned_scale: bool = False
    """Whether the factor of the dot products is a parameter, which starts at 1/sqrt(d_head)."""


def check(config: Any) -> None:
    """Check every field of a config dataclass against the bounds of its `setting`.

    Raises:
      ValueError: "field: rule, not value".
    """
    for item in dataclasses.fields(config):
        if broken := broken_rule(item, getattr(config, item.name)):
            raise ValueError(f"{item.name}: {broken}")


def broken_rule(item: "dataclasses.Field[Any]", value: object) -> str:
    """How a value breaks the bounds of its `setting`: "rule, not value"; empty if it keeps them."""
    bounds = item.metadata
    if isinstance(value, str) and "choices" in bounds and value not in bounds["choices"]:
        number = " or a number" if "low" in bounds else ""
        return f"must be {', '.join(bounds['choices'])}{number}, not {value}"
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and "low" in bounds and not bounds["low"] <= value <= bounds["high"]:
        return f"must be from {bounds['low']} to {bounds['high']}, not {value}"
    return ""
