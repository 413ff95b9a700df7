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
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data.errors import InputError, suggestion
from data.reader import Reader, kind
from experiments.command_line import config_fields
from experiments.config import Config
from experiments.yaml_config import load_as, option_document, read_value
from model.config import check, setting

MAX_RUNS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}")
_FIXED = {
    "seeds": "give the seeds under base: seeds: 10",
    "probes": "give the sentences under base: probes: [...]",
    "track": "it changes no model; set it under base:",
    "format": "it is no value of a config",
}
"""Config values that are no axis, and what to do instead."""


@dataclass(frozen=True)
class Choice:
    """One value of an axis."""

    label: str
    settings: tuple[tuple[str, Any], ...]
    """(config name, value) of everything that it sets."""
    place: Reader = field(compare=False, repr=False)


@dataclass(frozen=True)
class Axis:
    """What is varied: a config value, or a name of the user's own whose values set several."""

    name: str
    choices: tuple[Choice, ...]
    named: bool
    place: Reader = field(compare=False, repr=False)

    @property
    def labels(self) -> list[str]:
        """What its values are called."""
        return [choice.label for choice in self.choices]

    def plain(self) -> Any:
        """As it stands in a file."""
        if self.named:
            return {choice.label: {name: _plain(value) for name, value in choice.settings} for choice in self.choices}
        return [_plain(choice.settings[0][1]) for choice in self.choices]


@dataclass(frozen=True)
class Grid:
    """The axes of an ablation."""

    axes: tuple[Axis, ...] = ()

    @classmethod
    def from_yaml(cls, item: Reader) -> "Grid":
        """The grid of a config file."""
        return cls(tuple(_axis(name, values) for name, values in item.mapping().items()))

    def plain(self) -> Any:
        """As it stands in a file."""
        return {axis.name: axis.plain() for axis in self.axes}

    def axis(self, name: str) -> Axis | None:
        """The axis of that name."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def changed(self, text: str) -> "Grid":
        """The grid with one axis given on the command line, added or in place of its namesake.

        Args:
          text: "model.d_head=4,16,64"; of an axis with names of its own some of them, "variant=standard,sink".
        """
        name, equals, values = text.partition("=")
        if not equals or not values.strip():
            raise InputError(f"--grid {text}: must be NAME=VALUE,VALUE,..., such as model.d_head=4,16,64")
        shown = values if values.lstrip().startswith(("[", "{")) else f"[{values}]"
        place = Reader(option_document(f"--grid {name}", shown))
        own = self.axis(name)
        axis = _chosen(own, place) if own is not None and own.named and shown[0] != "{" else _axis(name, place)
        if own is None:
            return Grid((*self.axes, axis))
        return Grid(tuple(axis if one.name == name else one for one in self.axes))


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


def _axis(name: str, place: Reader) -> Axis:
    known = {field_name for field_name, _ in config_fields()}
    for fixed, remedy in _FIXED.items():
        if name == fixed or name.startswith(f"{fixed}."):
            raise place.fail(f"cannot be an axis; {remedy}")
    if name in known:
        items = place.items()
        choices = tuple(_choice(name, item) for item in items)
    else:
        if "." in name or not isinstance(place.value, dict):
            raise place.fail(f"unknown axis{suggestion(name, known)}")
        if not _NAME.fullmatch(name):
            raise place.fail("a name has letters, digits, _ + . - alone; choose another")
        choices = tuple(_named_choice(label, item, known) for label, item in place.mapping().items())
        if not choices:
            raise place.fail("is empty; give it values, such as {wide: {model.d_head: 64}}")
    for i, choice in enumerate(choices):
        before = next(
            (one for one in choices[:i] if one.settings == choice.settings or one.label == choice.label), None
        )
        if before is not None:
            same = f"{choice.label} stands twice" if name in known else f"sets the same as {before.label}"
            raise choice.place.fail(f"{same}; remove one")
    return Axis(name, choices, name not in known, place)


def _choice(name: str, item: Reader) -> Choice:
    value = read_value(item, Config, name)
    return Choice(_label(value), ((name, value),), item)


def _named_choice(label: str, item: Reader, known: set[str]) -> Choice:
    if not _NAME.fullmatch(label):
        raise item.fail("a name has letters, digits, _ + . - alone; choose another")
    settings = []
    for name, value in item.mapping(known).items():
        for fixed, remedy in _FIXED.items():
            if name == fixed or name.startswith(f"{fixed}."):
                raise value.fail(f"cannot be varied; {remedy}")
        settings.append((name, read_value(value, Config, name)))
    return Choice(label, tuple(sorted(settings)), item)


def _chosen(axis: Axis, place: Reader) -> Axis:
    """Those of an axis's own names that were asked for."""
    by_label = {choice.label: choice for choice in axis.choices}
    chosen = []
    for item in place.items():
        label = _label(item.value)
        if label not in by_label:
            raise item.fail(f"no value {label}{suggestion(label, by_label)}")
        if by_label[label] in chosen:
            raise item.fail(f"{label} stands twice; remove one")
        chosen.append(by_label[label])
    return Axis(axis.name, tuple(chosen), True, place)


def _label(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "+".join(value) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _prediction(item: Reader) -> Prediction:
    entries = item.mapping(("at", "at_least", "at_most", "grows", "where"), required=("of", "over"))
    values: dict[str, Any] = {name: _label(entries[name].value) for name in ("of", "over", "at") if name in entries}
    for name in ("at_least", "at_most"):
        if name in entries:
            values[name] = entries[name].number(0.0, 1e12)
    if "grows" in entries:
        if entries["grows"].value is not True:
            raise entries["grows"].fail(f"must be true, or left out, not {kind(entries['grows'].value)}")
        values["grows"] = True
    if "where" in entries:
        values["where"] = tuple((axis, _label(label.value)) for axis, label in entries["where"].mapping().items())
    bounds = [name for name in ("at_least", "at_most") if name in entries]
    if bool(values.get("grows")) == bool(bounds):
        raise item.fail("must say at_least, at_most or both, or else grows: true")
    return Prediction(**values, place=item)
