"""Runs that are stopped, killed, damaged or fought over: going on equals never having stopped."""

import fcntl
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter

import numpy as np
import pytest
from damaged_runs import newer
from processes import LIMIT, Forks, finish, run, start
from refusals import assert_refused
from small_world import SMALL
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

from experiments.commands.process import Interruption
from experiments.run_directory.arrays import RecordFile, read_npz, write_npz
from experiments.run_directory.saved_run import load_run
from experiments.tracking.tags import metric_tag

CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 40, batch: 8}
evaluate: {sentences: 8}
track: {records: 5, images: 2, checkpoint_seconds: 0}
"""
STEPS = 40
EARLY, MIDWAY = 5, 15
"""Steps that are recorded, with a checkpoint, between the first and the last."""
DIVERGING = ("--train.learning_rate", "1000")
NEW = ("--config", "mine.yaml", "--run-dir")
KILLS = int(os.environ.get("CATMAT_KILLS", "20"))
"""How often a run is killed before it may end; `CATMAT_KILLS=200 pytest tests/session/test_resume.py` takes long."""
EIGHTHS = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    (folder / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    """Starts runs without the seconds that Python and JAX need."""
    with Forks(tmp_path_factory.mktemp("forks")) as forks:
        yield forks


@pytest.fixture(scope="module")
def unbroken(folder):
    """A run that nothing disturbed, all in a process of its own."""
    assert run(folder, *NEW, "unbroken")[0] == 0
    return folder / "unbroken"


@pytest.fixture(scope="module")
def diverged(folder, forks):
    """A run that ended early, but that nothing else disturbed."""
    assert forks.run(folder, *NEW, "diverged", *DIVERGING)[0] == 3
    return folder / "diverged"


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
    record = load_run(left).record
    steps, finite = (
        record["step"].tolist(),
        np.isfinite(record["excess"]).any(axis=1),
    )  # else there is no number to show
    events = EventAccumulator(str(left), size_guidance={"tensors": 0}).Reload()
    assert [event.step for event in events.Tensors(metric_tag("excess/trained/all"))] == record["step"][finite].tolist()
    for tag in ("6 diagnostics/attention_statistics/entropy/head-1", "catmat/sentence-1/weights"):
        assert [event.step for event in events.Tensors(tag)] == steps, tag
    assert [event.step for event in events.Tensors("5 film/sentence-1")] == steps[-1:]


def assert_same_end(left, right):
    """The same, and what is drawn last."""
    assert_same_run(left, right)
    for made in ("attention.png", "projector/embeddings.tsv"):
        assert (left / made).read_bytes() == (right / made).read_bytes()


def times(folder):
    """When everything in a folder was changed last."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def stage(folder, before=None):
    """How far a process had come with a run when it died; `before` is what stood there when it began."""
    now, before = times(folder), before or {}
    made = {path.name for path in now if path.parent.name == "checkpoints" and path not in before}
    if not (folder / "config.yaml").is_file() or now == before:
        return "starting"
    if any("tmp" in name for name in made):
        return "writing a checkpoint"
    if (folder / "checkpoints" / str(STEPS)).is_dir():
        return "ending"
    return "between checkpoints" if made else "before its first checkpoint"


def moments(rng):
    """Shares of a run's time: one in each eighth, in any order, and so on."""
    while True:
        yield from ((eighth + rng.uniform(0, 1)) / EIGHTHS for eighth in rng.sample(range(EIGHTHS), EIGHTHS))


def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(folder, forks, unbroken):
    for name in ("first", "second"):  # the first compiles
        began = time.monotonic()
        assert forks.run(folder, *NEW, name)[0] == 0
        seconds = time.monotonic() - began
        assert_same_run(folder / name, unbroken)
    share, ends, hit, killed = moments(random.Random(4)), [], Counter(), folder / "killed"
    while hit.total() < KILLS:
        if ends and ends[-1] == 0:  # it was quicker than the kill: begin another life
            assert_same_run(killed, unbroken)
            shutil.rmtree(killed)
        if not (killed / "config.yaml").is_file():  # killed before it had a folder
            shutil.rmtree(killed, ignore_errors=True)
        arguments = ("--resume", killed.name) if killed.is_dir() else (*NEW, killed.name)
        # Every fifth is killed while Python and JAX start, or soon after.
        before = times(killed)
        process, began = (forks.start if len(ends) % 5 else start)(folder, *arguments), time.monotonic()
        try:
            process.wait(next(share) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        ends.append(process.wait())
        out, err = process.communicate()
        assert ends[-1] in (0, -signal.SIGKILL), out + err
        if ends[-1]:
            hit[stage(killed, before)] += 1
        elif arguments[0] != "--resume":  # the machine has become quicker
            seconds = min(seconds, time.monotonic() - began)
    print(f"{KILLS} kills, {dict(hit)}; {ends.count(0)} ended before their kill")
    assert len(hit) > 1, hit
    code, _, err = forks.run(folder, *(("--resume", killed.name) if killed.is_dir() else (*NEW, killed.name)))
    assert code == 0, err
    assert_same_run(killed, unbroken)


# A process dies just before it does this at the end of its run, when the last checkpoint is on disk; but for the last
# of these, where no run diverged: records are merged before it.
LAST_WORDS = [
    "experiments.tracking.tracker.Tracker.finish",
    "experiments.tracking.run_log.write_summary",
    "experiments.tracking.run_log.write_projector",
    "experiments.run_directory.arrays.rmtree",
]


@pytest.mark.long
@pytest.mark.parametrize("place", LAST_WORDS[:-1])
def test_a_run_that_dies_between_its_last_checkpoint_and_its_end(folder, forks, unbroken, place):
    name = f"late-{place.rpartition('.')[2]}"
    code, _, err = forks.run(folder, *NEW, name, dies=place)
    assert code == -signal.SIGKILL, err
    assert stage(folder / name) == "ending"
    code, out, err = forks.run(folder, "--resume", name)
    assert (code, err) == (0, "")
    assert "is finished" not in out
    assert_same_end(folder / name, unbroken)


@pytest.mark.long
def test_a_run_that_dies_while_its_records_are_merged(folder, forks, unbroken):
    """Its last checkpoint is not on disk yet, nor are all parts of its records removed."""
    code, _, err = forks.run(folder, *NEW, "merging", dies=LAST_WORDS[-1])
    assert code == -signal.SIGKILL, err
    assert (folder / "merging" / "record.npz").exists()
    assert stage(folder / "merging") != "ending"
    code, _, err = forks.run(folder, "--resume", "merging")
    assert (code, err) == (0, "")
    assert_same_run(folder / "merging", unbroken)


@pytest.mark.parametrize(
    "place", [LAST_WORDS[0], *(pytest.param(place, marks=pytest.mark.long) for place in LAST_WORDS[1:])]
)
def test_a_diverged_run_that_dies_between_its_last_checkpoint_and_its_end(folder, forks, diverged, place):
    name = f"late-diverged-{place.rpartition('.')[2]}"
    code, _, err = forks.run(folder, *NEW, name, *DIVERGING, dies=place)
    assert code == -signal.SIGKILL, err
    assert not (folder / name / "summary.json").exists()
    code, out, err = forks.run(folder, "--resume", name)
    assert (code, err) == (3, "")
    at = json.loads((diverged / "summary.json").read_text(encoding="utf-8"))["diverged_at"]
    assert f"diverged: at update {at} loss or gradient of seed 0 " in out
    assert_same_end(folder / name, diverged)
    code, out, err = forks.run(folder, "--resume", name)
    assert (code, err) == (3, "")
    assert_refused(f"error: {out}", name, "diverged", at, "new run")


PART = ".orbax-checkpoint-tmp"
# (what a process does next when it dies while it writes the checkpoint of step MIDWAY, whether that has a folder by
# then, and what lies in it at least: parts are written at once, in any order)
WRITING = [
    (f"os.mkdir /{MIDWAY}{PART}", False, set()),
    (f"os.mkdir /{MIDWAY}{PART}/metrics{PART}", True, set()),
    (f"os.rename /{MIDWAY}{PART}/default{PART}", True, {f"default{PART}"}),
    (f"os.rename /{MIDWAY}{PART}", True, {"default", "metrics"}),
]


@pytest.mark.long
@pytest.mark.parametrize(("place", "begun", "left"), WRITING, ids=["before", "begun", "half", "unnamed"])
def test_a_run_that_dies_while_it_writes_a_checkpoint(folder, forks, unbroken, place, begun, left, request):
    name = request.node.callspec.id
    assert forks.run(folder, *NEW, name, dies=place)[0] == -signal.SIGKILL
    part = folder / name / "checkpoints" / f"{MIDWAY}{PART}"
    assert part.is_dir() == begun
    assert {path.name for path in part.glob("*")} >= left
    assert not (part.parent / str(MIDWAY)).exists()
    code, out, err = forks.run(folder, "--resume", name)
    assert (code, err) == (0, "")
    assert "damaged" not in out
    assert_same_run(folder / name, unbroken)
    assert not part.exists()


@pytest.mark.long
def test_a_run_that_dies_before_it_has_recorded_its_checkpoints_step_again(folder, forks, unbroken):
    """It goes on from a recorded step, whose record it makes anew."""
    assert forks.run(folder, *NEW, "twice", dies=LAST_WORDS[0])[0] == -signal.SIGKILL
    again = f"open record-parts/step-{STEPS:010d}.npz.part"
    assert forks.run(folder, "--resume", "twice", dies=again)[0] == -signal.SIGKILL
    assert forks.run(folder, "--resume", "twice")[0] == 0
    assert_same_run(folder / "twice", unbroken)


@pytest.mark.long
def test_a_damaged_record_beyond_the_checkpoint_does_no_harm(folder, forks, unbroken):
    """Training makes it anew: from the checkpoint before it, or where there is none from the start."""
    assert forks.run(folder, *NEW, "torn", dies=f"os.rename /{EARLY}{PART}")[0] == -signal.SIGKILL
    shutil.copytree(folder / "torn", folder / "bare-torn")
    shutil.rmtree(folder / "bare-torn" / "checkpoints")
    for name, since, says in (
        ("torn", EARLY, ""),
        ("bare-torn", 0, "has no whole checkpoint; starting again at step 0"),
    ):
        parts = [part for part in (folder / name).glob("*-parts/step-*") if f"step-{since:010d}" <= part.stem]
        assert len(parts) > 1
        for part in parts:
            part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
        code, out, err = forks.run(folder, "--resume", name)
        assert (code, err) == (0, "")
        assert says in out
        assert_same_run(folder / name, unbroken)


@pytest.mark.long
def test_a_run_that_dies_while_it_deletes_an_old_checkpoint(folder, forks, unbroken):
    assert forks.run(folder, *NEW, "deleting", dies="os.rmdir /checkpoints/0")[0] == -signal.SIGKILL
    assert list((folder / "deleting" / "checkpoints" / "0").iterdir()) == []
    code, out, err = forks.run(folder, "--resume", "deleting")
    assert (code, err) == (0, "")
    assert "damaged" not in out
    assert_same_run(folder / "deleting", unbroken)


@pytest.mark.long
def test_several_runs_that_die_together(folder, forks):
    """Before the last checkpoint has its name, and when the first of three runs has its summary and the second none."""
    several = (*NEW[:2], "--seeds", "3", "--train.steps", "20", "--track.records", "4", "--run-dir")
    assert forks.run(folder, *several, "whole")[0] == 0
    for number, place in enumerate((f"os.rename /20{PART}", "open seed-1/summary.json.part")):
        name = f"together-{number}"
        assert forks.run(folder, *several, name, dies=place)[0] == -signal.SIGKILL
        assert [(folder / name / f"seed-{seed}" / "summary.json").exists() for seed in range(3)] == [number, 0, 0]
        assert (folder / name / "checkpoints" / "20").is_dir() == bool(number)
        assert forks.run(folder, "--resume", name)[0] == 0
        for seed in range(3):
            assert_same_run(folder / name / f"seed-{seed}", folder / "whole" / f"seed-{seed}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_leaves(folder, forks, number):
    name = f"stopped-{number.name}"
    begin = start if number == signal.SIGINT else forks.start  # one of them in a process of its own
    process = begin(folder, *NEW, name, "--train.steps", "2000000")
    while not list((folder / name).glob("record-parts/step-*")):
        assert process.poll() is None, process.communicate()
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


def test_more_steps_and_other_changes(folder, forks, unbroken):
    shutil.copytree(unbroken, folder / "more")
    code, out, _ = forks.run(folder, "--resume", "more")
    assert (code, out) == (0, "more: is finished; raise --train.steps to go on with it\n")
    code, _, err = forks.run(folder, "--resume", "more", "--model.d_head", "8", "--seed", "1")
    assert code == 2
    assert_refused(err, "--resume more", "config", "seed 0 -> 1", "model.d_head 2 -> 8", "leave", "new run")
    code, _, err = forks.run(folder, "--resume", "more", "--train.steps", "30")
    assert code == 2
    assert_refused(err, "--train.steps", "40", "more", "30")
    (folder / "more" / "record-parts").mkdir()
    (folder / "more" / "record-parts" / "step-x.npz").write_text("no part of a record")
    assert forks.run(folder, "--resume", "more", "--train.steps", "80")[0] == 0
    before, after = load_run(unbroken).record, load_run(folder / "more").record
    count = len(before["step"])
    assert after["step"][count - 1] == STEPS
    assert after["step"][-1] == 80
    for name in ("weights", "excess"):
        np.testing.assert_array_equal(after[name][:count], before[name])


# Of probabilities that change no watched answer, of what is held out; of words, of watched answers, of nothing.
CHANGES = [("chance: 0.25}", "chance: 0.3}"), ("share: 0.25", "share: 0")]
MORE_CHANGES = [("dog", "wolf"), ("strength: 2", "strength: 3"), ("title: A", "title: B")]


def test_a_record_of_before_that_says_nothing_of_words_goes_on(folder, forks, unbroken):
    """What points are coloured by; nothing that was measured depends on it."""
    shutil.copytree(unbroken, folder / "older")
    path = folder / "older" / "record.npz"
    arrays = read_npz(path)
    groups = {name for name in arrays if name.startswith("word_groups/")}
    assert len(groups) == 3
    write_npz(path, {name: array for name, array in arrays.items() if name not in groups})
    code, _, err = forks.run(folder, "--resume", "older", "--train.steps", "41")
    assert (code, err) == (0, "")
    again = read_npz(path)
    assert all(np.array_equal(again[name], arrays[name]) for name in groups)


@pytest.mark.parametrize(
    ("old", "new"), [*CHANGES, *(pytest.param(*change, marks=pytest.mark.long) for change in MORE_CHANGES)]
)
def test_a_changed_world_is_noticed(tmp_path, forks, unbroken, old, new):
    """But for what changes no answer, such as its title."""
    shutil.copytree(unbroken, tmp_path / "run")
    (tmp_path / "small.yaml").write_text(SMALL.replace(old, new), encoding="utf-8")
    code, _, err = forks.run(tmp_path, "--resume", "run", "--train.steps", "41")
    if "title" in old:
        assert (code, err) == (0, "")
    else:
        assert code == 2
        assert_refused(err, "run/record.npz", "its world", "file back", "new run")


def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder, forks, unbroken):
    shutil.copytree(unbroken, folder / "damaged")
    (folder / "damaged" / "record.npz").rename(folder / "aside.npz")  # not finished, then
    steps = sorted(int(path.name) for path in (folder / "damaged" / "checkpoints").iterdir() if path.name.isdecimal())
    shutil.copy(folder / "aside.npz", folder / "damaged" / "record.npz")
    for path in (folder / "damaged" / "checkpoints" / str(steps[-1])).rglob("*"):
        if path.is_file() and "metrics" not in str(path):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, out, _ = forks.run(folder, "--resume", "damaged")
    assert code == 0
    assert f"the checkpoint of step {steps[-1]} is damaged; going back to the one before\n" in out
    assert_same_run(folder / "damaged", unbroken)


@pytest.mark.long
def test_a_damaged_checkpoint_stays_where_nothing_can_be_written(folder, forks, unbroken):
    shutil.copytree(unbroken, folder / "in-the-way")
    (folder / "in-the-way" / "checkpoints" / str(STEPS) / "metrics" / "metrics").write_text("")
    (folder / "in-the-way" / "config.yaml.part").mkdir()
    before = {path: path.read_bytes() for path in (folder / "in-the-way").rglob("*") if path.is_file()}
    code, _, err = forks.run(folder, "--resume", "in-the-way")
    assert code == 2
    assert_refused(err, "in-the-way/config.yaml.part", "written", "Is a directory", "move")
    assert (
        before.items()
        <= {path: path.read_bytes() for path in (folder / "in-the-way").rglob("*") if path.is_file()}.items()
    )


def said_of(folder, forks, name):
    """What is said of a run that is not gone on with; nothing in it is changed."""
    before = {path: path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}
    code, out, err = forks.run(folder, "--resume", name, "--train.steps", "80")
    assert (code, out) == (2, "")
    assert before.items() <= {path: path.read_bytes() for path in (folder / name).rglob("*") if path.is_file()}.items()
    return err


def test_without_a_checkpoint_a_finished_run_is_not_begun_again(folder, forks, unbroken):
    shutil.copytree(unbroken, folder / "bare")
    for path in (folder / "bare" / "checkpoints").glob("*/default/manifest.ocdbt"):
        path.write_bytes(b"")
    assert_refused(said_of(folder, forks, "bare"), "bare", "checkpoint", "read", "restore", "new run")
    shutil.rmtree(folder / "bare" / "checkpoints")
    assert_refused(said_of(folder, forks, "bare"), "bare", "finished", "checkpoint", "new run")


@pytest.mark.parametrize("file", ["config.yaml", "summary.json", "record.npz", "params.npz"])
def test_a_run_of_a_newer_version_is_left_alone(folder, forks, unbroken, file):
    name = f"newer-{file}"
    shutil.copytree(unbroken, folder / name)
    newer(folder / name / file)
    assert_refused(said_of(folder, forks, name), f"{name}/{file}", "update")


LONG = ("--train.steps", "200000", "--track.records", "40", "--track.checkpoint_seconds", "0.1", "--run-dir")


def begun(folder, forks, name):
    """A long training that has saved something."""
    process = forks.start(folder, "--config", "mine.yaml", *LONG, name)
    end = time.monotonic() + LIMIT
    while not any(path.name.isdecimal() for path in (folder / name / "checkpoints").glob("*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


def test_checkpoints_that_cannot_begin_are_not_waited_for(folder, forks):
    """orbax's threads would wait for five minutes."""
    process = begun(folder, forks, "blocked")
    (folder / "blocked" / "checkpoints").rename(folder / "elsewhere")
    (folder / "blocked" / "checkpoints").touch()
    process.wait(30)
    code, _, err = finish(process)
    assert code == 2
    assert_refused(err, f"{folder}/blocked/checkpoints", "written", "move", "kept")


def test_a_folder_that_is_removed_while_it_trains(folder, forks):
    process = begun(folder, forks, "removed")
    (folder / "removed").rename(folder / "thrown-away")
    process.wait(30)
    code, _, err = finish(process)
    assert code == 2
    assert_refused(err, "removed", "removed", "new run")
    assert "is kept" not in err


def test_a_folder_in_use_is_left_alone(folder, forks, unbroken):
    shutil.copytree(unbroken, folder / "used")
    before = {path: path.read_bytes() for path in (folder / "used").rglob("*") if path.is_file()}
    with (folder / "used" / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = forks.run(folder, "--resume", "used", "--train.steps", "80")
    assert code == 2
    assert_refused(err, "used", "another process", "wait", "stop")
    assert before == {path: path.read_bytes() for path in (folder / "used").rglob("*") if path.is_file()}


def test_two_told_to_write_into_one_folder(folder, forks, unbroken):
    processes = [forks.start(folder, *NEW, "shared") for _ in range(2)]
    (code, _, err), (refused_code, out, says) = sorted(finish(process) for process in processes)
    assert (code, err) == (0, "")
    assert (refused_code, out) == (2, "")
    if says.startswith("error: --run-dir"):  # it came later
        assert_refused(says, "--run-dir shared", "empty", "overwritten", "new folder")
    else:
        assert_refused(says, "shared", "another process", "wait", "stop")
    assert_same_run(folder / "shared", unbroken)


def test_no_run_to_resume(tmp_path, forks):
    (tmp_path / "empty").mkdir()
    for arguments, place, named in (
        (["--resume"], "--resume", ["experiments.train", "runs", "name", "folder"]),
        (["--resume", "empty"], "empty", ["run", "config.yaml"]),
        (["--resume", "nowhere"], "nowhere", ["run"]),
    ):
        code, _, err = forks.run(tmp_path, *arguments)
        assert code == 2
        assert_refused(err, place, *named)


def test_two_started_at_once_get_two_folders(folder, forks):
    processes = [forks.start(folder, "--config", "mine.yaml", "--train.steps", "3") for _ in range(2)]
    assert [finish(process)[0] for process in processes] == [0, 0]
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["mine-001", "mine-002"]


def test_the_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in itertools.repeat(None, 100):
            if stop.requested:
                break
            time.sleep(0.01)
        assert stop.requested
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("start", "kept"), [(100, [0, 50]), (101, [0, 50, 101])])
def test_records_of_steps_that_were_given_up_are_dropped(tmp_path, start, kept):
    """With more steps the learning rate is another one: what was recorded beyond the checkpoint is of another run."""
    file = RecordFile(tmp_path, "record")
    file.begin({})
    for step in (0, 50, 101, 150):
        file.append(step, {"x": np.float32(step)})
    file.begin({}, start)
    file.append(160, {"x": np.float32(160)})
    assert file.read()["step"].tolist() == [*kept, 160]


def test_what_only_looks_like_a_part_is_none(tmp_path):
    file = RecordFile(tmp_path, "record")
    file.begin({})
    for step in (0, 50):
        file.append(step, {"x": np.float32(step)})
    for name in ("step-x.npz", "step-7.npz", "step-00000000007.npz"):
        (tmp_path / "record-parts" / name).write_text("other")
    (tmp_path / "record-parts" / "step-0000000070.npz").mkdir()
    file.begin({}, 0)
    assert file.read()["step"].tolist() == [0]
