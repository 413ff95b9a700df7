"""Training, measuring and showing; the commands are the modules run with `python -m`."""

import os
import signal
import sys
from typing import NoReturn

from catmat_command import check_own_packages, use_own_packages


def _leave(*_: object) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(130)


def leave_at_once_while_loading() -> None:
    """End at a signal while a command loads, for up to a second; afterwards `run_command` listens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)


if sys.argv[:1] == ["-m"]:  # a command begins to load
    leave_at_once_while_loading()
    use_own_packages()
else:
    check_own_packages()
