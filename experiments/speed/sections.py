"""The sections of the benchmark, each with what it measures and how it is printed; and what machine it was."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from experiments.speed import (
    ablation_part,
    arithmetic,
    command_times,
    growth,
    memory_use,
    reach,
    share,
    tab_times,
    update_parts,
    update_speed,
)
from experiments.speed.settings import Settings
from experiments.training import runtime
from experiments.training.memory import memory_of_machine

_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")
_BUSY = 0.75
"""Load of the last minute, for each core, from which on it is told: this process has done little yet."""
_SHOWN = ("python", "jax", "flax", "torch")
"""Versions on the first line."""


@dataclass(frozen=True)
class Section:
    """One part of the benchmark."""

    measure: Callable[[Settings], dict[str, Any]]
    """What is measured, as JSON has it."""
    lines: Callable[[dict[str, Any]], list[str]]
    """That, as it is printed."""


SECTIONS = {
    "updates": Section(update_speed.measure, update_speed.lines),
    "reach": Section(reach.measure, reach.lines),
    "parts": Section(update_parts.measure, update_parts.lines),
    "command": Section(command_times.measure, command_times.lines),
    "share": Section(share.measure, share.lines),
    "memory": Section(memory_use.measure, memory_use.lines),
    "growth": Section(growth.measure, growth.lines),
    "rate": Section(arithmetic.measure, arithmetic.lines),
    "ablation": Section(ablation_part.measure, ablation_part.lines),
    "tab": Section(tab_times.measure, tab_times.lines),
}
"""In the order in which they are measured."""


def machine() -> dict[str, Any]:
    """The machine and the versions; JAX is set up for it."""
    runtime.prepare()
    found = runtime.versions()
    versions = {"python": found["python"]}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cores": runtime.cores(),
        "memory": memory_of_machine(),
        "architecture": platform.machine(),
        "platform": found["platform"],
        "device": found["device"],
        "devices": int(found["devices"]),
        "versions": versions,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0,
    }


def machine_line(found: dict[str, Any]) -> str:
    """One line about the machine."""
    memory = f"{found['memory'] / 2**30:.0f} GiB" if found["memory"] else "memory unknown"
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items() if name in _SHOWN)
    device = f"{found['devices']} x {found['platform']} ({found['device']})"
    return f"{found['cores']} CPU cores, {memory}; {device}; {versions}"


def busy_line(found: dict[str, Any]) -> str:
    """What other programs do to the figures; empty where they leave the machine alone."""
    if found["load"] < _BUSY * found["cores"]:
        return ""
    return (
        f"this machine is busy (load {found['load']:.1f} on {found['cores']} cores): all speeds are too low, PyTorch's"
        " most, whose threads spin while they wait, so ratios to it are too high; measure when nothing else runs"
    )
