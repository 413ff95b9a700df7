"""When recorded arrays reach the disk: after a second, before a checkpoint, and where an error ends the training."""

import dataclasses
from contextlib import ExitStack, contextmanager

import pytest
from small_training import small_config

from data.world import load_world
from experiments.measuring.experiment import prepare
from experiments.tracking import tracker as module
from experiments.tracking.recorded_arrays import fixed_arrays
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.tracker import Tracker

pytestmark = pytest.mark.usefixtures("quickly_compiled")


@pytest.fixture(scope="module")
def trained(quick_compiler):
    """An experiment, its trainer and four records of it; two seeds."""
    config = dataclasses.replace(small_config(steps=3), seeds=2)
    config = dataclasses.replace(config, track=dataclasses.replace(config.track, records=4, images=0))
    with quick_compiler():
        experiment, trainer = prepare(config, load_world("english"))
        return experiment, trainer, list(trainer.run(experiment.data))


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the tracker's clock shows: set `clock[0]`."""
    seconds = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: seconds[0])
    return seconds


def written(folder, config):
    found = {
        path.parent.parent.name: sorted(int(part.stem[5:]) for part in path.parent.glob("step-*.npz"))
        for path in folder.glob("*/record-parts/fixed.npz")
    }
    assert set(found) == {f"seed-{config.seed}", f"seed-{config.seed + 1}"}
    first, second = found.values()
    assert first == second
    return first


@contextmanager
def tracked(trained, folder):
    """A tracker of the experiment, which writes into `folder`, and its records."""
    experiment, trainer, records = trained
    pictures = SentencePictures(fixed_arrays(experiment, records[0].params))
    with ExitStack() as stack:
        yield Tracker(experiment, folder, pictures, records[0], trainer.beginning, {}, stack), records


def test_arrays_are_written_after_a_second(trained, tmp_path, clock):
    config, steps = trained[0].config, []
    with tracked(trained, tmp_path) as (tracker, records):
        for record, seconds in zip(records, (0.0, 0.5, 1.1, 1.2), strict=True):
            clock[0] = 100 + seconds
            tracker.record(record)
            steps.append((written(tmp_path, config), tracker.written_until))
        assert steps == [([], -1), ([], -1), ([0, 1, 2], 2), ([0, 1, 2], 2)]
        clock[0] = 103
        tracker.flush_if_due()
        assert (written(tmp_path, config), tracker.written_until) == ([0, 1, 2, 3], 3)


@pytest.mark.usefixtures("clock")
def test_arrays_are_written_before_a_checkpoint(trained, tmp_path):
    with tracked(trained, tmp_path) as (tracker, records):
        for record in records:
            tracker.record(record)
        assert (written(tmp_path, trained[0].config), tracker.written_until) == ([], -1)
        tracker.write_rest()
        assert (written(tmp_path, trained[0].config), tracker.written_until) == ([0, 1, 2, 3], 3)


@pytest.mark.usefixtures("clock")
def test_what_was_recorded_is_written_where_an_error_ends_the_training(trained, tmp_path):
    trackers = []

    def fail():
        with tracked(trained, tmp_path) as (tracker, records):
            trackers.append(tracker)
            for record in records[:2]:
                tracker.record(record)
            raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        fail()
    assert (written(tmp_path, trained[0].config), trackers[0].written_until) == ([0, 1], 1)
