"""A command as a process: its exit codes, and how Ctrl-C, SIGTERM and a closed terminal end it."""

import contextlib
import errno
import gc
import io
import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from data.errors import InputError

EXIT_CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
"""SIGHUP: the terminal was closed; only POSIX has it."""
_NO_MEMORY = re.compile(
    "out of memory|resource_exhausted|cannot allocate memory|bad_alloc|can't start new thread|failed to map segment"
    "|unable to allocate",
    re.IGNORECASE,
)
_UNKNOWN_SETTING = re.compile(r"for JAX flag (\w+)|for environment '(JAX_\w+)'")
_COLLECT_AFTER = 20_000, 30
"""Thresholds of the garbage collector: how many new objects make it look through them, and after how many such times it
looks through older ones, too. With 700 and 10, as in Python 3.11, it takes 0.27 s of a toy run, mostly while JAX is
imported, which leaves no garbage. With 20,000 and 10 it looks through all of that while the model trains, for
0.07 s."""


def run_command(command: Callable[[], int]) -> NoReturn:
    """Run a command and exit with its code; an InputError is one line and code 2, signals that end it are code 130.

    Errors of the operating system, such as a full disk, too little memory, and settings that JAX does not know are one
    line and code 2 as well. If nobody reads the output any more (`| head`), the command ends silently with code 1.
    Characters that the output's encoding lacks become escapes.
    """
    gc.set_threshold(*_COLLECT_AFTER)
    _listen(leave)
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
        _end(2, f"error: {error}")
    except OSError as error:
        _end(*_refused(error))
    except KeyboardInterrupt:
        _end(EXIT_CODE, "interrupted")
    except Exception as error:
        if (told := _about_memory(error) or _about_a_setting(error)) is None:
            raise
        _end(2, f"error: {told}")


def end_process(code: int, line: str) -> NoReturn:
    """End the process at once, from any thread, with a last line; the progress bar goes.

    The line is written past Python's streams: while a progress bar is shown, those draw it anew below each line.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed, or none
        sys.__stdout__.flush()  # type: ignore[union-attr]
    _show_cursor()
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode(errors="backslashreplace"))
    os._exit(code)


def _show_cursor() -> None:
    """On a terminal, remove the progress bar, and show the cursor that it hid."""
    with contextlib.suppress(OSError):  # a closed terminal
        if os.isatty(1):
            os.write(1, b"\r\x1b[K\x1b[?25h")


def _end(code: int, line: str = "") -> NoReturn:
    """Print the last line and exit at once, whatever threads of libraries, or the end of Python, would wait for.

    orbax's threads wait five minutes for a checkpoint that cannot begin.
    """
    for stream, text in ((sys.stdout, ""), (sys.stderr, f"{line}\n" if line else "")):
        with contextlib.suppress(OSError, ValueError):  # full, or closed
            print(text, end="", file=stream, flush=True)
    os._exit(code)


def _refused(error: OSError) -> tuple[int, str]:
    """The exit code after an error of the operating system, and the line that reports it."""
    where = error.filename
    try:
        print(end="", flush=True)  # noqa: T201
    except OSError:  # it is the output; drop what is buffered, else Python reports the error again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        where = "the output"
    if isinstance(error, BrokenPipeError):
        return 1, ""
    if error.errno == errno.ENOMEM:
        return 2, f"error: {_about_memory(MemoryError(error.strerror))}"
    told = InputError(f"{where or 'a file'}: cannot be used ({error.strerror or error}); mend that, or choose another")
    return 2, f"error: {told}"


def _about_memory(error: Exception) -> InputError | None:
    """The error for too little memory; None if that is not what happened."""
    said = " ".join(str(error).split())
    if not isinstance(error, MemoryError) and not _NO_MEMORY.search(said):
        return None
    return InputError(
        f"memory: there is not enough ({said[:200] or 'none is left'}); lower train.batch, model.d_model, model.d_mlp,"
        " evaluate.sentences or seeds, or allow more (ulimit -v, a larger machine)"
    )


def _about_a_setting(error: Exception) -> InputError | None:
    """The error for a variable that JAX, while it is imported, refuses to read; None if that is not what happened."""
    found = _UNKNOWN_SETTING.search(str(error))
    if found is None or not isinstance(error, ValueError):
        return None
    name = (found[1] or found[2]).upper()
    return InputError(f"{name}={os.environ.get(name, '')}: JAX does not know this value; unset it")


def _listen(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Handle the signals that end a process, in the main thread; gives the handlers before.

    SIGHUP stays ignored where it is: that is what `nohup` asks for.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    ignored = [number for number in _SIGNALS[2:] if signal.getsignal(number) == signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in _SIGNALS if number not in ignored}


def forget_closed_terminal() -> None:
    """Write to nowhere what would go to a terminal that was closed: it would be an error, before all is saved."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(number).st_mode) and not os.isatty(number):
                os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the process at once. A KeyboardInterrupt would be lost in callbacks of C code, of which JAX has many."""
    _show_cursor()
    with contextlib.suppress(OSError):  # a closed terminal
        os.write(2, b"interrupted\n")
    os._exit(EXIT_CODE)


class Interruption:
    """A context in which signals that end a process only set `requested`; a second one ends it. Main thread only."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = _listen(self._hear)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        forget_closed_terminal()
        if self.requested:
            leave(number, frame)
        self.requested = True
