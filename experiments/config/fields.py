"""The values of a config by their dotted name, such as `model.d_head`."""

import dataclasses
import typing
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from experiments.config.schema import Config
from experiments.config.values import OwnReader, is_section

Value = bool | int | float | str | tuple[str, ...]
"""Of a config; a list in a config file is a tuple here."""


def config_fields(schema: type = Config, prefix: str = "") -> Iterator[tuple[str, "dataclasses.Field[Any]"]]:
    """(dotted name, field) of every value of the config."""
    declared = typing.get_type_hints(schema)
    for item in dataclasses.fields(schema):
        if is_section(declared[item.name]):
            yield from config_fields(declared[item.name], f"{prefix}{item.name}.")
        elif not any(isinstance(one, OwnReader) for one in (declared[item.name], *typing.get_args(declared[item.name]))):
            yield prefix + item.name, item


def value_of(config: object, name: str) -> Value:
    """The value of a config by its dotted name: `value_of(config, "model.d_head")`."""
    return typing.cast(Value, attrgetter(name)(config))


def values_of(config: object) -> dict[str, Value]:
    """Every value of a config, by its dotted name."""
    return {name: value_of(config, name) for name, _ in config_fields(type(config))}
