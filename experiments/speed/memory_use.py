"""Peak memory of each contestant and of the command, each in a process of its own, beside the libraries alone."""

import json
import subprocess
import sys
from typing import Any

from experiments.speed.command_times import environment
from experiments.speed.contestants import CATMAT, FLAX, NO_TORCH, TORCH, has_torch
from experiments.speed.settings import Settings

_UPDATES = 20
"""In each process: memory is at its peak after the second."""
_SWEEP = 64


def measure(settings: Settings) -> dict[str, Any]:
    """The peak of each piece of work, in bytes; of the device too, where that is an accelerator."""
    work: dict[str, dict[str, Any]] = {"import jax, flax, optax": {"imported": ["jax", "flax", "optax"]}}
    others = TORCH if has_torch() else []
    if others:
        work["import torch"] = {"imported": ["torch"]}
        work["import all four"] = {"imported": ["jax", "flax", "optax", "torch"]}
    for one in [*others, *FLAX, CATMAT]:
        work[one.name] = of_updates(settings, one.name, 1)
    sweep = 4 if settings.quick else _SWEEP
    work[f"catmat, {sweep} runs at once"] = of_updates(settings, "", sweep)
    whole = {"config": settings.config_file, "folder": str(settings.folder / "memory")}
    work["the whole command, with its report"] = {"training": whole}
    peaks = {name: in_a_process(settings, name, what) for name, what in work.items()}
    return {"updates": _UPDATES, "peaks": peaks, "left_out": [] if others else [NO_TORCH]}


def of_updates(settings: Settings, contestant: str, runs: int, updates: int = _UPDATES) -> dict[str, Any]:
    """The work of some updates, for `in_a_process`."""
    return {"updates": {"config": settings.config_file, "contestant": contestant, "runs": runs, "updates": updates}}


def in_a_process(settings: Settings, name: str, work: dict[str, Any]) -> dict[str, Any]:
    """What `experiments.speed.one_process` says of a piece of work; "left_out" says why, where it fails."""
    settings.say(f"memory: {name}")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "experiments.speed.one_process", json.dumps(work)],
        env=environment(settings.folder),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        return {"memory": None, "device_memory": None, "left_out": said[-1][:200] if said else "it failed"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def megabytes(found: dict[str, Any]) -> str:
    """A peak as text: of the process, and of the device if it is another."""
    if found["memory"] is None:
        return "      -"
    device = f"  device {found['device_memory'] / 1e6:,.0f} MB" if found["device_memory"] else ""
    return f"{found['memory'] / 1e6:7,.0f} MB{device}"


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    shown = [f"peak memory, each in a process of its own ({found['updates']} updates)"]
    for name, one in found["peaks"].items():
        shown.append(f"  {name:<38}{megabytes(one)}")
        shown += [f"    {one['left_out']}"] if "left_out" in one else []
    if "import torch" in found["peaks"]:
        shown.append("  jax is in PyTorch's processes, too: it draws their batches")
    return [*shown, *(f"  {line}" for line in found["left_out"])]
