"""The benchmark command measures what it says, on a tiny config; its figures are for people and are not tested."""

import json
import re

import jax
import pytest
from refusals import refused
from small_model import fast_jit

from data.drawing_tables import sampler_tables
from data.sampler import sample
from data.world import load_world
from experiments import benchmark
from experiments.config.schema import Config
from experiments.speed import browser_times, command_times
from experiments.speed.contestants import has_torch
from experiments.speed.flax_loops import every_row_loss, one_row_loss
from experiments.speed.sections import SECTIONS, busy_line
from experiments.training.hyperparameters import hyperparameters, init_state, training_spec
from experiments.training.update import masked_row_loss
from model.functional import Model

pytestmark = pytest.mark.usefixtures("quickly_compiled")

TINY = """\
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 2, batch: 8}
evaluate: {sentences: 8}
track: {records: 2, images: 0}
"""
SWEEP = "command: ablate\nbase:\n" + "".join(f"  {line}\n" for line in TINY.splitlines())
SWEEP += "grid: {model.scale: [none, inverse], seed: [0, 4]}\n"


@pytest.mark.long
def test_the_command_measures_every_section(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")  # for the commands that it starts
    path, sweep = str(tmp_path / "tiny.yaml"), str(tmp_path / "sweep.yaml")
    (tmp_path / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    assert benchmark.main(["--config", path, "--ablation", sweep, "--quick", "--json", "found.json"]) == 0
    shown = capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [name for name in found if name in benchmark.SECTIONS] == list(benchmark.SECTIONS)
    for name, section in SECTIONS.items():
        assert "\n".join(section.lines(found[name])) in shown, "the JSON holds everything that is printed"
    number = r"\s+([0-9.,]+)"
    for label in ("first time, nothing compiled yet", "afterwards", "whole command, with its report", "2 records"):
        assert float(re.search(re.escape(label) + number, shown)[1].replace(",", "")) > 0, shown
    for label in ("a look at 100,000 files of others", "100 runs listed", "128 maps of 2,000"):
        assert re.search(rf"{label} +[\d.]+ s, then [\d.]+ s", shown), shown
    assert re.search(r"d_head 2 +[\d.]+ +[\d.]+ +[\d.]+ x", shown), shown
    assert ("PyTorch is not installed" in shown) == (not has_torch())


def test_sections_are_chosen_and_the_json_holds_all_repetitions(tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    chosen = ["--config", "tiny.yaml", "--sections", "rate", "--quick", "--json", "found.json"]
    assert benchmark.main(chosen) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert list(found) == ["machine", "options", "rate"]
    assert found["options"]["config"] == "tiny.yaml"
    assert found["machine"]["versions"]["jax"] == jax.__version__
    rate = found["rate"]["operations_a_second"]["update"]
    assert rate["all"] == [rate["median"]]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("arithmetic, ")]


@pytest.mark.parametrize(("load", "told"), [(0.2, False), (1.4, False), (1.6, True), (7.0, True)])
def test_a_busy_machine_is_told(load, told):
    line = busy_line({"load": load, "cores": 2})
    assert (f"load {load} on 2 cores" in line) == bool(line) == told


def test_the_sections_of_the_help_are_those_that_are_measured(capsys, monkeypatch):
    assert list(benchmark.SECTIONS) == list(SECTIONS)
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        benchmark.main(["--help"])
    shown = capsys.readouterr().out
    for name in ("--config", "--ablation", "--updates", "--repeats", "--sections", "--quick", "--json"):
        assert name in shown
    assert all(f"* {name}: " in shown for name in SECTIONS)


@pytest.mark.parametrize(
    ("arguments", "place", "named"),
    [
        (["--updates", "0"], "--updates", ["1", "0"]),
        (["--repeats", "-1"], "--repeats", ["1", "-1"]),
        (["--config", "tyo.yaml"], "tyo.yaml", ["toy.yaml"]),
        (["--ablation", "scalling.yaml"], "scalling.yaml", ["scaling.yaml"]),
        (["--sections", "updates,raech"], "--sections", ["raech", "reach"]),
        (["--sections", ","], "--sections", ["updates", "tab"]),
        (["--json", "no/such/folder.json"], "--json", ["folder"]),
        (["--json", "."], "--json", ["is a folder"]),
        (["--json", "/proc/found.json"], "--json", ["/proc cannot be written to", "another folder"]),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(capsys, arguments, place, named):
    with refused(place, *named):
        benchmark.main(arguments)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "place", "named"),
    [
        ("world: nowhere\n", "world 'nowhere'", ["file", "english"]),
        ("model: {softcap: 2}\n", "--config", ["model.softcap", "2.0"]),
    ],
)
def test_a_config_that_cannot_be_measured_is_told_at_once(tmp_path, capsys, text, place, named):
    (tmp_path / "wrong.yaml").write_text(text, encoding="utf-8")
    with refused(place, *named):
        benchmark.main(["--config", str(tmp_path / "wrong.yaml")])
    assert capsys.readouterr().out == ""


def test_without_a_browser_its_part_is_left_out(monkeypatch, tmp_path):
    monkeypatch.setattr(browser_times.shutil, "which", lambda _: None)
    found = browser_times.browser_times(tmp_path, {}, tmp_path, 1)
    assert browser_times.lines(found)[1] == "  not measured, for want of chromium and chromedriver"


def test_what_a_training_says_is_passed_on(tmp_path):
    with refused("tyo.yaml", "toy.yaml"):
        command_times._timed(["-m", "catmat_command", "train", "--config", "tyo.yaml"], tmp_path)


def test_every_row_computed_is_the_same_training(assert_close):
    """What is timed beside the masked rows alone has their loss and their gradients."""
    config, world = Config(), load_world("english")
    static, values = training_spec(config, world), jax.tree.map(lambda leaf: leaf[0], hyperparameters(config))
    draw = fast_jit(sample, static_argnums=2)
    batch = draw(sampler_tables(world, config.task.masked), jax.random.key(1), 32)

    @fast_jit
    def both():
        params = init_state(static, values).params
        losses = (masked_row_loss, every_row_loss, one_row_loss)
        return [
            jax.value_and_grad(lambda p, f=f: f(Model(static.model, p, values.scale), batch))(params) for f in losses
        ]

    (ours, our_gradient), *others = both()
    for theirs, their_gradient in others:
        assert_close(theirs, ours, 1e-6)
        jax.tree.map(lambda one, other: assert_close(one, other, 1e-5), their_gradient, our_gradient)
