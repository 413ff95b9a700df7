"""The run folders below TensorBoard's log directory, and the only way to a file in them.

A folder is a run if it holds a record (`record.npz`, or `record-parts/fixed.npz` while it trains). Looking again costs
little: a folder is listed anew only when its modification time has changed. Links are never followed, so nothing
outside of the log directory is read.
"""

import os
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import InputError, is_file, is_folder, printable, require
from experiments.run_directory.folders import command_of, quoted

MOST_DEPTH, MOST_FOLDERS, MOST_ENTRIES = 8, 5_000, 500_000
"""How far is looked: levels below the log directory, and how many folders and entries of them in all."""
_LIMITED = (
    f"more than {MOST_FOLDERS:,} folders or {MOST_ENTRIES:,} files lie here, and not all were looked into; start"
    " TensorBoard closer to the runs"
)
_SETTLED = 2e9
"""Nanoseconds after which a folder's modification time tells of every change in it; some systems count seconds."""
_MOST_NOTES = 5
"""Notes of one kind."""
_NUMBERS = re.compile(r"([0-9]{1,18})")
_PARTS = "record-parts"
_OF_A_RUN = ("config.yaml", "record.npz", _PARTS)


@dataclass(frozen=True)
class _Folder:
    """What a folder held when it was listed."""

    changed: int
    settled: bool
    entries: int = 0
    inside: tuple[str, ...] = ()
    """Its folders."""
    of_a_run: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What lies below a log directory."""

    runs: tuple[str, ...] = ()
    """Names of the run folders: their paths below it, with /; "." for itself."""
    notes: tuple[str, ...] = ()
    """What is not shown and why, a line each."""


@dataclass
class _Look:
    """One look, as far as it has come."""

    runs: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    ablations: list[str] = field(default_factory=list)
    entries: int = 0


class LogDirectory:
    """A local folder with runs in it."""

    def __init__(self, path: str) -> None:
        self.root = Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111  as TensorBoard does
        self._known: dict[str, _Folder] = {}
        self._lock = threading.Lock()
        self._found = Found()

    def look(self) -> Found:
        """What lies there now."""
        with self._lock:
            self._found = self._look()
            return self._found

    def has(self, run: str) -> bool:
        """Whether a run of this name was found; looks again if it was not."""
        return run in self._found.runs or run in self.look().runs

    def file(self, run: str, *parts: str) -> Path:
        """The path of a file of a run; it need not be there.

        Raises:
          InputError: a link is on the way.
        """
        path = self.root.joinpath(run, *parts)
        require(os.path.realpath(path) == str(path), f"{path}: is behind a link, and links are not followed")
        return path

    def _look(self) -> Found:
        before, self._known, look = self._known, {}, _Look()
        waiting = deque([("", 0)])
        while waiting and len(self._known) < MOST_FOLDERS and look.entries <= MOST_ENTRIES:
            name, depth = waiting.popleft()
            folder = self._listed(name, before.get(name))
            if folder is None:
                continue
            self._known[name] = folder
            look.entries += folder.entries
            if not self._is_run(name, folder, look) and depth < MOST_DEPTH:
                waiting.extend((f"{name}/{inside}".lstrip("/"), depth + 1) for inside in folder.inside)
        limited = [_LIMITED] if waiting or look.entries > MOST_ENTRIES else []
        notes = [*limited, *_first(look.not_read), *_first(look.ablations)]
        if not is_folder(self.root):
            notes.append(f"{self.root}: there is no such folder yet")
        elif not look.runs:
            command = f"catmat train --config toy.yaml --run-dir {quoted(self.root / 'toy-001')}"
            notes.append(f"no run lies below {self.root} yet; make one:  {command}")
        return Found(tuple(sorted(look.runs, key=in_order)), tuple(map(printable, notes)))

    def _listed(self, name: str, before: _Folder | None) -> _Folder | None:
        """What a folder holds now; None if it cannot be listed."""
        path = self._path(name)
        try:
            changed = os.stat(path, follow_symlinks=False).st_mtime_ns  # noqa: PTH116  thousands of times
            if before is not None and before.settled and before.changed == changed:
                return before
            return self._list(path, changed)
        except OSError:
            return None

    def _is_run(self, name: str, folder: _Folder, look: _Look) -> bool:
        """Whether a folder is a run; what is to be said of it is noted in `look`."""
        look.not_read += [f"{name}/{note}".lstrip("/") for note in folder.notes]
        held = folder.of_a_run
        if "record.npz" in held or (_PARTS in held and is_file(f"{self._path(name)}/{_PARTS}/fixed.npz")):
            look.runs.append(name or ".")
            return True
        if "config.yaml" in held and self._is_ablation(name):
            look.ablations.append(f"{name or '.'}: an ablation keeps no record of its runs' steps, so it has no replay")
        return False

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}" if name else str(self.root)

    def _list(self, path: str, changed: int) -> _Folder:
        """List a folder; raises OSError."""
        settled, count = time.time_ns() - changed > _SETTLED, 0
        inside: list[str] = []
        of_a_run: list[str] = []
        notes: list[str] = []
        with os.scandir(path) as entries:
            for entry in entries:
                count += 1
                if count > MOST_ENTRIES:
                    break
                if entry.is_file(follow_symlinks=False) and entry.name not in _OF_A_RUN:
                    continue  # foremost: a hundred thousand of them may lie here
                if entry.name in _OF_A_RUN and (is_file(entry.path) or is_folder(entry.path)):
                    of_a_run.append(entry.name)  # a link among them is refused when it is read
                elif entry.is_dir(follow_symlinks=False):
                    if not _is_text(entry.name):
                        notes.append(f"{entry.name}: its name is not UTF-8 text; rename it")
                    elif not entry.name.startswith("."):
                        inside.append(entry.name)
                elif entry.is_symlink() and len(notes) <= _MOST_NOTES and is_folder(entry.path):
                    real = Path(os.path.realpath(entry.path))
                    if not real.is_relative_to(self.root):
                        notes.append(f"{entry.name}: a link out of the log directory ({real}), not read")
        return _Folder(changed, settled, count, tuple(sorted(inside)), frozenset(of_a_run), tuple(notes))

    def _is_ablation(self, name: str) -> bool:
        try:
            return command_of(self.file(name, "config.yaml").parent) == "ablate"
        except InputError:
            return False


def _first(notes: list[str]) -> list[str]:
    more = [f"... and {len(notes) - _MOST_NOTES:,} more like these"] if len(notes) > _MOST_NOTES else []
    return notes[:_MOST_NOTES] + more


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name)


def in_order(name: str) -> list[tuple[int, str]]:
    """A key that sorts names as people do: toy-9 before toy-10."""
    return [(int(part), "") if part.isascii() and part.isdecimal() else (-1, part) for part in _NUMBERS.split(name)]


def local_folder(logdir: str) -> LogDirectory:
    """The log directory.

    Raises:
      InputError: there is none on this computer.
    """
    require("://" not in logdir, f"{logdir}: lies elsewhere; the attention tab reads local folders: give --logdir one")
    require(logdir, "the attention tab reads one local folder; start TensorBoard with --logdir, not --logdir_spec")
    return LogDirectory(logdir)
