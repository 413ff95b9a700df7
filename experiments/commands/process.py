"""A command as a process: its exit codes, and how Ctrl-C and SIGTERM end it."""

import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from data.errors import InputError

EXIT_CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_COLLECT_AFTER = 20_000
"""Threshold of the garbage collector, in new objects. With 700, as in Python 3.11, it takes 0.27 s of a toy run, mostly
while JAX is imported, which leaves no garbage."""


def run_command(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its code; an InputError is one line and code 2, Ctrl-C and SIGTERM are code 130.

    Errors of the operating system, such as a full disk, are one line and code 2 as well. If nobody reads the output any
    more (`| head`), the command ends silently with code 1. Characters that the output's encoding lacks become escapes.
    """
    gc.set_threshold(_COLLECT_AFTER)
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            signal.signal(number, leave)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            sys.exit(command())
        finally:
            # Else Python's last garbage collection goes through all of JAX's objects, for 0.3 s. Objects in cycles are
            # thus never finalised, so files are closed where they are written.
            gc.freeze()
            # Here, an error of the output can still be reported.
            print(end="", flush=True)  # noqa: T201
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except OSError as error:
        sys.exit(_refused(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_CODE)


def _refused(error: OSError) -> int:
    """Report an error of the operating system in one line; returns the exit code."""
    where = error.filename
    try:
        print(end="", flush=True)  # noqa: T201
    except OSError:  # it is the output; drop what is buffered, else Python reports the error again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = "the output"
    if isinstance(error, BrokenPipeError):
        return 1
    told = InputError(f"{where or 'a file'}: cannot be used ({error.strerror or error}); mend that, or choose another")
    print(f"error: {told}", file=sys.stderr)  # noqa: T201
    return 2


def leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the process at once. A KeyboardInterrupt would be lost in callbacks of C code, of which JAX has many."""
    if os.isatty(1):
        os.write(1, b"\r\x1b[K\x1b[?25h")  # the progress bar goes, the cursor that it hid comes back
    os.write(2, b"interrupted\n")
    os._exit(EXIT_CODE)


class Interruption:
    """A context in which SIGINT and SIGTERM only set `requested`; a second one ends the process. Main thread only."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            leave(number, frame)
        self.requested = True
