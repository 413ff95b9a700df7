"""The scripts of `examples/` do what they say, with sizes that take a moment."""

import ast
import importlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from small_model import flat
from small_world import SMALL, world_from

from data import load_world
from experiments.config.schema import FORMAT
from experiments.run_directory.arrays import write_npz
from model import Model, ModelConfig, init_params

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
pytestmark = pytest.mark.usefixtures("quickly_compiled")
CONFIG = ModelConfig(d_model=8, heads=2, d_head=4, d_mlp=0)


@pytest.fixture
def example(monkeypatch):
    """`example("own_world")`: the module of that script; none of them stays imported."""
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    for path in EXAMPLES:
        monkeypatch.delitem(sys.modules, path.stem, raising=False)

    def load(name):
        for loop in (importlib.import_module(name), importlib.import_module("own_training_loop")):
            monkeypatch.setattr(loop, "STEPS", 30, raising=False)
            monkeypatch.setattr(loop, "BATCH", 64, raising=False)
        return sys.modules[name]

    yield load
    for path in EXAMPLES:
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_how_to_run_it(path):
    text = path.read_text(encoding="utf-8")
    assert 30 <= len(text.splitlines()) <= 70
    assert f"    python examples/{path.name}" in text.split('"""')[1]


def test_an_example_runs_as_a_script():
    command = [sys.executable, ROOT / "examples" / "own_world.py"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    assert "tea    90 %" in done.stdout


def test_own_world(example):
    exact_V, relevance_L = example("own_world").main()
    assert sorted(exact_V[exact_V > 0]) == pytest.approx([0.1, 0.9], abs=1e-4)
    about_the_subject = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert relevance_L == pytest.approx([about_the_subject, 0, 0, 0], abs=1e-4)


def test_own_training_loop_and_own_scoring_variant(example, capsys, monkeypatch):
    module = example("own_scoring_variant")
    monkeypatch.setattr(module, "load_world", lambda _: world_from(SMALL))
    found = module.main()
    losses = [float(loss) for loss in re.findall(r"(?:loss|excess) ([\d.]+) nats", capsys.readouterr().out)]
    assert set(found) == {"standard", "cosine"}
    assert found["standard"] != found["cosine"]
    for first, last, excess in (losses[:3], losses[3:]):
        assert 0 < excess < last < first / 2


def test_the_scoring_variant_is_the_cosine(example):
    variant, rng = example("own_scoring_variant"), np.random.default_rng(0)
    query_BQHD, key_BKHD, value_BKHD = (rng.normal(size=(1, n, 1, 3)) for n in (1, 4, 4))
    cosine_K = (key_BKHD @ query_BQHD[0, 0, 0])[0, :, 0]
    cosine_K /= np.linalg.norm(query_BQHD) * np.linalg.norm(key_BKHD[0, :, 0], axis=1)
    weight_K = np.exp(cosine_K / 0.1) / np.exp(cosine_K / 0.1).sum()
    arrays = (np.asarray(array, np.float32) for array in (query_BQHD, key_BKHD, value_BKHD))
    context_BQHD = variant.cosine_context(*arrays, np.ones((1, 4), bool))
    assert np.asarray(context_BQHD)[0, 0, 0] == pytest.approx(weight_K @ value_BKHD[0, :, 0], rel=1e-5)


def test_every_intermediate_of_a_run(example, tmp_path, capsys):
    module = example("every_intermediate")
    world = load_world("english")
    sizes = CONFIG.sized(len(world.vocabulary), world.max_length)
    params = jax.jit(init_params, static_argnums=0)(sizes, jax.random.key(0))
    (tmp_path / "config.yaml").write_text("model: {d_model: 8, heads: 2, d_head: 4, d_mlp: 0}", encoding="utf-8")
    stacked = {name: np.asarray(array)[None] for name, array in flat(params).items()}
    write_npz(tmp_path / "params.npz", {"version": np.int64(FORMAT), "step": np.asarray([3]), **stacked})
    its_world, model = module.of_run(str(tmp_path))
    assert isinstance(model, Model)
    assert model.config == sizes
    out, printed = module.main(its_world, model), capsys.readouterr().out
    shown = [float(number) for number in re.findall(r"weight +([\d.]+)", printed)]
    assert shown == pytest.approx(out.weights_BHQK[0, :, 0, :7].ravel().tolist(), abs=0.006)
    for part in ("query ", "key ", "dot product", "score ", "value ", "context vector", "logits"):
        assert part in printed
    assert printed.count("%") == 5


def test_every_cell_of_the_notebook_runs(tmp_path, monkeypatch, capsys):
    """With few updates; a cell whose last line is an expression shows something."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "examples" / "first_hour.ipynb").read_text(encoding="utf-8"))
    names, shown = {}, 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]).replace("STEPS = []", "STEPS = FEW"))
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            names["FEW"] = ["--train.steps", "30", "--evaluate.sentences", "64", "--track.records", "4"]
            exec(compile(tree, "first_hour.ipynb", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "first_hour.ipynb", "eval"), names) if last else None
            shown += hasattr(value, "_repr_png_") and value._repr_png_().startswith(b"\x89PNG")  # as Jupyter does
    printed = capsys.readouterr().out
    assert shown == 1  # the picture
    assert "4 / sqrt(16)" in printed  # the ledger
    assert printed.count("exact") >= 10
