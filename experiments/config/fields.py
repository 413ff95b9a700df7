"""The values of a config by their dotted name, such as `model.d_head`."""

import dataclasses
import typing
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from experiments.config.schema import Config

Value = bool | int | float | str | tuple[str, ...]
"""Of a config; a list in a config file is a tuple here."""


def config_fields(schema: type = Config, prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """(dotted name, field) of every value of the config."""
    declared = typing.get_type_hints(schema)
    for item in dataclasses.fields(schema):
        if any(hasattr(one, "from_yaml") for one in (declared[item.name], *typing.get_args(declared[item.name]))):
            continue  # no fixed set of names: it is no option
        if dataclasses.is_dataclass(declared[item.name]):
            yield from config_fields(typing.cast(type, declared[item.name]), f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, item


def value_of(config: object, name: str) -> Value:
    """The value of a config by its dotted name: `value_of(config, "model.d_head")`."""
    return typing.cast(Value, attrgetter(name)(config))


def values_of(config: object) -> dict[str, Value]:
    """Every value of a config, by its dotted name."""
    return {name: value_of(config, name) for name, _ in config_fields(type(config))}
