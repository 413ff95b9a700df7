"""All runs of one program, trained side by side on all devices; one run is an ensemble of one.

Several runs are spread over the devices. A single run shares its batch among them instead. Each device trains so many
of its runs at once (`vmap`) as suits it, and one such group after the other (`lax.map`): see `memory.runs_at_once`.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from data.errors import require
from experiments.training.compiled_cache import load_or_compile
from experiments.training.compiler import Compiler, cpu_options
from experiments.training.hyperparameters import BATCH_AXIS, Tree
from experiments.training.packing import packing, unpack, unpacked_shapes
from experiments.training.program_cache import load_or_trace

RUN_AXIS = "run"


class Compiled:
    """A function of all runs that is being compiled: takes (shared, stacked), gives stacked."""

    def __init__(self, program: Future[jax.stages.Compiled], shapes: Tree, sharding: NamedSharding) -> None:
        self._program = program
        self.shapes = jax.tree.map(lambda s: jax.ShapeDtypeStruct(s.shape, s.dtype, sharding=sharding), shapes)
        """What it gives, as shapes: enough to compile what comes after it."""

    def __call__(self, shared: Tree, stacked: Tree) -> Tree:
        return self._program.result()(shared, stacked)


class Ensemble:
    """R runs of one shape on a mesh of devices; arrays of all runs are stacked, [R] first.

    Stacked arrays are padded (by repeating the last run) so that the devices share the runs evenly, in groups of one
    size; `fetch` drops the padding.
    """

    def __init__(
        self,
        runs: int,
        pieces: int,
        devices: list[jax.Device] | None = None,
        compiler: Compiler | None = None,
        at_once: Callable[[int], int] | int | None = None,
    ) -> None:
        """Lay the runs out on the devices.

        Args:
          runs: how many there are.
          pieces: of a batch: a single run's batch is shared by a number of devices that divides them.
          devices: by default all.
          compiler: compiles the programs; by default one that begins at once.
          at_once: how many of its runs a device works on at a time, or a function that says so of the number of runs
            that a device has. By default one on a CPU, and all of them on an accelerator.
        """
        devices = devices or in_turns(jax.devices())
        sharers = max(n for n in range(1, len(devices) + 1) if pieces % n == 0)  # equal shares of whole pieces
        shape = (min(runs, len(devices)), 1) if runs > 1 else (1, sharers)
        used = devices[: shape[0] * shape[1]]
        _check_all_used(devices, used)
        self.runs, self.shards = runs, shape[1]
        self.mesh = jax.make_mesh(shape, (RUN_AXIS, BATCH_AXIS), axis_types=(AxisType.Auto,) * 2, devices=used)
        self.platform = used[0].platform
        self._on_cpu = self.platform == "cpu"
        self.by_run = NamedSharding(self.mesh, PartitionSpec(RUN_AXIS))
        self._everywhere = NamedSharding(self.mesh, PartitionSpec())
        self._gathered = jax.jit(lambda tree: tree, out_shardings=self._everywhere)
        self._compiler = compiler or Compiler()
        own = -(-runs // shape[0])
        wished = at_once(own) if callable(at_once) else at_once or (1 if self._on_cpu else own)
        self._groups = -(-own // wished)
        self.at_once = -(-own // self._groups)
        """How many of its runs a device works on at a time: at most as many as wished, and in groups of one size."""

    def compile(
        self,
        function: Callable[[Any, Any], Any],
        shared: Tree,
        stacked: Tree,
        optimization_level: int = 1,
        cache_key: object = None,
        runs_long: bool = False,
        packed: bool = False,
    ) -> Compiled:
        """`each(function)`, compiled for arguments such as these in the background; the first call waits for it.

        Args:
          function: as for `each`.
          shared: arguments of the kind it will get.
          stacked: likewise.
          optimization_level: how hard a CPU's compiler tries, 0 to 3, see `compiler.cpu_options`.
          cache_key: everything except the arguments that can change the trace; if given, the traced program is cached
            on disk (CPU only; see `program_cache`).
          runs_long: whether it is worth to compile longer for code that takes less time.
          packed: whether runs go in and come out as few arrays, see `packing`; `fetch` unpacks them.
        """
        lower = functools.partial(self._lowered, function, shared, stacked, cache_key, packed)
        options = cpu_options(optimization_level, runs_long) if self._on_cpu else None
        if cache_key is None or not self._on_cpu:
            lowered = lower()
            return Compiled(self._compiler.submit(lowered, options), lowered.out_info, self.by_run)
        key, devices = (self._key(function, cache_key), packed), list(self.mesh.devices.flat)
        program, shapes = load_or_compile(self._compiler, lower, options, (shared, stacked), key, devices)
        return Compiled(program, shapes, self.by_run)

    def _lowered(
        self, function: Callable[[Any, Any], Any], shared: Tree, stacked: Tree, cache_key: object, packed: bool
    ) -> jax.stages.Lowered:
        """`each(function)`, traced and lowered for such arguments; its trace is cached, if there is a key."""
        program = self.each(function)
        if cache_key is not None and self._on_cpu:
            program = load_or_trace(
                program, (shared, unpacked_shapes(stacked, self.by_run)), self._key(function, cache_key)
            )
        return (packing(program, self.by_run) if packed else program).lower(shared, stacked)

    def _key(self, function: Callable[[Any, Any], Any], cache_key: object) -> object:
        return function.__qualname__, self.mesh, self.at_once, cache_key

    def each(self, function: Callable[[Any, Any], Any]) -> jax.stages.Wrapped:
        """`function(shared, one run's arrays)` for every run, compiled: takes (shared, stacked), gives stacked."""

        def local(shared: Tree, stacked: Tree) -> Any:
            def one(own: Tree) -> Any:
                return function(shared, own)

            if self._groups == 1 and self.at_once > 1:
                return jax.vmap(one)(stacked)
            return jax.lax.map(one, stacked, batch_size=None if self.at_once == 1 else self.at_once)

        specs = (PartitionSpec(), PartitionSpec(RUN_AXIS))
        return jax.jit(jax.shard_map(local, mesh=self.mesh, in_specs=specs, out_specs=specs[1], check_vma=False))

    def place(self, stacked: Tree) -> Any:
        """`stacked` (NumPy, [R] first) on the devices of its runs."""
        padding = self.mesh.shape[RUN_AXIS] * self._groups * self.at_once - self.runs
        padded = jax.tree.map(lambda x: np.concatenate([x, np.repeat(x[-1:], padding, axis=0)]), stacked)
        return _put(padded, self.by_run)

    def replicate(self, tree: Tree) -> Any:
        """`tree` on every device."""
        return _put(tree, self._everywhere)

    def replicated(self, tree: Tree) -> Any:
        """The shapes that `replicate(tree)` has; `tree` may itself be shapes alone."""
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._everywhere), tree)

    def fetch(self, stacked: Tree) -> Any:
        """`stacked` as NumPy arrays, unpacked and without padding; waits for the devices, and for all processes."""
        if jax.process_count() > 1:
            stacked = self._gathered(stacked)
        return unpack(jax.tree.map(lambda array: array[: self.runs], jax.device_get(stacked)))


def in_turns(devices: list[jax.Device]) -> list[jax.Device]:
    """Devices of all processes in turns, so that the first few are of as many processes as can be."""
    places: dict[int, int] = {}
    turns = []
    for device in devices:
        turns.append(places.get(device.process_index, 0))
        places[device.process_index] = turns[-1] + 1
    return [device for _, device in sorted(zip(turns, devices, strict=True), key=lambda pair: pair[0])]


def _check_all_used(devices: list[jax.Device], used: list[jax.Device]) -> None:
    """Refuse processes without a part in the work: JAX lets none of them stand by."""
    processes, working = ({device.process_index for device in some} for some in (devices, used))
    require(
        processes == working,
        f"--processes: {len(processes)} are too many, there is work for {len(working)}; start {len(working)}, or train"
        " more seeds",
    )


def _put(tree: Tree, sharding: NamedSharding) -> Any:
    """`tree` (NumPy) on devices; each of several processes puts what is on its own, so that none waits for another."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)

    def put(leaf: Any) -> jax.Array:
        array = np.asarray(leaf)
        own = sharding.addressable_devices_indices_map(array.shape)
        parts = [jax.device_put(array[index], device) for device, index in own.items()]
        return jax.make_array_from_single_device_arrays(array.shape, sharding, parts)

    return jax.tree.map(put, tree)
