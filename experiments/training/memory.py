"""How much memory a training needs at least, and how much there is: refused is only what cannot fit."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import jax

from data.errors import require

_COPIES = 4
"""Of the parameters, in float32: themselves, their gradient and the optimiser's two moments."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux says how much memory a container may use."""


def memory_of_machine() -> int | None:
    """Bytes of memory in this machine; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # only POSIX has it
        return None


def memory_limit() -> int | None:
    """The most bytes that this process may use: of the machine, its container and `ulimit -v`; None if unknown."""
    limits = [memory_of_machine() or 0]
    for place in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(Path(place).read_text(encoding="utf-8")))
    with contextlib.suppress(ImportError):  # only POSIX has it
        import resource  # noqa: PLC0415

        limits.append(resource.getrlimit(resource.RLIMIT_AS)[0])
    return min((limit for limit in limits if limit > 0), default=None)


def check_memory(parameters: Iterable[jax.ShapeDtypeStruct]) -> None:
    """Refuse a training whose parameters and optimiser alone cannot fit into memory, before the most is compiled.

    Args:
      parameters: the shapes of all runs' parameters, stacked.

    Raises:
      InputError: with what is needed at least, what there is, and which values to lower.
    """
    limit = _device_memory() or memory_limit()
    needed = _COPIES * sum(shape.size * shape.dtype.itemsize for shape in parameters)
    require(
        limit is None or needed <= limit,
        f"memory: this training needs {needed / 2**30:,.1f} GiB at least, for parameters and optimiser, and there are"
        f" {(limit or 0) / 2**30:,.1f}; lower model.d_model, model.d_mlp or seeds, or train on a larger machine",
    )


def _device_memory() -> int | None:
    """Bytes that the first device may use, of an accelerator; None on a CPU."""
    device = jax.devices()[0]
    statistics = None if device.platform == "cpu" else device.memory_stats()
    return statistics.get("bytes_limit") if statistics else None
