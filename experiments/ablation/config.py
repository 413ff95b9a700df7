"""What an ablation varies and compares: the schema of its config files. Imports no jax.

base:                               keys of a config of experiments.train; what is not said has its default
  seeds: 10                         every point of the grid is trained with these seeds
grid:                               one run for every combination of values and seed
  model.d_head: [4, 16, 64]         a config value and its values
  variant:                          or a name of your own, whose values set several config values at once
    standard: {model.scale: inverse_sqrt}
    qk_norm: {model.qk_norm: true, model.scale: none}
report: {variant: variant, baseline: standard}
predictions:
  - {of: qk_norm, over: standard, at: 64, at_most: 2}
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data.reader import Reader, kind
from experiments.ablation.grid import Grid, label_of
from experiments.config.loader import load_as
from experiments.config.schema import Config
from model.config import check, setting

MAX_RUNS = 10_000


@dataclass(frozen=True)
class Prediction:
    """What a ratio of two arms' excess is expected to be, each arm at its best value of what is tuned."""

    of: str
    over: str
    at: str = ""
    """The value of x; empty where the whole range is meant."""
    at_least: float = 0.0
    at_most: float = float("inf")
    grows: bool = False
    """That the ratio at the largest x is larger than at the smallest."""
    where: tuple[tuple[str, str], ...] = ()
    """(axis, label) of the settings that it is about; all of them where nothing is said."""
    place: Reader | None = field(default=None, compare=False, repr=False)

    def plain(self) -> dict[str, Any]:
        """As it stands in a file."""
        said = {name: getattr(self, name) for name in ("of", "over", "at", "at_least", "at_most", "grows")}
        default = {item.name: item.default for item in dataclasses.fields(self)}
        kept = {name: value for name, value in said.items() if value != default[name]}
        return kept | ({"where": dict(self.where)} if self.where else {})


@dataclass(frozen=True)
class Predictions:
    """What is expected, in the order of the file."""

    items: tuple[Prediction, ...] = ()

    @classmethod
    def from_yaml(cls, item: Reader) -> "Predictions":
        """The predictions of a config file."""
        return cls(tuple(_prediction(one) for one in item.items(empty=True)))

    def plain(self) -> Any:
        """As it stands in a file."""
        return [one.plain() for one in self.items]


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What the report compares: names of axes; by default it is guessed from the grid."""

    variant: str = setting(
        "", "the axis whose values are compared (default: the first that is neither of the next two)"
    )
    baseline: str = setting("", "the value that the others are compared with (default: the first)")
    tuned: str = setting("", "the axis of which each variant gets its best value (default: train.learning_rate)")
    x: str = setting("", "the axis along which excess is drawn (default: model.d_head)")
    predictions_made: str = setting("", "how the predictions were made, for their heading in the report")


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """One ablation."""

    COMMAND = "ablate"
    title: str = setting("An ablation", "title of the report")
    base: Config = field(default_factory=Config)
    grid: Grid = field(default_factory=Grid)
    report: ReportConfig = field(default_factory=ReportConfig)
    predictions: Predictions = field(default_factory=Predictions)

    def __post_init__(self) -> None:
        check(self)


def load_ablation(name: str | None, overrides: dict[str, str], axes: Sequence[str] = ()) -> AblationConfig:
    """The config `name` with command-line values on top, `axes` as for `Grid.changed`.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    config = load_as(AblationConfig, name, overrides)
    for text in axes:
        config = dataclasses.replace(config, grid=config.grid.changed(text))
    return config


def _prediction(item: Reader) -> Prediction:
    entries = item.mapping(("at", "at_least", "at_most", "grows", "where"), required=("of", "over"))
    values: dict[str, Any] = {name: label_of(entries[name].value) for name in ("of", "over", "at") if name in entries}
    for name in ("at_least", "at_most"):
        if name in entries:
            values[name] = entries[name].number(0.0, 1e12)
    if "grows" in entries:
        if entries["grows"].value is not True:
            raise entries["grows"].fail(f"must be true, or left out, not {kind(entries['grows'].value)}")
        values["grows"] = True
    if "where" in entries:
        values["where"] = tuple((axis, label_of(label.value)) for axis, label in entries["where"].mapping().items())
    bounds = [name for name in ("at_least", "at_most") if name in entries]
    if bool(values.get("grows")) == bool(bounds):
        raise item.fail("must say at_least, at_most or both, or else grows: true")
    if values["of"] == values["over"]:
        raise entries["over"].fail(f"is {values['of']} as of is, and their ratio always 1; name another value")
    if values.get("at_least", 0.0) > values.get("at_most", math.inf):
        low, high = (f"{values[name]:g}" for name in ("at_least", "at_most"))
        raise entries["at_least"].fail(f"is {low}, above at_most, {high}: nothing is both; exchange them")
    return Prediction(**values, place=item)
