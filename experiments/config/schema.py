"""The config of an experiment: frozen dataclasses, which are the schema of config files and of the command line."""

import math
from dataclasses import dataclass, field

from model.config import Checked, ModelConfig, setting

OPTIMIZERS = ("adamw", "sgd")
SAMPLING = ("independent", "quasi_random")
FORMAT = 2
"""Version of configs, records and summaries, which change together; a user's own config file need not name it."""
RENAMED = {"task.hidden": "task.masked"}
"""Config values that had another name in format 1."""
PIECES = 8
"""A batch is drawn in this many pieces, each with a key of its own, so that devices can share it."""


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """Which words are masked and predicted."""

    masked: tuple[str, ...] = setting(("subject", "verb", "object"), "slots whose words are masked")

    def __post_init__(self) -> None:
        if not self.masked or len(set(self.masked)) != len(self.masked):
            raise ValueError(f"masked: must name at least one slot, each once, not {list(self.masked)}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
    """How the parameters are trained. The learning rate warms up linearly and then decays to 0 by a cosine."""

    steps: int = setting(1700, "updates", low=1, high=10_000_000)
    batch: int = setting(1024, "sentences in each update", low=1, high=1_000_000)
    sampling: str = setting(
        "independent",
        "how sentences are drawn. quasi_random: low-discrepancy draws with the same distribution as independent ones, "
        "but covering it more evenly",
        choices=SAMPLING,
    )
    optimizer: str = setting(
        "adamw", "AdamW, or plain gradient descent (sgd), which needs a far larger learning rate", choices=OPTIMIZERS
    )
    learning_rate: float = setting(1e-2, "largest learning rate", low=0.0, high=1e3)
    warmup: float = setting(
        0.1, "fraction of the updates in which the learning rate rises to its largest value", low=0.0, high=1.0
    )
    weight_decay: float = setting(
        1e-2, "weight decay of all parameters, multiplied by the learning rate", low=0.0, high=1e3
    )
    beta2: float = setting(0.95, "AdamW's decay rate of the mean squared gradient", low=0.0, high=0.99999)

    @property
    def pieces(self) -> int:
        """The number of pieces in which a batch is drawn."""
        return math.gcd(self.batch, PIECES)


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Checked):
    """How a model is measured."""

    sentences: int = setting(4096, "sentences in each evaluation set", low=1, high=1_000_000)


@dataclass(frozen=True, kw_only=True)
class TrackConfig(Checked):
    """What is recorded of a training."""

    records: int = setting(
        20, "number of recorded steps, at increasing distances, at which everything is measured", low=2, high=1000
    )
    checkpoint_seconds: float = setting(
        2.0, "least seconds between two checkpoints; the last step always has one", low=0.0, high=1e6
    )
    images: int = setting(
        6, "at how many of the recorded steps pictures are drawn; TensorBoard shows at most 10", low=0, high=10
    )


@dataclass(frozen=True, kw_only=True)
class Config(Checked):
    """One experiment: everything that its numbers depend on."""

    world: str = setting("english", "the world: one of catmat's (see data/worlds), or the path of a world file")
    seed: int = setting(0, "the first seed", low=0, high=2**31 - 1)
    seeds: int = setting(
        1, "number of runs trained side by side, with the seeds seed, seed + 1, ...", low=1, high=100_000
    )
    probes: tuple[str, ...] = setting((), "your own sentences to watch, in addition to the examples of the world")
    model: ModelConfig = field(default_factory=ModelConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    track: TrackConfig = field(default_factory=TrackConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seed + self.seeds > 2**31:
            raise ValueError(f"seeds: seed + seeds must be at most {2**31}, not {self.seed + self.seeds}")
