"""Runs that are stopped, killed, damaged or fought over: going on equals never having stopped."""

import fcntl
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_world import SMALL
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from experiments.interruption import Interruption
from experiments.record_file import read_npz
from experiments.run_directory import load_run

ROOT = Path(__file__).parents[1]
CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 300, batch: 8}
evaluate: {sentences: 8}
track: {records: 30, images: 2, checkpoint_seconds: 0}
"""
KILLS = int(os.environ.get("CATMAT_KILLS", "20"))
"""How often a run is killed before it may end; `CATMAT_KILLS=200 pytest tests/test_resume.py` for a long test."""


def start(folder, *arguments):
    settings = {"PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.train", *arguments],
        cwd=folder,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def run(folder, *arguments):
    return finish(start(folder, *arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    (folder / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def unbroken(folder):
    """(folder, seconds) of a run that nothing disturbed."""
    began = time.monotonic()
    assert run(folder, "--config", "mine.yaml", "--run-dir", "unbroken")[0] == 0
    return folder / "unbroken", time.monotonic() - began


def assert_same_run(left, right):
    """Parameters, record and summary, to the last bit; and each step stands in TensorBoard once."""
    for name in ("record.npz", "params.npz"):
        one, other = read_npz(left / name), read_npz(right / name)
        assert one.keys() == other.keys()
        for key, array in one.items():
            np.testing.assert_array_equal(array, other[key], err_msg=key, strict=True)
    summaries = [json.loads((where / "summary.json").read_text(encoding="utf-8")) for where in (left, right)]
    for summary in summaries:  # how long it took is not what was computed
        assert summary.pop("seconds/training") > 0
        assert summary.pop("updates_per_second") > 0
    assert summaries[0] == summaries[1]
    steps = load_run(left).record["step"].tolist()
    events = EventAccumulator(str(left), size_guidance={"tensors": 0}).Reload()
    for tag in ("excess/asked/all", "health/entropy/head-1", "catmat/sentence-1/weights"):
        assert [event.step for event in events.Tensors(tag)] == steps, tag
    assert [event.step for event in events.Tensors("film/sentence-1")] == steps[-1:]


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(folder, unbroken):
    whole, seconds = unbroken
    rng = random.Random(4)
    process = start(folder, "--config", "mine.yaml", "--run-dir", "killed")
    ends = []
    while ends.count(-signal.SIGKILL) < KILLS:
        began = time.monotonic()
        try:
            process.wait(rng.uniform(0.1, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        ends.append(process.wait())
        process.communicate()
        if ends[-1] == 0:  # it was quicker than the kill; the next ones come sooner
            seconds = min(seconds, time.monotonic() - began)
        if not (folder / "killed" / "config.yaml").is_file():  # killed before it had a folder
            shutil.rmtree(folder / "killed", ignore_errors=True)
            process = start(folder, "--config", "mine.yaml", "--run-dir", "killed")
        elif ends[-1] == 0:  # it was done: begin another life
            assert_same_run(folder / "killed", whole)
            shutil.rmtree(folder / "killed")
            process = start(folder, "--config", "mine.yaml", "--run-dir", "killed", "--seed", "0")
        else:
            process = start(folder, "--resume", "killed")
    code, _, err = finish(process)
    assert code == 0, err
    assert set(ends) <= {0, -signal.SIGKILL}, ends
    assert_same_run(folder / "killed", whole)


# A process dies just before it does this at the end of its run, when the last checkpoint is on disk.
LAST_WORDS = [
    "experiments.tracker.Tracker.finish",
    "experiments.member_log.write_summary",
    "experiments.member_log.write_projector",
    "experiments.record_file.rmtree",
]
DIES = """
import os, pkgutil, sys
place, name = sys.argv.pop(1).rsplit(".", 1)
owner = pkgutil.resolve_name(place)
setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), 9))
from experiments.train import main
main()
"""


@pytest.mark.parametrize("place", LAST_WORDS)
def test_a_run_that_dies_between_its_last_checkpoint_and_its_end(folder, unbroken, place):
    name = f"late-{place.rpartition('.')[2]}"
    settings = {"PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    died = subprocess.run(
        [sys.executable, "-c", DIES, place, "--config", "mine.yaml", "--run-dir", name],
        cwd=folder, env={**os.environ, **settings}, capture_output=True, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (folder / name / "checkpoints" / "300").is_dir()
    code, out, err = run(folder, "--resume", name)
    assert (code, err) == (0, "")
    assert "is finished" not in out
    assert_same_run(folder / name, unbroken[0])
    for made in ("attention.png", "projector/embeddings.tsv"):
        assert (folder / name / made).read_bytes() == (unbroken[0] / made).read_bytes()
    assert run(folder, "--resume", name)[1] == f"{name}: is finished; raise --train.steps to go on with it\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_leaves(folder, number):
    name = f"stopped-{number.name}"
    process = start(folder, "--config", "mine.yaml", "--run-dir", name, "--train.steps", "2000000")
    while not list((folder / name).glob("record-parts/step-*")):
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, err) == (130, "")
    (line,) = [line for line in out.splitlines() if line.startswith("interrupted and saved at step ")]
    assert line.endswith(f"go on with  python -m experiments.train --resume {name}")
    step = int(line.removeprefix("interrupted and saved at step ").split(";")[0].replace(",", ""))
    assert json.loads((folder / name / "summary.json").read_text())["status"] == "interrupted"
    saved = [int(path.name) for path in (folder / name / "checkpoints").iterdir() if path.name.isdecimal()]
    assert max(saved) == step > 0


def test_more_steps_and_other_changes(folder, unbroken):
    shutil.copytree(unbroken[0], folder / "more")
    code, out, _ = run(folder, "--resume", "more")
    assert (code, out) == (0, "more: is finished; raise --train.steps to go on with it\n")
    code, _, err = run(folder, "--resume", "more", "--model.d_head", "8", "--seed", "1")
    assert code == 2
    assert err == ("error: --resume more: its config cannot change (seed 0 -> 1, model.d_head 2 -> 8); "
                   "leave that out, or start a new run\n")  # fmt: skip
    code, _, err = run(folder, "--resume", "more", "--train.steps", "200")
    assert (code, err) == (2, "error: --train.steps: the run has made 300 already; ask for more, not 200\n")
    assert run(folder, "--resume", "more", "--train.steps", "400")[0] == 0
    before, after = load_run(unbroken[0]).record, load_run(folder / "more").record
    count = len(before["step"])
    assert after["step"][count - 1] == 300
    assert after["step"][-1] == 400
    for name in ("weights", "excess"):
        np.testing.assert_array_equal(after[name][:count], before[name])


def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder, unbroken):
    whole, _ = unbroken
    shutil.copytree(whole, folder / "damaged")
    (folder / "damaged" / "record.npz").rename(folder / "aside.npz")  # not finished, then
    steps = sorted(int(path.name) for path in (folder / "damaged" / "checkpoints").iterdir() if path.name.isdecimal())
    shutil.copy(folder / "aside.npz", folder / "damaged" / "record.npz")
    for path in (folder / "damaged" / "checkpoints" / str(steps[-1])).rglob("*"):
        if path.is_file() and "metrics" not in str(path):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, out, _ = run(folder, "--resume", "damaged")
    assert code == 0
    assert f"the checkpoint of step {steps[-1]} is damaged; going back to the one before\n" in out
    assert_same_run(folder / "damaged", whole)


def test_a_folder_in_use_is_left_alone(folder, unbroken):
    shutil.copytree(unbroken[0], folder / "used")
    before = {path: path.read_bytes() for path in (folder / "used").rglob("*") if path.is_file()}
    with (folder / "used" / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = run(folder, "--resume", "used", "--train.steps", "400")
    assert (code, err) == (2, "error: used: another process works in it; wait for it, or stop it\n")
    assert before == {path: path.read_bytes() for path in (folder / "used").rglob("*") if path.is_file()}


def test_no_run_to_resume(tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (["--resume"], "error: --resume: no run in runs; name the folder of one\n"),
        (["--resume", "empty"], "error: empty: no run lies here (there is no config.yaml); "),
        (["--resume", "nowhere"], "error: nowhere: no run lies here"),
    ):
        code, _, err = run(tmp_path, *arguments)
        assert code == 2
        assert err.startswith(message)
        assert err.count("\n") == 1


def test_two_started_at_once_get_two_folders(folder):
    processes = [start(folder, "--config", "mine.yaml", "--train.steps", "3") for _ in range(2)]
    assert [finish(process)[0] for process in processes] == [0, 0]
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["mine-001", "mine-002"]


def test_the_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in itertools.repeat(None, 100):
            if stop.asked:
                break
            time.sleep(0.01)
        assert stop.asked
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
