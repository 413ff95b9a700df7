"""The folder of a run: one of its own, never one that holds something already, and one process at a time in it."""

import errno
import itertools
import os
import re
import shlex
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catmat_command import as_called
from data.errors import InputError, is_folder, is_taken, printable, reporting_os_errors, require
from experiments.run_directory.files import cannot_write, remedy

ROOT = Path("runs")
_LOCK = ".lock"
_LATELY = 30.0
"""Seconds."""
_NOTHING = (_LOCK, "config.yaml.part")
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_UNUSABLE = re.compile(r"[\[\]\\\ud800-\udfff]")  # orbax reads [ as a pattern, tensorstore \ as a /
_IN_QUOTES = {ord(c): f"\\{c}" for c in "\\'"} | {n: f"\\u{n:04x}" for n in (*range(0x80, 0xA1), 0xAD)}
"""Within $'...'; \\x85 would be a byte there, and no character."""


def make_run_directory(name: str, given: str | None = None, root: Path = ROOT) -> Path:
    """A new, empty folder: `given`, or the next free one of `root/name-001`, `root/name-002`, ...

    Two commands started at once get two folders: a folder is taken by making it, which only one of them can.

    Raises:
      InputError: the folder cannot be made, or `given` holds something.
    """
    if given is not None:
        folder = check_run_directory(given)
        _make(folder, exist_ok=True)
        return folder
    check_place(root, "--run-dir")
    name = _UNUSABLE.sub("_", name)
    _make(root, exist_ok=True)
    ends = (p.name.removeprefix(f"{name}-") for p in folders_in(root, "--run-dir") if p.name.startswith(f"{name}-"))
    taken = [int(end) for end in ends if end.isdecimal() and end.isascii()]
    numbers = itertools.count(max(taken, default=0) + 1)
    return next(folder for n in numbers if _make(folder := root / f"{name}-{n:03d}", exist_ok=False))


def check_run_directory(given: str) -> Path:
    """The folder a user named, if it is empty or could be made; nothing stays, so that errors come before the work.

    Raises:
      InputError: it holds something, is a file, or cannot be made or written to.
    """
    folder = Path(given)
    check_place(folder, "--run-dir")
    # A name may be too long, and a folder may be closed to this user.
    with reporting_os_errors(f"--run-dir {folder}: cannot be used", "name another folder"):
        require(not folder.exists() or folder.is_dir(), f"--run-dir {folder}: is a file; name a new folder")
        require(not folder.exists() or _is_empty(folder), _not_empty(folder))
        if folder.exists():
            require(os.access(folder, os.W_OK), f"--run-dir {folder}: cannot be written to; name another folder")
            return folder
    check_can_be_made(folder)
    return folder


def check_can_be_made(folder: Path) -> None:
    """Refuse a new folder in a place where none can be made; what permissions say is not all, below /proc for one.

    Raises:
      InputError: it cannot be made.
    """
    place = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".catmat-", dir=place))  # noqa: PTH106  as os.mkdir
    except OSError as error:
        raise _cannot_be_made(folder, error) from None


def _is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what a run leaves that could not write its first file."""
    return all(path.name in _NOTHING and path.is_file() for path in folder.iterdir())


def _not_empty(folder: Path) -> str:
    """The error for a folder that holds something."""
    return f"--run-dir {folder}: is not empty, and nothing is overwritten; name a new folder"


@contextmanager
def run_lock(folder: Path, new: bool = False) -> Iterator[None]:
    """Lock a run's folder against other processes; the lock ends with the process, however that ends.

    On a file system without locks (not every cluster's disk has them) the run goes on without one.

    Args:
      folder: the run's folder.
      new: the run is new, so the folder must be empty: another process may have written into it since it was checked.

    Raises:
      InputError: another process holds it, it cannot be written to, or it is not empty.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a system without native locks, where a marker in the folder must do
        from filelock import FileLock, Timeout  # noqa: PLC0415  only who writes needs it

    lock = FileLock(folder / _LOCK, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another process works in it; wait for it, or stop it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise cannot_write(folder, error) from None
    try:
        require(not new or _is_empty(folder), _not_empty(folder))
        yield
    finally:
        lock.release()


def is_worked_in(folder: Path, *written: Path) -> bool:
    """Whether a process works in a run's folder, as far as can be told without taking its lock.

    Linux lists the locks of its processes. What another computer or another system does shows in what was written.

    Args:
      folder: the run's folder.
      written: files or folders that a process writes to every few seconds.
    """
    try:
        inode = (folder / _LOCK).stat().st_ino
        if f":{inode} " in Path("/proc/locks").read_text(encoding="ascii"):
            return True
    except (OSError, UnicodeDecodeError):
        pass
    times = [path.stat().st_mtime for path in written if is_taken(path)]
    return time.time() - max(times, default=0.0) < _LATELY


def folders_in(root: Path, option: str) -> list[Path]:
    """Files and folders in a folder, by name.

    Raises:
      InputError: this user may not read it.
    """
    with reporting_os_errors(f"{root}: cannot be read", f"allow it, or choose {option}"):
        return sorted(root.iterdir())


def check_place(folder: Path, option: str) -> None:
    """Refuse a folder in which the checkpoints of a run could not be written, or not be found again.

    Raises:
      InputError: its name, or that of a folder around it, is not UTF-8 text or holds [, ] or a backslash.
    """
    whole = str(folder.absolute())
    require(
        not _UNUSABLE.search(whole),
        f"{option} {folder}: its whole name, {whole}, must be UTF-8 text without [, ] and \\; choose another folder",
    )


def resume_command(folder: Path, command: str = "train") -> str:
    """The command that resumes a run, to be copied."""
    return as_called(f"python -m experiments.{command} --resume ") + quoted(folder)


def quoted(path: Path) -> str:
    """A path as a command line takes it, never for an option.

    What a terminal would act on is escaped in quotes of bash and zsh, $'...'.
    """
    text = f"./{path}" if str(path).startswith("-") else str(path)
    if printable(text) == text:
        return shlex.quote(text)
    return f"$'{printable(text.translate(_IN_QUOTES))}'"


def run_folder(name: str) -> Path:
    """The folder of a run that a person names, by its path or by its name in `runs/`."""
    return ROOT / name if not is_folder(Path(name)) and is_folder(ROOT / name) else Path(name)


def newest_run(root: Path = ROOT, command: str = "train", option: str = "--resume") -> Path:
    """The run of a command whose config was written last; `option` is what names another.

    Raises:
      InputError: there is none.
    """
    configs = [path for path in root.glob("*/config.yaml") if command_of(path.parent) == command]
    require(configs, f"{option}: no run of experiments.{command} in {root}; name the folder of one")
    return max(configs, key=lambda path: path.stat().st_mtime).parent


def command_of(folder: Path) -> str:
    """The command that a run's folder was made by, as its config says."""
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^command: *(\w+)", text, re.MULTILINE)
    return found[1] if found else "train"


def _make(folder: Path, exist_ok: bool) -> bool:
    """Make a folder; gives False if it is there already and must not be (`exist_ok`)."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
    except FileExistsError:
        require(not exist_ok, f"{folder}: is a file, not a folder; move it, or choose --run-dir")
        return False
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    return True


def _cannot_be_made(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder}: cannot be made ({error.strerror or error}); {remedy(error)}")


def run_folders(folder: Path, seed: int, seeds: int) -> list[Path]:
    """The folder of each run: `folder` itself, or `folder/seed-3` and so on where there are several."""
    return [folder] if seeds == 1 else [folder / f"seed-{seed + run}" for run in range(seeds)]
