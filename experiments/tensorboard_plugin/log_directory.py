"""The run folders below TensorBoard's log directory, and the only way to a file in them.

A folder is a run if it holds a record (`record.npz`, or `record-parts/fixed.npz` while it trains). Looking again costs
little: a folder is listed anew only when its modification time has changed. Links are never followed, so nothing
outside of the log directory is read.
"""

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from data.errors import InputError, is_file, is_folder, printable, require

MOST_DEPTH, MOST_FOLDERS, MOST_ENTRIES = 8, 10_000, 500_000
"""How far is looked: levels below the log directory, folders, and entries listed at one look."""
_SETTLED = 2e9
"""Nanoseconds after which a folder's modification time tells of every change in it; some systems count seconds."""
_MOST_LINKS = 5
_CONFIG, _RECORD, _PARTS = "config.yaml", "record.npz", "record-parts"


@dataclass(frozen=True)
class _Folder:
    """What a folder held when it was listed."""

    changed: int
    settled: bool
    entries: int
    inside: tuple[str, ...]
    """Its folders."""
    links: tuple[str, ...]
    files: frozenset[str]
    """Those that make a run."""

    @property
    def is_run(self) -> bool:
        return _RECORD in self.files or _PARTS in self.files


@dataclass(frozen=True)
class Found:
    """What lies below a log directory."""

    runs: tuple[str, ...]
    """Names of the run folders: their paths below it, with /; "." for itself."""
    ablations: tuple[str, ...]
    notes: tuple[str, ...]
    """What was not read, a line each."""


class LogDirectory:
    """A local folder with runs in it."""

    def __init__(self, path: str) -> None:
        self.root = Path(os.path.realpath(path))
        self._known: dict[str, _Folder] = {}
        self._lock = threading.Lock()

    def look(self) -> Found:
        """What lies there now."""
        with self._lock:
            return self._look()

    def file(self, run: str, *parts: str) -> Path:
        """The path of a file of a run; it need not be there.

        Raises:
          InputError: a link is on the way.
        """
        path = self.root.joinpath(run, *parts)
        real = os.path.realpath(path)
        require(real == str(path), f"{printable(str(path))}: leads to {printable(real)}, and links are not followed")
        return path

    def _look(self) -> Found:
        known, self._known = self._known, {}
        runs: list[str] = []
        notes: list[str] = []
        links: list[str] = []
        left = MOST_ENTRIES
        waiting = deque([("", 0)])
        while waiting:
            name, depth = waiting.popleft()
            if len(self._known) >= MOST_FOLDERS or left <= 0:
                notes.append(
                    f"there are more than {MOST_FOLDERS:,} folders or {MOST_ENTRIES:,} files here, and not all were"
                    " looked into; start TensorBoard closer to the runs"
                )
                break
            folder = self._folder(name, known.get(name))
            if folder is None:
                continue
            self._known[name] = folder
            left -= 0 if folder is known.get(name) else folder.entries
            links += [f"{name}/{link}".lstrip("/") for link in folder.links]
            if folder.is_run and self._has_record(name, folder):
                runs.append(name or ".")
            elif depth < MOST_DEPTH:
                waiting.extend((f"{name}/{one}".lstrip("/"), depth + 1) for one in folder.inside)
        return Found(tuple(sorted(runs, key=in_order)), (), tuple(notes + self._about_links(links)))

    def _has_record(self, name: str, folder: _Folder) -> bool:
        return _RECORD in folder.files or is_file(self.root / name / _PARTS / "fixed.npz")

    def _folder(self, name: str, before: _Folder | None) -> _Folder | None:
        """What a folder holds; None if it cannot be listed."""
        path = os.path.join(self.root, name) if name else str(self.root)  # noqa: PTH118  ten thousand times
        try:
            changed = os.stat(path, follow_symlinks=False).st_mtime_ns  # noqa: PTH116
            if before is not None and before.settled and before.changed == changed:
                return before
            inside: list[str] = []
            links: list[str] = []
            files: list[str] = []
            count = 0
            with os.scandir(path) as entries:
                for entry in entries:
                    count += 1
                    if entry.is_symlink():
                        links.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        (files if entry.name == _PARTS else inside).append(entry.name)
                    elif entry.name in (_CONFIG, _RECORD):
                        files.append(entry.name)
        except OSError:
            return None
        settled = time.time_ns() - changed > _SETTLED
        shown = (one for one in sorted(inside) if not one.startswith("."))
        return _Folder(changed, settled, count, tuple(shown), tuple(links), frozenset(files))

    def _about_links(self, links: list[str]) -> list[str]:
        """A note on links that lead out of the log directory."""
        out = []
        for link in links:
            path = self.root / link
            real = Path(os.path.realpath(path))
            if not real.is_relative_to(self.root) and is_folder(path):
                out.append(
                    f"{printable(link)}: a link to {printable(str(real))}, outside of the log directory; not read"
                )
        more = [f"and {len(out) - _MOST_LINKS:,} more such links"] if len(out) > _MOST_LINKS else []
        return out[:_MOST_LINKS] + more


def in_order(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts names as people do: toy-9 before toy-10."""
    parts, digits = [], ""
    for c in f"{name}\0":
        if c.isascii() and c.isdecimal():
            digits += c
            continue
        if digits:
            parts.append((0, int(digits), ""))
            digits = ""
        parts.append((1, 0, c))
    return parts


def local_folder(logdir: str) -> LogDirectory:
    """The log directory.

    Raises:
      InputError: there is none on this computer.
    """
    require("://" not in logdir, f"{logdir}: lies elsewhere; the attention tab reads local folders: give --logdir one")
    if not logdir:
        raise InputError("the attention tab reads one local folder; start TensorBoard with --logdir, not --logdir_spec")
    return LogDirectory(logdir)
