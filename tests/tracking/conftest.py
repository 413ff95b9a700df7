"""One training, whose files all tests of this folder read and none changes."""

import dataclasses
import functools
import io
from pathlib import Path

import pytest
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
    folder = tmp_path_factory.mktemp("my runs") / "new"
    console = Console(file=io.StringIO(), width=120)
    each_update = functools.partial(Trainer, chunk_seconds=0.0)  # checkpoints between records, too
    with quick_compiler(), trace_cache():
        train(WHOLE, "toy", str(folder), console, each_update)
    return Trained(folder, console.file.getvalue())
