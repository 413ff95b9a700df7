"""Training, measuring and showing; the commands are the modules run with `python -m`."""

import os
import signal
import sys
from typing import NoReturn


def _leave(*_: object) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(130)


if sys.argv[:1] == ["-m"]:  # a command begins to load, for up to a second; afterwards `run_command` listens
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, _leave)
