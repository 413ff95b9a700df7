"""Compiled programs on disk: a later start loads them, and neither traces nor lowers anything.

JAX's own cache is looked up by the lowered program, so it needs one. To lower the three programs of a training, and to
import what that needs, took .3 of the 3.4 s of a start on 2 CPU cores. Files lie beside the traced programs, and are
named as they are (see `program_cache`). The name depends on the machine, too: not every CPU has the instructions of
another. As with JAX's own cache, whoever can write there can make the user run anything.

Kept is only what the compiler has just made. A program that comes out of JAX's own cache cannot be written again
(jaxlib 0.10.2: what is then read lacks functions, which shows when it runs). JAX tells its listeners of a program that
it has compiled and written to its cache, in the thread that does it.
"""

import contextlib
import functools
import os
import pickle
import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import jax
import jax.monitoring
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from experiments.training.compiler import Compiler, Options
from experiments.training.hyperparameters import Tree
from experiments.training.program_cache import cached_path, read_cached, write_cached

_WRITTEN = "/jax/compilation_cache/cache_misses"
Lower = Callable[[], jax.stages.Lowered]


class _Heard(threading.local):
    """How many programs JAX has compiled and written to its cache in this thread."""

    written = 0


_heard = _Heard()


def load_or_compile(
    compiler: Compiler,
    lower: Lower,
    options: Options,
    arguments: Tree,
    cache_key: object,
    devices: Sequence[jax.Device],
) -> tuple[Future[jax.stages.Compiled], Tree]:
    """A program that was compiled before, as soon as it is loaded, or else one that is compiled now; and its shapes.

    Args:
      compiler: works in the background.
      lower: traces and lowers the program, where it has to be compiled.
      options: for the compiler.
      arguments: all arguments of the program, or their shapes.
      cache_key: everything except arguments, options and source that can change the program; its `repr` is compared.
      devices: that run it.

    Returns:
      The program, and the shapes of what it gives.
    """
    ids = [device.id for device in devices]
    optimised = jax.config.values["jax_disable_most_optimizations"], os.environ.get("XLA_FLAGS")
    path = cached_path(arguments, (cache_key, options, ids, optimised, _machine()), "compiled")
    content = read_cached(path) if path is not None else None
    if content is not None:
        program, in_tree, out_tree, shapes = pickle.loads(content)  # noqa: S301  from the user's own folder
        load = functools.partial(deserialize_and_load, program, in_tree, out_tree, execution_devices=list(devices))
        return compiler.run(functools.partial(_loaded, load, lower, options)), shapes
    lowered = lower()
    if path is None:
        return compiler.submit(lowered, options), lowered.out_info
    shapes = jax.tree.map(lambda like: jax.ShapeDtypeStruct(like.shape, like.dtype), lowered.out_info)
    fresh: list[bool] = []
    future = compiler.run(functools.partial(_compiled, lowered, options, fresh))
    future.add_done_callback(functools.partial(_keep, path, shapes, fresh))  # who waits for the program goes on first
    return future, shapes


def _compiled(lowered: jax.stages.Lowered, options: Options, fresh: list[bool]) -> jax.stages.Compiled:
    """The program; in `fresh`, whether the compiler has just made it."""
    _listen()
    before = _heard.written
    program = lowered.compile(options)
    fresh.append(_heard.written > before)
    return program


@functools.cache
def _listen() -> None:
    def hear(event: str, **_: object) -> None:
        _heard.written += event == _WRITTEN

    jax.monitoring.register_event_listener(hear)


def _loaded(load: Callable[[], jax.stages.Compiled], lower: Lower, options: Options) -> jax.stages.Compiled:
    try:
        return load()
    except Exception:
        return lower().compile(options)


def _keep(path: Path, shapes: Tree, fresh: list[bool], future: Future[jax.stages.Compiled]) -> None:
    if fresh != [True]:
        return
    with contextlib.suppress(Exception):  # the training has its program, whatever happens here
        write_cached(path, pickle.dumps((*serialize(future.result()), shapes)))


@functools.cache
def _machine() -> tuple[str, ...]:
    """What a CPU can do, as the operating system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    can = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine(), platform.processor(), can or platform.version()
