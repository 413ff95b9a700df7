"""The list of runs: which folders are runs, their status, in what they differ; and what is not read is named."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_run import MadeRun, made_config, variant
from tab_client import Tab, plugin_of, unpack

from experiments.run_directory.folders import run_lock
from experiments.tensorboard_plugin import log_directory
from experiments.tensorboard_plugin.log_directory import in_order
from experiments.view.run_arrays import RunArrays

ROOT = Path(__file__).parents[2]


def listed(root):
    return {run["name"]: run for run in Tab(root).get("runs")["runs"]}


def long_ago(folder):
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time.time() - 1000,) * 2)


def test_runs_of_several_seeds_are_listed_each(tmp_path):
    config = made_config(seed=4, seeds=2)
    for number in (0, 1):
        MadeRun(tmp_path / "studies" / "lab-001" / f"seed-{4 + number}", config, number).add(0, 7).finish()
    MadeRun(tmp_path / "lab-10", made_config(variant(scale="none"), seed=9)).add(0, 7, 30).finish("interrupted")
    MadeRun(tmp_path / "lab-9", made_config(seed=9)).add(0).finish("diverged")
    (tmp_path / "foreign" / "checkpoints").mkdir(parents=True)
    runs = listed(tmp_path)
    assert list(runs) == ["lab-9", "lab-10", "studies/lab-001/seed-4", "studies/lab-001/seed-5"]
    assert [run["seed"] for run in runs.values()] == [9, 9, 4, 5]
    assert [run["status"] for run in runs.values()] == ["diverged", "interrupted", "finished", "finished"]
    assert [run["step"] for run in runs.values()] == [0, 30, 7, 7]
    assert {run["steps"] for run in runs.values()} == {100}
    scales = [run["options"] for run in runs.values()]
    assert scales == [{"model.scale": name} for name in ("inverse_sqrt", "none", "inverse_sqrt", "inverse_sqrt")]
    groups = [run["group"] for run in runs.values()]
    assert groups[0] == groups[2] == groups[3] != groups[1]


def test_the_log_directory_may_be_the_run_itself(tmp_path):
    run = MadeRun(tmp_path / "toy-001").add(0, 1).finish()
    assert list(listed(run.folder)) == ["."]
    assert Tab(run.folder).get("run", run=".")["recorded"] == [0, 1]
    assert plugin_of(run.folder).is_active()


def test_one_of_several_seeds_by_itself_needs_the_folder_above(tmp_path):
    MadeRun(tmp_path / "lab" / "seed-3", made_config(seeds=2)).add(0).finish()
    (run,) = Tab(tmp_path / "lab" / "seed-3").get("runs")["runs"]
    assert f"--logdir {tmp_path / 'lab'}" in run["error"]
    assert "config.yaml lies above" in Tab(tmp_path / "lab" / "seed-3").error(422, "run", run=".")


def test_a_run_that_grows(tmp_path):
    """New steps are there at once, and the end of the training is no error to who looks meanwhile."""
    run, tab = MadeRun(tmp_path / "toy").add(0, 1), Tab(tmp_path)
    assert tab.get("runs")["runs"][0]["step"] == 1
    assert tab.get("run", run="toy")["recorded"] == [0, 1]
    run.add(5)
    assert tab.get("runs")["runs"][0]["step"] == 5
    before = tab.get("head", run="toy", sentence=0, head=0, from_=0, to=3)
    run.finish()
    assert tab.get("head", run="toy", sentence=0, head=0, from_=0, to=3) == before
    assert tab.get("run", run="toy")["status"] == "finished"


@pytest.mark.parametrize("route", ["sentence", "head", "plane"])
def test_a_merge_in_the_midst_of_an_answer(tmp_path, monkeypatch, route):
    """Parts that are gone when they are to be read are looked for in the file that they became."""
    run, tab = MadeRun(tmp_path / "toy").add(0, 1, 5), Tab(tmp_path)
    asked = {"sentence": 0} | ({"head": 1} if route != "sentence" else {})
    asked |= {} if route == "plane" else {"from_": 0, "to": 3}
    before = tab.get(route, run="toy", **asked)
    kept, calls = RunArrays.of_steps, []

    def merging(self, *args):
        calls.append(args)
        if len(calls) == 2:
            run.finish()
        return kept(self, *args)

    monkeypatch.setattr(RunArrays, "of_steps", merging)
    assert tab.get(route, run="toy", **asked) == before
    assert not run.record.parts()


def test_status(tmp_path):
    run = MadeRun(tmp_path / "toy").add(0, 1)
    assert listed(tmp_path)["toy"]["status"] == "running"  # was written just now
    long_ago(run.folder)
    assert listed(tmp_path)["toy"]["status"] == "stopped"
    shutil.copy(run.folder / "record-parts" / "fixed.npz", run.folder / "record-parts" / "again")
    os.utime(run.folder / "record-parts", (time.time() - 5,) * 2)
    assert listed(tmp_path)["toy"]["status"] == "running"


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux lists locks")
def test_a_run_whose_process_lives_is_running_however_long_it_is_silent(tmp_path):
    run = MadeRun(tmp_path / "toy").add(0, 1)
    with run_lock(run.folder):
        long_ago(run.folder)
        assert listed(tmp_path)["toy"]["status"] == "running"
    assert listed(tmp_path)["toy"]["status"] == "stopped"
    with run_lock(run.folder):
        run.finish()
        (run.folder / "summary.json").unlink()  # it is written last
        assert listed(tmp_path)["toy"]["status"] == "running"
    assert listed(tmp_path)["toy"]["status"] == "stopped"


def test_an_empty_log_directory_and_one_that_is_not_there(tmp_path):
    for root, said in ((tmp_path, "catmat train"), (tmp_path / "none", "no such folder yet")):
        answer = Tab(root).get("runs")
        assert answer["runs"] == []
        (note,) = answer["notes"]
        assert said in note
        assert not plugin_of(root).is_active()


def test_a_run_is_found_when_it_comes_and_missed_when_it_goes(tmp_path):
    tab = Tab(tmp_path)
    assert tab.names() == []
    MadeRun(tmp_path / "a" / "toy").add(0)
    assert tab.names() == ["a/toy"]
    assert tab.plugin.is_active()
    shutil.rmtree(tmp_path / "a" / "toy")
    assert "a/toy" in tab.error(404, "run", run="a/toy")
    assert tab.names() == []


@pytest.mark.parametrize("logdir", ["", "gs://bucket/runs", "s3://bucket", "hdfs://x"])
def test_what_is_no_local_folder_gets_one_sentence(logdir):
    tab = Tab(logdir)
    answer = tab.get("runs")
    assert answer["runs"] == []
    (note,) = answer["notes"]
    assert "--logdir" in note
    assert "local folder" in note
    assert not tab.plugin.is_active()
    assert tab.plugin.data_plugin_names() == ("catmat",)  # events of ours, wherever they are, show the tab and its note
    assert note in tab.error(404, "run", run="toy")


def test_on_other_programs_logs_the_tab_is_inactive(tmp_path):
    (tmp_path / "resnet" / "train").mkdir(parents=True)
    (tmp_path / "resnet" / "config.yaml").write_text("command: ablate\n")  # by chance
    (tmp_path / "resnet" / "train" / "events.out.tfevents.1.x").touch()
    plugin = plugin_of(tmp_path)
    assert not plugin.is_active()
    assert plugin.data_plugin_names() == ()


def test_an_ablation_is_named(tmp_path):
    (tmp_path / "scaling-001").mkdir()
    (tmp_path / "scaling-001" / "config.yaml").write_text("format: 2\ncommand: ablate\n")
    MadeRun(tmp_path / "toy").add(0)
    answer = Tab(tmp_path).get("runs")
    assert [run["name"] for run in answer["runs"]] == ["toy"]
    (note,) = answer["notes"]
    assert note.startswith("scaling-001: an ablation")


def test_hidden_folders_and_those_far_below_are_not_looked_into(tmp_path):
    MadeRun(tmp_path / ".trash" / "toy").add(0)
    deep = tmp_path.joinpath(*"abcdefghij")
    MadeRun(deep / "toy").add(0)
    assert listed(tmp_path) == {}
    assert list(listed(tmp_path / "a" / "b" / "c")) == ["d/e/f/g/h/i/j/toy"]


def test_too_many_folders_are_said_to_be_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(log_directory, "MOST_FOLDERS", 20)
    for i in range(30):
        (tmp_path / f"other-{i}" / "x").mkdir(parents=True)
    MadeRun(tmp_path / "a-run").add(0)
    answer = Tab(tmp_path).get("runs")
    assert [run["name"] for run in answer["runs"]] == ["a-run"]  # what is near is looked at first
    assert "not all were looked into" in answer["notes"][0]


def test_too_many_files_are_said_to_be_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(log_directory, "MOST_ENTRIES", 50)
    (tmp_path / "other").mkdir()
    for i in range(100):
        (tmp_path / "other" / f"file-{i}").touch()
    MadeRun(tmp_path / "a-run").add(0)
    tab = Tab(tmp_path)
    long_ago(tmp_path)
    for _ in range(2):  # the second time from what is known
        answer = tab.get("runs")
        assert [run["name"] for run in answer["runs"]] == ["a-run"]
        assert "not all were looked into" in answer["notes"][0]


def test_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    MadeRun(tmp_path / "runs" / "toy").add(0)
    assert Tab("~/runs").names() == ["toy"]


def test_a_folder_that_has_not_changed_is_not_listed_again(tmp_path, monkeypatch):
    for i in range(10):
        (tmp_path / f"other-{i}").mkdir()
    run = MadeRun(tmp_path / "toy").add(0)
    long_ago(tmp_path)
    plugin, calls = plugin_of(tmp_path), []
    kept = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (calls.append(str(path)), kept(path))[1])
    assert plugin.is_active()
    assert len([path for path in calls if not path.endswith("record-parts")]) == 12
    calls.clear()
    assert plugin.is_active()
    assert not calls
    (tmp_path / "other-3" / "new").mkdir()
    assert plugin.is_active()
    assert [Path(path).name for path in calls] == ["other-3", "new"]
    assert run.record.parts()


def test_a_change_within_the_tick_of_the_clock_is_seen(tmp_path):
    """Some systems keep modification times in whole seconds: the time is the same, and the folder is not."""
    tab, status = Tab(tmp_path), tmp_path.stat()
    assert tab.names() == []
    MadeRun(tmp_path / "toy").add(0)
    os.utime(tmp_path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert tab.names() == ["toy"]


def test_names_in_the_order_of_people():
    names = ["toy-10", "toy-9", "b", "toy-9/seed-10", "toy-9/seed-2", "a", "10", "9", "٣", "²"]
    assert sorted(names, key=in_order) == [
        "9",
        "10",
        "a",
        "b",
        "toy-9",
        "toy-9/seed-2",
        "toy-9/seed-10",
        "toy-10",
        "²",
        "٣",
    ]


def test_the_package_and_its_plugin_load_no_jax(tmp_path):
    """In a process of its own: TensorBoard would start seconds late, or not at all."""
    MadeRun(tmp_path / "toy").add(0, 1).finish()
    code = f"""
import sys
from types import SimpleNamespace
from werkzeug.test import Client
from catmat_tensorboard import AttentionLoader
plugin = AttentionLoader().load(SimpleNamespace(logdir={str(tmp_path)!r}, flags=None))
assert plugin.is_active()
asked = {{"run": "toy", "sentence": 0, "head": 0, "row": 0, "word": 0, "from": 0, "to": 2}}
for route, app in plugin.get_plugin_apps().items():
    answer = Client(app).get(route, query_string=asked)
    assert answer.status_code == 200 or route.startswith("/static"), (route, answer.json)
heavy = {{"jax", "jaxlib", "flax", "optax", "matplotlib", "orbax", "scipy", "tensorflow"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_100_runs(tmp_path):
    first = MadeRun(tmp_path / "run-0").add(0, 1).finish()
    for i in range(1, 100):
        shutil.copytree(first.folder, tmp_path / f"run-{i}")
    answer = Tab(tmp_path).get("runs")
    assert [run["name"] for run in answer["runs"]] == [f"run-{i}" for i in range(100)]
    assert not any(run["error"] for run in answer["runs"])
    told = Tab(tmp_path).get("head", run="run-57", sentence=0, head=0, from_=0, to=2)
    assert unpack(told["weights"]).shape == (2, 3, 5)
