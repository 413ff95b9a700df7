"""What an experiment is: frozen dataclasses that are the schema of config files and of the command line."""

import math
from dataclasses import dataclass, field

from model.config import ModelConfig, check, setting

OPTIMIZERS = ("adamw", "sgd")
SAMPLING = ("independent", "quasi_random")
FORMAT = 2
"""Version of configs, records and summaries, which change together; a user's own config file need not name it."""
RENAMED = {"task.hidden": "task.masked"}
"""Config values that had another name in format 1."""
PIECES = 8
"""A batch is drawn in this many pieces, each with a key of its own, so that devices can share it."""


class _Checked:
    """A config whose values are checked against the bounds of their settings."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """Which words are masked and guessed."""

    masked: tuple[str, ...] = setting(("subject", "verb", "object"), "slots whose words are masked")

    def __post_init__(self) -> None:
        if not self.masked or len(set(self.masked)) != len(self.masked):
            raise ValueError(f"masked: must name at least one slot, each once, not {list(self.masked)}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Checked):
    """How the parameters are learned: a linear warm-up, then half a cosine down to 0."""

    steps: int = setting(1700, "updates", low=1, high=10_000_000)
    batch: int = setting(1024, "sentences an update", low=1, high=1_000_000)
    sampling: str = setting(
        "independent",
        "how sentences are drawn. quasi_random: low-discrepancy draws with the same distribution as independent ones, "
        "but covering it more evenly",
        choices=SAMPLING,
    )
    optimizer: str = setting(
        "adamw", "AdamW, or plain gradient descent (which wants a far larger rate)", choices=OPTIMIZERS
    )
    learning_rate: float = setting(1e-2, "largest learning rate", low=0.0, high=1e3)
    warmup: float = setting(0.1, "share of the updates until the largest learning rate", low=0.0, high=1.0)
    weight_decay: float = setting(1e-2, "decay of all parameters, times the learning rate", low=0.0, high=1e3)
    beta2: float = setting(0.95, "decay of AdamW's mean square", low=0.0, high=0.99999)

    @property
    def pieces(self) -> int:
        """Into how many pieces the batch is cut."""
        return math.gcd(self.batch, PIECES)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(_Checked):
    """How a model is measured."""

    sentences: int = setting(4096, "sentences of each evaluation set", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class TrackConfig(_Checked):
    """What is kept of a training."""

    records: int = setting(20, "steps, spaced ever wider, at which everything is measured", low=2, high=1000)
    checkpoint_seconds: float = setting(
        2.0, "least time between two checkpoints; the last step always has one", low=0.0, high=1e6
    )
    images: int = setting(
        6, "how many of the recorded steps become pictures; TensorBoard shows 10 a tag", low=0, high=10
    )


@dataclass(frozen=True, kw_only=True)
class Config(_Checked):
    """One experiment: everything that decides its numbers."""

    world: str = setting("english", "the world: one of catmat's (see data/worlds), or the path of a world file")
    seed: int = setting(0, "the first seed", low=0, high=2**31 - 1)
    seeds: int = setting(1, "how many seeds are trained side by side: seed, seed + 1, ...", low=1, high=100_000)
    probes: tuple[str, ...] = setting((), "sentences of your own to watch, beside the examples of the world")
    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    track: TrackConfig = field(default_factory=TrackConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed + self.seeds > 2**31:
            raise ValueError(f"seeds: seed + seeds must be at most {2**31}, not {self.seed + self.seeds}")
