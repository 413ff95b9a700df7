"""When records reach the disk: after a while, before a checkpoint, and where an error ends the training."""

import dataclasses
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from small_training import small_config
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from data.world import load_world
from experiments.measuring.experiment import prepare
from experiments.run_directory.arrays import RecordFile
from experiments.tracking import tracker as module
from experiments.tracking.event_writer import EventWriter
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
    """The recorded steps on disk, as arrays and as TensorBoard's scalars: the same of all runs."""
    names = [f"seed-{config.seed + n}" for n in range(2)]
    found = [RecordFile(folder / name, "record").read().get("step", np.zeros(0)).tolist() for name in names]
    found += [scalar_steps(folder / name) for name in (*names, "overview/median")]
    assert all(steps == found[0] for steps in found)
    return found[0]


def scalar_steps(folder):
    return sorted({event.step for event in events(folder) if any("excess" in v.tag for v in event.summary.value)})


def events(folder):
    (path,) = folder.glob("events.out.tfevents.*")
    return list(EventFileLoader(str(path)).Load())


@contextmanager
def tracked(trained, folder):
    """A tracker of the experiment, which writes into `folder`, and its records."""
    experiment, trainer, records = trained
    pictures = SentencePictures(fixed_arrays(experiment, records[0].params))
    with ExitStack() as stack:
        yield Tracker(experiment, folder, pictures, records[0], trainer.beginning, {}, stack), records


def test_records_are_written_after_a_while(trained, tmp_path, clock):
    config, steps = trained[0].config, []
    with tracked(trained, tmp_path) as (tracker, records):
        for record, seconds in zip(records[:3], (0.0, 1.9, 2.1), strict=True):
            clock[0] = 100 + seconds
            tracker.record(record)
            steps.append((written(tmp_path, config), tracker.written_until))
        assert steps == [([], -1), ([], -1), ([0, 1, 2], 2)]
        assert parts(tmp_path) == 3 * 2 * 2
        tracker.record(records[3])
        assert (written(tmp_path, config), tracker.written_until) == ([0, 1, 2], 2)
        clock[0] = 105
        tracker.flush_if_due()
        assert (written(tmp_path, config), tracker.written_until) == ([0, 1, 2, 3], 3)
        assert parts(tmp_path) == 0, "with the last of them, all are in one file"


def parts(folder):
    """How many files of single steps there are, of all runs."""
    return len([*folder.glob("*/*-parts/step-*.npz")])


@pytest.mark.usefixtures("clock")
def test_events_have_the_time_at_which_their_record_came(trained, tmp_path, monkeypatch):
    with tracked(trained, tmp_path) as (tracker, records):
        for number, record in enumerate(records):
            monkeypatch.setattr(module.time, "time", lambda number=number: 5000.0 + number)
            tracker.record(record)
        monkeypatch.setattr(module.time, "time", lambda: 9000.0)
        tracker.write_rest()
    for folder in (tmp_path / f"seed-{trained[0].config.seed}", tmp_path / "overview" / "median"):
        times = {event.step: event.wall_time for event in events(folder) if "excess" in str(event.summary)}
        assert times == {step: 5000.0 + step for step in range(4)}


@pytest.mark.usefixtures("clock")
def test_records_are_written_before_a_checkpoint(trained, tmp_path):
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


@pytest.mark.usefixtures("clock")
def test_arrays_are_kept_where_events_cannot_be_written(trained, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    trackers = []

    def fail():
        with tracked(trained, tmp_path) as (tracker, records):
            trackers.append(tracker)
            for record in records:
                tracker.record(record)
            monkeypatch.setattr(EventWriter, "text", refuse)
            tracker.write_rest()

    with pytest.raises(OSError, match="No space"):
        fail()
    for n in range(2):
        for name in ("record", "params"):
            file = RecordFile(tmp_path / f"seed-{trained[0].config.seed + n}", name)
            assert file.read()["step"].tolist() == [0, 1, 2, 3]
    assert trackers[0].written_until == 3
