"""Ctrl-C and SIGTERM: the first asks to stop and save, the second leaves at once."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

EXIT_CODE = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End the process at once; a KeyboardInterrupt is lost where it meets a callback of C code, and JAX has many."""
    if os.isatty(1):
        os.write(1, b"\r\x1b[K\x1b[?25h")  # the progress bar goes, the cursor that it hid comes back
    os.write(2, b"interrupted\n")
    os._exit(EXIT_CODE)


class Interruption:
    """Within a `with`, remembers that a signal asked to stop; outside the main thread it hears nothing."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            leave(number, frame)
        self.asked = True
