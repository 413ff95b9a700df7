"""How several processes agree, and how the end of one ends the others; here threads stand for them."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from processes import ROOT
from threaded_processes import SOON, processes

from data.errors import InputError
from experiments.training.agreement import ALONE, Agreement
from experiments.training.distributed import hold_open
from experiments.training.exchange import LOST


@pytest.fixture
def three():
    with processes(3) as three:
        yield three


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
