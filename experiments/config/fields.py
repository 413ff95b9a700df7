"""The fields of config dataclasses: their dotted names, such as `model.d_head`, and values read as their types."""

import dataclasses
import functools
import types
import typing
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Protocol

from data.yaml_file import KeyPath, Reader, kind
from experiments.config.schema import Config

_WANTED = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}


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


def value_of(config: object, name: str) -> Value:
    """The value of a config by its dotted name: `value_of(config, "model.d_head")`."""
    return typing.cast(Value, attrgetter(name)(config))


def values_of(config: object) -> dict[str, Value]:
    """Every value of a config, by its dotted name."""
    return {name: value_of(config, name) for name, _ in config_fields(type(config))}


def declared_type(schema: type, path: KeyPath) -> Any:
    """The declared type of the setting at `path` of a config dataclass."""
    return functools.reduce(lambda declared, name: typing.get_type_hints(declared)[str(name)], path, schema)


def read_value(item: Reader, schema: type, name: str) -> Value:
    """The value at `item`, if it could be that of the setting `name` ("model.d_head") of `schema`."""
    return typing.cast(Value, value_of_type(item, declared_type(schema, tuple(name.split(".")))))


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
    if int in allowed and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # 1e3 steps
    wanted, shown = " or ".join(_WANTED[one] for one in allowed), "nan" if value != value else kind(value)
    item.require(type(value) in allowed and value == value, f"must be {wanted}, not {shown}")
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):  # from the command line
        raise item.fail(f"{value}: is not UTF-8 text, so no file can hold it; rename what it names")
    return value
