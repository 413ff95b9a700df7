"""How several processes agree, and how the end of one ends the others; here threads stand for them."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from processes import ROOT

from data.errors import InputError
from experiments.training.agreement import ALONE, Agreement
from experiments.training.distributed import hold_open
from experiments.training.exchange import LOST, Exchange
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

    def each(self, work):
        """What `work(agreement, number)` gives in each of them, all at once."""
        found = {}
        threads = [
            threading.Thread(target=lambda n=n, one=one: found.update({n: work(Agreement(one), n)}))
            for n, one in enumerate(self.exchanges)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SOON)
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


@pytest.fixture
def three():
    processes = Processes(3)
    yield processes
    for exchange in processes.exchanges:
        exchange.release()
    for number in range(3):
        for connection in processes.connections[number].values():
            connection.close()


def test_all_do_what_process_0_says(three):
    def work(agreement, number):
        sizes = [agreement.first(10 * number + 7) for _ in range(3)]
        return sizes, agreement.first(bytes([number, 255])), agreement.leads

    assert three.each(work) == [([7, 7, 7], b"\0\xff", number == 0) for number in range(3)]


@pytest.mark.parametrize("who", [0, 1, 2, None])
def test_a_wish_of_any_counts_for_all(three, who):
    assert three.each(lambda agreement, number: agreement.any(number == who)) == [who is not None] * 3


def test_all_hear_all(three):
    assert three.each(lambda agreement, number: agreement.gather({"of": number})) == [[{"of": n} for n in range(3)]] * 3


def test_large_messages_arrive_whole(three):
    content = os.urandom(3 << 20)
    assert three.each(lambda agreement, number: agreement.first(content if number == 0 else b"")) == [content] * 3


def test_a_single_process_does_what_it_wants():
    unknown = object()
    assert ALONE.first(unknown) is unknown
    assert (ALONE.any(True), ALONE.any(False), ALONE.gather(unknown)) == (True, False, [unknown])
    assert (ALONE.several, ALONE.leads, ALONE.ended(130)) == (False, True, 130)


def test_the_exit_code_of_process_0_is_that_of_all(three):
    assert three.each(lambda agreement, number: agreement.ended(3 if number == 0 else 0)) == [3, 3, 3]
    three.dies(0)
    three.dies(1)
    time.sleep(0.2)
    assert all(end.empty() for end in three.ends)  # that they end now surprises nobody


def test_who_ends_before_the_others_is_named(three):
    three.exchanges[0].kept = lambda: "step 7 is kept"
    three.dies(2)
    line = "error: process 2 has ended; step 7 is kept"
    assert [three.ends[n].get(timeout=SOON) for n in (0, 1)] == [(LOST, line)] * 2


def test_the_end_of_process_0_is_told_by_each(three):
    three.dies(0)
    line = "error: process 0 has ended; what it saved is kept; start all of them again with --resume"
    assert [three.ends[n].get(timeout=SOON) for n in (1, 2)] == [(LOST, line)] * 2


@pytest.mark.parametrize("who", [0, 1])
def test_a_mistake_that_one_finds_ends_all(three, who):
    with pytest.raises(InputError), three.exchanges[who]:
        raise InputError("disk: is full")
    others = [n for n in range(3) if n != who]
    assert [three.ends[n].get(timeout=SOON) for n in others] == [(2, "error: disk: is full")] * 2


def test_process_0_works_on_when_nothing_is_left_to_compute(three):
    Agreement(three.exchanges[0]).release()
    three.dies(2)
    time.sleep(0.2)
    assert three.ends[0].empty()


SERVER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    there = server.accept()[0]
    there.sendall(there.recv(64)[::-1])
    time.sleep(60)
"""


def test_a_held_connection_outlives_the_process_that_it_leads_to():
    """The kernel closes what a killed process had open; what leads there through this process stays open."""
    there = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, cwd=ROOT)
    held = hold_open("127.0.0.1", int(there.stdout.readline()))
    with socket.create_connection(("127.0.0.1", held)) as here:
        here.sendall(b"abc")
        assert here.recv(64) == b"cba"
        there.send_signal(signal.SIGKILL)
        there.communicate()
        here.settimeout(0.5)
        with pytest.raises(TimeoutError):
            here.recv(64)
