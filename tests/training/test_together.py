"""How several processes meet before JAX takes over; here threads stand for them."""

import contextlib
import socket
import struct
import threading
import time

import pytest
from refusals import refused

from data.errors import InputError
from experiments.training.together import Together, meet, together_of


@pytest.fixture
def port():
    with socket.create_server(("localhost", 0)) as free:
        return free.getsockname()[1]


def come(port, *processes, patience=10.0):
    """What each of `processes`, (number, of how many), ends with: whom it is connected with, or its error."""
    ends = {}

    def one(number, of):
        try:
            connections = meet(Together("localhost", port, of, number), patience)
            ends[number, of] = sorted(connections)
            for connection in connections.values():
                connection.close()
        except InputError as error:
            ends[number, of] = str(error)

    threads = [threading.Thread(target=one, args=process) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ends


def test_all_go_on_when_all_have_come(port):
    assert come(port, (2, 3), (0, 3), (1, 3)) == {(0, 3): [1, 2], (1, 3): [0], (2, 3): [0]}
    assert come(port, (0, 1)) == {(0, 1): []}


def test_who_did_not_come_is_named(port):
    assert "process 1, 3 did not come" in come(port, (0, 4), (2, 4), patience=0.5)[0, 4]
    assert "process 0 did not answer" in come(port, (1, 2), patience=0.3)[1, 2]


def test_processes_of_other_trainings_are_refused(port):
    """At once, and so are those that wait with them: nobody tries until its patience ends."""
    began = time.monotonic()
    ends = come(port, (0, 3), (1, 2))
    assert "process 1 of 2 came, which is not of these 3" in ends[0, 3]
    assert ends[1, 2] == ends[0, 3]
    assert time.monotonic() - began < 5


def test_a_number_given_twice_ends_all(port):
    ends, began = [], time.monotonic()
    waiting = threading.Thread(target=lambda: ends.append(come(port, (0, 3), (1, 3))))
    waiting.start()
    ends.append(come(port, (1, 3)))
    waiting.join()
    lines = {line for end in ends for line in end.values()}
    assert len(lines) == 1
    assert "process 1 of 3 came, which is not of these 3" in lines.pop()
    assert time.monotonic() - began < 5


def test_somebody_else_at_the_port_is_not_counted(port):
    def knock():
        for _ in range(50):
            try:
                with socket.create_connection(("localhost", port), 1) as there:
                    there.sendall(b"GET / HTTP/1.1")
                    return
            except OSError:
                time.sleep(0.05)

    stranger = threading.Thread(target=knock)
    stranger.start()
    ends = {}
    first = threading.Thread(target=lambda: ends.update(come(port, (0, 2))))
    first.start()
    stranger.join()
    ends |= come(port, (1, 2))
    first.join()
    assert ends == {(0, 2): [1], (1, 2): [0]}


@pytest.mark.parametrize("leaves", [False, True])
def test_somebody_who_says_nothing_stops_nobody(port, monkeypatch, leaves):
    monkeypatch.setattr("experiments.training.together._SPEAKS", 0.2)
    ends = {}
    first = threading.Thread(target=lambda: ends.update(come(port, (0, 2))))
    first.start()
    for _ in range(100):
        with contextlib.suppress(OSError):
            stranger = socket.create_connection(("localhost", port), 1)
            break
        time.sleep(0.02)
    if leaves:  # by a reset, not by the usual end
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stranger.close()
    ends |= come(port, (1, 2))
    first.join()
    stranger.close()
    assert ends == {(0, 2): [1], (1, 2): [0]}


def test_a_port_in_use_is_named(port):
    with socket.create_server(("localhost", port)), refused(f"--coordinator localhost:{port}", "name a free port"):
        meet(Together("localhost", port, 2, 0), 1.0)


@pytest.mark.parametrize(
    ("options", "place", "said"),
    [
        (("localhost:1", None, None), "--processes and --process-id", "missing"),
        ((None, None, 0), "--coordinator and --processes", "missing"),
        (("localhost", 2, 0), "--coordinator localhost", "such as localhost:12345"),
        (("localhost:x", 2, 0), "--coordinator localhost:x", "such as localhost:12345"),
        (("h:1", 0, 0), "--processes", "must be at least 1"),
        (("h:1", 2, 2), "--process-id", "from 0 to 1"),
    ],
)
def test_options_that_do_not_fit(options, place, said):
    with refused(place, said):
        together_of(*options)


def test_options_that_fit():
    assert together_of(None, None, None) is None
    assert together_of(None, 1, None).processes == 1  # alone, whatever a cluster says
    assert together_of("::1:12345", 2, 1) == Together("::1", 12345, 2, 1)


def test_what_follows_the_answer_is_left_for_who_reads_messages(port):
    def answer():
        with socket.create_server(("localhost", port)) as server:
            other = server.accept()[0]
            assert other.recv(64) == b"1 2"
            other.sendall(b"okmore")
            other.close()

    first = threading.Thread(target=answer)
    first.start()
    with meet(Together("localhost", port, 2, 1), 10.0)[0] as connection:
        assert connection.recv(64) == b"more"
    first.join()
