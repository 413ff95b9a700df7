"""Who may import whom, read from the source: a package imports from rows above its own alone; no loops.

Packages of one row do not know each other. Within a package any order will do that has no loop.
"""

import ast
import importlib
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    {"data", "model", "configs"},
    {"config", "statistics", "pictures", "scale_check", "view"},
    {"training", "run_directory"},
    {"measuring", "reports", "commands"},
    {"replay"},
    {"explaining"},
    {"tracking", "tensorboard_plugin", "lessons"},
    {"studies"},
    {"session", "ablation", "gradient_study", "paper_results"},
    {"speed"},
    {"train", "ablate", "gradients", "papers", "film", "runs", "explain", "check_scale", "benchmark"},  # the commands
]
MOST_FILES = 13
"""Python files in `experiments/` itself: its commands and `scale_check.py`."""
LEVEL = {name: level for level, row in enumerate(ROWS) for name in row}


def modules():
    """Dotted name -> path of every module; a package is named as its folder."""
    paths = [path for top in sorted(ROWS[0] | {"experiments"}) for path in (ROOT / top).rglob("*.py")]
    named = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in named.items()}


MODULES = modules()


def room(module):
    """The package that a module stands in: `data`, `config`, `train`, ...; '' for `experiments` itself."""
    top, _, rest = module.partition(".")
    return rest.partition(".")[0] if top == "experiments" else top


def imported(source, own=MODULES):
    """The modules of ours that a source imports anywhere in it; of `from a import b` a.b, where that is a module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write the whole name of what is imported"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in ROWS[0] | {"experiments", "tests"}:
                known = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
                found.add(next((name for name in known if name in own), name))
    return found


def mistakes(module, source):
    """What a module imports and should not."""
    here, found = room(module), []
    for name in sorted(imported(source)):
        there = room(name)
        if there == here and here not in ROWS[-1]:
            continue
        if there not in LEVEL:
            found.append(f"{name}: stands in no row")
        elif LEVEL[there] >= LEVEL.get(here, 0):
            found.append(f"{name}: stands in the same or a later row than {module}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_rows_above_alone(module):
    assert room(module) in {*LEVEL, ""}, f"{room(module)} is new: give it a row in {Path(__file__).name}"
    assert not mistakes(module, MODULES[module].read_text(encoding="utf-8"))


def test_no_imports_form_a_loop():
    graph = {name: imported(path.read_text(encoding="utf-8")) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("data.world", "import model.config"),
        ("data.world", "def f():\n    from experiments.config import schema"),
        ("model.config", "from data.errors import InputError"),
        ("experiments.scale_check", "from experiments.config.schema import Config"),
        ("experiments.config.schema", "from experiments.train import main"),
        ("experiments.config.schema", "import experiments.nowhere"),
        ("experiments.training.hyperparameters", "from experiments.run_directory import files"),
        ("experiments.measuring.probes", "from experiments.tracking.tracker import Tracker"),
        ("experiments.train", "import tests.conftest"),
        ("experiments.train", "from experiments.film import main"),
    ],
)
def test_a_wrong_import_is_noticed(module, source):
    assert mistakes(module, source)


def test_a_loop_is_noticed():
    own = {"data.one", "data.two"}
    graph = {"data.one": imported("from data.two import x", own), "data.two": imported("from data import one", own)}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def test_the_folder_of_the_commands_holds_nothing_else():
    files = {path.stem for path in (ROOT / "experiments").glob("*.py")} - {"__init__"}
    assert files == ROWS[-1] | {"scale_check"}
    assert len(files) + 1 <= MOST_FILES


@pytest.mark.parametrize(
    "loaded",
    [
        "data",
        "model",
        "experiments.run_directory",
        "experiments.run_directory.arrays",
        "experiments.run_directory.step_reader",
        "experiments.view.view_model",
        "experiments.scale_check",
        "experiments.train",
        "experiments.ablate",
        "experiments.explain",
        "experiments.commands.options",
    ],
)
def test_what_must_start_at_once_loads_no_jax(loaded):
    heavy = "{'jax', 'flax', 'optax', 'matplotlib', 'tensorboard', 'orbax', 'scipy'}"
    code = f"import sys, {loaded}\nassert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["data", "model"])
def test_what_a_package_exports_is_what_its_modules_define(package):
    tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
    seen_by_mypy = {
        (node.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    exported = importlib.import_module(package)
    assert sorted(name for _, name in seen_by_mypy) == sorted(exported.__all__)
    assert set(exported.__all__) <= set(dir(exported))
    for module, name in seen_by_mypy:
        assert getattr(exported, name) is getattr(importlib.import_module(module), name)
        assert f"{package}.{name}" not in MODULES, f"the module hides the export {name}: rename the module"
    assert not hasattr(exported, "nothing_of_this_name")


def test_no_module_is_called_utils():
    names = {path.name for top in (*ROWS[0], "experiments", "tests") for path in (ROOT / top).rglob("*.py")}
    assert not names & {"utils.py", "util.py", "helpers.py", "misc.py"}


def test_a_system_without_what_only_posix_has():
    """Everything is imported there, and one process at a time works in a run's folder."""
    code = """
import asyncio  # of Python, which chooses what it asks of the system by its name: here that of POSIX
import os, signal, sys, tempfile
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty"):
    sys.modules[name] = None
del os.sysconf, os.sched_getaffinity, signal.SIGHUP
import experiments.ablate, experiments.film, experiments.papers, experiments.runs, experiments.train
from experiments.commands import process
from experiments.run_directory.folders import run_lock
from pathlib import Path
from data.errors import InputError
with tempfile.TemporaryDirectory() as folder:
    for new in (True, False):
        with run_lock(Path(folder), new):
            try:
                with run_lock(Path(folder)):
                    raise AssertionError("two at once")
            except InputError as error:
                assert "another process" in str(error), error
    # Nothing is left of a lock whose process died.
    if not os.fork():
        run_lock(Path(folder)).__enter__()
        os._exit(0)
    os.wait()
    with run_lock(Path(folder)):
        pass
from experiments.training.memory import memory_of_machine
assert memory_of_machine() is None
import experiments.session.session, experiments.speed.command_times, experiments.tracking.event_writer
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
