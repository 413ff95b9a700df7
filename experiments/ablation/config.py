"""The config of an ablation: what it varies, what it compares, and what is predicted of that. Imports no jax.

base:                               keys of a config of experiments.train; a key that is left out has its default
  seeds: 10                         every point of the grid is trained with each of these seeds
grid:                               one run for every combination of values and seed
  model.d_head: [4, 16, 64]         a config value and the values that it takes
  train.learning_rate:              the values of the axis that is tuned may depend on those of another one
    train.optimizer: {adamw: [0.003, 0.01], sgd: [0.3, 1]}
  variant:                          or a name of your own, whose values set several config values at once
    standard: {model.scale: inverse_sqrt}
    qk_norm: {model.qk_norm: true, model.scale: none, meaning: cosines times a learned number}
report: {variant: variant, baseline: standard}
predictions:
  - {of: qk_norm, over: standard, at: 64, at_most: 2}
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from data.errors import require, suggestion
from data.yaml_file import Reader, kind
from experiments.ablation.axes import label_of
from experiments.ablation.grid import Grid
from experiments.config.loader import load_as
from experiments.config.schema import Config
from model.config import Checked, setting

SEED, LEARNING_RATE, D_HEAD = "seed", "train.learning_rate", "model.d_head"
Labels = Mapping[str, Sequence[str]]
"""The labels of the values of each axis."""


@dataclass(frozen=True)
class Prediction:
    """A prediction about the ratio of two arms' excess, each arm at its best tuned value."""

    place: Reader = field(compare=False, repr=False)
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

    @property
    def name(self) -> str:
        """What it is about, in few words: "none over standard at 64"."""
        at = [f"at {self.at}"] if self.at else []
        return " ".join([self.of, "over", self.over, *at, *(f"({axis} {label})" for axis, label in self.where)])

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
        grows = entries.get("grows")
        if grows is not None:
            grows.require(grows.value is True, f"must be true, or left out, not {kind(grows.value)}")
        where = entries["where"].mapping().items() if "where" in entries else ()
        item.require((grows is None) == bool(bounds), "must say at_least, at_most or both, or else grows: true")
        entries["over"].require(of != over, f"is {of} as of is, and their ratio always 1; name another value")
        low, high = bounds.get("at_least", 0.0), bounds.get("at_most", math.inf)
        entries.get("at_least", item).require(
            low <= high, f"is {low:g}, above at_most, {high:g}: nothing is both; exchange them"
        )
        labels = tuple((axis, label_of(entry.value)) for axis, entry in where)
        return cls(item, of, over, at, low, high, grows is not None, labels)

    def plain(self) -> dict[str, object]:
        """The prediction as written in a file."""
        values = [(one, getattr(self, one.name)) for one in fields(self) if one.compare]
        return {
            one.name: dict(value) if one.name == "where" else value for one, value in values if value != one.default
        }


@dataclass(frozen=True, kw_only=True)
class ReportConfig(Checked):
    """What the report compares, by the names of the axes; what is left out is chosen from the grid."""

    variant: str = setting("", "the axis whose values are compared (default: the first that is neither tuned nor x)")
    baseline: str = setting("", "the value that the others are compared with (default: the first)")
    tuned: str = setting(
        "", "the axis that is tuned: each variant counts with its best value (default: train.learning_rate)"
    )
    x: str = setting("", "the horizontal axis of the figures of excess (default: model.d_head)")
    tuning_seeds: int = setting(
        0,
        "choose the best tuned values on the first so many seeds, and show the others; 0: both on all",
        low=0,
        high=9999,
    )
    predictions_made: str = setting("", "how the predictions were made, shown in their heading in the report")
    changed_axes: tuple[str, ...] = setting((), "axes that --grid changed; the predictions were made without that")
    left_out: tuple[str, ...] = setting((), "predictions about values that the changed grid does not have")


@dataclass(frozen=True, kw_only=True)
class AblationConfig:
    """One ablation."""

    COMMAND = "ablate"
    title: str = setting("An ablation", "title of the report")
    base: Config = field(default_factory=Config)
    grid: Grid = field(default_factory=Grid)
    report: ReportConfig = field(default_factory=ReportConfig)
    predictions: tuple[Prediction, ...] = ()

    @property
    def worlds(self) -> set[str]:
        """The names of all worlds that runs may be trained in."""
        choices = (choice for axis in self.grid.axes for choice in axis.choices)
        return {self.base.world, *(str(value) for one in choices for name, value in one.settings if name == "world")}


def load_ablation(name: str | None, overrides: dict[str, str], axes: Sequence[str] = ()) -> AblationConfig:
    """The config `name` with command-line values on top, `axes` as for `Grid.changed`.

    A grid that `axes` change is no longer the one that the title names and the predictions were made for: the report
    says so, and names the predictions about values that are not in it any more.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    config = load_as(AblationConfig, name, overrides)
    changed = replace(config, grid=config.grid.with_axes(axes))
    for axis in changed.grid.axes:
        given = overrides.get(f"base.{axis.name}")
        require(
            given is None or axis.named,
            f"--{axis.name}: the axis of that name sets it in every run; write --grid {axis.name}={given}",
        )
    if not axes:
        return config
    names = tuple(dict.fromkeys(axis.partition("=")[0] for axis in axes))
    title = (
        config.title if "title" in overrides else f"An ablation of {', '.join(axis.name for axis in changed.grid.axes)}"
    )
    return without_unmeasured(replace(changed, title=title, report=replace(config.report, changed_axes=names)))


@dataclass(frozen=True, kw_only=True)
class Roles(ReportConfig):
    """What the report does with each axis: a `ReportConfig` that leaves nothing out; empty where there is no axis."""

    others: tuple[str, ...]
    """The axes without a role; each combination of their values is a setting of its own."""


def roles_of(config: AblationConfig, labels: Labels) -> Roles:
    """The role of every axis: as the config says, else as documented in `ReportConfig`.

    Raises:
      InputError: the config names an axis or a value that is not in the grid (`labels`).
    """
    report, axes = config.report, [name for name in labels if name != SEED]
    given = {"variant": report.variant, "tuned": report.tuned, "x": report.x}
    named = [name for name in given.values() if name]
    for role, name in given.items():
        require(
            not name or name in axes,
            f"report.{role}: there is no axis {name} in the grid{suggestion(name, axes)}",
        )
    require(len(set(named)) == len(named), "report: variant, tuned and x must be three different axes; leave one out")
    free = set(axes) - set(named)
    tuned = report.tuned or (LEARNING_RATE if LEARNING_RATE in free else "")
    x = report.x or (D_HEAD if D_HEAD in free else "")
    variant = report.variant or next((name for name in axes if name not in (tuned, x)), "")
    own = labels.get(variant, [])
    require(
        not report.baseline or report.baseline in own,
        f"report.baseline: {variant or 'the report'} has no value {report.baseline}{suggestion(report.baseline, own)}",
    )
    return Roles(
        variant=variant,
        baseline=report.baseline or next(iter(own), ""),
        tuned=tuned,
        x=x,
        tuning_seeds=report.tuning_seeds,
        others=tuple(name for name in axes if name not in (variant, tuned, x)),
    )


def check_predictions(predictions: Sequence[Prediction], roles: Roles, labels: Labels) -> None:
    """Refuse a prediction about something that is not in the grid.

    Raises:
      InputError: there is one; the message names its place in the file.
    """
    for one in predictions:
        problem = _problem(one, roles, labels)
        one.place.require(not problem, problem)


def _problem(one: Prediction, roles: Roles, labels: Labels) -> str:
    """Why the grid does not have what a prediction is about; empty if it does."""
    known, sizes = labels.get(roles.variant, []), labels.get(roles.x, [])
    variant, x = roles.variant or "the grid", roles.x or "the grid"
    checks = [
        *(
            (label in known, f"{variant} has no value {label}{suggestion(label, known)}")
            for label in (one.of, one.over)
        ),
        (not one.at or one.at in sizes, f"{x} has no value {one.at}{suggestion(one.at, sizes)}"),
        (one.at or one.grows or not sizes, f"at is missing; say at which {x} the ratio is meant"),
        (not one.grows or len(sizes) > 1, "grows needs an axis x with at least two values; leave the prediction out"),
        *(
            (
                axis in roles.others and label in labels[axis],
                f"where: there is no {axis} {label}; name one of {', '.join(roles.others) or 'none'}",
            )
            for axis, label in one.where
        ),
    ]
    return next((message for holds, message in checks if not holds), "")


def without_unmeasured(config: AblationConfig) -> AblationConfig:
    """`config` without the predictions about values that its grid does not have any more; the report names them."""
    labels = {axis.name: axis.labels for axis in config.grid.axes}
    roles = roles_of(config, labels)
    measured = tuple(one for one in config.predictions if not _problem(one, roles, labels))
    left_out = tuple(one.name for one in config.predictions if one not in measured)
    return replace(config, predictions=measured, report=replace(config.report, left_out=left_out))
