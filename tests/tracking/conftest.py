"""One training, whose files all tests of this folder read and none changes."""

import dataclasses
import functools
import io
import os
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console
from small_training import WHOLE

from experiments.session.session import train
from experiments.training.trainer import Trainer


@dataclasses.dataclass
class Trained:
    """A training of two runs, by `small_training.WHOLE`."""

    folder: Path
    terminal: str
    """What was printed."""


@pytest.fixture(scope="session")
def trained(tmp_path_factory, quick_compiler, trace_cache):
    """Of the first of pytest's processes that asks; the others wait for it, and read the same files."""
    shared = (
        tmp_path_factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else tmp_path_factory.mktemp("one")
    )
    folder, terminal = shared / "my runs" / "new", shared / "terminal of my runs.txt"
    with FileLock(shared / "my runs.lock"):
        if not terminal.exists():
            console = Console(file=io.StringIO(), width=120)
            each_update = functools.partial(Trainer, chunk_seconds=0.0)  # checkpoints between records, too
            with quick_compiler(), trace_cache():
                train(WHOLE, "toy", str(folder), console, each_update)
            terminal.write_text(console.file.getvalue(), encoding="utf-8")
    return Trained(folder, terminal.read_text(encoding="utf-8"))
