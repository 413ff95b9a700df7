"""Where a run leaves what it made: a folder of its own, never one that holds something already.

runs/toy-001/                 one run; with several seeds, one folder a member inside: seed-0, seed-1, ...
    config.yaml               the whole config, resolved
    events.out.tfevents.*     for TensorBoard
    attention.png             how the attention of the first watched sentence formed
    summary.json              the final numbers under stable names
"""

import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import InputError

SUMMARY_VERSION = 1
ROOT = Path("runs")


def make_run_directory(name: str, given: str | None = None, root: Path = ROOT) -> Path:
    """A new, empty folder: `given`, or the next free one of `root/name-001`, `root/name-002`, ...

    Two commands started at once get two folders: a folder is taken by making it, which only one of them can.

    Raises:
      InputError: the folder cannot be made, or `given` holds something.
    """
    if given is not None:
        return _take(check_run_directory(given))
    _make(root, exist_ok=True)
    ends = (p.name.removeprefix(f"{name}-") for p in root.iterdir() if p.name.startswith(f"{name}-"))
    taken = [int(end) for end in ends if end.isdecimal() and end.isascii()]
    number = max(taken, default=0) + 1
    while True:
        folder = root / f"{name}-{number:03d}"
        if _make(folder, exist_ok=False):
            return folder
        number += 1


def check_run_directory(given: str) -> Path:
    """The folder a user named, if nothing is in it; makes nothing, so that a mistake is told before the work begins.

    Raises:
      InputError: it holds something, or is a file.
    """
    folder = Path(given)
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise InputError(f"--run-dir {folder}: is not empty, and nothing is overwritten; name a new folder")
        if folder.exists() and not folder.is_dir():
            raise InputError(f"--run-dir {folder}: is a file; name a new folder")
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"--run-dir {folder}: cannot be used ({reason}); name another folder") from None
    return folder


def _take(folder: Path) -> Path:
    """`folder`, made if it is not there, as one that can be written to."""
    _make(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise InputError(f"--run-dir {folder}: cannot be written to; name another folder")
    return folder


def _make(folder: Path, exist_ok: bool) -> bool:
    """Make a folder; False where it is there already and that is not wanted."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        if exist_ok:
            raise InputError(f"{folder}: is a file, not a folder; move it, or choose --run-dir") from None
        return False
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        hint = "free some space" if error.errno == errno.ENOSPC else "choose another place with --run-dir"
        raise InputError(f"{folder}: cannot be made ({reason}); {hint}") from None
    return True


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `summary.json`: `values` under their stable names; a number that is not finite becomes null."""
    known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    text = json.dumps({"version": SUMMARY_VERSION, **known}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")
