"""The progress bar of a training, as it is drawn on a terminal."""

import io
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from small_training import small_config
from small_world import SMALL

from experiments.session import progress_bar
from experiments.session.progress_bar import TrainingBar
from experiments.session.session import train
from experiments.training import stopwatch
from experiments.training.stopwatch import Stopwatch, TrainingTime


def terminal(width=80, **options):
    return Console(file=io.StringIO(), force_terminal=True, width=width, **options)


def drawn(console):
    """The lines drawn so far, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue()).replace("\r", "\n").split("\n")


@pytest.mark.usefixtures("quickly_compiled")
def test_it_moves_between_records(tmp_path, monkeypatch):
    """Each chunk is one update; recorded are the first and the last."""
    monkeypatch.setattr(stopwatch, "_STRIDE_SECONDS", 0.0)
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    console = terminal()
    assert train(small_config(tmp_path / "small.yaml", steps=9), "small", str(tmp_path / "run"), console) == 0
    lines = drawn(console)
    assert any(re.search("0/9 +compiling", line) for line in lines)
    for step in range(1, 10):
        assert any(re.search(rf" {step}/9 +[1-9][0-9,]* updates/s", line) for line in lines), step
    assert any(re.search(r" 9/9 loss \d\.\d{3}  excess \d\.\d{4} nats  [1-9][0-9,]* updates/s", line) for line in lines)


@pytest.fixture
def clock(monkeypatch):
    """The seconds that it tells can be set."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    return clock


def test_a_resumed_run_has_its_own_speed_and_time_left(clock):
    """The first 900 updates took 30 s; then there are 10 in a second."""
    console = terminal(get_time=lambda: clock[0])
    training = SimpleNamespace(config=small_config(steps=1000, seeds=2), clock=Stopwatch(900, TrainingTime(30.0, 900)))
    with TrainingBar(training, console, 900) as bar:
        assert "900/1,000 compiling" in drawn(console)[-1]
        for clock[0] in (1.0, 2.0, 3.0):
            bar.move(900 + int(10 * clock[0]))
    (line,) = [line for line in drawn(console) if "930/1,000" in line][-1:]
    assert line.endswith("930/1,000 56 updates/s 00:07"), line  # 2 * 930 updates in 33 s; 70 are left


@pytest.mark.parametrize(("loss_R", "shown"), [([np.nan, 2.0], "2.000"), ([1.0, 2.0], "1.500"), ([np.nan] * 2, "nan")])
def test_the_loss_is_that_of_runs_that_have_one(monkeypatch, loss_R, shown):
    monkeypatch.setattr(progress_bar, "excess_metrics", lambda *_: {"excess/trained/all": 0.25})
    console = terminal()
    with TrainingBar(SimpleNamespace(config=small_config(seeds=2)), console) as bar:
        bar.record(SimpleNamespace(step=2, loss_R=np.asarray(loss_R, np.float32)))
    assert f"loss {shown}  excess 0.2500 nats" in "".join(drawn(console))


@pytest.mark.parametrize(("width", "bar"), [(80, 10), (120, 24)])
def test_all_stands_in_one_line(clock, monkeypatch, width, bar):
    monkeypatch.setattr(progress_bar, "excess_metrics", lambda *_: {"excess/trained/all": 0.25})
    console = terminal(width=width, get_time=lambda: clock[0])
    training = SimpleNamespace(config=small_config(steps=100_000), clock=Stopwatch(0, TrainingTime()))
    with TrainingBar(training, console) as shown:
        shown.record(SimpleNamespace(step=1, loss_R=np.ones(1, np.float32)))
        for clock[0] in (1.0, 2.0):
            shown.move(int(12_345 * clock[0]))
    line = drawn(console)[-3]
    assert line.endswith(" 24,690/100,000 loss 1.000  excess 0.2500 nats  12,345 updates/s 00:07"), line
    assert line.index(" ") == bar
