"""The progress bar of a training, as it is drawn on a terminal."""

import functools
import io
import re
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console
from small_training import small_config
from small_world import SMALL, world_from

from experiments.measuring.evaluation_set import EvaluationSet
from experiments.measuring.excess import Evaluation
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.session.session import train
from experiments.session.terminal import TrainingBar
from experiments.training.record import TrainingTime
from experiments.training.trainer import Progress, Record, Trainer


def terminal(width=80, **options):
    return Console(file=io.StringIO(), force_terminal=True, width=width, **options)


def drawn(console):
    """The lines drawn so far, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue()).replace("\r", "\n").split("\n")


def experiment_of(**sizes):
    """Whose evaluation set has an example of each of the three slots, in trained contexts."""
    examples = EvaluationSet(None, None, None, None, share_EG=np.eye(3, 6))
    return Experiment(small_config(**sizes), world_from(SMALL), [], SimpleNamespace(examples=examples))


def record_of(step, *losses, excess=0.25):
    """A record of runs with these losses, whose excess is `excess`, of all or of each, in every slot."""
    count = len(losses)
    excess_RG = np.tile(np.broadcast_to(excess, count)[:, None], 6)
    evaluation = Evaluation(excess_RG, np.zeros((count, 1, 1, 1)))
    measurement = Measurement(evaluation, None, None, None, None)
    return Record(step, None, TrainingTime(), np.float32(losses), measurement, {}, np.full(count, -1))


@pytest.mark.usefixtures("quickly_compiled", "traced_once")
def test_it_moves_between_records(tmp_path):
    """Each chunk is one update; recorded are the first and the last."""
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    console, each_update = terminal(), functools.partial(Trainer, chunk_seconds=0.0)
    config = small_config(tmp_path / "small.yaml", steps=9)
    assert train(config, "small", str(tmp_path / "run"), console, each_update) == 0
    lines = drawn(console)
    assert any(re.search("0/9 +compiling", line) for line in lines)
    for step in range(1, 10):
        assert any(re.search(rf" {step}/9 +(0[.]0*)?[1-9][0-9,.]* updates/s", line) for line in lines), step
    assert any(
        re.search(r" 9/9 loss \d\.\d{3}  excess \d\.\d{4} nats  (0[.]0*)?[1-9][0-9,.]* updates/s", line)
        for line in lines
    )


def test_a_resumed_run_has_its_own_speed_and_time_left():
    """The first 900 updates took 30 s; then there are 10 in a second."""
    clock = [0.0]
    console = terminal(get_time=lambda: clock[0])
    with ExitStack() as stack:
        bar = TrainingBar(experiment_of(steps=1000, seeds=2), console, stack, 900)
        assert "900/1,000 compiling" in drawn(console)[-1]
        for clock[0] in (1.0, 2.0, 3.0):
            step = 900 + int(10 * clock[0])
            bar.move(Progress(step, None, TrainingTime(30.0 + clock[0], step)))
    (line,) = [line for line in drawn(console) if "930/1,000" in line][-1:]
    assert line.endswith("930/1,000 56 updates/s 00:07"), line  # 2 * 930 updates in 33 s; 70 are left


@pytest.mark.parametrize(("losses", "shown"), [([np.nan, 2.0], "2.000"), ([1.0, 2.0], "1.500"), ([np.nan] * 2, "nan")])
def test_the_loss_is_that_of_runs_that_have_one(losses, shown):
    console = terminal()
    with ExitStack() as stack:
        bar = TrainingBar(experiment_of(seeds=2), console, stack)
        bar.record(record_of(2, *losses))
    assert f"loss {shown}  excess 0.2500 nats" in "".join(drawn(console))


@pytest.mark.parametrize(("excess", "shown"), [((0.1, 0.4), "0.2500"), ((0.1, np.nan), "nan")])
def test_the_excess_is_the_mean_of_all_runs(excess, shown):
    console = terminal()
    with ExitStack() as stack:
        TrainingBar(experiment_of(seeds=2), console, stack).record(record_of(2, 1.0, 1.0, excess=excess))
    assert f"excess {shown} nats" in "".join(drawn(console))


@pytest.mark.parametrize(("width", "bar"), [(80, 10), (120, 24)])
def test_all_stands_in_one_line(width, bar):
    clock = [0.0]
    console = terminal(width=width, get_time=lambda: clock[0])
    with ExitStack() as stack:
        shown = TrainingBar(experiment_of(steps=100_000), console, stack)
        shown.record(record_of(1, 1.0))
        for clock[0] in (1.0, 2.0):
            step = int(12_345 * clock[0])
            shown.move(Progress(step, None, TrainingTime(clock[0], step)))
    line = drawn(console)[-3]
    assert line.endswith(" 24,690/100,000 loss 1.000  excess 0.2500 nats  12,345 updates/s 00:07"), line
    assert line.index(" ") == bar


@pytest.mark.parametrize("width", [40, 60])
def test_a_narrow_terminal_gets_what_it_has_room_for(width):
    clock = [0.0]
    console = terminal(width=width, get_time=lambda: clock[0])
    with ExitStack() as stack:
        shown = TrainingBar(experiment_of(steps=1_000), console, stack)
        shown.record(record_of(1, 1.0))
        for clock[0] in (1.0, 2.0):
            step = int(123 * clock[0])
            shown.move(Progress(step, None, TrainingTime(clock[0], step)))
    assert drawn(console)[-3] == "246/1,000 123 updates/s 00:07"
