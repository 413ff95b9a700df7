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
from experiments.tracking.tracker import LISTED
from experiments.train import main
from experiments.training.trainer import Trainer

LINES = {"lowest", "median", "highest"}
EXCESS = "2 loss and excess/excess, trained contexts"

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")


def console():
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def several(tmp_path_factory, quickly_compiled, traced_once):  # noqa: ARG001
    """(folder, what was printed) of a training of two runs, one of which is listed."""
    folder, out = tmp_path_factory.mktemp("runs") / "several", console()
    config = small_config(seeds=2)
    config = dataclasses.replace(config, track=dataclasses.replace(config.track, diagnostics=False))
    assert train(config, "several", str(folder), out, listed=1) == 0
    return folder, out.file.getvalue()


def listed(folder):
    """The names of the runs that TensorBoard lists."""
    return {path.parent.name for path in folder.rglob("*tfevents*")}


def test_tensorboard_lists_the_overview_and_the_first(several):
    folder, out = several
    assert listed(folder) == LINES | {"seed-0"}
    assert not [*(folder / "seed-1").glob("projector*")]
    assert "the overview and 1 of 2 runs; --events all lists every run" in out
    assert LISTED + len(LINES) == 8


def test_without_diagnostics_tensorboard_gets_what_matters_and_the_record_everything(several):
    folder, _ = several
    scalars = {
        f"2 loss and excess/{name}" for name in ("excess, held-out contexts", "excess, trained contexts", "loss")
    }
    scalars |= {f"3 relevance/{name}" for name in ("attention on relevant words", "error of model relevance")}
    scalars |= {"3 relevance/cut costs single out relevant words"}
    assert set(EventAccumulator(str(folder / "overview" / "median")).Reload().Tags()["tensors"]) == scalars
    found = set(EventAccumulator(str(folder / "seed-0")).Reload().Tags()["tensors"])
    assert scalars < found
    assert {tag.partition("/")[0] for tag in found if tag[1] == " " and "/" in tag} == {
        "1 attention", "2 loss and excess", "3 relevance", "4 more maps", "5 film",
    }  # fmt: skip
    record = load_run(folder / "seed-0").record
    assert {"attention_statistics/entropy", "gradient_norm", "excess", "position_map"} <= set(record)


def test_every_run_is_on_disk(several):
    folder, _ = several
    run = load_run(folder)
    assert [*run.runs] == ["seed-0", "seed-1"]
    excess = []
    for seed, one in enumerate(run.runs.values()):
        assert one.record["step"].tolist() == [0, 3]
        assert one.params(-1)["attention"]["query"]
        assert (one.folder / "attention.png").is_file()
        summary = json.loads((one.folder / "summary.json").read_text("utf-8"))
        assert (summary["status"], summary["seed"]) == ("finished", seed)
        excess.append(summary["excess/trained/all"])
    assert len(set(excess)) == 2
    assert load_row(folder).status == "2 finished"
    for line, sums_up in (("lowest", np.min), ("median", np.median), ("highest", np.max)):
        last = EventAccumulator(str(folder / "overview" / line)).Reload().Tensors(EXCESS)[-1]
        assert tensor_util.make_ndarray(last.tensor_proto) == pytest.approx(sums_up(excess), rel=1e-5)


def test_the_choice_is_not_changed_on_resume(several):
    with refused("--events", "leave it out"):
        main(["--resume", str(several[0]), "--events", "all"])


@pytest.mark.long
@pytest.mark.parametrize(("wanted", "shown"), [(LISTED, 5), (7, 7)])
def test_those_that_are_listed_go_on_to_be(tmp_path, wanted, shown):
    config, folder = small_config(seeds=7), tmp_path / "many"
    assert train(config, "many", str(folder), console(), listed=wanted) == 0
    assert listed(folder) == LINES | {f"seed-{seed}" for seed in range(shown)}
    longer = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=5))
    assert resume(longer, folder, console()) == 0
    assert listed(folder) == LINES | {f"seed-{seed}" for seed in range(shown)}
    for seed in range(shown):
        events = EventAccumulator(str(folder / f"seed-{seed}")).Reload()
        assert [event.step for event in events.Tensors(EXCESS)] == [0, 3, 5]
    assert load_run(folder).runs["seed-6"].record["step"].tolist() == [0, 3, 5]


class FirstIsHuge(Trainer):
    """A trainer whose first run ends with parameters so large that its excess is not finite."""

    def run(self, *arguments, **options):
        for record in super().run(*arguments, **options):
            excess_RG = record.measurement.evaluation.excess_G.copy()
            excess_RG[0] = excess_RG[0] if record.step == 0 else np.nan
            evaluation = dataclasses.replace(record.measurement.evaluation, excess_G=excess_RG)
            measurement = dataclasses.replace(record.measurement, evaluation=evaluation)
            yield dataclasses.replace(record, measurement=measurement)


def test_of_seeds_some_have_no_finite_excess(tmp_path):
    """The figures are of the others, and the overview has all tags."""
    folder, out = tmp_path / "some", console()
    assert train(small_config(seeds=3), "some", str(folder), out, make_trainer=FirstIsHuge) == 0
    summaries = [json.loads((folder / f"seed-{seed}" / "summary.json").read_text()) for seed in range(3)]
    assert ["excess/trained/all" in summary for summary in summaries] == [False, True, True]
    (line,) = (line for line in out.file.getvalue().splitlines() if line.startswith("Excess, trained contexts"))
    assert "median of 2, " in line
    assert "nan" not in line
    last = EventAccumulator(str(folder / "overview" / "median")).Reload().Tensors(EXCESS)[-1]
    expected = np.median([summary["excess/trained/all"] for summary in summaries[1:]])
    assert tensor_util.make_ndarray(last.tensor_proto) == pytest.approx(expected, rel=1e-6)
