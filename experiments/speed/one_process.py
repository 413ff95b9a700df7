"""The peak memory of one piece of work, in a process of its own: `python -m experiments.speed.one_process '{...}'`.

Its argument is JSON, made by `experiments.speed.memory_use`; so is its last line.
"""

import contextlib
import importlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any


def peak() -> int | None:
    """The most bytes of memory that this process has used; None where the system does not tell."""
    with contextlib.suppress(OSError, StopIteration):  # Linux: of this program alone, not of what forked it
        status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    with contextlib.suppress(ImportError):  # only POSIX has it
        import resource  # noqa: PLC0415

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most * (1 if sys.platform == "darwin" else 1024)
    return None


def device_peak() -> int | None:
    """The most bytes that JAX or torch has used on an accelerator; None where there is none."""
    found = [0]
    if "jax" in sys.modules:
        import jax  # noqa: PLC0415

        statistics = None if jax.default_backend() == "cpu" else jax.devices()[0].memory_stats()
        found.append((statistics or {}).get("peak_bytes_in_use", 0))
    if "experiments.speed.torch_loop" in sys.modules:
        found.append(sys.modules["experiments.speed.torch_loop"].peak_memory() or 0)
    return max(found) or None


def _imported(names: list[str]) -> None:
    for name in names:
        importlib.import_module(name)


def _training(config: str, folder: str) -> None:
    """A whole training with its report, as the command makes it."""
    from experiments.training import runtime  # noqa: PLC0415

    runtime.prepare()
    from rich.console import Console  # noqa: PLC0415

    from experiments.config.loader import load_config  # noqa: PLC0415
    from experiments.session.session import train  # noqa: PLC0415

    train(load_config(config, {}), "benchmark", folder, Console(file=io.StringIO()))


def _updates(config: str, contestant: str, runs: int, updates: int) -> None:
    from experiments.training import runtime  # noqa: PLC0415

    runtime.prepare()
    from experiments.config.loader import load_config  # noqa: PLC0415
    from experiments.speed.catmat_runs import EnsembleTraining, seeds_of  # noqa: PLC0415
    from experiments.speed.contestants import CATMAT, FLAX, TORCH  # noqa: PLC0415
    from experiments.speed.task import task_of  # noqa: PLC0415

    task = task_of(load_config(config, {}))
    if runs > 1:
        EnsembleTraining(task, seeds_of(task, runs)).advance(updates)
        return
    named = {one.name: one for one in [*TORCH, *FLAX, CATMAT]}
    named[contestant].make(task, updates).advance(updates)


def main(work: dict[str, Any]) -> dict[str, int | None]:
    """Do the work: `{"imported": [...]}`, `{"training": {...}}` or `{"updates": {...}}`; gives the peaks."""
    if "imported" in work:
        _imported(work["imported"])
    elif "training" in work:
        _training(**work["training"])
    else:
        _updates(**work["updates"])
    return {"memory": peak(), "device_memory": device_peak()}


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(main(json.loads(sys.argv[1])))}\n")
    sys.stdout.flush()
    os._exit(0)  # JAX's own end takes a second
