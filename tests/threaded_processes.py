"""Several processes of one training, each a thread: what they say to each other, and what each of them ends with."""

import contextlib
import queue
import socket
import threading

from experiments.training.agreement import Agreement
from experiments.training.exchange import Exchange
from experiments.training.together import Together

SOON = 10.0
"""Seconds within which something must have happened that takes a moment."""


class Processes:
    """Several exchanges that are connected with each other, and what each of them ends with."""

    def __init__(self, count):
        pairs = {number: connected() for number in range(1, count)}
        self.ends = [queue.Queue() for _ in range(count)]
        connections = [{n: ours for n, (ours, _) in pairs.items()}, *({0: other} for _, other in pairs.values())]
        self.connections = connections
        self.exchanges = [
            Exchange(Together("localhost", 1, count, n), connections[n], lambda *end, n=n: self.ends[n].put(end))
            for n in range(count)
        ]

    def each(self, work, seconds=SOON):
        """What `work(agreement, number)` gives in each of them, all at once."""
        found = {}
        threads = [
            threading.Thread(target=lambda n=n, one=one: found.update({n: work(Agreement(one), n)}), daemon=True)
            for n, one in enumerate(self.exchanges)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds)
        return [found.get(n) for n in range(len(threads))]

    def dies(self, number):
        """As the system does it for a process that is killed."""
        self.exchanges[number].release()  # a dead process says nothing
        for connection in self.connections[number].values():
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)


def connected():
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = socket.create_connection(server.getsockname())
        return here, server.accept()[0]


@contextlib.contextmanager
def processes(count):
    """Several of them, whose connections are closed at the end."""
    several = Processes(count)
    yield several
    for exchange in several.exchanges:
        exchange.release()
    for connections in several.connections:
        for connection in connections.values():
            connection.close()
