"""Settings of JAX that a command makes before its first use: devices, precision, the compilation cache."""

import contextlib
import glob
import os
import platform
import re
import warnings
from pathlib import Path
from typing import Any

import jax
import jaxlib.version

from data.errors import InputError
from experiments.training.distributed import connect, join
from experiments.training.exchange import Exchange
from experiments.training.memory import check_address_space
from experiments.training.program_cache import cache_programs_in

_FIXED: dict[str, object] = {
    "jax_default_matmul_precision": "highest",
    "jax_numpy_rank_promotion": "raise",  # arrays of other ranks are combined by mistake, as in tests
    "jax_numpy_dtype_promotion": "standard",
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
}
"""Settings that decide a run's numbers: the same for everybody, whatever the environment or a notebook says."""
_REFUSED = {
    "jax_disable_jit": (True,),
    "jax_no_tracing": (True,),
    "jax_no_execution": (True,),
    **dict.fromkeys(
        (f"jax_transfer_guard{way}" for way in ("", "_host_to_device", "_device_to_device", "_device_to_host")),
        ("disallow", "disallow_explicit"),
    ),
    "jax_num_cpu_devices": (0,),
}
"""Settings, mostly for debugging, with which catmat cannot work, and the values that it cannot work with."""


def prepare(cache: Path | None = None, exchange: Exchange | None = None) -> None:
    """Set JAX up for catmat; call it before anything runs on a device.

    Every CPU core becomes a device, so that one program uses them all; JAX_NUM_CPU_DEVICES asks for another number.
    Where JAX is in use already, the devices are those that there are. Products are made in full float32 (GPUs may round
    them to TF32 otherwise), and random numbers by one generator. Compiled programs are kept on disk, so that the second
    start is quick.

    A GPU adds in whatever order is quickest, so a run repeated there differs in the last digits.
    XLA_FLAGS=--xla_gpu_deterministic_ops=true makes it equal to the last bit, at a quarter of the speed (measured on an
    H200), so it is left to the user.

    Args:
      cache: where compiled programs are kept; by default `catmat/xla` in the user's cache folder.
      exchange: with the other processes that train with this one; by default there is none.

    Raises:
      InputError: there is no device of the kind that JAX_PLATFORMS asks for, JAX is set in a way that catmat cannot
        work with, or it may use too few addresses.
    """
    if exchange is not None:
        join(exchange)
    _refuse_settings()
    if jax.config.values["jax_num_cpu_devices"] < 0 and "device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # JAX is in use already, as in a notebook: with the devices there are
            jax.config.update("jax_num_cpu_devices", cores())
    for name, value in _FIXED.items():
        jax.config.update(name, value)
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache = cache or _usual_cache()
        jax.config.update("jax_compilation_cache_dir", str(cache) if cache else None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    folder = jax.config.values["jax_compilation_cache_dir"]
    used = folder and jax.config.values["jax_enable_compilation_cache"]
    cache_programs_in(Path(folder) / "traced" if used else None)
    if used:
        _bear_with(Path(folder))
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # the second: JAX, asked for cuda where only its plugin is missing
        reason = (str(error).splitlines() or ["there is none"])[0].partition(" (set JAX_PLATFORMS")[0]
        raise InputError(
            f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')}: no such device here ({reason}); unset it, or set it"
            " to cpu"
        ) from None
    if exchange is not None:
        connect()
    check_address_space()


def _refuse_settings() -> None:
    """Name a setting of JAX with which catmat cannot work; a `with` or a notebook may have made it, or a variable."""
    for name, values in _REFUSED.items():
        value = getattr(jax.config, name, jax.config.values.get(name))
        variable = name.upper()
        if value in values and value is not None:
            place = f"{variable}={os.environ[variable]}" if variable in os.environ else f"{name}={value}"
            raise InputError(f"{place}: catmat cannot work with this setting of JAX; unset it")


def _usual_cache() -> Path | None:
    """`catmat/xla` in the user's cache folder; None for a user who has no home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "catmat" / "xla"
    except RuntimeError:
        return None


def _bear_with(cache: Path) -> None:
    """Do without what the cache cannot give, in silence; and delete the damaged programs in it.

    JAX writes a program in place, so a process that dies meanwhile, or a full disk, leaves a part of it. JAX never
    writes what exists: it would warn of that part, and compile, at every start from then on.
    """
    show = warnings.showwarning

    def heard(message: Warning | str, *where: Any, **more: Any) -> None:
        said = re.match(r"Error (reading|writing) persistent compilation cache entry for '([^']*)'", str(message))
        if said is None:
            show(message, *where, **more)
            return
        for path in cache.glob(f"{glob.escape(said[2])}-*"):
            with contextlib.suppress(OSError):
                path.unlink()

    warnings.showwarning = heard


def cores() -> int:
    """How many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device_list() -> str:
    """One line a device, for people."""
    return "\n".join(f"{device.id}: {device.platform} {device.device_kind}" for device in jax.devices())


def versions() -> dict[str, str]:
    """What decides a run's numbers to the last bit, beside its config."""
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.version.__version__,
        "platform": jax.devices()[0].platform,
        "device": jax.devices()[0].device_kind,
        "devices": str(jax.device_count()),
    }
