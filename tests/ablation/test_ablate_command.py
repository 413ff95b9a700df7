"""The command from config to report, with sizes that take seconds: what it leaves, and how it goes on when stopped."""

import csv
import dataclasses
import io
import json
import math
import os
import re
import shutil
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from refusals import refused
from rich.console import Console
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups
from tensorboard.util import tensor_util

from data.yaml_file import parse_yaml
from experiments.ablate import main
from experiments.ablation import figures as ablation_figures
from experiments.ablation import session as ablation_session
from experiments.ablation.axes import COLUMNS
from experiments.ablation.comparison import Comparison
from experiments.ablation.config import AblationConfig
from experiments.ablation.findings import Findings
from experiments.ablation.plan import make_plan
from experiments.ablation.report import _all_but_bold, predictions_page
from experiments.ablation.terminal import print_findings
from experiments.ablation.training import GroupTraining
from experiments.config.loader import make_as
from experiments.config.schema import FORMAT
from experiments.reports.plots import panels, save_figure
from experiments.run_directory.folders import command_of, newest_run
from experiments.statistics.intervals import Interval
from experiments.training import runtime

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")

TINY = """\
command: ablate
title: A tiny one
base:
  seeds: 2
  model: {d_model: 4, heads: 1, d_mlp: 0, norm: none, embedding_std: 1}
  train: {steps: 30, batch: 8}
  evaluate: {sentences: 8}
  track: {records: 2}
grid:
  model.d_head: [2, 3]
  variant:
    standard: {}
    none: {model.scale: none}
  train.learning_rate: [0.01, 1000]
report: {predictions_made: after a look}
predictions:
  - {of: none, over: standard, at: 3, at_least: 0.001}
  - {of: none, over: standard, grows: true}
"""


def config():
    return make_as(AblationConfig, parse_yaml(TINY, "tiny.yaml"))


def printed(console):
    return console.file.getvalue()


def console():
    return Console(file=io.StringIO(), width=300, highlight=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory, quickly_compiled, traced_once):  # noqa: ARG001
    """(folder, what was printed) of the whole ablation."""
    folder, out = tmp_path_factory.mktemp("runs") / "tiny-001", console()
    assert ablation_session.ablate(config(), "tiny", str(folder), console=out) == 0
    return folder, printed(out)


def rows_of(folder):
    with (folder / "runs.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_table_says_what_the_summaries_say(run):
    folder, _ = run
    rows = rows_of(folder)
    own = {"variant", "seed"}
    assert {name for name in rows[0] if not {".", "/"} & set(name)} - own <= COLUMNS
    assert {"run", "version", "status", "loss", "steps", "diverged_at"} <= COLUMNS
    header = (folder / "arms.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {name for name in header if "." not in name} - own <= COLUMNS
    assert len(rows) == len(list((folder / "runs").iterdir())) == 2 * 2 * 2 * 2
    for row in rows:
        summary = json.loads((folder / "runs" / row["run"] / "summary.json").read_text())
        assert summary.pop("version") == FORMAT
        assert set(summary) <= set(row)
        for name in set(row) - {"run"}:
            value = summary.get(name)
            assert row[name] == ("" if value is None else str(value)), name
    assert {row["variant"] for row in rows} == {"standard", "none"}
    assert {row["train.learning_rate"] for row in rows} == {"0.01", "1000.0"}


def test_diverged_runs_are_marked(run):
    folder, out = run
    rows = rows_of(folder)
    gone = [row for row in rows if row["status"] == "diverged"]
    assert gone
    assert all(row["train.learning_rate"] == "1000.0" and 0 <= int(row["diverged_at"]) < 30 for row in gone)
    assert all(row["diverged_at"] == "" for row in rows if row["status"] == "finished")
    assert f"{len(gone)} of 16 runs diverged" in out


def test_the_report(run):
    folder, out = run
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# A tiny one\n")
    assert re.search(r"^\* \*\*none\*\* has .* times the excess of \*\*standard\*\*", text, re.MULTILINE)
    assert "\n## Predictions, stated before this run, after a look\n" in text
    assert text.index("| at least 0.001 |") < text.index("In numbers")
    assert re.search(r"at least 0.001 \| [\d.e-]+ \[.*\] \| \*\*confirmed\*\*", text)
    assert re.findall(r"\]\((\w+)\.png\)", text) == ["excess", "tuning", "training", "maps"]
    for name in ("excess", "tuning", "training", "maps"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert not re.search(r"\bnan\b|/tmp|/home", text)
    assert "Fewer than 8 seeds" in text
    assert "With 2 seeds and 2 comparisons no corrected p-value can fall below 0.05." in text
    assert "A difference cannot be shown with 2 seeds." in text
    assert "differences at the best train.learning_rate, taken as given" in text
    assert "2 comparisons with 2 seeds: no corrected p-value can fall below 0.05 (lowest 1); 7 seeds would do" in out
    assert "confirmed  excess of none over that of standard at model.d_head 3" in out
    assert "report.md" in out


def test_tensorboard_lists_the_variants(run):
    """The report and each arm: the median of its seeds at its best learning rate, their band, HParams, maps."""
    folder, _ = run
    arms = [f"d_head-{d}_variant-{v}" for d in (2, 3) for v in ("standard", "none")]
    assert listed(folder) == {folder.name, *arms}
    assert "TensorBoard lists each of the 4 arms" in (folder / "report.md").read_text(encoding="utf-8")
    with (folder / "arms.csv").open(encoding="utf-8") as file:
        best = {(arm["model.d_head"], arm["variant"]): arm["best train.learning_rate"] for arm in csv.DictReader(file)}
    for (d, variant), rate in best.items():
        own = EventAccumulator(
            str(folder / "variants" / f"d_head-{d}_variant-{variant}"), size_guidance={"tensors": 0}
        ).Reload()
        ends = [
            float(row["excess/trained/all"])
            for row in rows_of(folder)
            if (row["model.d_head"], row["variant"]) == (d, variant)
            and float(row["train.learning_rate"]) == float(rate)
        ]
        bands = [f"seeds/{line}/excess/trained/all" for line in ("lowest", "highest")]
        values = [own.Tensors(name)[-1] for name in ("2 loss and excess/excess, trained contexts", *bands)]
        assert {event.step for event in values} == {30}
        found = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in values]
        assert found == pytest.approx([sum(ends) / 2, min(ends), max(ends)], rel=1e-5)  # of two seeds
        assert len(own.Tensors("4 more maps/sentence-1/head-1")) == 2  # the two recorded steps
    text = tensor_util.make_ndarray(
        EventAccumulator(str(folder)).Reload().Tensors("4 report of a study")[0].tensor_proto
    ).item()
    assert text.startswith(b"# A tiny one")
    assert b".png)" not in text  # no picture that TensorBoard cannot serve
    infos, groups = hparams_of(folder)
    assert infos[:3] == ["ablation.variant", "model.d_head", "model.scale"]  # those in which the arms differ
    assert {"train.learning_rate", "world"} <= set(infos)
    assert sorted(group.hparams["ablation.variant"].string_value for group in groups) == ["none"] * 2 + ["standard"] * 2


def listed(folder):
    """The names of the folders that TensorBoard lists."""
    return {path.parent.name for path in folder.rglob("*tfevents*")}


def hparams_of(folder):
    """The names of the hyperparameters, and the session groups, as the HParams dashboard asks for them."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 0})
    multiplexer.AddRunsFromDirectory(str(folder))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=99, allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE],
        col_params=[api_pb2.ColParams(hparam="ablation.variant"), api_pb2.ColParams(hparam="model.d_head")],
    )  # fmt: skip
    ctx = RequestContext()
    known = context.hparams_metadata(ctx, "0"), context.hparams_from_data_provider(ctx, "0", limit=99)
    experiment = context.experiment_from_metadata(ctx, "0", False, *known)
    answer = list_session_groups.Handler(ctx, context, "0", request).run()
    return [info.name for info in experiment.hparam_infos], answer.session_groups


class InterruptedAtTheSecond(GroupTraining):
    """The user presses Ctrl-C when the second program begins to train."""

    def run(self, should_stop, agreement):
        if self.group.number == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return super().run(should_stop, agreement)


def changed(folder):
    """When the results of each program were written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "results").iterdir()}


def rewrite(path, **values):
    """Replace arrays in a file of results."""
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | values)


def test_a_stopped_one_goes_on_and_repeats_nothing(run, tmp_path, capsys):
    folder, out = tmp_path / "stopped:cat:here", console()
    stopped = ablation_session.ablate(config(), "tiny", str(folder), console=out, make_training=InterruptedAtTheSecond)
    assert stopped == 130
    assert f"go on with  python -m experiments.ablate --resume {folder}" in printed(out).replace("\n", "")
    assert [*changed(folder)] == ["program-001.npz"]
    rewrite(folder / "results" / "program-001.npz", versions="python 2.7, jax 0.1")
    before = changed(folder)
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "Written before this run trained anything" in report
    assert "at least 0.001" in report
    assert main(["--resume", str(folder), "--dry-run"]) == 0
    assert "of which 1 have ended before; left: 240 updates" in capsys.readouterr().out
    assert changed(folder) == before
    assert (folder / "report.md").read_text(encoding="utf-8") == report
    assert main(["--resume", str(folder)]) == 0
    first = changed(folder)
    assert before.items() < first.items()
    assert "of which 1 have ended before; left: 240 updates" in capsys.readouterr().out
    whole, _ = run
    assert (folder / "runs.csv").read_bytes() == (whole / "runs.csv").read_bytes()
    for name in ("arms.csv", "excess.svg"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    for path in (whole / "results").iterdir():
        with np.load(path) as one, np.load(folder / "results" / path.name) as other:
            for name in set(one.files) - {"seconds", "versions"}:
                np.testing.assert_array_equal(one[name], other[name])
    now = ", ".join(f"{name} {value}" for name, value in runtime.versions().items())
    assert f"\nMade with python 2.7, jax 0.1; and with {now}.\n" in (folder / "report.md").read_text(encoding="utf-8")
    assert f"\nMade with {now}.\n" in (whole / "report.md").read_text(encoding="utf-8")
    assert main(["--resume", str(folder), "--events", "all"]) == 0  # nothing is left: the report is written again
    assert changed(folder) == first
    runs = {path.name for path in (folder / "runs").iterdir()}
    assert runs | listed(whole) - {whole.name} == listed(folder) - {folder.name}
    one = folder / "runs" / "d_head-2_variant-none_learning_rate-0.01_seed-1"
    found = EventAccumulator(str(one), size_guidance={"tensors": 0}).Reload()
    assert [event.step for event in found.Tensors("2 loss and excess/excess, trained contexts")] == [0, 30]


def test_damaged_results_are_made_again(run, tmp_path, capsys):
    whole, _ = run
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    damaged = folder / "results" / "program-002.npz"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    before = changed(folder)
    shown = next((folder / "runs").iterdir()) / "events.out.tfevents.1"  # of a report with --events all
    shown.touch()
    assert main(["--resume", str(folder)]) == 0
    assert not shown.exists()
    assert {name for name, when in changed(folder).items() if when != before[name]} == {damaged.name}
    assert f"{damaged}: is damaged; its runs are trained again\n" in capsys.readouterr().out
    assert (folder / "runs.csv").read_bytes() == (whole / "runs.csv").read_bytes()


def newer_results(folder):
    rewrite(folder / "results" / "program-001.npz", version=9)


def other_config(folder):
    path = folder / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("batch: 8", "batch: 9"), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "named"),
    [(newer_results, ["9", "2", "update"]), (other_config, ["config", "world", "restore", "config.yaml"])],
)
def test_results_that_are_not_of_these_runs_are_kept(run, tmp_path, change, named):
    whole, _ = run
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    change(folder)
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    with refused(str(folder / "results" / "program-001.npz"), *named):
        main(["--resume", str(folder)])
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before


def test_words_are_text_in_a_report(tmp_path):
    made = dataclasses.replace(config().report, predictions_made="on <b>")
    plan = make_plan(dataclasses.replace(config(), title="![x](//y)\n# `z` d_head", report=made))
    predictions_page(tmp_path, plan)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# &#33;&#91;x&#93;(//y)&#10;&#35; &#96;z&#96; d_head\n\nWritten before")
    assert "before this run, on &#60;b&#62;\n" in text
    assert _all_but_bold("**a*b.yaml** has") == "**a&#42;b.yaml** has"


def test_words_are_text_in_the_terminal(tmp_path):
    out, word, twice = console(), "\x1b[31m\u202e[red]:cat:", Interval(2, 2, 2)
    setting = SimpleNamespace(prefix="", variants=[word, "base"], sizes=[""])
    roles = SimpleNamespace(variant="v", x="", tuned="", tuning_seeds=0, baseline="base")
    plan = SimpleNamespace(roles=roles, labels={"v": setting.variants, "seed": ["0"]})
    found = Findings(plan, [], [Comparison(setting, 0, 0, twice, twice, math.nan)], [], 0)
    print_findings(found, tmp_path / "a:cat:b", 1.0, out)
    assert printed(out).startswith("\\x1b[31m\\u202e[red]:cat: has 2 times the excess of base. ")
    assert printed(out).endswith(f"{tmp_path}/a:cat:b/report.md\n")


def test_words_are_text_in_figures(tmp_path):
    word = r"$\x$"
    figure, axes = panels(1, 1)
    ablation_figures._positions(axes[0, 0], [f"worlds/{word}.yaml", "english"], 2)
    save_figure(tmp_path, "axis", figure)
    results = SimpleNamespace(weights_TRGHK=np.ones((1, 1, 1, 1, 2)))
    setting = SimpleNamespace(variants=[word], sizes=[word], median_run=lambda *_: 0)
    plan = SimpleNamespace(roles=SimpleNamespace(x="world"))
    save_figure(
        tmp_path, "maps", ablation_figures.maps_figure(plan, setting, {0: (None, results, 0)}, [word, "."], [0])
    )
    for name in ("axis", "maps"):
        assert (tmp_path / f"{name}.png").is_file()


def test_runs_of_several_commands_lie_beside_each_other(run):
    folder, _ = run
    assert command_of(folder) == "ablate"
    assert newest_run(folder.parent, "ablate") == folder
    with refused("--resume", "experiments.train", folder.parent):
        newest_run(folder.parent)
    with refused(f"--run-dir {folder}", "empty", "new"):
        main(["--run-dir", str(folder)])
