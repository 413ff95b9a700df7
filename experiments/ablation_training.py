"""Trains the runs of one program of an ablation, and keeps what was measured of them.

Letters: T recorded steps, N numbers of `health`, R runs, G rows (of maps) or groups (of excess), H heads, K words.
"""

import dataclasses
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.contexts import training_fingerprint
from data.errors import InputError
from data.sampler import sampler_tables
from experiments import runtime
from experiments.ablation_plan import Group
from experiments.health import MEANINGS
from experiments.loop import make_material, watched_sentences
from experiments.measure import Glance, Material, glance
from experiments.probes import make_probes
from experiments.record_file import read_npz
from experiments.runner import Runner, record_steps
from experiments.state import swept
from experiments.yaml_config import to_yaml
from model.functional import Params

Floats = NDArray[np.float32]
HEALTH = tuple(MEANINGS)
_VERSION = 2


class DamagedError(InputError):
    """Kept results of which nothing can be read any more."""


@dataclass(frozen=True)
class Results:
    """What was measured of all runs of one program, as NumPy arrays."""

    step_T: NDArray[np.int64]
    loss_TR: Floats
    """Mean loss of the updates since the record before; nan at step 0 and from a divergence on."""
    excess_TRG: Floats
    health_TNRH: Floats
    """The numbers N of HEALTH of each head."""
    weights_TRGHK: Floats
    """Attention in the watched rows."""
    position_RPHK: Floats
    """Mean attention by position alone, at the end."""
    diverged_at_R: NDArray[np.int32]
    seconds: float
    versions: str
    """Of what they were made with: a resumed ablation may hold several."""


class Materials:
    """What runs are measured on, made once for all that share it."""

    def __init__(self) -> None:
        self._made: dict[Any, Material] = {}

    def of(self, group: Group) -> Material:
        """The material of a group's runs."""
        config = group.members[0].config
        key = (config.world, config.task, config.evaluate)
        if key not in self._made:
            probes = make_probes(group.world, watched_sentences(config, group.world))
            self._made[key] = make_material(config, group.world, probes)
        return self._made[key]


class GroupTraining:
    """The runs of one program; compiled in the background as soon as it is made."""

    def __init__(self, group: Group, materials: Materials, devices: list[jax.Device] | None = None) -> None:
        self.group = group
        configs = [member.config for member in group.members]
        ends = {config.train.steps for config in configs}
        steps = sorted({*record_steps(group.steps, configs[0].track.records), *ends})
        tables = sampler_tables(group.world, configs[0].task.hidden)
        self.runner = Runner(group.program, swept(*configs), tables, steps, devices)
        # The measurement depends on the program and the mesh alone; the material is made while the training compiles.
        material = materials.of(group)
        self.runner.measured_by(self._measured, material, holds=())
        self.runner.measured_on(material)

    def _measured(self, material: Material, params: Params, scale: jax.Array) -> Glance:
        return glance(self.group.program, material, params, scale, self.runner.ensemble.shards)

    def run(self, tick: Callable[[int], bool]) -> Results | None:
        """Train; None where `tick`, which is told the step between chunks, asked to stop."""
        stopped = False

        def heard(step: int) -> bool:
            nonlocal stopped
            stopped = tick(step)
            return stopped

        # Not the parameters: of many wide runs they would fill the memory.
        kept = [
            (record.step, record.seconds, record.loss_R, record.diverged_at_R, record.measured)
            for record in self.runner.run(heard)
        ]
        if stopped and self.runner.step < self.runner.steps[-1]:
            return None
        return _results(kept)


def _results(kept: list[tuple[int, float, Floats, NDArray[np.int32], Glance]]) -> Results:
    steps, seconds, losses, diverged, seen = zip(*kept, strict=True)
    fields = [np.stack([getattr(one.health, f"{name}_H") for name in HEALTH]) for one in seen]
    return Results(
        step_T=np.asarray(steps),
        loss_TR=np.stack(losses),
        excess_TRG=np.stack([one.evaluation.excess_G for one in seen]),
        health_TNRH=np.stack(fields),
        weights_TRGHK=np.stack([one.weights_GHK for one in seen]),
        position_RPHK=seen[-1].evaluation.position_map_PHK,
        diverged_at_R=diverged[-1],
        seconds=seconds[-1],
        versions=", ".join(f"{name} {value}" for name, value in runtime.versions().items()),
    )


def save_results(path: Path, group: Group, results: Results) -> None:
    """Write the results of a group, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, version=_VERSION, runs=_identity(group), **vars(results))
    part = path.with_name(path.name + ".part")
    part.write_bytes(buffer.getvalue())
    part.replace(path)


def load_results(path: Path, group: Group) -> Results | None:
    """What `save_results` wrote; None where there is nothing.

    Raises:
      DamagedError: what stands there is no whole file of results, so nothing is lost if it is overwritten.
      InputError: it may not be read, or it holds results of another version or of other runs.
    """
    if not path.exists():
        return None
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read; allow it, or start a new ablation")
    try:
        arrays: dict[str, Any] = read_npz(path)
    except InputError:
        raise DamagedError(f"{path}: is damaged") from None
    version, runs = str(arrays.pop("version", "")), str(arrays.pop("runs", ""))
    if version.isdecimal() and version != str(_VERSION):
        remedy = "go on with the version of catmat that made it, or start a new ablation"
        raise InputError(f"{path}: has version {version}, this program reads {_VERSION}; {remedy}")
    if not version or set(arrays) != {field.name for field in dataclasses.fields(Results)}:
        raise DamagedError(f"{path}: is damaged")
    if runs != _identity(group):
        remedy = "restore its config.yaml and its world file, or start a new ablation"
        raise InputError(f"{path}: holds runs of another config or world; {remedy}")
    return Results(**arrays | {"seconds": float(arrays["seconds"]), "versions": str(arrays["versions"])})


def _identity(group: Group) -> str:
    """What tells these runs from any others: their configs and their world."""
    digest = hashlib.blake2b(training_fingerprint(group.world).encode(), digest_size=16)
    for member in group.members:
        digest.update(to_yaml(member.config).encode())
    return digest.hexdigest()
