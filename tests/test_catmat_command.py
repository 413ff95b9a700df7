"""Commands give the same results wherever they are called: beside folders, packages and modules of catmat's names."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import LIMIT, ROOT

import catmat_command
import model.attention
from experiments.commands.scale_options import load_function
from experiments.run_directory.arrays import read_npz

TINY = """\
model: {d_model: 4, heads: 1, d_head: 2, d_mlp: 0}
train: {steps: 20, batch: 8}
evaluate: {sentences: 8}
track: {records: 2, images: 2}
"""
BROKEN = "raise RuntimeError('another package was imported')\n"
ATTENTION = """\
import numpy as np
from data.factor import FACTOR


def softmax(query, key, value):
    from model.late import exp

    weights = exp(np.einsum("bqnh,bknh->bnqk", query, key) * FACTOR)
    return np.einsum("bnqk,bknh->bqnh", weights / weights.sum(-1, keepdims=True), value)
"""
NAMES = ("data", "model", "configs")
PLAIN = {f"{name}/notes.csv": "" for name in (*NAMES, "experiments")}
PACKAGES = {f"{name}/__init__.py": BROKEN for name in NAMES}
MODULES = {f"{name}.py": BROKEN for name in NAMES}
OTHERS = {f"{name}.py": BROKEN for name in ("random", "signal", "numpy", "yaml", "jax", "rich", "catmat_command")}
PROJECT = {
    "model/attention.py": ATTENTION,
    "model/late.py": "from numpy import exp",
    "data/factor.py": "FACTOR = 0.3",
}
PLACES = {
    "plain folders": ("python -m experiments.", PLAIN, ()),
    "packages": ("python -m experiments.", PACKAGES, ()),
    "modules": ("python -m experiments.", MODULES, ()),
    "modules of Python's and of libraries": ("python -m experiments.", OTHERS, ()),
    "a folder of configs": ("python -m experiments.", {"configs/base.yaml": "model: 1\n", "configs/toy.yaml": ""}, ()),
    "packages in PYTHONPATH": ("python -m experiments.", {f"lib/{name}": text for name, text in PACKAGES.items()}
                               | {"lib/data/vocabulary.py": BROKEN}, ("lib",)),
    "a package experiments": ("catmat ", {"experiments/__init__.py": BROKEN, **PACKAGES}, ()),
    "a module experiments": ("catmat ", {"experiments.py": BROKEN, **MODULES}, ()),
}  # fmt: skip
COMMANDS = (
    "train --config tiny.yaml --run-dir run",
    "film --help",
    "train --help",
    "train --world german --print-config",
    "benchmark --help",
    "ablate --config scaling_quick.yaml --print-config",
    "ablate --config scaling.yaml --print-config",
    "gradients --print-config",
    "papers --config mup.yaml --print-config",
    "runs --root .",
    "film --run run --out film|the dog sat on the mat .",
    "check_scale numpy:multiply",
)


def written(folder, files):
    for name, text in {"tiny.yaml": TINY, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def called(folder, start, command, path=()):
    """What a command of an installed catmat leaves: exit code, what it says (without numbers, errors without marks)."""
    options, *sentence = command.split("|")
    name, *options = options.split()
    module = [f"experiments.{name}"] if start.startswith("python") else ["catmat_command", name]
    paths = [*(str(folder / one) for one in path), str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", *module, *options, *sentence],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    said = (done.stdout + done.stderr).replace(start, "CALL ").replace(folder.name, "HERE")
    return done.returncode, re.sub(r"[\d.]+(?:,\d+)*|\s+", " ", said)


def digest(folder):
    arrays = read_npz(folder / "run" / "params.npz")
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def test_a_command_beside_packages_of_its_names(tmp_path):
    clean, hostile = written(tmp_path / "clean", {}), written(tmp_path / "hostile", {**PACKAGES, **OTHERS})
    start, command = "python -m experiments.", "train --config tiny.yaml --print-config"
    assert called(hostile, start, command) == called(clean, start, command)


def test_the_console_command_beside_a_package_experiments(tmp_path):
    start, files, _ = PLACES["a package experiments"]
    folder = written(tmp_path / "hostile", files)
    code, said = called(folder, start, "runs --root .")
    assert (code, said.strip()) == (0, "no runs in  ; CALL train --config toy yaml makes one")


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_twelve_commands_beside_what_has_their_names(tmp_path, place, clean_results):
    start, files, path = PLACES[place]
    folder = written(tmp_path / "hostile", files)
    for command in COMMANDS:
        assert called(folder, start, command, path) == clean_results[command], command
    assert digest(folder) == clean_results["digest"]


@pytest.fixture(scope="module")
def clean_results(tmp_path_factory):
    folder = written(tmp_path_factory.mktemp("clean"), {})
    return {
        **{command: called(folder, "python -m experiments.", command) for command in COMMANDS},
        "digest": digest(folder),
    }


@pytest.mark.parametrize("packages", [False, True])
def test_the_users_function_is_checked_whatever_its_module_is_called(tmp_path, monkeypatch, packages):
    marks = {f"{name}/__init__.py": "" for name in ("model", "data")} if packages else {}
    monkeypatch.chdir(written(tmp_path, PROJECT | marks))
    monkeypatch.syspath_prepend(tmp_path)
    own, before = sys.modules["data"], list(sys.meta_path)
    function = load_function("model.attention:softmax")

    ones = np.ones((1, 2, 1, 1))
    query = np.asarray([0.0, 10.0]).reshape(1, 2, 1, 1)
    weight = np.exp([0.0, 3.0]) / (1 + np.exp(3.0))  # of the second query, whose scores are 0 and .3 * 10 * 1
    np.testing.assert_allclose(function(query, query / 10, 2 * query)[0, 1, 0, 0], 20 * weight[1])
    np.testing.assert_allclose(function(query, ones, ones)[0, :, 0, 0], 1)
    assert sys.modules["data"] is own
    assert sys.meta_path == before


def test_catmats_own_function_is_checked_beside_a_folder_without_python(tmp_path, monkeypatch):
    monkeypatch.chdir(written(tmp_path, {"model/weights.bin": "", "data/notes.csv": ""}))
    own = [place for place in sys.path if not (Path(place) / "data" / "test_world.py").is_file()]
    monkeypatch.setattr(sys, "path", own)
    assert load_function("model.attention:unit_norm") is model.attention.unit_norm


def test_a_hidden_package_is_named(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(written(tmp_path, PACKAGES))
    monkeypatch.delitem(sys.modules, "configs", raising=False)
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if one is not catmat_command.OwnPackages])
    with pytest.raises(ImportError, match=re.escape(str(tmp_path / "configs" / "__init__.py"))):
        catmat_command.check_own_packages()


def test_every_command_is_listed_and_an_unknown_one_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "argv", ["catmat", "--help"])
    assert catmat_command.main() == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in ("train", "ablate", "gradients", "papers", "film", "runs"))
    monkeypatch.setattr(sys, "argv", ["catmat", "trian"])
    assert catmat_command.main() == 2
    assert capsys.readouterr().err == "error: catmat: no command trian; did you mean train?\n"
