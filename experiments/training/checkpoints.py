"""Checkpoints of a training: all that it goes on from, saved in the background, whole or not at all.

Kept are the last two and the best (lowest excess on trained contexts). A checkpoint is believed only if the digest
saved with it is that of the numbers read back; where it is not, the one before is taken.
"""

import errno
import hashlib
import json
import logging
import math
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from experiments.training.hyperparameters import Tree
from experiments.training.record import TrainingTime

_KEPT = 2
_PATIENCE = 2.0
"""Seconds that a save may still take when the training ends with an error. One that cannot begin waits for minutes."""
_REMOVING = 0.5
"""Seconds that the removal of a run's folder may take, from the first file that is missed."""


class Checkpoints:
    """The checkpoints of one run folder; use it in a `with`, so that a save that is under way is finished."""

    def __init__(self, folder: Path) -> None:
        for name in ("absl", "asyncio"):  # orbax logs every file that it writes or cannot read
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._folder = (folder / "checkpoints").absolute()
        self._hook = sys.unraisablehook

    def __enter__(self) -> "Checkpoints":
        sys.unraisablehook = _without_closed_loops
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, *_: object) -> None:
        if kind is not None:  # what ended the training is reported; a save that is under way may end, or never
            waiting = threading.Thread(target=self._close, args=(suppress(Exception),), daemon=True)
            waiting.start()
            waiting.join(_PATIENCE)
            if isinstance(error, FileNotFoundError):
                self._remove_rest()
            return
        self._close(_system_errors(self._folder))
        sys.unraisablehook = self._hook  # else tasks may be left over

    def _close(self, guard: AbstractContextManager[None]) -> None:
        with guard:
            if "_manager" in vars(self):
                self._manager.close()

    def _remove_rest(self) -> None:
        """Of a run's folder that somebody removes, remove what orbax made anew meanwhile: nothing else is there."""
        time.sleep(_REMOVING)
        run = self._folder.parent
        if run.is_dir() and list(run.iterdir()) == [self._folder]:
            shutil.rmtree(run, ignore_errors=True)

    @cached_property
    def _manager(self) -> ocp.CheckpointManager:
        """Made when something is saved: orbax tidies up in the folder, which a run that is refused leaves as it is."""
        best = policies.BestN(get_metric_fn=lambda metrics: metrics["excess"], reverse=True, n=1)
        options = ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy([policies.LatestN(_KEPT), best]),
            best_fn=lambda metrics: metrics["excess"],  # without it metrics are not written
            best_mode="min",
            enable_async_checkpointing=True,
            create=jax.process_count() == 1,  # orbax makes no folder for one process of several
            multiprocessing_options=_by_process_0(),
        )
        if not options.create:
            self._folder.mkdir(exist_ok=True)
        return ocp.CheckpointManager(self._folder, options=options)

    def save(self, step: int, states: Tree, excess: float, spent: TrainingTime) -> None:
        """Save the states (NumPy) at `step`, in the background; `excess` is what the best one is chosen by."""
        metrics = {"excess": excess if np.isfinite(excess) else 1e30, "digest": _digest(states), **vars(spent)}
        with _system_errors(self._folder):
            if not self._folder.parent.is_dir():  # orbax would make it anew
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._folder.parent))
            if step not in self._manager.all_steps():
                self._manager.save(step, args=ocp.args.StandardSave(_named(states)), metrics=metrics)

    def last_step(self) -> int | None:
        """The step of the last whole checkpoint, which need not be sound; None if there is none."""
        return max((step for step in self._steps() if self._metrics(step) is not None), default=None)

    def wait(self) -> None:
        """Wait until everything that was saved is on disk."""
        with _system_errors(self._folder):
            if "_manager" in vars(self):
                self._manager.wait_until_finished()

    def restore(self, like: Tree) -> tuple[tuple[int, Any, TrainingTime] | None, list[int]]:
        """The last whole checkpoint (step, states, time spent), or None; and the steps of those that were damaged.

        Args:
          like: states of the same shapes (NumPy).
        """
        damaged: list[int] = []
        for step in self._steps():
            states = self._read(step, like)
            if states is not None:
                return (step, states, self.spent(step)), damaged
            damaged.append(step)
        return None, damaged

    def spent(self, step: int) -> TrainingTime:
        """The time that the training had taken until the checkpoint of `step`; zero where it does not hold it."""
        metrics = self._metrics(step) or {}
        seconds, updates = metrics.get("seconds"), metrics.get("updates")
        if isinstance(seconds, float) and isinstance(updates, int) and 0 <= updates <= step and 0 <= seconds < math.inf:
            return TrainingTime(seconds, updates)
        return TrainingTime()

    def forget_after(self, step: int) -> None:
        """Delete the checkpoints of later steps, which are damaged or will be made anew, and what orbax cannot read."""
        for one in self._steps():
            if one > step or self._metrics(one) is None:
                shutil.rmtree(self._folder / str(one))

    def _steps(self) -> list[int]:
        """The steps of all checkpoints, the last first."""
        names = [path.name for path in self._folder.iterdir() if path.is_dir()] if self._folder.is_dir() else []
        return sorted((int(n) for n in names if n.isdecimal() and n.isascii() and str(int(n)) == n), reverse=True)

    def _metrics(self, step: int) -> dict[str, Any] | None:
        """What was saved beside the states of a step; None if that cannot be read."""
        try:
            metrics = json.loads((self._folder / str(step) / "metrics" / "metrics").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        sound = isinstance(metrics, dict) and isinstance(metrics.get("excess"), float) and "digest" in metrics
        return metrics if sound else None

    def _read(self, step: int, like: Tree) -> Any:
        """The states of a step; None if they are not what was saved."""
        metrics, named = self._metrics(step), _named(like)
        if metrics is None:
            return None
        try:
            own = _by_process_0()
            handler = ocp.StandardCheckpointHandler(multiprocessing_options=own)
            with ocp.Checkpointer(handler, multiprocessing_options=own) as reader:
                found = reader.restore(self._folder / str(step) / "default", args=ocp.args.StandardRestore(named))
            states = jax.tree.unflatten(jax.tree.structure(like), [found[name] for name in named])
        except Exception:  # what a broken file raises is orbax's choice; any of it means damaged
            return None
        return states if metrics["digest"] == _digest(states) else None


def _by_process_0() -> ocp.options.MultiprocessingOptions:
    """What lets orbax wait for no other process: only process 0 saves and reads."""
    if jax.process_count() == 1:
        return ocp.options.MultiprocessingOptions()
    return ocp.options.MultiprocessingOptions(
        primary_host=0, active_processes={0}, barrier_sync_key_prefix="checkpoints-of-process-0"
    )


@contextmanager
def _system_errors(folder: Path) -> Iterator[None]:
    """Raise the OSError behind what orbax or tensorstore raises where `folder` cannot be written to."""
    try:
        yield
    except (OSError, ValueError) as error:
        number = _system_error(folder, error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(folder)) from None


def _system_error(folder: Path, error: OSError | ValueError) -> int | None:
    """The number of the system's error behind `error`; None if that says it itself, or is something else."""
    told = str(error)
    if folder.exists() and not folder.is_dir():  # they name any file below it, and any reason
        return errno.ENOTDIR
    if isinstance(error, OSError):
        return None
    if code := re.search(r"os_error_code='(\d+)'", told):
        return int(code[1])
    if not folder.exists() or told.startswith("NOT_FOUND") or "does not exist" in told:
        return errno.ENOENT
    return errno.EIO if "tensorstore" in told else None


def _without_closed_loops(about: "sys.UnraisableHookArgs") -> None:
    """Silence the tasks that orbax leaves running when one has failed, which end after their event loop is closed."""
    if str(about.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(about)


def _named(states: Tree) -> dict[str, Any]:
    """The leaves of `states` by their place: plain names, whatever the optimiser's own types are."""
    return {f"{i:04d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(states))}


def _digest(states: Tree) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for array in _named(states).values():
        digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
