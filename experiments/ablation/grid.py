"""The grid of an ablation: axes and their values, as they stand in a file or on the command line. Imports no jax."""

import re
from dataclasses import dataclass, field
from typing import Any

from data.errors import InputError, suggestion
from data.reader import Reader
from experiments.config.fields import config_fields
from experiments.config.loader import option_document, read_value
from experiments.config.schema import Config

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}")
_FIXED = {
    "seeds": "give the seeds under base: seeds: 10",
    "probes": "give the sentences under base: probes: [...]",
    "track": "it changes no model; set it under base:",
    "format": "it is no value of a config",
}
"""Config values that are no axis, and what to do instead."""
COLUMNS = {"run", "version", "status", "loss", "steps", "diverged_at", "setting", "p", "p_holm"}
COLUMNS |= {f"{name}{end}" for name in ("excess", "difference", "ratio") for end in ("", "_low", "_high")}
"""Columns of runs.csv and arms.csv, and keys of summary.json: no names of axes."""


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
        if name in COLUMNS:
            raise place.fail(f"{name} is a column of the tables already; give the axis another name, such as my_{name}")
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
    return Choice(label_of(value), ((name, value),), item)


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
        label = label_of(item.value)
        if label not in by_label:
            raise item.fail(f"no value {label}{suggestion(label, by_label)}")
        if by_label[label] in chosen:
            raise item.fail(f"{label} stands twice; remove one")
        chosen.append(by_label[label])
    return Axis(axis.name, tuple(chosen), True, place)


def label_of(value: Any) -> str:
    """What a value is called."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value).removesuffix(".0")
    return "+".join(value) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
