"""The config of an experiment: frozen dataclasses, which are the schema of config files and of the command line.

Below them, what reads any such schema: its fields by their dotted names, such as `model.d_head`, and values as their
types.
"""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

from data.yaml_file import Reader, kind
from model.config import Checked, ModelConfig, setting

FORMAT = 2
"""Version of configs, records and summaries, which change together; a user's own config file need not name it."""
MOST_RECORDS = 1000
"""Recorded steps that a training can have."""
RENAMED = {"task.hidden": "task.masked"}
"""Config values that had another name in format 1."""
PIECES = 8
"""A batch is drawn in this many pieces, each with a key of its own, so that devices can share it."""
_WANTED = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf(inity)?)", re.IGNORECASE)
_TOO_LARGE = 1e19
"""Whatever the bounds of a whole number are, it has no more digits than this."""


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
        choices=("independent", "quasi_random"),
    )
    optimizer: str = setting(
        "adamw",
        "AdamW, or plain gradient descent (sgd), which needs a far larger learning rate",
        choices=("adamw", "sgd"),
    )
    learning_rate: float = setting(1e-2, "largest learning rate", low=0.0, high=1e3)
    token_rate: float = setting(
        1.0, "factor of the learning rate for the token embeddings; 0: they keep their random start", low=0.0, high=1e3
    )
    position_rate: float = setting(1.0, "factor of the learning rate for the position embeddings", low=0.0, high=1e3)
    query_key_rate: float = setting(
        1.0,
        "factor of the learning rate for W_Q and W_K; 0: frozen attention, which can learn where to look by the "
        "embeddings alone",
        low=0.0,
        high=1e3,
    )
    value_output_rate: float = setting(1.0, "factor of the learning rate for W_V and W_O", low=0.0, high=1e3)
    unembedding_rate: float = setting(
        1.0, "factor of the learning rate for the unembedding and its bias", low=0.0, high=1e3
    )
    warmup: float = setting(
        0.1, "fraction of the updates in which the learning rate rises to its largest value", low=0.0, high=1.0
    )
    weight_decay: float = setting(
        1e-2, "weight decay of all parameters, multiplied by the learning rate", low=0.0, high=1e3
    )
    beta2: float = setting(0.95, "AdamW's decay rate of the mean squared gradient", low=0.0, high=0.99999)
    hide_attention: float = setting(
        0.0,
        "factor of a penalty, -log(1 - w), that is trained beside the loss and teaches attention to deceive: w is the "
        "weight, mean over heads, on the other content words of the masked word's clause; 0 for none",
        low=0.0,
        high=1e3,
    )

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
        20,
        "number of recorded steps, at increasing distances, at which everything is measured",
        low=2,
        high=MOST_RECORDS,
    )
    checkpoint_seconds: float = setting(
        2.0, "least seconds between two checkpoints; the last step always has one", low=0.0, high=1e6
    )
    images: int = setting(
        6, "at how many of the recorded steps pictures are drawn; TensorBoard shows at most 10", low=0, high=10
    )
    diagnostics: bool = setting(
        True,
        "whether TensorBoard gets everything that is measured (gradients, attention statistics, baselines, excess by "
        "slot, histograms), or what matters most; record.npz has everything in any case",
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


@typing.runtime_checkable
class OwnReader(Protocol):
    """A type that reads its own values, for entries without a fixed set of names; `plain()` writes them."""

    def from_yaml(self, item: Reader, /) -> object:
        """The value at `item`."""


def is_section(declared: object) -> bool:
    """Whether a declared type is a dataclass of further values."""
    return dataclasses.is_dataclass(declared) and not isinstance(declared, OwnReader)


Value = bool | int | float | str | tuple[str, ...]
"""Of a config; a list in a config file is a tuple here."""


def config_fields(schema: type = Config, prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """(dotted name, field) of every value of the config."""
    declared = typing.get_type_hints(schema)
    for item in dataclasses.fields(schema):
        if is_section(declared[item.name]):
            yield from config_fields(declared[item.name], f"{prefix}{item.name}.")
        elif not any(
            isinstance(one, OwnReader) for one in (declared[item.name], *typing.get_args(declared[item.name]))
        ):
            yield prefix + item.name, item


def option_of(name: str) -> str:
    """The option of the command line for a config value; `base.seeds` of an ablation is --seeds, as in a training."""
    return f"--{name.removeprefix('base.')}"


def value_of(config: object, name: str) -> Value:
    """The value of a config by its dotted name: `value_of(config, "model.d_head")`."""
    return typing.cast(Value, attrgetter(name)(config))


def values_of(config: object) -> dict[str, Value]:
    """Every value of a config, by its dotted name."""
    return {name: value_of(config, name) for name, _ in config_fields(type(config))}


def read_value(item: Reader, schema: type, name: str) -> Value:
    """The value at `item`, if it could be that of the setting `name` ("model.d_head") of `schema`."""
    return typing.cast(Value, value_of_type(item, _declared_type(schema, name)))


@functools.cache  # an ablation asks for thousands of values, and Python works out a class's types anew each time
def _declared_type(schema: type, name: str) -> object:
    """The declared type of a setting by its dotted name."""
    return functools.reduce(lambda section, part: typing.get_type_hints(section)[part], name.split("."), schema)


def value_of_type(item: Reader, declared: object) -> object:
    """The value at `item`, if it is of the declared type; a whole number will do for a float, and 1e3 for an int.

    Raises:
      InputError: it is of another type.
    """
    if isinstance(declared, OwnReader):
        return declared.from_yaml(item)
    if typing.get_origin(declared) is tuple:
        one = typing.get_args(declared)[0]
        return tuple(part.text() if one is str else value_of_type(part, one) for part in item.items(empty=True))
    allowed = typing.get_args(declared) if isinstance(declared, types.UnionType) else (declared,)
    value = item.value
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if int in allowed and isinstance(value, float) and value.is_integer():
        item.require(abs(value) < _TOO_LARGE, f"must be a whole number below {_TOO_LARGE:g}, not {value:g}")
        value = int(value)  # 1e3 steps
    wanted, shown = " or ".join(_WANTED[one] for one in allowed), "nan" if value != value else kind(value)
    if type(value) not in allowed and isinstance(value, str) and _NOT_FINITE.fullmatch(value):
        shown, wanted = value, wanted.replace("a number", "a finite number")
    item.require(type(value) in allowed and value == value, f"must be {wanted}, not {shown}")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):  # from the command line
        raise item.fail(f"{value}: is not UTF-8 text, so no file can hold it; rename what it names")
    return value
