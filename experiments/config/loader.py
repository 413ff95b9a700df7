"""Find a config file, and fill the config dataclasses from it and from command-line values, strictly.

A config file holds values only, nested as the dataclasses are; what it leaves out has its default.
"""

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from data.errors import InputError, is_file, is_folder, is_taken, require, suggestion
from data.yaml_file import Document, KeyPath, Reader, parse_scalar, parse_yaml, read_yaml
from experiments.config.schema import FORMAT, RENAMED, Config, is_section, read_value, value_of_type

TRAIN = "train"
Settings = dict[KeyPath, object]
"""Values by their place: {("model", "d_head"): 64}."""
Schema = TypeVar("Schema")
"""A config dataclass. If it is not the config of `experiments.train`, it names its command: COMMAND = "gradients".

A field whose type is an `OwnReader` has no fixed set of names, so it is no option of the command line.
"""


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
    """The config of the command whose dataclass is `schema`; see `load_config`."""
    document = Document("defaults", {}, {}) if name is None else read_yaml(*_find_config(name, schema))
    return make_as(schema, document, overrides)


def make_as(schema: type[Schema], document: Document, overrides: Mapping[str, str] | None = None) -> Schema:
    """The config (a `schema`) of a parsed file; see `load_config`."""
    if document.value is None:
        document = Document(document.name, {}, document.lines)
    entry = Reader(document)
    _check_command(entry, schema)
    settings = _read(entry, schema)
    places = dict.fromkeys(settings, document)
    for option, text in (overrides or {}).items():
        path = tuple(option.split("."))
        places[path] = option_document(f"--{option}", text)
        settings[path] = read_value(Reader(places[path]), schema, option)
    return _build(schema, (), settings, places)


def _find_config(name: str, schema: type) -> tuple[Path, str]:
    """A config file by its path or, failing that, by its name among catmat's own; and what messages call it.

    Raises:
      InputError: there is none.
    """
    path, own = Path(name), _shipped()
    if is_file(path):
        return path, name
    for candidate in (name, f"{name}.yaml"):
        if candidate in own:
            return own[candidate], f"configs/{candidate}"
    require(not is_folder(path), f"{name or path}: is a folder; name a config file in it")
    require(not is_taken(path), f"{name}: is a pipe or a device; name a config file")
    raise InputError(f"{name}: no such config file{suggestion(name, config_names(schema))}")


def config_names(schema: type = Config) -> list[str]:
    """The configs that come with catmat, for the command whose config is a `schema`."""
    files = {name: parse_yaml(path.read_text(encoding="utf-8"), name).value for name, path in _shipped().items()}
    return [name for name, values in files.items() if values.get("command", TRAIN) == command_of(schema)]


def command_of(schema: type) -> str:
    """The command that a schema is the config of."""
    return str(getattr(schema, "COMMAND", TRAIN))


def _shipped() -> dict[str, Path]:
    """The files in `configs/` by their names, in order."""
    folder = Path(__file__).parents[2] / "configs"
    return {path.name: path for path in sorted(folder.glob("*.yaml"))}


class _Option(Document):
    """A value from the command line: an error names the option, and the item if it is a list, but no line."""

    def error(self, path: KeyPath, message: str) -> InputError:
        item = "".join(f"item {part + 1}: " for part in path if isinstance(part, int))
        return InputError(f"{self.name}: {item}{message}")


def option_document(name: str, text: str) -> Document:
    """The text given for the option `name`, parsed: a list or a mapping in YAML, or one value.

    Raises:
      InputError: brackets or quotes do not match.
    """
    if not text.lstrip().startswith(("[", "{")):
        return _Option(name, parse_scalar(text), {})
    try:
        return _Option(name, parse_yaml(text, name).value, {})
    except InputError as error:  # with a line, which an option does not have
        problem = str(error).removeprefix(f"{name}:").partition(": ")[2]
    if problem.startswith("not valid YAML"):
        problem = f"{text}: cannot be read; check brackets, quotes and commas, and write a list as [a, b]"
    raise InputError(f"{name}: {problem}")


def _check_command(entry: Reader, schema: type) -> None:
    """Refuse a file of another command or format at once, before its keys are called unknown one by one."""
    values, own = entry.mapping(), command_of(schema)
    if "command" in values:
        values["command"].require(
            values["command"].value == own, f"must be {own} for this command; give it another file"
        )
    else:
        entry.require(
            not values or own == TRAIN,
            f"command is missing, so this is a config of experiments.train; write command: {own}",
        )


def _read(entry: Reader, schema: type) -> Settings:
    declared = typing.get_type_hints(schema)
    head = () if entry.path else ("format", "command")
    for item in entry.mapping().values():
        if (now := RENAMED.get(".".join(map(str, item.path)))) is not None:
            raise item.fail(f"is called {now} now; rename it")
    settings: Settings = {}
    for name, item in entry.mapping([*declared, *head]).items():
        if name in head:
            item.require(name != "format" or item.value == FORMAT, _other_format(item.value))
        elif is_section(declared[name]):
            settings |= _read(item, declared[name])
        else:
            settings[item.path] = value_of_type(item, declared[name])
    return settings


def _other_format(found: object) -> str:
    """The error for a file of another format than FORMAT. Older ones are not read, since their names differ."""
    if isinstance(found, int) and found < FORMAT:
        return (
            f"is of format {found}, of catmat 0.1, whose names differ; read it with that version (in your own config"
            f" write masked for hidden, format: {FORMAT})"
        )
    return f"this program reads format {FORMAT}; update catmat, or write format: {FORMAT}"


def _build(schema: type[Schema], path: KeyPath, settings: Settings, places: Mapping[KeyPath, Document]) -> Schema:
    values: dict[str, Any] = {}
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


def to_yaml(config: object) -> str:
    """The whole config (of any command) as a YAML file that reads back to the same config."""
    command = command_of(type(config))
    head = {"format": FORMAT} | ({} if command == TRAIN else {"command": command})
    return yaml.dump(head | _plain(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _plain(value: object) -> Any:
    if hasattr(value, "plain"):
        return value.plain()
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


class _Dumper(yaml.SafeDumper):
    """Quotes every text that `parse_yaml` would not read back as it is, such as 1e3, which PyYAML takes for a word."""


def _quoted(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = text.isprintable() and isinstance(parse_scalar(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _quoted)
