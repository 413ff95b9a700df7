"""`python -m experiments.train` in an empty folder, twice: two runs, the first untouched."""

import json
import re
import shutil

import numpy as np
import pytest
from processes import run
from small_world import SMALL
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from experiments.run_directory.saved_run import load_run

CONFIG = """\
world: small.yaml
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 40, batch: 8}
evaluate: {sentences: 8}
track: {records: 12, images: 2}
"""
NEW = ("--config", "mine.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("here")
    (folder / "small.yaml").write_text(SMALL, encoding="utf-8")
    (folder / "mine.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def first(folder):
    """The first run of the config in its folder."""
    code, out, err = run(folder, *NEW)
    assert (code, err) == (0, "")
    assert "runs/mine-001" in out
    assert "tensorboard --logdir runs\n" in out
    return folder / "runs" / "mine-001"


def test_two_runs_of_a_config(folder, first):
    before = contents(first)
    assert {"config.yaml", "summary.json", "attention.png"} <= {str(path) for path in before}
    code, out, err = run(folder, *NEW, "--seed", "1")
    assert (code, err) == (0, "")
    assert "runs/mine-002" in out
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["mine-001", "mine-002"]
    assert contents(first) == before
    one, two = (json.loads((run / "summary.json").read_text()) for run in (first, folder / "runs" / "mine-002"))
    assert (one["seed"], two["seed"]) == (0, 1)
    assert one["loss"] != two["loss"]
    assert one["world_fingerprint"] == two["world_fingerprint"]


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="this system has no prlimit")
def test_a_full_disk_is_one_line_and_what_was_recorded_stays(folder, first):
    """A limit on the size of a file stands in for the disk: writing fails in mid-run just the same.

    Pictures do not count: they are drawn at the end.
    """
    (events,) = first.glob("events.*")
    written = [event.SerializeToString() for event in EventFileLoader(str(events)).Load()]
    limit = sum(len(event) for event in written if b"\x89PNG" not in event) // 2
    code, _, err = run(folder, *NEW, "--run-dir", "cut", before=("prlimit", f"--fsize={limit}"))
    assert code == 2
    told = re.fullmatch(r"error: cut: cannot be written to \(File too large\); .* up to step (\d+) is kept\n", err)
    assert told
    kept, complete = load_run(folder / "cut").record, load_run(first).record
    count = len(kept["step"])
    assert 1 < count <= len(complete["step"])  # all, where the training ended before anything was written
    assert kept["step"].tolist() == complete["step"][:count].tolist()
    assert kept["step"][-1] == int(told[1])
    for name in ("weights", "cut_cost", "excess"):
        np.testing.assert_array_equal(kept[name], complete[name][:count])
    assert len(list(EventFileLoader(str(next((folder / "cut").glob("events.*")))).Load())) > 5
