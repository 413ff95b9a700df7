"""A training that several processes share, as on several machines: here two, on one CPU device each.

Process 1 works in a folder of its own, where there is nothing but what a test puts there.
"""

import json
import re
import signal
import socket
import time

import numpy as np
import pytest
from processes import finish, start
from small_world import SMALL

from experiments.run_directory.arrays import read_npz

CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 40, batch: 8}
evaluate: {sentences: 8}
track: {records: 5, images: 2, checkpoint_seconds: 0}
"""
NEW = ("--config", "mine.yaml", "--run-dir")
LONG = ("--train.steps", "400000")
LINE = re.compile(r"what was saved until step ([\d,]+) is kept; start all of them again with  (.*)\n")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Those of the two processes; the second has config and world alone."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second")]
    for folder in folders:
        (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
        (folder / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    return folders


def begin(folders, *arguments, other=None, devices=1, **options):
    """Two processes on their way; `other` is what the second is given instead."""
    with socket.create_server(("localhost", 0)) as free:
        together = ("--coordinator", f"localhost:{free.getsockname()[1]}", "--processes", "2", "--process-id")
    settings = {"JAX_NUM_CPU_DEVICES": str(devices), "PYTHONWARNINGS": "default"}
    given = [arguments, arguments if other is None else other]
    return [start(folders[n], *given[n], *together, str(n), **settings, **options) for n in range(2)]


def ended(processes):
    """(exit code, stdout without Gloo's line, stderr) of each."""
    found = [finish(process) for process in processes]
    return [
        (code, "".join(line for line in out.splitlines(True) if "[Gloo]" not in line), err) for code, out, err in found
    ]


def pair(folders, *arguments, **options):
    return ended(begin(folders, *arguments, **options))


def when_saved(folder, processes, after=0):
    """Wait until a checkpoint of a later step than `after` is there."""
    end = time.monotonic() + 100
    while not any(path.name.isdecimal() and int(path.name) > after for path in (folder / "checkpoints").glob("*")):
        assert all(process.poll() is None for process in processes), ended(processes)
        assert time.monotonic() < end
        time.sleep(0.02)


def recorded(folder):
    return read_npz(folder / "record.npz"), read_npz(folder / "params.npz")


def assert_same_run(one, other):
    for of_one, of_other in zip(recorded(one), recorded(other), strict=True):
        assert of_one.keys() == of_other.keys()
        for name in of_one.keys() - {"seconds"}:
            np.testing.assert_array_equal(of_one[name], of_other[name], name)


def assert_same_losses(one, other):
    losses = [recorded(folder)[0]["loss"] for folder in (one, other)]
    np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)
    assert len(losses[0]) > 3


def stopped(found, folder):
    """The step at which two processes stopped and saved, as they said."""
    (code, out, err), other = found
    assert (code, err) == (130, "")
    assert other == (130, "", "")
    (line,) = [line for line in out.splitlines() if line.startswith("interrupted and saved at step ")]
    assert line.endswith(f"go on with  python -m experiments.train --resume {folder.name}")
    step = int(line.removeprefix("interrupted and saved at step ").split(";")[0].replace(",", ""))
    saved = [int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdecimal()]
    assert max(saved) == step > 0
    return step


def test_two_processes_save_stop_and_go_on(folders, tmp_path):
    """A signal to either stops both at one step; the other needs neither run nor config to go on."""
    run_folder = folders[0] / "stopped"
    processes = begin(folders, *NEW, "stopped", *LONG)
    when_saved(run_folder, processes)
    processes[1].send_signal(signal.SIGTERM)
    step = stopped(ended(processes), run_folder)
    assert not (folders[1] / "stopped").exists()
    (code, out, err), other = pair([folders[0], tmp_path], "--resume", "stopped", "--train.steps", str(step + 3))
    assert (code, err) == (0, "")
    assert other == (0, "", "")
    assert "This run lies in  stopped\n" in out
    assert json.loads((run_folder / "summary.json").read_text(encoding="utf-8"))["steps"] == step + 3
    assert list(tmp_path.iterdir()) == []
