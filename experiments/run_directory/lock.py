"""A lock on a run's folder, so that two processes never write into one."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data.errors import InputError, reporting_os_errors, require
from experiments.run_directory.folders import not_empty


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
    path = folder / ".lock"
    with reporting_os_errors(f"{folder}: cannot be written to", "name another folder"):
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another process works in it; wait for it, or stop it") from None
        except OSError:  # this file system has no locks
            pass
        require(not new or all(other == path for other in folder.iterdir()), not_empty(folder))
        yield
