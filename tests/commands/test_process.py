"""Ctrl-C in a terminal, where a progress bar has hidden the cursor."""

import contextlib
import os
import pty
import subprocess
import sys

from processes import LIMIT, ROOT

TWICE = """
import os, signal, time
from rich.progress import Progress
from experiments.commands.process import Interruption
with Interruption(), Progress() as bar:
    bar.add_task("training")
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
"""


def read_all(terminal):
    """What was drawn, piece by piece: one read may give only a part of it."""
    with contextlib.suppress(OSError):  # the end, where nobody draws any more
        while piece := os.read(terminal, 100_000):
            yield piece


def test_a_second_signal_leaves_the_terminal_as_it_was():
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TWICE],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    _, err = process.communicate(timeout=LIMIT)
    drawn = b"".join(read_all(ours))
    os.close(ours)
    assert (process.returncode, err) == (130, b"interrupted\n")
    assert b"\x1b[?25l" in drawn
    assert drawn.endswith(b"\r\x1b[K\x1b[?25h")
