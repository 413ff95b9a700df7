"""Pieces of the arrays in an `.npz` file, read as they are asked for: a record can be far larger than what is shown.

NumPy's `savez` stores arrays as they are, so a piece that lies in one stretch is one read. Nothing is mapped into
memory: a mapped file that somebody cuts short ends the process that looks at it (SIGBUS), which a server must survive.
"""

import functools
import math
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from data.errors import InputError, require
from experiments.run_directory.arrays import DAMAGE
from experiments.run_directory.files import reading

_MOST_BYTES = 2**31
"""A member that is compressed is refused above this size, since it is read as a whole."""
_LOCAL_HEADER = 30
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class VanishedError(InputError):
    """A file that was there a moment ago is not, or is another one: what is asked for should be looked up anew."""


@dataclass(frozen=True)
class _Stored:
    """Where the numbers of an array stand in a file."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class StoredArrays:
    """The arrays of one `.npz` file by their names; made anew when the file is another one, see `stored_arrays`."""

    def __init__(self, path: Path, identity: tuple[int, ...]) -> None:
        self.path, self._identity = path, identity
        self._stored: dict[str, _Stored | None] = {}
        with self._open() as file, zipfile.ZipFile(file) as archive:
            self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def pieces(self, name: str, places: Sequence[tuple[int, ...]]) -> NDArray[Any]:
        """`array[place]` for each of the places, stacked; each has an index for the same number of leading axes.

        Raises:
          VanishedError: the file is not the one that was looked at before.
          InputError: it is damaged, has no such array, or a place lies outside of it.
        """
        with self._open() as file:
            stored = self._find(file, name)
            if stored is None:
                whole = self._read_whole(file, name)
                return np.stack([whole[_inside(place, whole.shape)] for place in places])
            return np.stack([self._piece(file, stored, place) for place in places])

    def array(self, name: str) -> NDArray[Any]:
        """A whole array; raises as `pieces` does."""
        return self.pieces(name, [()])[0]

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with reading(self.path, "", DAMAGE):
            try:
                with open_file(self.path) as file:
                    if identity(os.fstat(file.fileno())) != self._identity:
                        raise VanishedError(f"{self.path}: was replaced while it was read; look again")
                    yield file
            except FileNotFoundError:
                raise VanishedError(f"{self.path}: is gone; was this run removed, or moved?") from None

    def _find(self, file: BinaryIO, name: str) -> _Stored | None:
        """Where an array's numbers are; None where they are no single stretch of plain numbers."""
        if name not in self._stored:
            self._stored[name] = self._locate(file, self._members[name])
        return self._stored[name]

    def _locate(self, file: BinaryIO, member: zipfile.ZipInfo) -> _Stored | None:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            small = member.file_size <= _MOST_BYTES
            require(small, f"{self.path}: {member.filename} is too large to be unpacked; store it uncompressed")
            return None
        file.seek(member.header_offset)
        start = file.read(_LOCAL_HEADER)
        name_size, extra_size = struct.unpack("<HH", start[-4:])
        file.seek(member.header_offset + _LOCAL_HEADER + name_size + extra_size)
        begin = file.tell()
        read_header = _HEADERS.get(npy.read_magic(file))
        if read_header is None:
            return None
        shape, column_major, dtype = read_header(file)
        offset = file.tell()
        if dtype.hasobject:
            raise ValueError(f"{member.filename} is no array of numbers or text")
        if offset - begin + dtype.itemsize * int(np.prod(shape, dtype=object)) != member.file_size:
            raise ValueError(f"{member.filename} has another size than it says")
        return None if column_major and len(shape) > 1 else _Stored(offset, shape, dtype)

    @staticmethod
    def _piece(file: BinaryIO, stored: _Stored, place: tuple[int, ...]) -> NDArray[Any]:
        depth = len(_inside(place, stored.shape))
        shape = stored.shape[depth:]
        size = stored.dtype.itemsize * math.prod(shape)
        number = int(np.ravel_multi_index(place, stored.shape[:depth])) if depth else 0
        file.seek(stored.offset + number * size)
        raw = file.read(size)
        if len(raw) != size:
            raise EOFError("it ends too early")
        return np.frombuffer(raw, stored.dtype).reshape(shape)

    def _read_whole(self, file: BinaryIO, name: str) -> NDArray[Any]:
        with zipfile.ZipFile(file) as archive, archive.open(self._members[name]) as member:
            return np.asarray(npy.read_array(member, allow_pickle=False))


def _inside(place: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """`place`, if it is one of an array of that shape; raises ValueError."""
    if any(not 0 <= i < size for i, size in zip(place, shape[: len(place)], strict=True)):
        raise ValueError(f"it has shape {shape}, too small for {place}")
    return place


def stored_arrays(path: Path) -> StoredArrays:
    """The arrays of a file; what was found of its places is kept until it is replaced.

    Raises:
      VanishedError: there is no such file.
      InputError: it cannot be read, is no plain file, or is damaged.
    """
    try:
        return _known(path, identity(path.lstat()))
    except FileNotFoundError:
        raise VanishedError(f"{path}: is gone; was this run removed, or moved?") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); allow it") from None


_known = functools.lru_cache(maxsize=4096)(StoredArrays)


def identity(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    return status.st_ino, status.st_mtime_ns, status.st_size


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file for reading; never a link, a pipe (which would wait for a writer) or a device.

    Raises:
      FileNotFoundError: there is none.
      InputError: it is something else.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not stat.S_ISREG(path.lstat().st_mode):
        raise InputError(f"{path}: is no plain file, and links are not followed; put the file itself there")
    with os.fdopen(os.open(path, flags | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        yield file
