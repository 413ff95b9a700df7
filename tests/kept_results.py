"""Trainings that are a pure function of the sources: made once for each state of the sources, as programs are compiled.

A run of ten seeds takes longer than most tests together. It is kept in `.pytest_cache/results`, under a digest of all
that it can depend on: the sources, configs and worlds, the tests, the libraries, JAX's settings and devices. Whoever
changes any of them trains anew, and so does a fresh clone, or `rm -r .pytest_cache`.
"""

import hashlib
import os
import pickle
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import jax

ROOT = Path(__file__).parents[1]
_FOLDER = ROOT / ".pytest_cache" / "results"
_SOURCES = [
    *(f"{name}/**/*.py" for name in ("data", "model", "experiments", "tests")),
    "configs/**/*.yaml",
    "data/**/*.yaml",
]
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "pytest")
Made = TypeVar("Made")


def _sources() -> str:
    """A digest of all files that a training depends on."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _SOURCES for path in ROOT.glob(pattern) if path.is_file()}):
        digest.update(f"{path.relative_to(ROOT)} ".encode() + path.read_bytes())
    return digest.hexdigest()


_WHEN_IMPORTED = _sources()
"""conftest.py imports this file before what is trained: an edit meanwhile is not kept under it."""


def once(name: str, make: Callable[[], Made]) -> Made:
    """What `make()` gives, or what it gave when the sources were the same; `name` tells one from another."""
    path = _FOLDER / f"{name}-{_digest()}"
    with suppress(FileNotFoundError):
        return pickle.loads(path.read_bytes())
    made = jax.device_get(make())
    if _sources() != _WHEN_IMPORTED:
        return made
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for old in _FOLDER.glob(f"{name}-*"):
        old.unlink(missing_ok=True)
    part = path.with_name(f"{os.getpid()}.part")
    part.write_bytes(pickle.dumps(made))
    part.replace(path)
    return made


def _digest() -> str:
    settings = sorted((name, repr(value)) for name, value in jax.config.values.items() if "cache" not in name)
    variables = sorted((name, value) for name, value in os.environ.items() if name.startswith(("JAX_", "XLA_")))
    machine = (platform.platform(), platform.python_version(), [str(device) for device in jax.devices()])
    libraries = [version(library) for library in _LIBRARIES]
    known = (_WHEN_IMPORTED, settings, variables, machine, libraries)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:32]
