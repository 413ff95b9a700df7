"""Traced programs on disk, so that only the first start traces.

XLA's own cache spares the compiler, but it is asked after a program was traced and lowered, and that Python took 1.5 of
the 7 s of a newcomer's start on 2 CPU cores. What is kept is what `jax.export` makes of a traced program. Its name is a
digest of everything that tracing can depend on: catmat's source, the libraries' versions, JAX's settings, the devices,
the arguments' shapes, and what the caller says that the function holds. The first start, too, runs the kept form: both
starts compile the same program.

On a CPU alone: other platforms were not measured.
"""

import functools
import hashlib
import os
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from jax import export

_FOLDER = "traced"
_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_numpy_dtype_promotion",
    "jax_numpy_rank_promotion",
    "jax_threefry_partitionable",
)
_DIGEST_BYTES = 32


def can_be_kept(kinds: Iterable[type]) -> None:
    """Say that programs may give back these dataclasses and named tuples (their fields are all children)."""
    for kind in kinds:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if issubclass(kind, tuple):
            export.register_namedtuple_serialization(kind, serialized_name=name)
        else:
            export.register_pytree_node_serialization(
                kind, serialized_name=name, serialize_auxdata=lambda _: b"", deserialize_auxdata=lambda _: ()
            )


def kept(function: jax.stages.Wrapped, arguments: Any, holds: object) -> jax.stages.Wrapped:
    """`function` as it was traced before for such arguments, or as it is traced now.

    Args:
      function: compiled by `jax.jit`; gives arrays in dicts, tuples and what `can_be_kept`.
      arguments: all of its arguments, or their shapes.
      holds: everything that `function` depends on beside its arguments and its source; its `repr` is what counts.
    """
    folder = jax.config.values["jax_compilation_cache_dir"]
    if not folder or jax.process_count() > 1:
        return function
    leaves, tree = jax.tree.flatten(arguments)
    path = Path(folder) / _FOLDER / _name(leaves, f"{tree} {holds!r}")
    content = _read(path)
    if content is None:
        flat = jax.jit(lambda *leaves: function(*jax.tree.unflatten(tree, leaves)))
        content = bytes(export.export(flat)(*leaves).serialize())
        _write(path, content)
    program = export.deserialize(bytearray(content))
    return jax.jit(lambda *arguments: program.call(*jax.tree.leaves(arguments)))


def _name(leaves: list[Any], said: str) -> str:
    shapes = [(leaf.shape, str(leaf.dtype), str(getattr(leaf, "sharding", None))) for leaf in leaves]
    settings = [(name, getattr(jax.config, name)) for name in _SETTINGS]
    known = (_source(), said, shapes, settings, [str(device) for device in jax.devices()])
    return hashlib.sha256(repr(known).encode()).hexdigest()


@functools.cache
def _source() -> str:
    """A digest of catmat's modules, and the versions of the libraries that trace them."""
    digest = hashlib.sha256()
    for package in ("data", "model", "experiments"):
        for path in sorted((Path(__file__).parents[1] / package).glob("*.py")):
            digest.update(path.read_bytes())
    return f"{digest.hexdigest()} {[version(name) for name in ('jax', 'jaxlib', 'flax', 'optax')]}"


def _read(path: Path) -> bytes | None:
    """What was kept, if it is whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    """Keep `content`; a cache that cannot be written to is done without."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}")
        part.write_bytes(hashlib.sha256(content).digest() + content)
        part.replace(path)
    except OSError:
        return
