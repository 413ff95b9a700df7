"""The training of the runs of one program of an ablation, what is measured of them, and the file that keeps it.

Letters: T recorded steps, N attention statistics, R runs, G rows (of maps) or groups (of excess), H heads, K words.
"""

import hashlib
import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, require
from experiments.ablation.plan import Group
from experiments.config.loader import to_yaml
from experiments.config.schema import FORMAT
from experiments.measuring.attention_statistics import MEANINGS
from experiments.measuring.measurement import measure_sweep
from experiments.run_directory.arrays import read_npz, write_npz
from experiments.run_directory.files import check_version
from experiments.training import runtime
from experiments.training.agreement import ALONE, Agreement
from experiments.training.hyperparameters import batch_tables, hyperparameters
from experiments.training.record import record_steps
from experiments.training.trainer import StopCallback, Trainer

Floats = NDArray[np.float32]
ATTENTION_STATISTICS = tuple(MEANINGS)


class DamagedError(InputError):
    """A file of results that cannot be read any more."""


@dataclass(frozen=True)
class Results:
    """What was measured of all runs of one program, as NumPy arrays."""

    step_T: NDArray[np.int64]
    loss_TR: Floats
    """Mean loss of the updates since the record before; nan at step 0 and from a divergence on."""
    excess_TRG: Floats
    attention_TNRH: Floats
    """Each of ATTENTION_STATISTICS, for each head."""
    weights_TRGHK: Floats
    """Attention in the watched rows."""
    position_RPHK: Floats
    """Mean attention by position alone, at the end."""
    diverged_at_R: NDArray[np.int32]
    seconds: float
    versions: str
    """The versions of the libraries that they were made with; the programs of a resumed ablation may differ in it."""


class GroupTraining:
    """The training of the runs of one program, which starts to compile in the background when this is made."""

    def __init__(self, group: Group, at_once: int | None = None) -> None:
        """Begin with `group`; `at_once`: how many of its runs a device trains at a time, see `Trainer`."""
        self.group = group
        configs = [run.config for run in group.runs]
        ends = {config.train.steps for config in configs}
        self.trainer = Trainer(
            group.spec,
            hyperparameters(*configs),
            batch_tables(group.spec, configs[0], group.shared.world),
            sorted({*record_steps(max(ends), configs[0].track.records), *ends}),
            measure_sweep,
            group.shared.shapes,
            cache_measurement=True,
            at_once=at_once,
        )
        self.data = group.shared.data  # made while the training compiles

    def run(self, should_stop: StopCallback, agreement: Agreement = ALONE) -> Results | None:
        """Train; None if `should_stop` stopped it before the end, in any process of the agreement."""
        # Without the parameters: those of many wide runs would fill the memory.
        kept = (
            (record.step, record.time.seconds, record.loss_R, record.diverged_at_R, record.measurement)
            for record in self.trainer.run(self.data, should_stop, agreement=agreement)
        )
        steps, seconds, losses, diverged, measured = zip(*kept, strict=True)
        if steps[-1] < self.trainer.steps[-1] and (diverged[-1] < 0).any():
            return None
        return Results(
            step_T=np.asarray(steps),
            loss_TR=np.stack(losses),
            excess_TRG=np.stack([one.evaluation.excess_G for one in measured]),
            attention_TNRH=np.stack([[one.attention_statistics[n] for n in ATTENTION_STATISTICS] for one in measured]),
            weights_TRGHK=np.stack([one.weights_GHK for one in measured]),
            position_RPHK=measured[-1].evaluation.position_map_PHK,
            diverged_at_R=diverged[-1],
            seconds=seconds[-1],
            versions=", ".join(f"{name} {value}" for name, value in runtime.versions().items()),
        )


def save_results(path: Path, group: Group, results: Results) -> None:
    """Write the results of a group, whole or not at all."""
    write_npz(path, {"version": FORMAT, "runs": _identity(group), **vars(results)}, compressed=True)


def load_results(path: Path, group: Group) -> Results | None:
    """What `save_results` wrote; None if there is no file.

    Raises:
      DamagedError: the file is damaged, so nothing is lost if it is overwritten.
      InputError: it may not be read, or it holds results of another version or of other runs.
    """
    if not path.exists():
        return None
    require(os.access(path, os.R_OK), f"{path}: may not be read; allow it, or start a new ablation")
    try:
        arrays = read_npz(path)
        version, runs = int(arrays.pop("version")), str(arrays.pop("runs"))
    except (InputError, KeyError, TypeError, ValueError):
        raise DamagedError(f"{path}: is damaged") from None
    check_version(path, version, "file of results")
    if set(arrays) != {field.name for field in fields(Results)}:
        raise DamagedError(f"{path}: is damaged")
    require(
        runs == _identity(group),
        f"{path}: holds runs of another config or world; restore its config.yaml and its world file, or start a new"
        " ablation",
    )
    seconds, versions = float(arrays.pop("seconds")), str(arrays.pop("versions"))
    return Results(**arrays, seconds=seconds, versions=versions)


def _identity(group: Group) -> str:
    """A digest of the runs' configs and their world: different runs have different ones."""
    told = "".join([group.shared.world.training_fingerprint, *(to_yaml(run.config) for run in group.runs)])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
