"""JAX's own runtime of several processes, begun once they have met.

JAX aborts a process as soon as its connection to the service in process 0 ends, with a page of C++ (tried with 0.10.2
and 0.12.0: no setting changes that, and a callback of one's own aborts, too). Then nobody could say what has happened
and what to do. So that connection goes through this process itself, which does not close its own side.
"""

import contextlib
import ctypes
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from experiments.training.exchange import Exchange

_AGAIN = 0.1
"""Seconds between two attempts to reach the service, which may not listen yet."""
_LEAVE = 10
"""Seconds that a process waits at its end for the others."""
_held: list[socket.socket] = []
"""Connections whose other side has ended; a socket that nobody knows would be closed."""


def join(exchange: Exchange) -> None:
    """Make one program of the processes: JAX sees the devices of all of them."""
    together = exchange.together
    port = exchange.first(0 if together.process_id else _free_port(together.host))
    address = f"{together.host}:{port}" if together.process_id == 0 else f"127.0.0.1:{hold_open(together.host, port)}"
    jax.distributed.initialize(
        address,
        together.processes,
        together.process_id,
        together.local_devices,
        cluster_detection_method="deactivate",
        shutdown_timeout_seconds=_LEAVE,
    )


def connect() -> None:
    """Let the devices of all processes find each other, once JAX is set up: Gloo, a CPU's way, prints that it does."""
    mesh = jax.make_mesh((jax.device_count(),), ("all",), axis_types=(AxisType.Auto,))
    one = [jax.device_put(np.zeros(1, np.float32), device) for device in jax.local_devices()]
    spread = NamedSharding(mesh, PartitionSpec("all"))
    zeros = jax.make_array_from_single_device_arrays((jax.device_count(),), spread, one)
    with _silent_output():
        jax.block_until_ready(jax.jit(lambda x: x, out_shardings=NamedSharding(mesh, PartitionSpec()))(zeros))


@contextlib.contextmanager
def _silent_output() -> Iterator[None]:
    """Within it, what is written to this process's output by libraries goes nowhere."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # there is no output
            sys.stdout.flush()
            before = os.dup(1)
            stack.callback(os.close, before)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            stack.callback(os.close, nowhere)
            os.dup2(nowhere, 1)
            stack.callback(os.dup2, before, 1)
            stack.callback(_flush_libraries)
        yield


def _flush_libraries() -> None:
    """Write what C and C++ have kept back of their output."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not every system has these names
        ctypes.CDLL(None).fflush(None)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        number: int = server.getsockname()[1]
        return number


def hold_open(host: str, port: int) -> int:
    """A port of this machine's loopback device whose connections lead to `host`:`port`, and outlive those."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(server, host, port), daemon=True).start()
    number: int = server.getsockname()[1]
    return number


def _accept(server: socket.socket, host: str, port: int) -> None:
    while True:
        here = server.accept()[0]
        _held.append(here)
        threading.Thread(target=_lead, args=(here, host, port), daemon=True).start()


def _lead(here: socket.socket, host: str, port: int) -> None:
    """Carry what comes from `here` to the service, and back."""
    while True:
        try:
            there = socket.create_connection((host, port))
        except OSError:
            time.sleep(_AGAIN)
        else:
            break
    for one in (here, there):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=_carry, args=(there, here), daemon=True).start()
    _carry(here, there)
    there.close()  # JAX in this process has closed its side


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(1 << 16):
            target.sendall(part)
