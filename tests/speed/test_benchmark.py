"""The benchmark command measures what it says, on a tiny config; its figures are for people and are not tested."""

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
from experiments.speed import browser_times
from experiments.speed.update_speed import every_row_loss
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
def test_the_command_prints_every_figure(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")  # for the commands that it starts
    path, sweep = str(tmp_path / "tiny.yaml"), str(tmp_path / "sweep.yaml")
    (tmp_path / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    assert benchmark.main(["--config", path, "--ablation", sweep, "--updates", "2", "--repeats", "1"]) == 0
    shown = capsys.readouterr().out
    number = r"\s+([0-9.,]+)"
    for label in ("first time, nothing compiled yet", "afterwards", "peak memory", "masked rows only, as trained"):
        assert float(re.search(re.escape(label) + number, shown)[1].replace(",", "")) > 0, shown
    assert re.search(r"every row computed\s+[0-9,]+\s+1\.0 x", shown), shown
    for label in ("a look at 100,000 files of others", "100 runs listed", "128 maps of 2,000"):
        assert re.search(rf"{label} +[\d.]+ s, then [\d.]+ s", shown), shown
    for label in ("d_head 2", "all"):
        assert re.search(rf"{label} +as one ensemble +[\d.]+ s +one after the other +[\d.]+ s +[\d.]+ x", shown), shown


@pytest.mark.parametrize(
    ("arguments", "place", "named"),
    [
        (["--updates", "0"], "--updates", ["1", "0"]),
        (["--repeats", "-1"], "--repeats", ["1", "-1"]),
        (["--config", "tyo.yaml"], "tyo.yaml", ["toy.yaml"]),
        (["--ablation", "scalling.yaml"], "scalling.yaml", ["scaling.yaml"]),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(capsys, arguments, place, named):
    with refused(place, *named):
        benchmark.main(arguments)
    assert capsys.readouterr().out == ""


def test_without_a_browser_its_part_is_left_out(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(browser_times.shutil, "which", lambda _: None)
    browser_times.show_browser_times(tmp_path, {}, tmp_path, 1)
    assert capsys.readouterr().out.splitlines()[1] == "  not measured, for want of chromium and chromedriver"


def test_what_a_training_says_is_passed_on(tmp_path, capsys):
    (tmp_path / "wrong.yaml").write_text("world: nowhere\n", encoding="utf-8")
    with refused("world 'nowhere'", "file", "english"):
        benchmark.main(["--config", str(tmp_path / "wrong.yaml")])
    assert re.match(r"\d+ CPU cores, ", capsys.readouterr().out)


def test_every_row_computed_is_the_same_training(assert_close):
    """What is timed beside the masked rows alone has their loss and their gradients."""
    config, world = Config(), load_world("english")
    static, values = training_spec(config, world), jax.tree.map(lambda leaf: leaf[0], hyperparameters(config))
    draw = fast_jit(sample, static_argnums=2)
    batch = draw(sampler_tables(world, config.task.masked), jax.random.key(1), 32)

    @fast_jit
    def both():
        params = init_state(static, values).params
        losses = (masked_row_loss, every_row_loss)
        return [
            jax.value_and_grad(lambda p, f=f: f(Model(static.model, p, values.scale), batch))(params) for f in losses
        ]

    (ours, our_gradient), (theirs, their_gradient) = both()
    assert_close(theirs, ours, 1e-6)
    jax.tree.map(lambda one, other: assert_close(one, other, 1e-5), their_gradient, our_gradient)
