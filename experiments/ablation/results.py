"""What was measured of the runs of one program of an ablation, and the file that keeps it.

Letters: T recorded steps, N numbers of `health`, R runs, G rows (of maps) or groups (of excess), H heads, K words.
"""

import dataclasses
import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.contexts import training_fingerprint
from data.errors import InputError
from experiments.ablation.plan import Group
from experiments.config.loader import to_yaml
from experiments.measuring.attention_statistics import MEANINGS
from experiments.run_directory.step_arrays import read_npz

Floats = NDArray[np.float32]
ATTENTION_STATISTICS = tuple(MEANINGS)
_VERSION = 3


class DamagedError(InputError):
    """Kept results of which nothing can be read any more."""


@dataclass(frozen=True)
class Results:
    """What was measured of all runs of one program, as NumPy arrays."""

    step_T: NDArray[np.int64]
    loss_TR: Floats
    """Mean loss of the updates since the record before; nan at step 0 and from a divergence on."""
    excess_TRG: Floats
    attention_TNRH: Floats
    """The numbers N of HEALTH of each head."""
    weights_TRGHK: Floats
    """Attention in the watched rows."""
    position_RPHK: Floats
    """Mean attention by position alone, at the end."""
    diverged_at_R: NDArray[np.int32]
    seconds: float
    versions: str
    """Of what they were made with: a resumed ablation may hold several."""


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
