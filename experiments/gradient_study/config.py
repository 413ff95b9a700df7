"""What the gradient study measures: frozen dataclasses, the schema of its config files. Imports no jax."""

from dataclasses import dataclass, field

from experiments.studies.options import CheckedLists
from model.config import setting

CONTROL_STEPS = 200
"""Updates of the control arm, P7."""
_SIZES = (2, 1, 4096)
"""How many values of d_head are compared at least, and from where to where they may lie; see `CheckedLists`."""


@dataclass(frozen=True, kw_only=True)
class SimulatedConfig(CheckedLists):
    """Part a: independent normal queries, keys and values, for which the formulas are exact."""

    sizes: tuple[int, ...] = setting(
        (4, 16, 32, 48, 64, 256, 1024),
        "values of d_head that are compared in the simulated layer, in rising order",
        rising=_SIZES,
    )
    keys: int = setting(6, "keys that a query looks at", low=2, high=256)
    tokens: int = setting(12288, "queries of each seed", low=64, high=10_000_000)
    softmax_rows: int = setting(16384, "rows of normal scores of each seed, for softmax alone", low=64, high=10_000_000)
    value_size: int = setting(
        16,
        "components of a value; a gradient's RMS does not depend on it, its mean and median by percents",
        low=1,
        high=4096,
    )
    output_gradient: float = setting(
        1.0,
        "RMS length of the loss's gradient with respect to the output; all gradients grow with it",
        low=1e-6,
        high=1e6,
    )
    small: float = setting(0.1, "standard deviation of queries and keys where scores are small", low=1e-3, high=1.0)


@dataclass(frozen=True, kw_only=True)
class LayerConfig(CheckedLists):
    """Part b: the real model before its first update. Part c trains the same model."""

    sizes: tuple[int, ...] = setting(
        (4, 16, 64, 256, 1024), "values of d_head that are compared in the real layer, in rising order", rising=_SIZES
    )
    seeds: int = setting(30, "models of each size: seed, seed + 1, ...", low=2, high=1000)
    rows: int = setting(64, "masked sentences of each seed", low=8, high=100_000)
    d_model: int = setting(32, "components of the residual stream", low=1, high=4096)
    heads: int = setting(2, "attention heads", low=1, high=64)
    embedding_std: float = setting(0.01, "standard deviation of the embeddings at the start", low=1e-4, high=100.0)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(CheckedLists):
    """Part c: models trained under each scale, every size and scale from the same seeds and on the same sentences."""

    sizes: tuple[int, ...] = setting(
        (16, 64, 256), "values of d_head that are compared in training, in rising order", rising=_SIZES
    )
    steps: int = setting(600, "updates", low=2, high=1_000_000)
    batch: int = setting(256, "sentences an update", low=1, high=1_000_000)
    learning_rate: float = setting(1e-2, "largest learning rate, the same for every arm", low=0.0, high=1e3)
    records: int = setting(8, "steps, spaced ever wider, at which gradients are measured", low=2, high=1000)
    rows: int = setting(64, "masked sentences on which they are measured", low=8, high=100_000)
    sentences: int = setting(1024, "sentences of the evaluation set", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class EscapeConfig(CheckedLists):
    """P9: one query that starts saturated on the wrong key."""

    margins: tuple[int, ...] = setting(
        tuple(range(12)), "margins M of the wrong key's score, rising; escapes take exp(M) updates", rising=(3, 0, 30)
    )
    learning_rate: float = setting(0.02, "learning rate of gradient descent on the query", low=1e-6, high=1e3)
    adam_learning_rate: float = setting(0.01, "learning rate of Adam on the query", low=1e-6, high=1e3)
    limit: int = setting(200_000, "updates after which an escape is no longer waited for", low=10, high=100_000_000)


@dataclass(frozen=True, kw_only=True)
class GradientConfig(CheckedLists):
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
        super().__post_init__()
        if self.seed + max(self.seeds, self.layer.seeds) > 2**31:
            raise ValueError(f"seed: must leave room for the seeds below {2**31}, not {self.seed}")
