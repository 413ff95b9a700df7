"""Frozen dataclasses of arrays and numbers as one file of arrays, by the types of their fields; nothing is pickled.

    write_saved(folder, "gradients", versions, study)      folder/measured.npz
    study, versions = read_saved(folder, "gradients", Study)

A field is an array, a number, a text, a tuple of numbers or texts; or a dataclass, a dict, or a tuple of dataclasses.
Arrays are named by their place: `layer/by_norm/none/norms/table_KCSR`. A field that is None is left out. A field that a
file lacks, since it is older, has its default.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from data.errors import InputError, is_file, is_folder, require
from experiments.config.schema import FORMAT
from experiments.run_directory.arrays import Arrays, read_npz, write_npz
from experiments.run_directory.files import check_version
from experiments.run_directory.folders import command_of

Found = TypeVar("Found")
FILE = "measured.npz"


def write_saved(folder: Path, versions: Mapping[str, str], found: object) -> None:
    """Save what was measured, and the `versions` of the libraries that it was measured with."""
    head = {"version": FORMAT, "versions/names": list(versions), "versions/numbers": list(versions.values())}
    write_npz(folder / FILE, {name: np.asarray(value) for name, value in head.items()} | to_arrays(found, "found"))


def read_saved(folder: Path, command: str, kind: type[Found]) -> tuple[Found, dict[str, str]]:
    """What a run of `command` measured, and the versions of the libraries then.

    Raises:
      InputError: the folder holds no measurements of this command, or another version's, or they are damaged.
    """
    path = folder / FILE
    require(is_folder(folder), f"{folder}: no such folder; name that of a run of experiments.{command}")
    other = command_of(folder) or command
    require(other == command, f"{folder}: is a run of experiments.{other}; name one of experiments.{command}")
    require(is_file(path), f"{folder}: holds no {FILE} (was it stopped while it measured?); measure anew")
    arrays = read_npz(path)
    try:
        check_version(path, arrays["version"].item(), "study")
        versions = dict(zip(arrays["versions/names"].tolist(), arrays["versions/numbers"].tolist(), strict=True))
        return from_arrays(arrays, kind, "found"), versions
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not what experiments.{command} writes ({error}); measure anew") from None


def to_arrays(value: object, name: str) -> Arrays:
    """The arrays of a value, named by their place in it, after `name`."""
    if dataclasses.is_dataclass(value):
        parts: Mapping[Any, object] = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        parts = value
    elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
        parts = dict(enumerate(value))
    else:
        return {} if value is None else {name: np.asarray(value)}
    return {key: array for part, inner in parts.items() for key, array in to_arrays(inner, f"{name}/{part}").items()}


def from_arrays(arrays: Arrays, declared: Any, name: str) -> Any:
    """The value of a declared type that `to_arrays` made `arrays` of.

    Raises:
      KeyError: an array is missing.
    """
    kind, inner = typing.get_origin(declared), typing.get_args(declared)
    below = [key.removeprefix(f"{name}/").partition("/")[0] for key in arrays if key.startswith(f"{name}/")]
    if kind is types.UnionType:  # X | None
        return from_arrays(arrays, inner[0], name) if below else None
    if dataclasses.is_dataclass(declared) and isinstance(declared, type):
        hints = typing.get_type_hints(declared)
        known = [
            field.name
            for field in dataclasses.fields(declared)
            if field.default is dataclasses.MISSING or _holds(arrays, f"{name}/{field.name}")
        ]
        return declared(**{field: from_arrays(arrays, hints[field], f"{name}/{field}") for field in known})
    if kind is dict:
        return {inner[0](key): from_arrays(arrays, inner[1], f"{name}/{key}") for key in dict.fromkeys(below)}
    if kind is tuple and dataclasses.is_dataclass(inner[0]):
        return tuple(from_arrays(arrays, inner[0], f"{name}/{place}") for place in dict.fromkeys(below))
    array = arrays[name]
    if kind is tuple:
        return tuple(array.tolist())
    return array.item() if declared in (int, float, str) else array


def _holds(arrays: Arrays, name: str) -> bool:
    """Whether there is an array of that name, or of a place in it."""
    return any(key == name or key.startswith(f"{name}/") for key in arrays)
