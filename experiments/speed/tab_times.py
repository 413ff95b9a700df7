"""Seconds in which TensorBoard's attention tab answers: beside others' files, of 100 runs, of 2,000 recorded steps."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from werkzeug.test import Client

from experiments.run_directory.arrays import read_npz, write_npz
from experiments.speed.browser_times import show_browser_times
from experiments.speed.command_times import show
from experiments.tensorboard_plugin.plugin import AttentionPlugin

_RUNS, _FILES, _STEPS, _CHUNK = 100, 100_000, 2_000, 128
_FOLDERS = 1_000
"""In which other programs' files lie."""


def show_tab_times(run: Path, folder: Path, repeats: int) -> None:
    """Print how long the tab takes for log directories that are made of a finished `run`, in an empty `folder`."""
    show("attention tab, without the browser")
    others, runs, long = folder / "others", folder / "runs", folder / "long"
    for number in range(_FOLDERS):
        (others / f"{number:04d}").mkdir(parents=True)
        for file in range(_FILES // _FOLDERS):
            (others / f"{number:04d}" / f"{file}").touch()
    tab = _Tab(others)
    _show(f"a look at {_FILES:,} files of others", *(tab.seconds("runs") for _ in range(2)))
    for number in range(_RUNS):
        _copy(run, runs / f"run-{number}", number)
    tab = _Tab(runs)
    _show(f"{_RUNS} runs listed", *(tab.seconds("runs") for _ in range(2)))
    for name in ("short", "long"):
        _copy(run, long / name, 0)
    for name in ("record", "params"):
        _lengthen(long / "long" / f"{name}.npz")
    tab = _Tab(long)
    asked: dict[str, str | int] = {"run": "long", "sentence": 0, "head": 0, "from": 0, "to": _CHUNK}
    _show(f"{_CHUNK} maps of {_STEPS:,}", *(tab.seconds("head", **asked) for _ in range(2)))
    show("")
    show_browser_times(long, {"short": "as recorded", "long": f"{_STEPS:,} steps"}, folder / "browser", repeats)


class _Tab:
    """The routes of the tab of a log directory."""

    def __init__(self, logs: Path) -> None:
        self._apps = AttentionPlugin(SimpleNamespace(logdir=str(logs))).get_plugin_apps()

    def seconds(self, route: str, **asked: str | int) -> float:
        """How long an answer takes."""
        client: Callable[..., object] = Client(self._apps[f"/{route}"]).get
        began = time.perf_counter()
        client(f"/{route}", query_string=asked)
        return time.perf_counter() - began


def _show(what: str, first: float, later: float) -> None:
    show(f"  {what:<34} {first:6.3f} s, then {later:.3f} s")


def _copy(run: Path, to: Path, seed: int) -> None:
    """A copy of a run's records and config, with a seed of its own, so that no two configs are the same file."""
    to.mkdir(parents=True)
    for name in ("record.npz", "params.npz", "summary.json"):
        shutil.copy(run / name, to / name)
    whole = next(place for place in (run, run.parent) if (place / "config.yaml").exists())
    config = (whole / "config.yaml").read_text(encoding="utf-8")
    (to / "config.yaml").write_text(config.replace("\nseed: ", f"\nseed: {seed}"), encoding="utf-8")


def _lengthen(path: Path) -> None:
    """Repeat the steps of a record until there are so many."""
    arrays = read_npz(path)
    steps = len(arrays["step"])
    which = np.arange(_STEPS) * steps // _STEPS
    fixed = {"version", "tokens", "words", "row", "world", "exact_relevance", "exact_posterior"}
    fixed |= {"excess_groups", "parameter_groups"}
    fixed |= {name for name in arrays if name.startswith("word_groups/")}
    longer = {name: array if name in fixed else array[which] for name, array in arrays.items()}
    write_npz(path, {**longer, "step": np.arange(_STEPS)})
