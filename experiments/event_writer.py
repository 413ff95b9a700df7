"""TensorBoard event files, behind one small typed class; no TensorFlow.

Tags never contain a word of a user; words stand in pictures and texts.
"""

import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util

_QUEUE = 1_000
"""Events that may wait for the disk; the default of 10 stops the training whenever the writer is busy."""


class EventWriter:
    """Writes one run's events; use it in a `with`, so that nothing is lost on any way out."""

    def __init__(self, folder: Path) -> None:
        self._writer = EventFileWriter(str(folder), max_queue_size=_QUEUE)
        # Without this mark TensorBoard shows steps twice after a run went on from an earlier step.
        self._write(Event(session_log=SessionLog(status=SessionLog.START)), step=0)
        self._described: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.close()

    def scalars(self, step: int, values: dict[str, float], descriptions: dict[str, str] | None = None) -> None:
        """One number a tag; a tag's description (Markdown) is written with its first value."""
        summary = Summary()
        for tag, value in values.items():
            metadata = scalar_metadata.create_summary_metadata(
                display_name="", description=self._first(tag, descriptions)
            )
            tensor = tensor_util.make_tensor_proto(np.asarray(value, np.float32))
            summary.value.add(tag=tag, metadata=metadata, tensor=tensor)
        self._write(Event(summary=summary), step)

    def image(self, step: int, tag: str, png: bytes, size: tuple[int, int], description: str = "") -> None:
        """One picture, as encoded PNG of `size` (width, height)."""
        metadata = image_metadata.create_summary_metadata(
            display_name="", description=self._first(tag, {tag: description})
        )
        parts = [str(size[0]).encode(), str(size[1]).encode(), png]
        tensor = tensor_util.make_tensor_proto(np.asarray(parts, dtype=object))
        summary = Summary()
        summary.value.add(tag=tag, metadata=metadata, tensor=tensor)
        self._write(Event(summary=summary), step)

    def text(self, step: int, tag: str, markdown: str) -> None:
        """One text, in Markdown; the caller escapes what users wrote."""
        self._write(Event(summary=text_pb(tag, markdown)), step)

    def flush(self) -> None:
        """Wait until everything is on disk."""
        self._writer.flush()

    def _first(self, tag: str, descriptions: dict[str, str] | None) -> str:
        if tag in self._described:
            return ""
        self._described.add(tag)
        return (descriptions or {}).get(tag, "")

    def _write(self, event: Event, step: int) -> None:
        event.step, event.wall_time = step, time.time()
        self._writer.add_event(event)


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height that a PNG's header names."""
    size: NDArray[np.uint32] = np.frombuffer(png[16:24], ">u4")
    return int(size[0]), int(size[1])
