"""Files of a run: written whole or not at all, read with errors in one line; versions, and `summary.json`."""

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import InputError, require
from experiments.config.schema import FORMAT

_REMEDIES = {
    (errno.ENOSPC, errno.EDQUOT): "free some space, or choose another place with --run-dir",
    (errno.EACCES, errno.EPERM): "allow it, or choose another place with --run-dir",
    (errno.EROFS,): "choose a disk that can be written to, with --run-dir",
    (errno.EMFILE, errno.ENFILE): "allow more open files (ulimit -n), or ask for fewer seeds",
    (errno.EFBIG,): "allow larger files (ulimit -f), or choose another place with --run-dir",
    (errno.ENOENT,): "put back what was moved away there, or choose another place with --run-dir",
    (errno.ENAMETOOLONG,): "choose a shorter --run-dir",
    (errno.ENOMEM,): "free some memory, or ask for less",
    (
        errno.EIO,
        errno.ETIMEDOUT,
        errno.ESTALE,
        errno.ENODEV,
        errno.ENXIO,
    ): "see whether its disk works, or choose another place with --run-dir",
}
"""What to do, by the number of the system's error."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within it, an error of the system while writing (a full disk, say) is reported in one line."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error, "what stands there is kept") from None


def cannot_write(folder: Path, error: OSError, kept: str = "") -> InputError:
    """The error for a folder that the system does not let us write to; `kept` says what is not lost."""
    reason, end = error.strerror or error, f"; {kept}" if kept else ""
    named = error.filename2 or error.filename
    around = [Path(named), *Path(named).parents] if isinstance(named, str | Path) else []
    place = next(filter(os.path.exists, around), folder)  # Path.exists raises in a folder that is closed
    if place != folder and isinstance(error, IsADirectoryError | NotADirectoryError):  # it stands where another should
        return InputError(f"{place}: cannot be written to ({reason}); move what is there away{end}")
    if error.errno == errno.ENOENT and kept and not (folder / "config.yaml").exists():
        return InputError(f"{folder}: was removed while it was written to; start a new run")
    place = place if isinstance(error, PermissionError) else folder
    return InputError(f"{place}: cannot be written to ({reason}); {remedy(error)}{end}")


def remedy(error: OSError) -> str:
    """What to do about an error of the system while writing."""
    for codes, told in _REMEDIES.items():
        if error.errno in codes:
            return told
    return "mend that, or choose another place with --run-dir"


@contextmanager
def reading(path: Path, missing: str, damage: tuple[type[Exception], ...]) -> Iterator[None]:
    """Within it, an error while reading `path` is reported in one line.

    Args:
      path: a file of a run.
      missing: what it may mean that there is no such file.
      damage: the exceptions that damaged contents raise.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {missing}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); allow it, or start a new run") from None
    except damage as error:
        raise InputError(f"{path}: is damaged ({error}); restore it, or start a new run") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a file to write; it takes the place of `path` at the end, so that `path` is whole at any time."""
    part = path.with_name(path.name + ".part")
    yield part
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


class NewerFileError(InputError):
    """A file of a version of catmat that is newer than this one."""


def check_version(path: Path, version: object, what: str) -> None:
    """Refuse a file that is no `what` ("record") of catmat, or one of another version than FORMAT.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: it is of an older one, or of none.
    """
    if not isinstance(version, int):
        raise InputError(f"{path}: is not a {what} of catmat; restore it, or start a new run")
    if version > FORMAT:
        raise NewerFileError(f"{path}: has version {version}, this program reads {FORMAT}; update catmat")
    require(
        version == FORMAT,
        f"{path}: is of version {version}, whose names differ; read it with catmat 0.1, or train anew",
    )


def write_summary(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `summary.json`: `values` under their stable names; a number that is not finite becomes null."""
    known = {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()}
    text = json.dumps({"version": FORMAT, **known}, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")


def read_summary(folder: Path) -> dict[str, Any]:
    """The values of `summary.json`.

    Raises:
      NewerFileError: it is of a newer version.
      InputError: there is none, or it is damaged.
    """
    path = folder / "summary.json"
    with reading(path, "the run in this folder did not end", (ValueError, RecursionError)):
        values = json.loads(path.read_text(encoding="utf-8"))
    check_version(path, values.get("version") if isinstance(values, dict) else None, "summary")
    return dict(values)
