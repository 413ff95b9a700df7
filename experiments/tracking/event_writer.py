"""TensorBoard event files, behind one small typed class; no TensorFlow.

Tags never contain a word of a user; words stand in pictures and texts.
"""

import contextlib
import os
import re
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import google_crc32c
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike, NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_metadata
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util.tensor_util import make_tensor_proto

PLUGIN = "catmat"
"""Name under which the attention tensors are found."""

_NAME = "events.out.tfevents."
_NUMBER = re.compile(r"events\.out\.tfevents\.(\d{1,16})\.")


class EventWriter(AbstractContextManager["EventWriter"]):
    """Writes one run's events; use it in a `with`, so that nothing is lost on any way out."""

    def __init__(self, folder: Path, first: int | None = None) -> None:
        """Open a new event file in `folder` (made if need be); earlier ones are cut at step `first`, if given."""
        folder.mkdir(parents=True, exist_ok=True)
        earlier = sorted(folder.glob(f"{_NAME}*"))
        for path in earlier if first is not None else ():
            _cut(path, first or 0)
        # Readers take files by name. A clock that went back must not put this one before those that it continues.
        last = max((int(found[1]) for path in earlier if (found := _NUMBER.match(path.name))), default=0)
        number = max(time.time_ns() // 1_000, last + 1)
        # TensorBoard's own EventFileWriter writes in a thread, whose errors (a full disk) nobody can catch.
        name = f"{_NAME}{number:016d}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / name).open("xb")
        self.wall_time: float | None = None
        """The time of what is written, in seconds since 1970; None: when it is written."""
        self._write(0, file_version="brain.Event:2")
        # Without this mark TensorBoard shows steps twice after a run went on from an earlier step.
        self._write(first or 0, session_log=SessionLog(status=SessionLog.START))
        self._described: set[str] = set()

    def __exit__(self, *_: object) -> None:
        """Write what is waiting, and end the file."""
        self._file.close()

    def scalars(self, step: int, values: Mapping[str, float], descriptions: Mapping[str, str] = {}) -> None:
        """One number a tag; a tag's description (Markdown) is written with its first value."""
        scalars = [
            scalar_pb(tag, value, self._first(tag, descriptions.get(tag, ""))).value[0] for tag, value in values.items()
        ]
        self._write(step, summary=Summary(value=scalars))

    def image(self, step: int, tag: str, png: bytes, description: str = "") -> None:
        """One picture, as encoded PNG."""
        metadata = image_metadata.create_summary_metadata(display_name="", description=self._first(tag, description))
        size = struct.unpack(">II", png[16:24])  # width and height, as the PNG's header names them
        parts = [*(str(length).encode() for length in size), png]
        self._write_tensor(step, tag, metadata, make_tensor_proto(np.asarray(parts, dtype=object)))

    def text(self, step: int, tag: str, markdown: str) -> None:
        """One text, in Markdown; the caller escapes what users wrote."""
        self._write(step, summary=text_pb(tag, markdown))

    def histogram(self, step: int, tag: str, values: NDArray[np.floating], description: str = "") -> None:
        """The distribution of `values` (any shape); nan and infinities are left out."""
        finite = np.asarray(values[np.isfinite(values)], np.float64)
        self._write(step, summary=histogram_pb(tag, finite, description=self._first(tag, description)))

    def buckets(self, step: int, tag: str, edges: ArrayLike, counts: Sequence[float], description: str = "") -> None:
        """A distribution of which the buckets are known: B + 1 edges, B counts."""
        edges = np.asarray(edges, np.float64)
        table_B3 = np.stack([edges[:-1], edges[1:], counts], axis=-1)
        metadata = histogram_metadata.create_summary_metadata(None, description=self._first(tag, description))
        self._write_tensor(step, tag, metadata, make_tensor_proto(table_B3))

    def tensor(self, step: int, tag: str, values: NDArray[np.floating], content: bytes) -> None:
        """An array for the plugin `catmat`; `content` is the plugin's own description of the tag (JSON)."""
        data = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=content)
        # Without its class, TensorBoard drops a plugin's data without a word.
        metadata = SummaryMetadata(plugin_data=data, data_class=DATA_CLASS_TENSOR)
        dims = [TensorShapeProto.Dim(size=size) for size in values.shape]
        # What make_tensor_proto gives, in a fifth of the time; there are several at each recorded step.
        tensor = TensorProto(
            dtype=DT_FLOAT,
            tensor_shape=TensorShapeProto(dim=dims),
            tensor_content=np.asarray(values, np.dtype("<f4")).tobytes(),
        )
        self._write_tensor(step, tag, metadata, tensor)

    def hparams(self, values: Mapping[str, bool | float | str], trial: str) -> None:
        """What a run was made with; ended by `hparams_end`.

        No list of columns is written. TensorBoard would take that of the first run it finds for all of them; without
        one it works out in which values the runs differ, and shows these first.
        """
        self._write(0, summary=hparams_pb(dict(values), trial_id=trial))

    def band_charts(self, title: str, charts: Mapping[str, tuple[str, str, str]]) -> None:
        """Charts of the dashboard Custom Scalars: by its title each one's tags of the line, its lower and upper end."""
        margins = {
            name: layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper)
            for name, (value, lower, upper) in charts.items()
        }
        shown = [
            layout_pb2.Chart(title=name, margin=layout_pb2.MarginChartContent(series=[one]))
            for name, one in margins.items()
        ]
        layout = layout_pb2.Layout(category=[layout_pb2.Category(title=title, chart=shown)])
        metadata = custom_scalar_metadata.create_summary_metadata()
        metadata.data_class = DATA_CLASS_TENSOR
        content = make_tensor_proto(np.asarray(layout.SerializeToString(), dtype=object))
        self._write_tensor(0, custom_scalar_metadata.CONFIG_SUMMARY_TAG, metadata, content)

    def hparams_end(self, success: bool) -> None:
        """Mark the run as ended in the hparams dashboard."""
        status = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
        metadata = hparams_metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
        self._write_tensor(0, hparams_metadata.SESSION_END_INFO_TAG, metadata, hparams_metadata.NULL_TENSOR)

    def _write_tensor(self, step: int, tag: str, metadata: SummaryMetadata, tensor: TensorProto) -> None:
        self._write(step, summary=Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)]))

    def flush(self) -> None:
        """Hand everything to the operating system: it survives the end of this process, whatever ends it."""
        self._file.flush()

    def _first(self, tag: str, description: str) -> str:
        """The description of a tag if this is its first value, else nothing."""
        known = tag in self._described
        self._described.add(tag)
        return "" if known else description

    def _write(self, step: int, **content: str | SessionLog | Summary) -> None:
        wall_time = time.time() if self.wall_time is None else self.wall_time
        data = Event(step=step, wall_time=wall_time, **content).SerializeToString()
        # The frame of a TFRecord. TensorBoard's own writer sums in a Python loop: 0.15 s of a newcomer's 4 of training.
        length = struct.pack("<Q", len(data))
        self._file.write(length + _checksum(length) + data + _checksum(data))


def _checksum(data: bytes) -> bytes:
    """The masked CRC-32C of TFRecord files."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _cut(path: Path, first: int) -> None:
    """Drop the records of a file from step `first` on: readers that know no marks would show these steps twice."""
    content = path.read_bytes() if path.is_file() else b""
    kept, at = [], 0
    with contextlib.suppress(DecodeError, struct.error):  # the rest is half written, or damaged
        while at < len(content):
            end = at + 16 + struct.unpack("<Q", content[at : at + 8])[0]
            if end > len(content):
                break
            if Event.FromString(content[at + 12 : end - 4]).step < first:
                kept.append(content[at:end])
            at = end
    shorter = b"".join(kept)
    if content and not shorter:
        path.unlink()
    elif shorter != content:
        part = path.with_name("cut.part")  # a name that TensorBoard does not read
        part.write_bytes(shorter)
        part.replace(path)
