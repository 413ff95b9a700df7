"""Messages between the processes that train one thing, over connections that also tell when one of them has ended.

Process 0 is connected with every other one. Each connection has a thread that listens, so that a process which ends,
however it ends, is noticed at once by all others, whatever they are doing: JAX would wait for it, on some devices for
minutes, or abort.
"""

import atexit
import contextlib
import json
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, Self

from data.errors import InputError
from experiments.training.together import Together

End = Callable[[int, str], NoReturn]
"""Ends this process from any thread: with an exit code, and a line that says why."""
LOST = 1
"""Exit code of a process that another one has left."""
_VALUE, _ERROR = b"v", b"e"
_HEAD = struct.Struct("!cQ")
_PATIENCE = 5.0
"""Seconds in which the end of another process is noticed, after JAX or this process has failed because of it."""
_BUSY = 1.0
"""Seconds that the end of a process waits for a message that is being sent."""


class Exchange:
    """Messages with the other processes; use it in a `with`, which tells them of an error that ends this one.

    Every process must send and receive in the same order as all others.
    """

    def __init__(self, together: Together, connections: dict[int, socket.socket], end: End) -> None:
        """Begin to listen.

        Args:
          together: which of the processes this is.
          connections: in process 0 those with all others by their numbers, in any other one that with process 0.
          end: called where another process has ended; it does not return.
        """
        self.together, self._end = together, end
        self.kept: Callable[[], str] = lambda: "start all of them again"
        """What process 0 says of its work where another process has ended, and what to do."""
        self._lines = {number: _Line(connection) for number, connection in connections.items()}
        self._released = self._told = False
        for number, line in self._lines.items():
            threading.Thread(target=self._listen, args=(number, line), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, InputError):
            self.tell(2, f"error: {error}")
        elif isinstance(error, Exception) and not isinstance(error, OSError):
            if not self._released:
                time.sleep(_PATIENCE)  # what failed may be the end of another process, which is then told of instead
            atexit.register(os._exit, LOST)  # before JAX, which would wait there for all processes
        self._released = True

    def first(self, value: Any) -> Any:
        """The `value` of process 0 (what JSON can hold, or bytes), in all processes."""
        if self.together.process_id:
            return self._lines[0].receive()
        for line in self._lines.values():
            line.send(_VALUE, value)
        return value

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes (what JSON can hold), by their numbers, in all processes."""
        if self.together.process_id:
            self._lines[0].send(_VALUE, value)
            found: list[Any] = self.first(None)
            return found
        return list(self.first([value, *(self._lines[number].receive() for number in sorted(self._lines))]))

    def release(self) -> None:
        """From now on the others may end; those still wait for the last message of process 0."""
        self._released = True

    def tell(self, code: int, line: str) -> None:
        """Let all other processes end with this exit code and line."""
        self._told = True
        for one in self._lines.values():
            one.send(_ERROR, [code, line])

    def _listen(self, number: int, line: "_Line") -> None:
        """Receive what process `number` says, until one of them ends."""
        code, said = LOST, ""
        while not said:
            try:
                kind, value = line.read()
            except OSError:
                break
            if kind == _VALUE:
                line.received.put(value)
            else:
                code, said = value
        line.close()
        if self._released or self._told:
            return
        if not said:
            kept = self.kept() if self.together.process_id == 0 else "what it saved is kept; start all of them again"
            resume = " with --resume" if self.together.process_id else ""
            said = f"error: process {number} has ended; {kept}{resume}"
        if self.together.process_id == 0:
            self.tell(code, said)
        self._end(code, said)


class _Line:
    """One connection: whole messages, each JSON or bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.received: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._connection, self._sending = connection, threading.Lock()
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _keep_alive(connection)

    def send(self, kind: bytes, value: Any) -> None:
        content = b"b" + value if isinstance(value, bytes) else b"j" + json.dumps(value).encode()
        # A message to a process that has ended is lost; who listens to it says so.
        if self._sending.acquire(timeout=_BUSY if kind == _ERROR else -1):
            try:
                with contextlib.suppress(OSError):
                    self._connection.sendall(_HEAD.pack(kind, len(content)) + content)
            finally:
                self._sending.release()

    def close(self) -> None:
        self._connection.close()

    def receive(self) -> Any:
        """The next value; waits for it, for as long as the other process lives."""
        return self.received.get()

    def read(self) -> tuple[bytes, Any]:
        """The next message from the connection; raises OSError where there is none any more."""
        kind, length = _HEAD.unpack(self._exactly(_HEAD.size))
        content = self._exactly(length)
        return kind, content[1:] if content[:1] == b"b" else json.loads(content[1:])

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._connection.recv(min(count - len(parts), 1 << 20))
            if not part:
                raise ConnectionResetError
            parts += part
        return bytes(parts)


def _keep_alive(connection: socket.socket) -> None:
    """Notice within half a minute that the other machine is off, or cut off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
