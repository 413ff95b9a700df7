"""The trace that `experiments.train --profile` writes."""

import gzip
import json
import re

import pytest
from small_training import small_config

from experiments.run_directory.files import read_summary
from experiments.session import session
from experiments.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("quickly_compiled")


def names(folder):
    """Names of what the trace in `folder` holds."""
    (trace,) = folder.glob("plugins/profile/*/perfetto_trace.json.gz")
    return [event.get("name", "") for event in json.loads(gzip.decompress(trace.read_bytes()))["traceEvents"]]


def trained(tmp_path, capsys, steps, profiled=True):
    config = small_config(steps=steps, records=8)
    assert session.train(config, "small", str(tmp_path / "run"), make_trainer=Trainer, profiled=profiled) == 0
    return capsys.readouterr().out


def test_updates_and_the_work_on_a_record_are_traced(tmp_path, capsys):
    said = trained(tmp_path, capsys, 300)
    found = names(tmp_path / "run")
    assert {"tracking"} <= set(found)
    assert any("dot" in name for name in found)  # operations of the compiled programs
    begin, end = map(int, re.search(r"profile: updates (\d+) to (\d+) are traced", said).groups())
    assert 100 <= begin < end <= 300  # from a third on, at step 132 at the latest, which is recorded
    assert "perfetto_trace.json.gz" in said
    assert read_summary(tmp_path / "run")["status"] == "finished"


def test_a_training_that_ends_meanwhile_is_traced_to_its_end(tmp_path, capsys):
    said = trained(tmp_path, capsys, 2)
    assert "to 2 are traced" in said
    assert names(tmp_path / "run")


def test_one_update_is_too_few(tmp_path, capsys):
    assert "profile: nothing was traced" in trained(tmp_path, capsys, 1).replace("\n", " ")
    assert not (tmp_path / "run" / "plugins").exists()


def test_nothing_is_traced_unless_asked_for(tmp_path, capsys):
    assert "profile" not in trained(tmp_path, capsys, 2, profiled=False)
    assert not (tmp_path / "run" / "plugins").exists()
