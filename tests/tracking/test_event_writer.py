"""Event files as TensorBoard itself reads them."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader, LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.util import tensor_util

from experiments.tracking import event_writer
from experiments.tracking.event_writer import EventWriter

LOSS = "Cross-entropy in *nats*."


def png(width, height, colour):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, format="png")
    return buffer.getvalue()


PICTURES = [png(7, 3, "red"), png(300, 2, "blue")]


def only_file(folder):
    (path,) = folder.iterdir()
    assert path.name.startswith("events.out.tfevents.")  # the name by which TensorBoard finds it
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with EventWriter(folder) as writer:
        writer.scalars(0, {"excess/trained/all": 3.25}, {"loss": LOSS, "excess/trained/all": "KL"})
        writer.image(0, "attention/sentence-1/head-2", PICTURES[0], "One head.")
        writer.text(0, "relation", "| a |\n|---|\n| <b> \u202e日本 |")
        writer.scalars(5, {"loss": 1.5, "excess/trained/all": -0.1}, {"loss": LOSS, "excess/trained/all": "KL"})
        writer.image(5, "attention/sentence-1/head-2", PICTURES[1], "One head.")
        writer.scalars(10_000_000_000, {"loss": float("nan"), "new": 2}, {"loss": LOSS})
    return folder


@pytest.fixture(scope="module")
def found(folder):
    """[(step, tag, plugin, description, value)], in the order of the file."""
    rows = []
    for event in EventFileLoader(only_file(folder)).Load():
        for value in event.summary.value:
            shown, array = value.metadata, tensor_util.make_ndarray(value.tensor)
            rows.append((event.step, value.tag, shown.plugin_data.plugin_name, shown.summary_description, array))
    return rows


def test_scalars(found):
    scalars = [(step, tag, float(value)) for step, tag, plugin, _, value in found if plugin == "scalars"]
    assert scalars[:3] == [
        (0, "excess/trained/all", 3.25),
        (5, "loss", 1.5),
        (5, "excess/trained/all", float(np.float32(-0.1))),
    ]
    assert [row[:2] for row in scalars[3:]] == [(10_000_000_000, "loss"), (10_000_000_000, "new")]
    assert np.isnan(scalars[3][2])
    assert scalars[4][2] == 2.0
    assert all(value.shape == () for _, _, plugin, _, value in found if plugin == "scalars")


def test_images(found):
    images = [(step, tag, list(value)) for step, tag, plugin, _, value in found if plugin == "images"]
    tag = "attention/sentence-1/head-2"
    assert images == [(0, tag, [b"7", b"3", PICTURES[0]]), (5, tag, [b"300", b"2", PICTURES[1]])]
    assert Image.open(io.BytesIO(images[1][2][2])).getpixel((299, 1)) == (0, 0, 255)


def test_texts(found):
    texts = [(step, tag, value.item().decode()) for step, tag, plugin, _, value in found if plugin == "text"]
    assert texts == [(0, "relation", "| a |\n|---|\n| <b> \u202e日本 |")]


def test_a_description_stands_once_with_the_first_value_of_its_tag(found):
    described = [(step, tag, description) for step, tag, _, description, _ in found if description]
    assert described == [
        (0, "excess/trained/all", "KL"),
        (0, "attention/sentence-1/head-2", "One head."),
        (5, "loss", LOSS),
    ]


def test_the_session_starts_once_and_first(folder):
    events = list(LegacyEventFileLoader(only_file(folder)).Load())
    assert events[0].file_version == "brain.Event:2"
    assert [event.session_log.status for event in events if event.HasField("session_log")] == [SessionLog.START]
    assert events[1].HasField("session_log")
    assert events[1].step == 0
    times = [event.wall_time for event in events]
    assert times == sorted(times)
    assert times[0] > 1.7e9  # seconds since 1970


def test_the_file_is_closed_on_any_way_out(tmp_path):
    def fail():
        with EventWriter(tmp_path) as writer:
            for step in range(3_000):  # more than may wait for the disk
                writer.scalars(step, {"loss": float(step)})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    steps = [event.step for event in EventFileLoader(only_file(tmp_path)).Load() if event.summary.value]
    assert steps == list(range(3_000))


def test_flush_puts_everything_on_disk(tmp_path):
    with EventWriter(tmp_path) as writer:
        writer.scalars(3, {"loss": 1.0})
        writer.flush()
        steps = [event.step for event in EventFileLoader(only_file(tmp_path)).Load() if event.summary.value]
    assert steps == [3]


def test_two_writers_of_one_folder_use_two_files(tmp_path):
    with EventWriter(tmp_path) as first, EventWriter(tmp_path) as second:
        first.scalars(1, {"loss": 1.0})
        second.scalars(2, {"loss": 2.0})
    assert len(list(tmp_path.iterdir())) == 2


def test_going_on_shows_each_step_once_to_any_reader_even_if_the_clock_went_back(tmp_path, monkeypatch):
    for now, steps, first in [(2_000, (0, 5, 10), None), (1_000, (10, 15), 10), (500, (15,), 15)]:
        monkeypatch.setattr(event_writer.time, "time_ns", lambda now=now: now * 1_000_000_000)
        with EventWriter(tmp_path, first) as writer:
            for step in steps:
                writer.scalars(step, {"loss": float(step)})
    first, *_, last = files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    seen = [event.step for path in files for event in EventFileLoader(str(path)).Load() if event.HasField("summary")]
    assert seen == [0, 5, 10, 15]
    last.write_bytes(last.read_bytes()[:-3])  # a process died
    with EventWriter(tmp_path, 0):  # and begins again
        pass
    assert len(list(tmp_path.iterdir())) == 1
