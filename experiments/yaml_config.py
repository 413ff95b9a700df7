"""Fill the config dataclasses from a YAML file and from command-line values, strictly.

A config file holds values only, nested as the dataclasses are; what it leaves out has its default.
"""

import dataclasses
import importlib.resources
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from data.errors import InputError, suggestion
from data.reader import Reader, kind
from data.yaml_file import Document, KeyPath, parse_scalar, parse_yaml, read_yaml
from experiments.config import FORMAT, Config

Settings = dict[KeyPath, Any]
"""Values by their place: {("model", "d_head"): 64}."""


def load_config(name: str | None, overrides: Mapping[str, str]) -> Config:
    """The config of the file `name` (a path, or a config of catmat's), with command-line values on top.

    Args:
      name: None for defaults alone.
      overrides: dotted name -> value as typed: {"model.d_head": "64"}.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    document = Document("defaults", {}, {}) if name is None else read_yaml(*_find(name))
    return make_config(document, overrides)


def make_config(document: Document, overrides: Mapping[str, str] | None = None) -> Config:
    """The config of a parsed file; see `load_config`."""
    if document.value is None:
        document = Document(document.name, {}, document.lines)
    settings = _read(Reader(document), Config, ())
    places = dict.fromkeys(settings, document)
    for option, text in (overrides or {}).items():
        given = parse_yaml(text, f"--{option}") if text.lstrip().startswith("[") else None
        value = parse_scalar(text) if given is None else given.value
        path = tuple(option.split("."))
        places[path] = _Option(f"--{option}", value, {})
        settings[path] = _value(Reader(places[path]), _types(path))
    return _build(Config, (), settings, places)


class _Option(Document):
    """A value from the command line: an error names the option, and the item if it is a list, but no line."""

    def error(self, path: KeyPath, message: str) -> InputError:
        item = "".join(f"item {part + 1}: " for part in path if isinstance(part, int))
        return InputError(f"{self.name}: {item}{message}")


def _find(name: str) -> tuple[Path, str]:
    """A config file by path or, failing that, by its name among catmat's own."""
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError:  # a name that is too long, or a folder that may not be entered
        is_file = is_folder = False
    if is_file:
        return path, name
    own = importlib.resources.files("configs")
    names = config_names()
    for candidate in (name, f"{name}.yaml"):
        if candidate in names:
            return Path(str(own / candidate)), f"configs/{candidate}"
    if is_folder:
        raise InputError(f"{name or path}: is a folder; name a config file in it")
    raise InputError(f"{name}: no such config file{suggestion(name, names)}")


def config_names() -> list[str]:
    """The configs that come with catmat."""
    folder = importlib.resources.files("configs")
    return sorted(item.name for item in folder.iterdir() if item.name.endswith(".yaml"))


def _types(path: KeyPath) -> Any:
    """The declared type of the setting at `path`."""
    declared: Any = Config
    for name in path:
        declared = typing.get_type_hints(declared)[str(name)]
    return declared


def _read(entry: Reader, schema: type, path: KeyPath) -> Settings:
    declared = typing.get_type_hints(schema)
    settings: Settings = {}
    known = [*declared, "format"] if not path else [*declared]
    for name, item in entry.mapping(known).items():
        if name == "format" and not path:
            if item.value != FORMAT:
                raise item.fail(f"this program reads format {FORMAT}; update catmat, or write format: {FORMAT}")
        elif dataclasses.is_dataclass(declared[name]):
            settings |= _read(item, typing.cast(type, declared[name]), (*path, name))
        else:
            settings[*path, name] = _value(item, declared[name])
    return settings


def _value(item: Reader, declared: Any) -> Any:
    """The value at `item`, if it is of the declared type; a whole number will do for a float."""
    if typing.get_origin(declared) is tuple:
        return tuple(part.text() for part in item.items(empty=True))
    allowed = typing.get_args(declared) if isinstance(declared, types.UnionType) else (declared,)
    value = item.value
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if int in allowed and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)  # 1e3 steps
    if type(value) not in allowed or value != value:
        wanted = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        shown = "nan" if value != value else kind(value)
        raise item.fail(f"must be {' or '.join(wanted[one] for one in allowed)}, not {shown}")
    return value


def _build(schema: Any, path: KeyPath, settings: Settings, places: Mapping[KeyPath, Document]) -> Any:
    values = {}
    for name, declared in typing.get_type_hints(schema).items():
        if dataclasses.is_dataclass(declared):
            values[name] = _build(declared, (*path, name), settings, places)
        elif (*path, name) in settings:
            values[name] = settings[*path, name]
    try:
        return schema(**values)
    except ValueError as error:
        name, _, message = str(error).partition(": ")
        at = (*path, name)
        document = places.get(at) or next((places[p] for p in places if p[:-1] == path), Document("config", {}, {}))
        raise document.error(at, message) from None


def to_yaml(config: Config) -> str:
    """The whole config as a YAML file that reads back to the same config."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return list(value) if isinstance(value, tuple) else value

    values = {"format": FORMAT, **plain(dataclasses.asdict(config))}
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `parse_yaml` would not read back as it is, such as 1e3, which PyYAML takes for a word."""


def _quoted(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = text.isprintable() and isinstance(parse_scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted)
