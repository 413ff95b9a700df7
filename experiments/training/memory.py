"""How much memory a training needs at least, and how much there is; refused is only what cannot fit."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from data.errors import require
from experiments.training.hyperparameters import TrainingSpec
from model.functional import init_params

_COPIES = 4
"""Of the parameters, in float32: themselves, their gradient and the optimiser's two moments."""
_XLA = 2.0
"""Times the activations that a backward pass needs at least, XLA took (a batch of 100,000 sentences, jax 0.10.2)."""
_FILLED = 0.8
"""Share of an accelerator's memory that runs which are trained at once may fill: the rest is XLA's and measuring's."""
_COMPILER = 600 * 2**20
"""Bytes of address space that a small training takes once JAX has begun (measured: 570 MiB, toy.yaml, 2 cores)."""
_LARGE = 2**30
"""Bytes from which on a training's need of memory is told before it begins."""
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


def available_memory() -> int | None:
    """Bytes that a training may use: of the first device if that is an accelerator, else `memory_limit`."""
    return _device_memory() or memory_limit()


def runs_at_once(spec: TrainingSpec, own: int) -> int:
    """How many of its `own` runs a device should train at a time.

    On a CPU one: its caches then hold all that an update touches. Of 16 runs of toy.yaml on 2 cores, two at a time took
    1.4 times as long, and eight 1.7 times (jax 0.10.2). On an accelerator as many as its memory holds, since one alone
    does not keep it busy. Several processes agree on the least, for each may have found another memory.
    """
    memory = _device_memory()
    if memory is None:
        return 1
    shapes = jax.eval_shape(lambda: init_params(spec.model, jax.random.key(0)))
    stored = _COPIES * sum(shape.size * shape.dtype.itemsize for shape in jax.tree.leaves(shapes))
    # While a run is trained, its state is there twice: as it was and as it will be.
    fit = int((_FILLED * memory - own * stored) / (stored + _XLA * _activations(spec)))
    if jax.process_count() > 1:
        fit = int(multihost_utils.process_allgather(np.int64(fit)).min())
    return max(1, min(own, fit))


def check_memory(
    parameters: Iterable[jax.ShapeDtypeStruct], spec: TrainingSpec, runs: int, at_once: int, parts: int = 1
) -> int:
    """Refuse a training that cannot fit into memory, before the most is compiled.

    What it needs at least: the parameters of all runs four times; and the activations of the batch of each run that is
    trained at one time (`_activations`), of one part of it if that is computed in parts. The devices of a CPU have one
    memory; each accelerator has its own, and its share of the runs.

    Args:
      parameters: the shapes of all runs' parameters, stacked.
      spec: what is compiled in.
      runs: how many runs there are.
      at_once: how many of its runs a device trains at a time.
      parts: in how many parts a device computes a batch, one after the other.

    Returns:
      The bytes that it needs at least.

    Raises:
      InputError: with what is needed at least, what there is, and which values to lower.
    """
    used = min(runs, jax.device_count())
    share, sharing = (used, 1) if _device_memory() else (1, used)
    limit = available_memory()
    stored = _COPIES * sum(shape.size * shape.dtype.itemsize for shape in parameters) // share
    words = 4 * spec.batch * spec.model.max_length if parts > 1 else 0  # they are there as a whole
    needed = int(stored + (words + _activations(spec) // parts) * at_once * sharing)
    require(
        limit is None or needed <= limit,
        f"memory: this training needs {needed / 2**30:,.1f} GiB at least, and there are {(limit or 0) / 2**30:,.1f};"
        " lower train.batch, model.d_model, model.d_mlp, seeds or --runs-at-once, or train on a larger machine",
    )
    return needed


def about_memory(needed: int) -> str:
    """One line about a training that needs so many bytes at least; empty for a small one."""
    limit = available_memory()
    there = f", and there are {limit / 2**30:,.1f}" if limit else ""
    says = f"memory: this training needs {needed / 2**30:,.1f} GiB at least{there}; its first update may take minutes"
    return says if needed >= _LARGE else ""


def _activations(spec: TrainingSpec) -> int:
    """Bytes that the backward pass of one run's batch needs at least: B (K M + F + V) float32 numbers.

    They are the embeddings (K words of d_model M), the hidden units of the MLP (d_mlp, F) and the logits (V words) of
    one masked row.
    """
    model = spec.model
    return 4 * spec.batch * (model.max_length * model.d_model + model.d_mlp + model.vocabulary_size)


def check_address_space() -> None:
    """Refuse a limit (`ulimit -v`) that leaves too little for XLA's compiler, which would crash without a word.

    Raises:
      InputError: with what it needs at least.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):  # only Linux tells both
        import resource  # noqa: PLC0415

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
        require(
            limit == resource.RLIM_INFINITY or used + _COMPILER <= limit,
            f"memory: ulimit -v allows {limit / 2**30:.1f} GiB of address space, and at least"
            f" {(used + _COMPILER) / 2**30:.1f} are needed; allow more, or use fewer cores (JAX_NUM_CPU_DEVICES=1)",
        )


def _device_memory() -> int | None:
    """Bytes that the first device may use, of an accelerator; None on a CPU."""
    device = jax.devices()[0]
    statistics = None if device.platform == "cpu" else device.memory_stats()
    return statistics.get("bytes_limit") if statistics else None
