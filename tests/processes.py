"""Commands in processes of their own: started afresh, or quickly as copies of one that has everything loaded."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "PYTHONPATH": str(ROOT),
    "PYTHONWARNINGS": "error",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # the compiler takes most of the time of a first run
}
LIMIT = 120
"""Seconds that a command may take."""


def start(folder, *arguments, command="train", before=(), **settings):
    """`python -m experiments.COMMAND ARGUMENTS` in `folder`, on its way; `before` stands in front of it."""
    return subprocess.Popen(
        [*before, sys.executable, "-m", f"experiments.{command}", *arguments],
        cwd=folder,
        env={**os.environ, **SETTINGS, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """(exit code, stdout, stderr) of a process that was started; no way out shows a traceback."""
    try:
        out, err = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert "Traceback" not in err, err
    return process.returncode, out, err


def run(folder, *arguments, **options):
    return finish(start(folder, *arguments, **options))


class Forks:
    """Starts `experiments.train` as copies of a loaded process, see `fork_server`; use it in a `with`."""

    def __init__(self, folder):
        """`folder` is empty, for what this needs."""
        self._folder, self._count = folder, 0
        self._server = subprocess.Popen(
            [sys.executable, ROOT / "tests" / "fork_server.py"],
            env={**os.environ, **SETTINGS, "PYTHONWARNINGS": "default"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.communicate()

    def start(self, folder, *arguments, dies=""):
        """A run on its way; `dies` is where the process kills itself, see `fork_server.die_at`."""
        self._count += 1
        out, err = (self._folder / f"{self._count}-{name}" for name in ("out", "err"))
        out.touch()
        err.touch()
        order = {"folder": str(folder), "arguments": arguments, "out": str(out), "err": str(err), "dies": dies}
        return Forked(self, self.ask(order), out, err)

    def run(self, folder, *arguments, dies=""):
        return finish(self.start(folder, *arguments, dies=dies))

    def ask(self, order):
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


class Forked:
    """What of `subprocess.Popen` the tests use, for a process that a `Forks` started."""

    def __init__(self, forks, pid, out, err):
        self._forks, self.pid, self._out, self._err, self.returncode = forks, pid, out, err, None

    def poll(self):
        if self.returncode is None:
            self.returncode = self._forks.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout=LIMIT):
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("experiments.train", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:  # until it is polled nobody else can have its number
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=LIMIT):
        self.wait(timeout)
        return self._out.read_text(encoding="utf-8"), self._err.read_text(encoding="utf-8")
