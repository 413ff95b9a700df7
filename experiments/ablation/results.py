"""What was measured of the runs of one program of an ablation, and the file that keeps it.

Letters: T recorded steps, N attention statistics, R runs, G rows (of maps) or groups (of excess), H heads, K words.
"""

import dataclasses
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError
from experiments.ablation.plan import Group
from experiments.config.loader import to_yaml
from experiments.config.schema import FORMAT
from experiments.measuring.attention_statistics import MEANINGS
from experiments.run_directory.files import check_version, read_npz, write_npz

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
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: may not be read; allow it, or start a new ablation")
    try:
        arrays = read_npz(path)
        version, runs = int(arrays.pop("version")), str(arrays.pop("runs"))
    except (InputError, KeyError, TypeError, ValueError):
        raise DamagedError(f"{path}: is damaged") from None
    check_version(path, version, "file of results")
    if set(arrays) != {field.name for field in dataclasses.fields(Results)}:
        raise DamagedError(f"{path}: is damaged")
    if runs != _identity(group):
        remedy = "restore its config.yaml and its world file, or start a new ablation"
        raise InputError(f"{path}: holds runs of another config or world; {remedy}")
    seconds, versions = float(arrays.pop("seconds")), str(arrays.pop("versions"))
    return Results(**arrays, seconds=seconds, versions=versions)


def _identity(group: Group) -> str:
    """A digest of the runs' configs and their world: different runs have different ones."""
    digest = hashlib.blake2b(group.world.training_fingerprint.encode(), digest_size=16)
    for run in group.runs:
        digest.update(to_yaml(run.config).encode())
    return digest.hexdigest()
