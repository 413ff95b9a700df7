"""A hold on a run's folder, so that two processes never write into one."""

import fcntl
from pathlib import Path
from typing import Self

from data.errors import InputError
from experiments.run_directory.folders import not_empty


class RunLock:
    """Holds a run's folder against other processes; the hold dies with the process, however it ends.

    Where a file system knows no locks there is none, and a run goes on without: not every cluster's disk has them.
    """

    def __init__(self, folder: Path, new: bool = False) -> None:
        """Of a `new` run the folder must be empty: another process may have ended in it since that was looked at."""
        self._path, self._new = folder / ".lock", new

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("a")
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{self._path.parent}: cannot be written to ({reason}); name another folder") from None
        try:
            self._hold()
        except (InputError, OSError):
            self._file.close()
            raise
        return self

    def _hold(self) -> None:
        folder = self._path.parent
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder}: another process works in it; wait for it, or stop it") from None
        except OSError:  # no locks here
            pass
        if self._new and any(path != self._path for path in folder.iterdir()):
            raise InputError(not_empty(folder))

    def __exit__(self, *_: object) -> None:
        self._file.close()
