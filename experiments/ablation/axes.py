"""The axes of a grid: what is varied, and how an axis is read from a file or the command line. Imports no jax."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from data.errors import suggestion
from data.yaml_file import Reader
from experiments.config.schema import RENAMED, Config, Value, config_fields, read_value
from model.config import broken_rule

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}")
FIELDS = dict(config_fields())
"""Every config value that an axis may be, by its dotted name."""
_FIXED = {
    "seeds": "give the seeds under base: seeds: 10",
    "probes": "give the sentences under base: probes: [...]",
    "track": "it changes no model; set it under base:",
}
"""Config values that cannot be an axis, and what to do instead."""
COLUMNS = {"run", "version", "status", "loss", "steps", "diverged_at", "setting", "p", "p_holm"} | {
    f"{name}{end}" for name in ("excess", "difference", "ratio") for end in ("", "_low", "_high")
}
"""Columns of runs.csv and arms.csv, and keys of summary.json; an axis cannot have one of these names."""
_MEANING = "meaning"
"""The key of what a value with a name of its own is, in words."""
Plain = bool | int | float | str | list[str]
"""A config value as YAML, JSON and CSV hold it: a list instead of a tuple."""


@dataclass(frozen=True)
class Choice:
    """One value of an axis."""

    label: str
    settings: tuple[tuple[str, Value], ...]
    """(config name, value) of everything that it sets."""
    place: Reader = field(compare=False, repr=False)
    only: tuple[str, ...] = ()
    """The labels of the axis `Axis.by` that it goes with."""
    meaning: str = ""
    """What it is, in words, for the report; of a value with a name of its own."""

    def plain(self) -> dict[str, object]:
        """A value with a name of its own as written in a file."""
        values: dict[str, object] = {name: plain(value) for name, value in self.settings}
        return values | ({_MEANING: self.meaning} if self.meaning else {})


@dataclass(frozen=True)
class Axis:
    """What is varied: a config value, or a name of the user's own whose values set several config values each."""

    name: str
    choices: tuple[Choice, ...]
    named: bool
    place: Reader = field(compare=False, repr=False)
    by: str = ""
    """The axis that its values depend on: train.optimizer, say, of learning rates; empty if they depend on none."""

    @property
    def labels(self) -> list[str]:
        """The labels of its values."""
        return [choice.label for choice in self.choices]

    @property
    def names(self) -> list[str]:
        """The config values that it sets."""
        return sorted({name for choice in self.choices for name, _ in choice.settings})

    def plain(self) -> Mapping[str, Mapping[str, object]] | list[Plain]:
        """The axis as written in a file."""
        if self.by:
            lists: dict[str, list[Plain]] = {}
            for choice in self.choices:
                for label in choice.only:
                    lists.setdefault(label, []).append(plain(choice.settings[0][1]))
            return {self.by: lists}
        if self.named:
            return {choice.label: choice.plain() for choice in self.choices}
        return [plain(choice.settings[0][1]) for choice in self.choices]


def read_axis(name: str, place: Reader) -> Axis:
    """The axis at `place`; raises InputError where it is none."""
    _check_varied(name, place)
    if name in FIELDS and isinstance(place.value, dict):
        return _depending(name, place)
    if name in FIELDS:
        choices = [_choice(name, item) for item in place.items()]
    else:
        place.require("." not in name and isinstance(place.value, dict), f"unknown axis{suggestion(name, FIELDS)}")
        _check_name(name, place)
        place.require(
            name not in COLUMNS,
            f"{name} is a column of the tables already; give the axis another name, such as my_{name}",
        )
        choices = [_named_choice(label, item) for label, item in place.mapping().items()]
        place.require(choices, "is empty; give it values, such as {wide: {model.d_head: 64}}")
    seen: dict[object, str] = {}
    for choice in choices:
        before = seen.get(choice.label, seen.get(choice.settings))
        same = f"{choice.label} stands twice" if name in FIELDS else f"sets the same as {before}"
        choice.place.require(before is None, f"{same}; remove one")
        seen |= dict.fromkeys((choice.label, choice.settings), choice.label)
    return Axis(name, tuple(choices), name not in FIELDS, place)


def _depending(name: str, place: Reader) -> Axis:
    """The axis of a config value whose values depend on another axis: {train.optimizer: {adamw: [...], sgd: [...]}}."""
    entries = place.mapping()
    place.require(
        len(entries) == 1, "must be a list, or name the one axis that it depends on: {train.optimizer: {sgd: [0.1, 1]}}"
    )
    by, lists = next(iter(entries.items()))
    found: dict[str, Choice] = {}
    for own, values in lists.mapping().items():
        for item in values.items():
            choice = _choice(name, item)
            choice = found.get(choice.label, choice)
            item.require(own not in choice.only, f"{choice.label} stands twice; remove one")
            found[choice.label] = replace(choice, only=(*choice.only, own))
    return Axis(name, tuple(found.values()), False, place, by)


def _choice(name: str, place: Reader) -> Choice:
    """A value of an axis that is a config value: of its type, and in its bounds."""
    value = read_value(place, Config, name)
    place.require(not (broken := broken_rule(FIELDS[name], value)), broken)
    return Choice(label_of(value), ((name, value),), place)


def _named_choice(label: str, place: Reader) -> Choice:
    _check_name(label, place)
    for name, item in place.mapping().items():
        _check_varied(name, item)
    items = place.mapping([*FIELDS, _MEANING])
    meaning = items.pop(_MEANING).text() if _MEANING in items else ""
    settings = tuple(sorted((name, read_value(item, Config, name)) for name, item in items.items()))
    return Choice(label, settings, place, meaning=meaning)


def chosen_values(axis: Axis, place: Reader) -> Axis:
    """An axis with those of its named values that the command line lists."""
    by_label = {choice.label: choice for choice in axis.choices}
    chosen: dict[str, Choice] = {}
    for item in place.items():
        label = label_of(item.value)
        item.require(label in by_label, f"no value {label}{suggestion(label, by_label)}")
        item.require(label not in chosen, f"{label} stands twice; remove one")
        chosen[label] = by_label[label]
    return Axis(axis.name, tuple(chosen.values()), True, place)


def _check_name(name: str, place: Reader) -> None:
    place.require(
        _NAME.fullmatch(name),
        f"'{name}' becomes a name of folders: use 1 to 40 letters a to z, digits and _ + . -, a letter or digit first",
    )


def _check_varied(name: str, place: Reader) -> None:
    """Refuse a config value that is the same in all runs of an ablation, or that has another name now."""
    place.require(name not in RENAMED, f"is called {RENAMED.get(name)} now; rename it")
    remedy = _FIXED.get(name.partition(".")[0])
    place.require(remedy is None, f"cannot be an axis, nor be set by one; {remedy}")


def label_of(value: object) -> str:
    """The label of a config value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value).removesuffix(".0")
    return "+".join(value) if isinstance(value, tuple) else str(value)


def short_name(name: str) -> str:
    """The last part of a dotted name: d_head of model.d_head."""
    return name.rpartition(".")[2]


def plain(value: Value) -> Plain:
    """A config value as YAML, JSON and CSV hold it."""
    return list(value) if isinstance(value, tuple) else value
