"""All contestants of the benchmark make the same training; who cannot take part is named."""

import ast
import dataclasses
import functools
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.config.schema import Config, TrainConfig
from experiments.speed import contestants
from experiments.speed.catmat_runs import EnsembleTraining, seeds_of, sweep
from experiments.speed.contestants import CATMAT, FLAX, INSTALL, NO_TORCH, TORCH, Contestant, has_torch, make_ready
from experiments.speed.task import task_of, unknown_to_contestants
from model.config import ModelConfig

pytestmark = pytest.mark.usefixtures("quickly_compiled")

UPDATES = 20
WITH_MLP = Config(
    model=ModelConfig(d_model=8, heads=2, d_head=3, d_mlp=12, scale=0.7, embedding_std=0.5),
    train=TrainConfig(steps=40, batch=16, sampling="quasi_random", learning_rate=0.02, weight_decay=0.3, beta2=0.9),
)
PLAIN = dataclasses.replace(WITH_MLP, model=ModelConfig(d_model=8, heads=2, d_head=3, d_mlp=0, norm="rms"))
SHAPES = {"layer norm and MLP": WITH_MLP, "rms norm": PLAIN}
COMPILED = [one for one in TORCH if "compile" in one.engine]
needs_torch = pytest.mark.skipif(not has_torch(), reason=f"PyTorch is not installed: {INSTALL}")


@functools.cache
def catmat(shape):
    """A task, and the losses and parameters of catmat's own training."""
    task = task_of(SHAPES[shape])
    training = CATMAT.make(task, UPDATES)
    training.advance(2)
    training.begin()
    training.advance(5)
    training.advance(UPDATES - 5)
    return task, training.losses(), training.params()


def assert_the_same_training(contestant, shape):
    task, losses, params = catmat(shape)
    training = contestant.make(task, UPDATES)
    training.advance(3)
    training.begin()  # as before each turn
    training.advance(UPDATES)
    assert np.ptp(losses) > 0.05, "losses that hardly change would tell nothing"
    np.testing.assert_allclose(training.losses(), losses, rtol=1e-4)
    theirs = training.params()
    for name, group in params.items():
        for part, one in group.items():
            other = theirs[name][part]
            for ours, found in [(one, other)] if not isinstance(one, dict) else [(one[k], other[k]) for k in one]:
                assert found.shape == ours.shape, (name, part)
                assert np.abs(found - ours).max() < 1e-3 * np.abs(ours).max(), (name, part)


@pytest.mark.parametrize("contestant", FLAX, ids=lambda one: one.name)
def test_a_flax_loop_makes_the_same_training(contestant):
    assert_the_same_training(contestant, "layer norm and MLP")  # the model is catmat's, whatever its shape


@pytest.fixture
def one_thread():
    """PyTorch's threads wait for each other by turning round and round, which takes long where tests share cores."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("contestant", FLAX, ids=lambda one: one.name)
def test_a_loop_that_begins_anew_does_not_trace_anew(contestant, caplog):
    """Else its turns would hold the time to trace and to compile."""
    training = contestant.make(catmat("layer norm and MLP")[0], 2)
    training.advance(2)
    training.begin()
    with jax.log_compiles(), caplog.at_level("WARNING"):
        training.advance(2)
    assert not [record for record in caplog.records if "update" in record.getMessage()]


@needs_torch
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("contestant", [one for one in TORCH if one not in COMPILED], ids=lambda one: one.name)
def test_pytorch_makes_the_same_training(contestant, shape):
    assert_the_same_training(contestant, shape)


@needs_torch
@pytest.mark.long
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("contestant", COMPILED, ids=lambda one: one.name)
def test_compiled_pytorch_makes_the_same_training(contestant):
    assert_the_same_training(contestant, "rms norm")


def test_the_first_run_of_a_sweep_is_the_lone_run():
    task, losses, _ = catmat("layer norm and MLP")
    training = EnsembleTraining(task, seeds_of(task, 3))
    training.advance(UPDATES)
    np.testing.assert_allclose(training.losses(), losses, rtol=1e-5)


@pytest.mark.parametrize("told", ["RESOURCE_EXHAUSTED: Out of memory", "INTERNAL: broken"])
def test_a_sweep_that_does_not_fit_is_left_out(monkeypatch, told):
    def fails(*_):
        raise jax.errors.JaxRuntimeError(told)

    task, _, _ = catmat("layer norm and MLP")
    monkeypatch.setattr(EnsembleTraining, "advance", fails)
    if told.startswith("RESOURCE"):
        assert sweep(task, 2) is None
    else:
        with pytest.raises(jax.errors.JaxRuntimeError, match="broken"):
            sweep(task, 2)


def test_pytorch_that_is_not_installed_is_left_out_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(contestants, "find_spec", lambda _: None)
    ready, told = make_ready(TORCH, catmat("layer norm and MLP")[0], 1, lambda _: None)
    assert (ready, told) == ({}, [NO_TORCH])
    assert "pip install -e '.[peers]'" in NO_TORCH
    assert make_ready([], catmat("layer norm and MLP")[0], 1, lambda _: None) == ({}, [])


def test_a_pytorch_that_does_not_compile_is_left_out_with_the_reason(monkeypatch):
    def fails(*_):
        raise RuntimeError("\nno C++ compiler here\nand more")

    broken = Contestant("PyTorch torch.compile", "every", fails)
    monkeypatch.setattr(contestants, "TORCH", [broken])
    monkeypatch.setattr(contestants, "has_torch", lambda: True)
    ready, told = make_ready([broken, CATMAT], catmat("layer norm and MLP")[0], 1, lambda _: None)
    assert list(ready) == [CATMAT]
    assert told == ["PyTorch torch.compile, every row is left out: RuntimeError: no C++ compiler here"]
    with pytest.raises(RuntimeError):  # one of catmat's own that fails is no contestant that is missing
        make_ready([Contestant("Flax", "every", fails)], catmat("layer norm and MLP")[0], 1, lambda _: None)


@pytest.mark.parametrize(
    ("section", "value", "named"),
    [
        ("model", {"softcap": 2.0}, "model.softcap, here 2.0"),
        ("model", {"scale": "learned"}, "model.scale, here learned"),
        ("train", {"optimizer": "sgd"}, "train.optimizer, here sgd"),
        ("train", {"token_rate": 0.5}, "train.token_rate, here 0.5"),
        ("train", {"batch": 8, "beta2": 0.5}, ""),
        ("model", {"d_head": 7, "norm": "none", "scale": 0.3}, ""),
    ],
)
def test_a_value_that_not_every_contestant_knows_is_named(section, value, named):
    part = dataclasses.replace(getattr(PLAIN, section), **value)
    assert unknown_to_contestants(dataclasses.replace(PLAIN, **{section: part})) == named


def test_torch_is_imported_in_one_module_alone():
    root = Path(__file__).parents[2]
    found = set()
    for path in [
        *(root / "experiments").rglob("*.py"),
        *(root / "model").rglob("*.py"),
        *(root / "data").rglob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "torch" for name in names):
                found.add(path.name)
    assert found == {"torch_loop.py"}
