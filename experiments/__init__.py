"""Training, measuring and showing; the commands are the modules run with `python -m`."""

import os
import sys
from typing import NoReturn

_COMMAND = sys.argv[:1] == ["-m"]  # one begins to load
if _COMMAND and not sys.flags.safe_path:
    # The folder where a command is called comes first for Python: a `random.py` or `jax.py` there would be everybody's.
    del sys.path[0]
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  needs pathlib

import signal  # noqa: E402

from catmat_command import check_own_packages, use_own_packages  # noqa: E402


def _leave(*_: object) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(130)


def leave_at_once_while_loading() -> None:
    """End at a signal while a command loads, for up to a second; afterwards `run_command` listens."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)


if _COMMAND:
    leave_at_once_while_loading()
    use_own_packages()
else:
    check_own_packages()
