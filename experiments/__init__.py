"""Training, measuring and showing; the commands are the modules run with `python -m`."""

import signal
import sys

if sys.argv[:1] == ["-m"]:  # a command begins to load, for up to a second; afterwards `run_command` listens
    from experiments.interruption import leave

    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, leave)
