"""The time that is told of a training, also where two processes worked on it, by a clock that tells 10 ms an update."""

import io
import json
import shutil
import time

import pytest
from rich.console import Console
from small_training import small_config
from small_world import SMALL

from experiments.session.session import _Session, resume, train
from experiments.training import stopwatch
from experiments.training.checkpoints import Checkpoints
from experiments.training.stopwatch import TrainingTime


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, quick_compiler):
    """(config, folder) of two runs that were stopped after 25 of 44 updates; the clock goes on.

    Each chunk is one update, and nothing else takes time.
    """
    clock, should_stop = [100.0], _Session._after_chunk

    def later(self, step):
        clock[0] += 0.01
        self._stop.requested = step == 25
        return should_stop(self, step)

    here = tmp_path_factory.mktemp("here")
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")
    config = small_config(here / "small.yaml", steps=44, records=4, seeds=2)
    with quick_compiler(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: clock[0])
        patch.setattr(stopwatch, "_STRIDE_SECONDS", 0.0)
        patch.setattr(_Session, "_tick", later)
        assert train(config, "small", str(here / "run"), Console(file=io.StringIO())) == 130
        yield config, here / "run"


def told(folder):
    """(seconds, updates a second) of two runs, which are trained side by side."""
    summaries = [json.loads((folder / f"seed-{seed}" / "summary.json").read_text()) for seed in (0, 1)]
    (both,) = {(summary["seconds/training"], summary["updates_per_second"]) for summary in summaries}
    return both


@pytest.mark.long
@pytest.mark.parametrize(("kept", "seconds"), [(True, 0.44), (False, 0.19)])
def test_a_resumed_run_tells_the_time_of_the_whole(stopped, tmp_path, kept, seconds):
    """Where its checkpoint does not tell the time (not `kept`), that of the updates made since, and their rate."""
    config, folder = stopped[0], tmp_path / "run"
    shutil.copytree(stopped[1], folder)
    assert told(folder) == (0.12, 200.0)  # of the last record
    path = folder / "checkpoints" / "25" / "metrics" / "metrics"
    metrics = json.loads(path.read_text())
    assert (metrics.pop("seconds"), metrics.pop("updates")) == (pytest.approx(0.25), 25)
    if not kept:
        path.write_text(json.dumps(metrics))
    console = Console(file=io.StringIO(), width=100)
    assert resume(config, folder, console) == 0
    assert told(folder) == (seconds, 200.0)
    training = [line.split() for line in console.file.getvalue().splitlines() if line.startswith("Training ")]
    assert training == [["Training", f"{seconds:.1f}", "s", "200", "updates/s"]]


@pytest.mark.parametrize(
    ("said", "spent"),
    [
        ({"seconds": 1.5, "updates": 7}, TrainingTime(1.5, 7)),
        ({}, TrainingTime()),
        ({"seconds": 1.5}, TrainingTime()),
        ({"seconds": "1.5", "updates": 7}, TrainingTime()),
        ({"seconds": float("nan"), "updates": 7}, TrainingTime()),
        ({"seconds": float("inf"), "updates": 7}, TrainingTime()),
        ({"seconds": -1.5, "updates": 7}, TrainingTime()),
        ({"seconds": 1.5, "updates": 9}, TrainingTime()),
        ({"seconds": 1.5, "updates": None}, TrainingTime()),
    ],
)
def test_the_time_that_a_checkpoint_tells(tmp_path, said, spent):
    """Of step 8; one that cannot be is none."""
    path = tmp_path / "checkpoints" / "8" / "metrics" / "metrics"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"excess": 1.0, "digest": "", **said}))
    assert Checkpoints(tmp_path).spent(8) == spent
