"""Fill the config dataclasses from a YAML file and from command-line values, strictly.

A config file holds values only, nested as the dataclasses are; what it leaves out has its default.
"""

import dataclasses
import importlib.resources
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from data.errors import InputError, suggestion
from data.files import is_file, is_folder
from data.reader import Reader, kind
from data.yaml_file import Document, KeyPath, parse_scalar, parse_yaml, read_yaml
from experiments.config.schema import FORMAT, RENAMED, Config

Settings = dict[KeyPath, Any]
"""Values by their place: {("model", "d_head"): 64}."""
Schema = TypeVar("Schema")
"""A config dataclass. One that is not of `experiments.train` names its command: COMMAND = "gradients".

A field whose type has a method `from_yaml(Reader)` is read by it, and written by its `plain()`: for what is no fixed
set of names. It is no option of the command line.
"""
_TRAIN = "train"


def load_config(name: str | None, overrides: Mapping[str, str]) -> Config:
    """The config of the file `name` (a path, or a config of catmat's), with command-line values on top.

    Args:
      name: None for defaults alone.
      overrides: dotted name -> value as typed: {"model.d_head": "64"}.

    Raises:
      InputError: no such file, or a wrong value, with file and line, or the option.
    """
    return load_as(Config, name, overrides)


def load_as(schema: type[Schema], name: str | None, overrides: Mapping[str, str]) -> Schema:
    """The config of another command, whose dataclass is `schema`; see `load_config`."""
    document = Document("defaults", {}, {}) if name is None else read_yaml(*_find(name, schema))
    return make_as(schema, document, overrides)


def make_config(document: Document, overrides: Mapping[str, str] | None = None) -> Config:
    """The config of a parsed file; see `load_config`."""
    return make_as(Config, document, overrides)


def make_as(schema: type[Schema], document: Document, overrides: Mapping[str, str] | None = None) -> Schema:
    """The config of another command of a parsed file; see `load_config`."""
    if document.value is None:
        document = Document(document.name, {}, document.lines)
    settings = _read(Reader(document), schema, ())
    places = dict.fromkeys(settings, document)
    for option, text in (overrides or {}).items():
        path = tuple(option.split("."))
        places[path] = option_document(f"--{option}", text)
        settings[path] = _value(Reader(places[path]), _types(schema, path))
    return typing.cast(Schema, _build(schema, (), settings, places))


class _Option(Document):
    """A value from the command line: an error names the option, and the item if it is a list, but no line."""

    def error(self, path: KeyPath, message: str) -> InputError:
        item = "".join(f"item {part + 1}: " for part in path if isinstance(part, int))
        return InputError(f"{self.name}: {item}{message}")


def option_document(name: str, text: str) -> Document:
    """What was typed for the option `name`: a list or a mapping in YAML, or one value."""
    value = parse_yaml(text, name).value if text.lstrip().startswith(("[", "{")) else parse_scalar(text)
    return _Option(name, value, {})


def _find(name: str, schema: type) -> tuple[Path, str]:
    """A config file by path or, failing that, by its name among catmat's own."""
    path = Path(name)
    if is_file(path):
        return path, name
    own = importlib.resources.files("configs")
    for candidate in (name, f"{name}.yaml"):
        if candidate in _shipped():
            return Path(str(own / candidate)), f"configs/{candidate}"
    if is_folder(path):
        raise InputError(f"{name or path}: is a folder; name a config file in it")
    raise InputError(f"{name}: no such config file{suggestion(name, config_names(schema))}")


def config_names(schema: type = Config) -> list[str]:
    """The configs that come with catmat, for the command whose config is a `schema`."""
    folder = importlib.resources.files("configs")
    first = {name: parse_yaml((folder / name).read_text(encoding="utf-8"), name).value for name in _shipped()}
    return [name for name, values in first.items() if values.get("command", _TRAIN) == _command(schema)]


def _shipped() -> list[str]:
    folder = importlib.resources.files("configs")
    return sorted(item.name for item in folder.iterdir() if item.name.endswith(".yaml"))


def _command(schema: type) -> str:
    """The command that a schema is the config of."""
    return str(getattr(schema, "COMMAND", _TRAIN))


def _types(schema: type, path: KeyPath) -> Any:
    """The declared type of the setting at `path`."""
    declared: Any = schema
    for name in path:
        declared = typing.get_type_hints(declared)[str(name)]
    return declared


def _read(entry: Reader, schema: type, path: KeyPath) -> Settings:
    declared = typing.get_type_hints(schema)
    settings: Settings = {}
    if not path:
        _check_command(entry, schema)
    known = [*declared] if path else [*declared, "format", "command"]
    for name, item in entry.mapping().items():
        if (now := RENAMED.get(".".join(map(str, (*path, name))))) is not None:
            raise item.fail(f"is called {now} now; rename it")
    for name, item in entry.mapping(known).items():
        if name in ("format", "command") and not path:
            if name == "format" and item.value != FORMAT:
                raise item.fail(other_format(item.value))
        elif is_section(declared[name]):
            settings |= _read(item, typing.cast(type, declared[name]), (*path, name))
        else:
            settings[*path, name] = _value(item, declared[name])
    return settings


def other_format(found: object) -> str:
    """What is said of a file whose format is not FORMAT: a file of an older one is not read, since names differ."""
    if isinstance(found, int) and found < FORMAT:
        return (
            f"is of format {found}, of catmat 0.1, whose names differ; read it with that version (in your own config"
            f" write masked for hidden, format: {FORMAT})"
        )
    return f"this program reads format {FORMAT}; update catmat, or write format: {FORMAT}"


def is_section(declared: Any) -> bool:
    """Whether a declared type is a dataclass of further values."""
    return dataclasses.is_dataclass(declared) and not hasattr(declared, "from_yaml")


def read_value(item: Reader, schema: type, name: str) -> Any:
    """The value at `item`, if it could be that of the setting `name` ("model.d_head") of `schema`."""
    return _value(item, _types(schema, tuple(name.split("."))))


def _check_command(entry: Reader, schema: type) -> None:
    """Refuse a file of another command at once, before its keys are called unknown one by one."""
    values, own = entry.mapping(), _command(schema)
    if "command" in values and values["command"].value != own:
        raise values["command"].fail(f"must be {own} for this command; give it another file")
    if "command" not in values and values and own != _TRAIN:
        raise entry.fail(f"command is missing, so this is a config of experiments.train; write command: {own}")


def _value(item: Reader, declared: Any) -> Any:
    """The value at `item`, if it is of the declared type; a whole number will do for a float."""
    if hasattr(declared, "from_yaml"):
        return declared.from_yaml(item)
    if typing.get_origin(declared) is tuple:
        one = typing.get_args(declared)[0]
        return tuple(part.text() if one is str else _value(part, one) for part in item.items(empty=True))
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
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):  # from the command line
        raise item.fail(f"{value}: is not UTF-8 text, so no file can hold it; rename what it names")
    return value


def _build(schema: Any, path: KeyPath, settings: Settings, places: Mapping[KeyPath, Document]) -> Any:
    values = {}
    for name, declared in typing.get_type_hints(schema).items():
        if is_section(declared):
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


def to_yaml(config: Any) -> str:
    """The whole config (of any command) as a YAML file that reads back to the same config."""

    def plain(value: Any) -> Any:
        if hasattr(value, "plain"):
            return value.plain()
        if dataclasses.is_dataclass(value):
            return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        return [plain(one) for one in value] if isinstance(value, tuple) else value

    command = _command(type(config))
    head = {"format": FORMAT} | ({} if command == _TRAIN else {"command": command})
    values = head | plain(config)
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `parse_yaml` would not read back as it is, such as 1e3, which PyYAML takes for a word."""


def _quoted(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = text.isprintable() and isinstance(parse_scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted)
