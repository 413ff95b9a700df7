"""What the gradient study measures: frozen dataclasses, the schema of its config files. Imports no jax."""

from dataclasses import dataclass, field
from typing import Any

from model.config import check, setting

_MAX_SIZE = 4096
CONTROL_STEPS = 200
"""Updates of the control arm, P7."""


def _sizes(default: tuple[int, ...], where: str) -> Any:
    return setting(default, f"values of d_head that are compared {where}, in rising order")


class _Sizes:
    """Values of d_head in rising order, which are checked with the other values of a part."""

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        check(self)
        sizes = self.sizes
        if len(sizes) < 2 or list(sizes) != sorted(set(sizes)) or not 1 <= sizes[0] <= sizes[-1] <= _MAX_SIZE:
            raise ValueError(f"sizes: must be two or more rising numbers from 1 to {_MAX_SIZE}, not {list(sizes)}")


@dataclass(frozen=True, kw_only=True)
class SimulatedConfig(_Sizes):
    """Part a: independent normal queries, keys and values, for which the formulas are exact."""

    sizes: tuple[int, ...] = _sizes((4, 16, 32, 48, 64, 256, 1024), "in the simulated layer")
    keys: int = setting(6, "keys that a query looks at", low=2, high=256)
    tokens: int = setting(12288, "queries of each seed", low=64, high=10_000_000)
    softmax_rows: int = setting(16384, "rows of normal scores of each seed, for softmax alone", low=64, high=10_000_000)
    small: float = setting(0.1, "standard deviation of queries and keys where scores are small", low=1e-3, high=1.0)


@dataclass(frozen=True, kw_only=True)
class LayerConfig(_Sizes):
    """Part b: the real model before its first update. Part c trains the same model."""

    sizes: tuple[int, ...] = _sizes((4, 16, 64, 256, 1024), "in the real layer")
    seeds: int = setting(30, "models of each size: seed, seed + 1, ...", low=2, high=1000)
    rows: int = setting(64, "masked sentences of each seed", low=8, high=100_000)
    d_model: int = setting(32, "components of the residual stream", low=1, high=4096)
    heads: int = setting(2, "attention heads", low=1, high=64)
    embedding_std: float = setting(0.01, "standard deviation of the embeddings at the start", low=1e-4, high=100.0)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(_Sizes):
    """Part c: models trained under each scale, every size and scale from the same seeds and on the same sentences."""

    sizes: tuple[int, ...] = _sizes((16, 64, 256), "in training")
    steps: int = setting(600, "updates", low=2, high=1_000_000)
    batch: int = setting(256, "sentences an update", low=1, high=1_000_000)
    learning_rate: float = setting(1e-2, "largest learning rate, the same for every arm", low=0.0, high=1e3)
    records: int = setting(8, "steps, spaced ever wider, at which gradients are measured", low=2, high=1000)
    rows: int = setting(64, "masked sentences on which they are measured", low=8, high=100_000)
    sentences: int = setting(1024, "sentences of the evaluation set", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class EscapeConfig:
    """P9: one query that starts saturated on the wrong key."""

    margins: tuple[int, ...] = setting(tuple(range(12)), "margins M of the wrong key's score, rising")
    learning_rate: float = setting(0.02, "learning rate of gradient descent on the query", low=1e-6, high=1e3)
    adam_learning_rate: float = setting(0.01, "learning rate of Adam on the query", low=1e-6, high=1e3)
    limit: int = setting(200_000, "updates after which an escape is no longer waited for", low=10, high=100_000_000)

    def __post_init__(self) -> None:
        check(self)
        if len(self.margins) < 3 or list(self.margins) != sorted(set(self.margins)) or self.margins[0] < 0:
            raise ValueError(f"margins: must be three or more rising numbers from 0, not {list(self.margins)}")
        if self.margins[-1] > 30:
            raise ValueError(f"margins: must be at most 30, not {self.margins[-1]}; escapes take exp(M) updates")


@dataclass(frozen=True, kw_only=True)
class GradientConfig:
    """The whole study."""

    COMMAND = "gradients"
    world: str = setting("english", "the world: one of catmat's (see data/worlds), or the path of a world file")
    seed: int = setting(0, "the first seed", low=0, high=2**31 - 1)
    seeds: int = setting(10, "seeds of the simulated layer, of each training and of each escape", low=2, high=1000)
    simulated: SimulatedConfig = field(default_factory=SimulatedConfig)
    layer: LayerConfig = field(default_factory=LayerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    escape: EscapeConfig = field(default_factory=EscapeConfig)

    def __post_init__(self) -> None:
        check(self)
        if self.seed + max(self.seeds, self.layer.seeds) > 2**31:
            raise ValueError(f"seed: must leave room for the seeds below {2**31}, not {self.seed}")
