"""TensorBoard with the tab, and without it where catmat cannot be imported: it starts in any case."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_run import MadeRun
from tab_page import wait_until
from tensorboard import program
from tensorboard.backend import application
from tensorboard.plugins.base_plugin import TBLoader
from tensorboard.plugins.core.core_plugin import CorePluginLoader
from werkzeug.test import Client

import catmat_tensorboard

ROOT = Path(__file__).parents[2]
START = """
import logging, sys
from tensorboard import program
from tensorboard.backend import application
from tensorboard.plugins.core.core_plugin import CorePluginLoader
import catmat_tensorboard
board = program.TensorBoard(plugins=[CorePluginLoader(), catmat_tensorboard.AttentionLoader])
board.configure(("tensorboard", "--logdir", "."))
app = application.TensorBoardWSGIApp(board.flags, board.plugin_loaders)
print([plugin.plugin_name for plugin in app._plugins])
"""


def test_what_pyproject_names_is_there():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = told["project"]["entry-points"]["tensorboard_plugins"]["catmat"].partition(":")
    assert module == catmat_tensorboard.__name__
    assert issubclass(getattr(catmat_tensorboard, name), TBLoader)
    assert module in told["tool"]["setuptools"]["py-modules"]
    assert "view/assets/*" in told["tool"]["setuptools"]["package-data"]["experiments"]


def test_runs_are_looked_for_while_tensorboard_starts(tmp_path):
    """So that the first question is answered at once, also beside many files of others."""
    MadeRun(tmp_path / "toy").add(0)
    plugin = catmat_tensorboard.AttentionLoader().load(SimpleNamespace(logdir=str(tmp_path)))
    wait_until(lambda: plugin._logs._found.runs == ("toy",))


def started(*path):
    """Start a TensorBoard as a user's environment would, with folders before our own; gives stdout and stderr."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT]))}
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, env=environment, cwd=path[0], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "TensorFlow installation" not in line]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("experiments/__init__.py", "", "experiments is hidden by"),
        ("experiments/__init__.py", "raise SystemExit('two\\nlines')", "SystemExit: two lines"),
        ("data/__init__.py", "raise ValueError('not ours')", "catmat's package data is hidden by"),
    ],
)
def test_tensorboard_starts_without_the_tab(tmp_path, name, text, said):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(text)
    out, (line,) = started(tmp_path)
    assert out == "['core']\n"
    assert "The tab Attention is left out" in line
    assert said in line


def test_a_folder_of_that_name_hides_nothing(tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "data").mkdir()
    assert started(tmp_path) == ("['core', 'catmat']\n", [])


@pytest.fixture(scope="module", params=["", "/behind/a/prefix"])
def board(request, tmp_path_factory):
    """A TensorBoard's own routing, with the tab, and where it is found."""
    logs = tmp_path_factory.mktemp("logs")
    MadeRun(logs / "toy").add(0, 1).finish()
    told = program.TensorBoard(plugins=[CorePluginLoader(), catmat_tensorboard.AttentionLoader])
    told.configure(("tensorboard", "--logdir", str(logs), "--path_prefix", request.param))
    app = application.TensorBoardWSGIApp(told.flags, told.plugin_loaders)
    assert told.flags.samples_per_plugin["catmat"] == 0
    return Client(app), request.param


def test_the_tab_appears_by_itself(board):
    client, prefix = board
    listing = client.get(f"{prefix}/data/plugins_listing").json["catmat"]
    assert listing["enabled"] is True
    assert listing["tab_name"] == "Attention"
    module = listing["loading_mechanism"]["module_path"]
    assert module == f"{prefix}/data/plugin/catmat/static/tab.js"
    page = client.get(f"{prefix}/data/plugin_entry.html?name=catmat").get_data(as_text=True)
    assert 'base href="plugin/catmat/"' in page
    assert 'import("./static/tab.js")' in page


def test_the_routes_are_found_and_ways_around_them_are_not(board):
    client, prefix = board
    base = f"{prefix}/data/plugin/catmat"
    (run,) = client.get(f"{base}/runs").json["runs"]
    assert run["name"] == "toy"
    assert client.get(f"{base}/head?run=toy&sentence=0&head=1&from=0&to=2").status_code == 200
    assert client.get(f"{base}/head?run=toy&sentence=0&head=1&from=0&to=3").status_code == 404
    for path in ("static/../plugin.py", "static/%2e%2e/%2e%2e/pyproject.toml", "static//etc/passwd", "../../x", "none"):
        answer = client.get(f"{base}/{path}")
        assert answer.status_code == 404, path
        assert b"[build-system]" not in answer.get_data()


def test_a_note_in_place_of_runs(tmp_path):
    told = program.TensorBoard(plugins=[CorePluginLoader(), catmat_tensorboard.AttentionLoader])
    told.configure(("tensorboard", "--logdir_spec", f"a:{tmp_path}"))
    client = Client(application.TensorBoardWSGIApp(told.flags, told.plugin_loaders))
    assert client.get("/data/plugins_listing").json["catmat"]["enabled"] is False
    answer = client.get("/data/plugin/catmat/runs")
    assert "--logdir_spec" in json.loads(answer.get_data())["notes"][0]
