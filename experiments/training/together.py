"""Several processes that train one thing together: how each is told of the others, and how they meet.

`jax.distributed` aborts the process where not all come in time. So they meet before it: process 0 waits at the
coordinator's address until every other one has come. Their connections stay, see `exchange`; JAX has others.
"""

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import NoReturn

from data.errors import InputError, require

PATIENCE = 300.0
"""Seconds that processes wait for each other."""
_AGAIN = 0.2
"""Seconds between two attempts to reach process 0."""
_SPEAKS = 5.0
"""Seconds that somebody who has come has to say which process it is."""
_HEARD, _REFUSED = b"ok", b"no"


@dataclass(frozen=True)
class Together:
    """One process of several."""

    host: str
    port: int
    processes: int
    process_id: int
    local_devices: tuple[int, ...] | None = None
    """The GPUs of this machine that are its own, where a cluster says so; None for all."""

    @property
    def address(self) -> str:
        """HOST:PORT of process 0."""
        return f"{self.host}:{self.port}"


def together_of(coordinator: str | None, processes: int | None, process_id: int | None) -> Together | None:
    """What the options say; None where none is given. One process alone, `--processes 1`, needs no other option.

    Raises:
      InputError: one is missing, or out of range.
    """
    if processes == 1 and coordinator is None and process_id is None:
        return Together("localhost", 1, 1, 0)
    options = {"--coordinator": coordinator, "--processes": processes, "--process-id": process_id}
    missing = [name for name, value in options.items() if value is None]
    if coordinator is None or processes is None or process_id is None:
        require(
            len(missing) == 3, f"{' and '.join(missing)}: missing; several processes need all of {', '.join(options)}"
        )
        return None
    require(processes >= 1, f"--processes: must be at least 1, not {processes}")
    require(0 <= process_id < processes, f"--process-id: must be from 0 to {processes - 1}, not {process_id}")
    return Together(*host_and_port(coordinator, "--coordinator"), processes, process_id)


def host_and_port(address: str, option: str) -> tuple[str, int]:
    """The parts of HOST:PORT.

    Raises:
      InputError: it is something else; `option` is what gave it.
    """
    host, _, port = address.rpartition(":")
    require(
        host and port.isdecimal() and 0 < int(port) < 65536,
        f"{option} {address}: must be the host of process 0 and a free port there, such as localhost:12345",
    )
    return host, int(port)


def meet(together: Together, patience: float = PATIENCE) -> dict[int, socket.socket]:
    """Wait until all processes have come.

    Returns:
      Connections: in process 0 with every other one, by their numbers; in any other one with process 0.

    Raises:
      InputError: some have not come after `patience` seconds, or do not fit together.
    """
    until = time.monotonic() + patience
    return _receive(together, until) if together.process_id == 0 else {0: _report(together, until)}


def _receive(together: Together, until: float) -> dict[int, socket.socket]:
    """Process 0: hear every other one, then let all of them go on."""
    waiting: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as open_sockets:
        try:
            server = open_sockets.enter_context(socket.create_server((together.host, together.port)))
            while len(waiting) < together.processes - 1:
                server.settimeout(_left(until))
                other = open_sockets.enter_context(server.accept()[0])
                number, of = _number(_said(other))
                fits = of == together.processes and 0 < number < of and number not in waiting
                if of and not fits:
                    _refuse(together, f"process {number} of {of} came", [other, *waiting.values()])
                if of:
                    waiting[number] = other
                else:  # somebody else, who looks for open ports
                    other.close()
            server.close()
            for other in waiting.values():
                other.sendall(_HEARD)
            open_sockets.pop_all()  # they stay open
        except TimeoutError:
            missing = ", ".join(map(str, sorted(set(range(1, together.processes)) - set(waiting))))
            raise InputError(_told(together, f"process {missing} did not come; start all of them")) from None
        except OSError as error:
            raise InputError(_told(together, f"cannot wait there ({error}); name a free port of this host")) from None
    return waiting


def _said(other: socket.socket) -> bytes:
    """What somebody who has come says; nothing if it is silent, or has gone."""
    with contextlib.suppress(OSError):
        other.settimeout(_SPEAKS)
        return other.recv(64)
    return b""


def _refuse(together: Together, who: str, others: list[socket.socket]) -> NoReturn:
    """End the meeting, for the `others` too: they would go on trying."""
    of = together.processes
    line = _told(together, f"{who}, which is not of these {of}; start each once, with --process-id 0 to {of - 1}")
    for other in others:
        with contextlib.suppress(OSError):
            other.sendall(_REFUSED + line.encode())
    raise InputError(line)


def _number(said: bytes) -> tuple[int, int]:
    """The process that says so, and of how many it is one; 0 and 0 if it says something else."""
    words = said.split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 0, 0


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)


def _report(together: Together, until: float) -> socket.socket:
    """Any other process: tell process 0, and wait until it has heard all."""
    while True:
        with contextlib.suppress(OSError), contextlib.ExitStack() as open_sockets:
            there = open_sockets.enter_context(socket.create_connection((together.host, together.port), _left(until)))
            there.sendall(f"{together.process_id} {together.processes}".encode())
            answer = there.recv(len(_HEARD))  # not more: what follows is a message already
            if answer == _HEARD:
                open_sockets.pop_all()
                return there
            require(answer != _REFUSED, there.recv(1024).decode(errors="replace"))
        if time.monotonic() > until:
            raise InputError(_told(together, "process 0 did not answer; start it there, with the same --processes"))
        time.sleep(_AGAIN)


def _told(together: Together, what: str) -> str:
    return f"--coordinator {together.address}: {what}"
