"""The config of an ablation: what it varies and what it compares. Imports no jax.

base:                               keys of a config of experiments.train; a key that is left out has its default
  seeds: 10                         every point of the grid is trained with each of these seeds
grid:                               one run for every combination of values and seed
  model.d_head: [4, 16, 64]         a config value and the values that it takes
  variant:                          or a name of your own, whose values set several config values at once
    standard: {model.scale: inverse_sqrt}
    qk_norm: {model.qk_norm: true, model.scale: none}
report: {variant: variant, baseline: standard}
predictions:
  - {of: qk_norm, over: standard, at: 64, at_most: 2}
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.yaml_file import Reader, kind
from experiments.ablation.grid import Grid, label_of
from experiments.config.loader import load_as
from experiments.config.schema import Config
from model.config import check, setting

MAX_RUNS = 10_000


@dataclass(frozen=True)
class Prediction:
    """A prediction about the ratio of two arms' excess, each arm at its best tuned value."""

    of: str
    over: str
    at: str = ""
    """The value of x; empty for a prediction about the whole range."""
    at_least: float = 0.0
    at_most: float = math.inf
    grows: bool = False
    """Whether it says that the ratio is larger at the largest x than at the smallest."""
    where: tuple[tuple[str, str], ...] = ()
    """(axis, label) of the settings that it is about; empty for all of them."""
    place: Reader | None = field(default=None, compare=False, repr=False)

    @property
    def bounds(self) -> tuple[float, float]:
        """The predicted range: of the ratio, or, if it `grows`, of the ratio at the largest x over the smallest x."""
        return (1.0, math.inf) if self.grows else (self.at_least, self.at_most)

    @classmethod
    def from_yaml(cls, item: Reader) -> "Prediction":
        """A prediction of a config file."""
        entries = item.mapping(("at", "at_least", "at_most", "grows", "where"), required=("of", "over"))
        of, over, at = (label_of(entries[name].value) if name in entries else "" for name in ("of", "over", "at"))
        bounds = {name: entry.number(0.0, 1e12) for name, entry in entries.items() if name in ("at_least", "at_most")}
        grows = "grows" in entries
        if grows and entries["grows"].value is not True:
            raise entries["grows"].fail(f"must be true, or left out, not {kind(entries['grows'].value)}")
        where = entries["where"].mapping() if "where" in entries else {}
        if grows == bool(bounds):
            raise item.fail("must say at_least, at_most or both, or else grows: true")
        if of == over:
            raise entries["over"].fail(f"is {of} as of is, and their ratio always 1; name another value")
        low, high = bounds.get("at_least", 0.0), bounds.get("at_most", math.inf)
        if low > high:
            raise entries["at_least"].fail(f"is {low:g}, above at_most, {high:g}: nothing is both; exchange them")
        settings = tuple((axis, label_of(entry.value)) for axis, entry in where.items())
        return cls(of, over, at, low, high, grows, settings, item)

    def plain(self) -> dict[str, object]:
        """The prediction as written in a file."""
        fields = [one for one in dataclasses.fields(self) if one.compare]
        given = {one.name: getattr(self, one.name) for one in fields if getattr(self, one.name) != one.default}
        return given | ({"where": dict(self.where)} if self.where else {})


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What the report compares, by the names of the axes; what is left out is chosen from the grid."""

    variant: str = setting("", "the axis whose values are compared (default: the first that is neither tuned nor x)")
    baseline: str = setting("", "the value that the others are compared with (default: the first)")
    tuned: str = setting(
        "", "the axis that is tuned: each variant counts with its best value (default: train.learning_rate)"
    )
    x: str = setting("", "the horizontal axis of the figures of excess (default: model.d_head)")
    predictions_made: str = setting("", "how the predictions were made, shown in their heading in the report")


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """One ablation."""

    COMMAND = "ablate"
    title: str = setting("An ablation", "title of the report")
    base: Config = field(default_factory=Config)
    grid: Grid = field(default_factory=Grid)
    report: ReportConfig = field(default_factory=ReportConfig)
    predictions: tuple[Prediction, ...] = ()

    def __post_init__(self) -> None:
        check(self)


def load_ablation(name: str | None, overrides: dict[str, str], axes: Sequence[str] = ()) -> AblationConfig:
    """The config `name` with command-line values on top, `axes` as for `Grid.changed`.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    config = load_as(AblationConfig, name, overrides)
    return dataclasses.replace(config, grid=functools.reduce(Grid.changed, axes, config.grid))
