"""Of many seeds TensorBoard lists an overview and a few; files, tables and overview know every one."""

import dataclasses
import io
import json

import numpy as np
import pytest
from refusals import refused
from rich.console import Console
from small_training import small_config
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from experiments.replay.run_table import load_row
from experiments.run_directory import load_run
from experiments.session.session import resume, train
from experiments.train import main

SEEDS = 7
CONFIG = small_config(seeds=SEEDS)
LINES = {"lowest", "median", "highest"}

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")


def console():
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def many(tmp_path_factory, quickly_compiled, traced_once):  # noqa: ARG001
    """(folder, what was printed) of a training of more seeds than are listed."""
    folder, out = tmp_path_factory.mktemp("runs") / "many", console()
    assert train(CONFIG, "many", str(folder), out) == 0
    return folder, out.file.getvalue()


def listed(folder):
    """The names of the runs that TensorBoard lists."""
    return {path.parent.name for path in folder.rglob("*tfevents*")}


def test_tensorboard_lists_the_overview_and_five(many):
    folder, out = many
    assert listed(folder) == LINES | {f"seed-{seed}" for seed in range(5)}
    assert "the overview and 5 of 7 runs; --events all lists every run" in out


def test_every_run_is_on_disk(many):
    folder, _ = many
    run = load_run(folder)
    assert [*run.runs] == [f"seed-{seed}" for seed in range(SEEDS)]
    excess = []
    for seed, one in enumerate(run.runs.values()):
        assert one.record["step"].tolist() == [0, 3]
        assert one.params(-1)["attention"]["query"]
        assert (one.folder / "attention.png").is_file()
        summary = json.loads((one.folder / "summary.json").read_text("utf-8"))
        assert (summary["status"], summary["seed"]) == ("finished", seed)
        excess.append(summary["excess/trained/all"])
    assert len(set(excess)) == SEEDS
    assert load_row(folder).status == "7 finished"
    for line, sums_up in (("lowest", np.min), ("median", np.median), ("highest", np.max)):
        last = EventAccumulator(str(folder / "overview" / line)).Reload().Tensors("excess/trained/all")[-1]
        assert tensor_util.make_ndarray(last.tensor_proto) == pytest.approx(sums_up(excess), rel=1e-5)


def test_the_choice_is_not_changed_on_resume(many):
    with refused("--events", "leave it out"):
        main(["--resume", str(many[0]), "--events", "all"])


@pytest.mark.long
def test_all_are_listed_if_asked_for_and_go_on_to_be(tmp_path):
    assert train(CONFIG, "many", str(tmp_path / "all"), console(), all_events=True) == 0
    assert listed(tmp_path / "all") == LINES | {f"seed-{seed}" for seed in range(SEEDS)}
    longer = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, steps=5))
    assert resume(longer, tmp_path / "all", console()) == 0
    for seed in range(SEEDS):
        events = EventAccumulator(str(tmp_path / "all" / f"seed-{seed}")).Reload()
        assert [event.step for event in events.Tensors("excess/trained/all")] == [0, 3, 5]
