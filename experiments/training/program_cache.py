"""Traced programs and exact answers on disk, so that only the first start traces them, or works them out.

JAX's own cache saves the compilation, but is looked up after a program was traced and lowered, and that Python took 1.5
of the 7 s of a start on 2 CPU cores. Cached is what `jax.export` makes of a traced program. The file's name is a digest
of everything that tracing can depend on: catmat's source, the libraries' versions, JAX's settings, the shapes of the
arguments, and the caller's cache key. The first start, too, runs the exported form: both starts compile one program.

Commands cache programs, by calling `cache_programs_in` when they start: the source on disk is then what is traced. So
do tests that replace no source. A notebook may trace something else, so nothing is cached there. On a CPU alone: other
platforms were not measured. What `load_or_compute` keeps beside them are arrays, under the same kind of name.
"""

import hashlib
import io
import itertools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export
from numpy.typing import NDArray

_DIGEST_BYTES = 32
_IRRELEVANT = ("cache", "log", "dump", "profil", "coordin", "distributed", "pgle", "optimizations")
"""Settings whose names hold one of these words do not change what is traced."""
_SCOPED = ("jax_enable_x64", "jax_default_matmul_precision", "jax_numpy_dtype_promotion", "jax_numpy_rank_promotion")
"""Settings that a `with` may have changed, which JAX's table of settings does not show."""


_ROOT, _MOST_FILES = Path(__file__).parents[2], 200
_MOST_BYTES, _MOST_ON_DISK = 2**25, 2**28
"""Of arrays that are kept, and of all files."""


@dataclass(frozen=True)
class CacheSettings:
    """Where a process caches programs; nowhere by default."""

    folder: Path | None = None
    root: Path = _ROOT
    most_files: int = _MOST_FILES
    source: str = ""
    """The digest of the source when these settings were made: what was edited later is not what is traced."""


class _Cache:
    """The settings of this process."""

    settings = CacheSettings()


def cache_programs_in(folder: Path | None, root: Path = _ROOT, most_files: int = _MOST_FILES) -> CacheSettings:
    """Cache programs in `folder` from now on; for commands, before they import what is traced.

    Args:
      folder: None for nowhere.
      root: where the packages lie whose source is traced.
      most_files: as many programs are kept, the latest.

    Returns:
      The settings, for `use_cache`.
    """
    _Cache.settings = CacheSettings(folder, root, most_files, _source(root) if folder is not None else "")
    return _Cache.settings


def use_cache(settings: CacheSettings) -> None:
    """Cache programs as `cache_programs_in` once said, with the digest of the source that it took then."""
    _Cache.settings = settings


def register_output_types(kinds: Iterable[type]) -> None:
    """Allow cached programs to return these dataclasses and named tuples (all of their fields are children)."""
    for kind in kinds:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if issubclass(kind, tuple):
            export.register_namedtuple_serialization(kind, serialized_name=name)
        else:
            export.register_pytree_node_serialization(
                kind, serialized_name=name, serialize_auxdata=lambda _: b"", deserialize_auxdata=lambda _: ()
            )


def load_or_trace(function: jax.stages.Wrapped, arguments: object, cache_key: object) -> jax.stages.Wrapped:
    """`function` as it was traced before for such arguments, or traced now.

    Args:
      function: compiled by `jax.jit`; its output holds arrays in dicts, tuples and types that were
        passed to `register_output_types`. One that cannot be exported (it calls back to Python) is returned as it is.
      arguments: all of its arguments, or their shapes.
      cache_key: everything except the arguments and the source that can change the trace; its `repr` is compared.
    """
    path = cached_path(arguments, cache_key, "traced")
    if path is None:
        return function
    content = read_cached(path)
    if content is None:
        leaves, tree = jax.tree.flatten(arguments)
        flat = jax.jit(lambda *leaves: function(*jax.tree.unflatten(tree, leaves)))
        try:
            content = bytes(export.export(flat)(*leaves).serialize())
        except (NotImplementedError, ValueError):
            return function
        write_cached(path, content)
    program = export.deserialize(bytearray(content))
    return jax.jit(lambda *arguments: program.call(*jax.tree.leaves(arguments)))


def load_or_compute(compute: Callable[[], dict[str, NDArray[Any]]], cache_key: object) -> dict[str, NDArray[Any]]:
    """What `compute()` gave before, or gives now; arrays of more than 32 MB in all are computed each time.

    Args:
      compute: gives arrays that hold no objects.
      cache_key: everything except the source that they depend on; its `repr` is compared.
    """
    path = cached_path((), cache_key, "arrays")
    if path is None:
        return compute()
    content = read_cached(path)
    if content is not None:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return dict(file)
    arrays = compute()
    if sum(array.nbytes for array in arrays.values()) <= _MOST_BYTES:
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        write_cached(path, file.getvalue())
    return arrays


def cached_path(arguments: object, cache_key: object, kind: str) -> Path | None:
    """Where what is made for such arguments, or their shapes, is kept; None where nothing is. `kind` ends its name."""
    cache = _Cache.settings
    if cache.folder is None or jax.process_count() > 1:
        return None
    leaves, tree = jax.tree.flatten(arguments)
    return cache.folder / f"{_name(leaves, f'{tree} {cache_key!r}')}.{kind}"


def _name(leaves: list[Any], said: str) -> str:
    shapes = [(leaf.shape, str(leaf.dtype), str(getattr(leaf, "sharding", None))) for leaf in leaves]
    table = sorted((name, repr(value)) for name, value in jax.config.values.items()
                   if not any(word in name for word in _IRRELEVANT))  # fmt: skip
    scoped = [getattr(jax.config, name) for name in _SCOPED]
    known = (_Cache.settings.source, said, shapes, table, scoped, [str(device) for device in jax.devices()])
    return hashlib.sha256(repr(known).encode()).hexdigest()


def _source(root: Path) -> str:
    """A digest of catmat's modules, those in folders too, and the versions of the libraries that trace them."""
    digest = hashlib.sha256()
    for package in ("data", "model", "experiments"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)} ".encode() + path.read_bytes())
    versions = [version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")]
    return f"{digest.hexdigest()} {versions}"


def read_cached(path: Path) -> bytes | None:
    """The content of a cached file, if it is whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def write_cached(path: Path, content: bytes) -> None:
    """Write `content`, and delete the oldest files beyond two limits; a cache that cannot be written to is ignored.

    Where catmat's source was edited after the process started, nothing is written: the name is that of the old one.
    """
    cache = _Cache.settings
    if _source(cache.root) != cache.source:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_bytes(hashlib.sha256(content).digest() + content)
        part.replace(path)
        files = sorted(path.parent.iterdir(), key=lambda file: file.stat().st_mtime, reverse=True)
        sizes = itertools.accumulate(file.stat().st_size for file in files)
        for number, (old, size) in enumerate(zip(files, sizes, strict=True), start=1):
            if number > cache.most_files or size > _MOST_ON_DISK:
                old.unlink(missing_ok=True)
    except OSError:
        return
