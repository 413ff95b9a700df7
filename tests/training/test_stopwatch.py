"""The time that is reported of a training, also where two processes worked on it, by a clock of 10 ms a chunk."""

import functools
import io
import json
import shutil

import pytest
from rich.console import Console
from small_training import small_config
from small_world import SMALL

from experiments.session.session import resume, train
from experiments.training.checkpoints import Checkpoints
from experiments.training.record import TrainingTime
from experiments.training.trainer import Trainer


class SteadyTrainer(Trainer):
    """Makes one update a chunk; 10 ms pass between two chunks, and nothing else takes time."""

    def __init__(self, *given, stop_at=None, **options):
        self._now, self._stop_at = 100.0, stop_at
        super().__init__(*given, **options, chunk_seconds=0.0, clock=lambda: self._now)

    def run(self, data, should_stop=None, *rest):
        def after_chunk(progress):
            self._now += 0.01
            return should_stop(progress) or progress.step == self._stop_at

        return super().run(data, after_chunk, *rest)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, quick_compiler):
    """(config, folder) of two runs that were stopped after 25 of 44 updates."""
    here = tmp_path_factory.mktemp("here")
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")
    config = small_config(here / "small.yaml", steps=44, records=4, seeds=2)
    with quick_compiler():
        until_25 = functools.partial(SteadyTrainer, stop_at=25)
        assert train(config, "small", str(here / "run"), Console(file=io.StringIO()), until_25) == 130
        yield config, here / "run"


def reported(folder):
    """(seconds, updates a second) of two runs, which are trained side by side."""
    summaries = [json.loads((folder / f"seed-{seed}" / "summary.json").read_text()) for seed in (0, 1)]
    (both,) = {(summary["seconds/training"], summary["updates_per_second"]) for summary in summaries}
    return both


@pytest.mark.long
@pytest.mark.parametrize(("kept", "seconds", "rate"), [(True, 0.43, 204.7), (False, 0.19, 200.0)])
def test_a_resumed_run_reports_the_time_of_the_whole(stopped, tmp_path, kept, seconds, rate):
    """Where its checkpoint does not know the time (not `kept`), that of the updates made since, and their rate."""
    config, folder = stopped[0], tmp_path / "run"
    shutil.copytree(stopped[1], folder)
    assert reported(folder) == (0.12, 200.0)  # of the last record
    path = folder / "checkpoints" / "25" / "metrics" / "metrics"
    metrics = json.loads(path.read_text())
    assert (metrics.pop("seconds"), metrics.pop("updates")) == (pytest.approx(0.24), 25)
    if not kept:
        path.write_text(json.dumps(metrics))
    console = Console(file=io.StringIO(), width=100)
    assert resume(config, folder, console, SteadyTrainer) == 0
    assert reported(folder) == (seconds, rate)
    training = [line.split() for line in console.file.getvalue().splitlines() if line.startswith("Training ")]
    assert training == [["Training", f"{seconds:.1f}", "s", f"{rate:.0f}", "updates/s"]]


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
