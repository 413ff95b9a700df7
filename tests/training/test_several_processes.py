"""A training that several processes share, as on several machines: here two, on one CPU device each.

Process 1 works in a folder of its own, where there is nothing but what a test puts there.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from processes import SETTINGS, finish, run, start
from refusals import assert_refused
from small_world import SMALL

from experiments.run_directory.arrays import read_npz
from experiments.training.agreement import IN_EACH

CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 40, batch: 8}
evaluate: {sentences: 8}
track: {records: 5, images: 2, checkpoint_seconds: 0}
"""
NEW = ("--config", "mine.yaml", "--run-dir")
LONG = ("--train.steps", "400000")
LINE = re.compile(
    r"what was saved until step ([\d,]+) is kept; start all of them again with  (.*)  in each process, .*\n"
)


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
    """(exit code, stdout, stderr) of each."""
    return [finish(process) for process in processes]


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
    assert line.endswith(f"go on with  python -m experiments.train --resume {folder.name}{IN_EACH}")
    step = int(line.removeprefix("interrupted and saved at step ").split(";")[0].replace(",", ""))
    saved = [int(path.name) for path in (folder / "checkpoints").iterdir() if path.name.isdecimal()]
    assert max(saved) == step > 0
    return step


def test_two_processes_save_stop_and_go_on(folders, tmp_path):
    """A signal to either stops both at one step; the other needs neither run nor config to go on."""
    run_folder = folders[0] / "stopped"
    processes = begin(folders, *NEW, "stopped", *LONG, "--track.images", "0")
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


@pytest.fixture(scope="module")
def unbroken(folders):
    """A run of two processes that nothing disturbed."""
    (code, _, err), other = pair(folders, *NEW, "unbroken")
    assert (code, err) == (0, "")
    assert other == (0, "", "")
    return folders[0] / "unbroken"


@pytest.mark.long
@pytest.mark.parametrize("seeds", [1, 3])
def test_two_processes_make_the_same_as_one_device(folders, seeds):
    """3 runs on 2 devices: one is trained twice."""
    arguments = ("--seeds", str(seeds), "--train.steps", "100", "--track.records", "101")
    names = [f"{kind}-{seeds}" for kind in ("two", "one", "eight")]
    (code, out, err), other = pair(folders, *NEW, names[0], *arguments)
    assert (code, err) == (0, "")
    assert other == (0, "", "")  # one process prints and writes
    assert not (folders[1] / names[0]).exists()
    assert f"This run lies in  {names[0]}\n" in out
    for name, devices in ((names[1], 1), (names[2], 8)):
        assert run(folders[0], *NEW, name, *arguments, JAX_NUM_CPU_DEVICES=str(devices))[0] == 0
    for seed in range(seeds):
        two, one, eight = (folders[0] / name / (f"seed-{seed}" if seeds > 1 else "") for name in names)
        assert recorded(one)[0]["step"].tolist()[-3:] == [91, 95, 100]
        assert_same_losses(two, one)
        assert_same_losses(eight, one)


@pytest.mark.long
@pytest.mark.parametrize("told", [{0: signal.SIGTERM}, {0: signal.SIGINT, 1: signal.SIGINT}])
def test_signals_stop_all_at_one_step(folders, told):
    name = f"told-{len(told)}"
    processes = begin(folders, *NEW, name, *LONG)
    when_saved(folders[0] / name, processes)
    for number, which in told.items():
        processes[number].send_signal(which)
    stopped(ended(processes), folders[0] / name)


@pytest.mark.long
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_and_both_go_on(folders, victim):
    """The end is that of a pair that nothing disturbed, to the last bit."""
    steps = ("--train.steps", "4000")
    killed, whole = folders[0] / f"killed-{victim}", folders[0] / "whole"
    if not whole.exists():
        assert [code for code, _, _ in pair(folders, *NEW, "whole", *steps)] == [0, 0]
    processes = begin(folders, *NEW, killed.name, *steps)
    when_saved(killed, processes)
    processes[victim].kill()
    began = time.monotonic()
    code, _, err = ended([processes[1 - victim]])[0]
    assert time.monotonic() - began < 10
    assert ended([processes[victim]])[0][0] == -signal.SIGKILL
    assert code == 1
    assert_refused(err, f"process {victim} has ended", "kept", "start all of them again")
    if victim == 1:
        step, again = LINE.search(err).groups()
        assert again == f"python -m experiments.train --resume {killed.name}"
        assert (killed / "checkpoints" / step.replace(",", "")).is_dir()
    assert [code for code, _, _ in pair(folders, "--resume", killed.name)] == [0, 0]
    assert_same_run(killed, whole)


@pytest.mark.long
def test_an_error_of_process_0_ends_the_other(folders):
    processes = begin(folders, *NEW, "blocked", *LONG, "--track.checkpoint_seconds", "0.1")
    when_saved(folders[0] / "blocked", processes)
    (folders[0] / "blocked" / "checkpoints").rename(folders[0] / "elsewhere")
    (folders[0] / "blocked" / "checkpoints").touch()
    (code, _, err), (other_code, _, other_err) = ended(processes)
    assert (code, other_code) == (2, 2)
    assert_refused(err, f"{folders[0]}/blocked/checkpoints", "written", "move", "kept")
    assert other_err == err


def half(whole, name):
    """A run as it was before its last checkpoint."""
    shutil.copytree(whole, whole.with_name(name))
    steps = sorted(int(path.name) for path in (whole / "checkpoints").iterdir() if path.name.isdecimal())
    assert len(steps) > 1
    shutil.rmtree(whole.with_name(name) / "checkpoints" / str(steps[-1]))
    return whole.with_name(name)


@pytest.mark.long
def test_another_number_of_processes_or_devices_goes_on(folders, unbroken):
    assert run(folders[0], *NEW, "alone", JAX_NUM_CPU_DEVICES="1")[0] == 0
    alone = folders[0] / "alone"
    for whole, name, devices in ((unbroken, "two-to-one", 1), (alone, "one-to-two-devices", 2)):
        found = half(whole, name)
        assert run(folders[0], "--resume", name, JAX_NUM_CPU_DEVICES=str(devices))[0] == 0
        assert_same_losses(found, whole)
    found = half(alone, "one-to-two")
    assert [code for code, _, _ in pair(folders, "--resume", found.name)] == [0, 0]
    assert_same_losses(found, alone)
    found = half(unbroken, "two-to-two")
    assert [code for code, _, _ in pair(folders, "--resume", found.name)] == [0, 0]
    assert_same_run(found, unbroken)


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "other", "place", "said"),
    [
        (("--train.steps", "9"), (), "process 1", "train.steps 40 (process 0: 9); start all of them with the same"),
        ((), ("--world", "other.yaml"), "process 1", "has world"),
        (("--resume", "nowhere"), None, "nowhere", "no run lies here"),
        (("--resume", "nowhere"), (), "process 1", "--resume not given (process 0: given)"),
        (("--seed", "x"), (), "--seed", "whole number"),
    ],
)
def test_a_mistake_ends_both_with_the_same_line(folders, first, other, place, said):
    (folders[1] / "other.yaml").write_text(SMALL.replace("strength: 2", "strength: 3"), encoding="utf-8")
    given = [one if "--resume" in one else (*NEW[:2], *one) for one in (first, first if other is None else other)]
    found = pair(folders, *given[0], other=given[1])
    assert [code for code, _, _ in found] == [2, 2]
    assert found[0][2] == found[1][2]
    assert_refused(found[0][2], place, said)


@pytest.mark.long
def test_more_processes_than_there_is_work_for(folders):
    found = pair(folders, *NEW, "idle", "--train.batch", "7")
    assert [code for code, _, _ in found] == [2, 2]
    assert_refused(found[0][2], "--processes", "2 are too many, there is work for 1; start 1, or train more seeds")
    assert found[0][2] == found[1][2]


ABLATION = """\
command: ablate
base:
  world: small.yaml
  seeds: 3
  model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
  train: {steps: 30, batch: 8}
  evaluate: {sentences: 8}
  track: {records: 4}
grid:
  model.d_head: [2, 4]
  train.steps: [30, 40]
"""


@pytest.mark.long
def test_two_processes_share_an_ablation(folders, tmp_path):
    """A signal stops it between two programs at the latest; what ended is kept, and the results are those of one."""
    for folder in folders:
        (folder / "ablation.yaml").write_text(ABLATION, encoding="utf-8")
    new = ("--config", "ablation.yaml", "--run-dir")
    assert run(folders[0], *new, "ablated-alone", command="ablate", JAX_NUM_CPU_DEVICES="1")[0] == 0
    processes = begin(folders, *new, "ablated", command="ablate")
    results = folders[0] / "ablated" / "results" / "program-001.npz"
    while not results.exists():
        assert all(process.poll() is None for process in processes), ended(processes)
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    (code, out, err), other = ended(processes)
    assert (code, err) == (130, "")
    assert other == (130, "", "")
    assert f"go on with  python -m experiments.ablate --resume ablated{IN_EACH}\n" in out
    assert not results.with_name("program-002.npz").exists()
    before = results.stat().st_mtime_ns
    found = pair([folders[0], tmp_path], "--resume", "ablated", command="ablate")
    assert results.stat().st_mtime_ns == before  # it was not trained again
    assert [code for code, _, _ in found] == [0, 0]
    assert found[1] == (0, "", "")
    for number in (1, 2):
        files = [folders[0] / name / "results" / f"program-{number:03d}.npz" for name in ("ablated-alone", "ablated")]
        losses = [read_npz(file)["loss_TR"] for file in files]
        np.testing.assert_allclose(*losses, rtol=0, atol=1e-5)
        assert losses[0].shape == (5, 6)


def without_cluster():
    """Variables that would tell of a cluster, unset."""
    return ("env", *(f"-u{name}" for name in os.environ if name.split("_")[0] in ("SLURM", "OMPI", "PMIX")))


@pytest.mark.long
def test_a_step_of_slurm_starts_two_processes(folders):
    """By the variables that srun sets."""
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_NUM_TASKS": "2"}
    settings = {"JAX_NUM_CPU_DEVICES": "1", "PYTHONWARNINGS": "default", **job}
    ranks = [{"SLURM_PROCID": str(n), "SLURM_LOCALID": str(n), "SLURM_NTASKS": "2"} for n in range(2)]
    processes = [start(folders[n], *NEW, "slurm", before=without_cluster(), **settings, **ranks[n]) for n in range(2)]
    (code, out, err), other = ended(processes)
    assert (code, err) == (0, "")
    assert other == (0, "", "")
    assert "This run lies in  slurm\n" in out
    summary = json.loads((folders[0] / "slurm" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["status"], summary["versions"]["devices"]) == ("finished", "2")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("mpirun") is None, reason="Open MPI is not installed")
def test_open_mpi_starts_two_processes(folders):
    mpirun = ("mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2")
    settings = {"JAX_NUM_CPU_DEVICES": "1", "PYTHONWARNINGS": "default"}
    process = start(folders[0], *NEW, "mpi", before=(*without_cluster(), *mpirun), **settings)
    ((code, out, err),) = ended([process])
    assert (code, err) == (0, "")
    assert out.count("This run lies in") == 1  # on the terminal that mpirun gives it, in colours
    summary = json.loads((folders[0] / "mpi" / "summary.json").read_text(encoding="utf-8"))
    assert (summary["status"], summary["versions"]["devices"]) == ("finished", "2")


SLOW = """
import os, signal, sys, time
from experiments.training.distributed import connect, join
from experiments.training.exchange import Exchange
from experiments.training.together import Together, meet

def end(code, line):
    time.sleep(3)  # JAX would be quicker
    print(line, flush=True)
    os._exit(code)

together = Together("localhost", int(sys.argv[1]), 2, int(sys.argv[2]))
with Exchange(together, meet(together), end) as exchange:
    join(exchange)
    connect()
    exchange.gather(0)
    if together.process_id == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)
"""


@pytest.mark.long
def test_jax_leaves_the_last_word_to_us():
    """It would abort as soon as process 0 has gone, with a page of C++."""
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    settings = {**os.environ, **SETTINGS, "JAX_NUM_CPU_DEVICES": "1", "PYTHONWARNINGS": "default"}
    first, other = (
        subprocess.Popen(
            [sys.executable, "-c", SLOW, port, str(n)],
            env=settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    )
    assert finish(first) == (-signal.SIGKILL, "", "")
    code, out, err = finish(other)
    assert (code, out.count("process 0 has ended"), out.count("\n"), err) == (1, 1, 1, "")
