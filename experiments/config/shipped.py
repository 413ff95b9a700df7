"""The config files that come with catmat, and how a config file is found by its name."""

import importlib.resources
from pathlib import Path

from data.errors import InputError, is_file, is_folder, require, suggestion
from data.yaml_file import parse_yaml
from experiments.config.schema import Config

TRAIN = "train"


def find_config(name: str, schema: type) -> tuple[Path, str]:
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
    folder = Path(str(importlib.resources.files("configs")))
    return {path.name: path for path in sorted(folder.glob("*.yaml"))}
