"""Checkpoints of a training: all that it goes on from, saved in the background, whole or not at all.

Kept are the last two and the best (lowest excess on asked contexts). A checkpoint is believed only if the digest saved
with it is that of the numbers read back; where it is not, the one before is taken.
"""

import hashlib
import logging
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

FOLDER = "checkpoints"
_KEPT = 2


class Checkpoints:
    """The checkpoints of one run folder; use it in a `with`, so that a save that is under way is finished."""

    def __init__(self, folder: Path) -> None:
        logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells of every file it writes
        keep = [
            policies.LatestN(_KEPT),
            policies.BestN(get_metric_fn=lambda metrics: metrics["excess"], reverse=True, n=1),
        ]
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(keep),
            best_fn=lambda metrics: metrics["excess"],  # without it metrics are not written
            best_mode="min",
            enable_async_checkpointing=True,
        )
        self._manager = ocp.CheckpointManager((folder / FOLDER).absolute(), options=options)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def save(self, step: int, states: Any, excess: float) -> None:
        """Save the states (NumPy) at `step`, in the background; `excess` is what the best one is chosen by."""
        if step in self._manager.all_steps():
            return
        metrics = {"excess": excess if np.isfinite(excess) else 1e30, "digest": _digest(states)}
        self._manager.save(step, args=ocp.args.StandardSave(_named(states)), metrics=metrics)

    def wait(self) -> None:
        """Wait until everything is on disk."""
        self._manager.wait_until_finished()

    def restore(self, like: Any) -> tuple[tuple[int, Any] | None, list[int]]:
        """The last whole checkpoint (step, states), or None; and the steps of those that were damaged.

        Args:
          like: states of the same shapes (NumPy).
        """
        damaged: list[int] = []
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                named = self._manager.restore(step, args=ocp.args.StandardRestore(_named(like)))
                leaves = [named[name] for name in _named(like)]
                states = jax.tree.unflatten(jax.tree.structure(like), leaves)
                if self._manager.metrics(step)["digest"] == _digest(states):
                    return (step, states), damaged
            except Exception:  # noqa: S110  what a broken file raises is orbax's choice; any of it means damaged
                pass
            damaged.append(step)
        return None, damaged

    def forget_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, which are damaged or will be made anew."""
        for later in [one for one in self._manager.all_steps() if one > step]:
            self._manager.delete(later)


def _named(states: Any) -> dict[str, Any]:
    """The leaves of `states` by their place: plain names, whatever the optimiser's own types are."""
    return {f"{i:04d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(states))}


def _digest(states: Any) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves(states):
        array = np.ascontiguousarray(leaf)
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
