"""Seconds in which TensorBoard's attention tab answers: beside others' files, of 100 runs, of 2,000 recorded steps."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from werkzeug.test import Client

from experiments.run_directory.arrays import read_npz, write_npz
from experiments.speed import browser_times
from experiments.speed.command_times import finished_run
from experiments.speed.settings import Settings
from experiments.tensorboard_plugin.plugin import AttentionPlugin

_RUNS, _FILES, _STEPS, _CHUNK = 100, 100_000, 2_000, 128
_FOLDERS = 1_000
"""In which other programs' files lie."""


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of the tab's answers, the first and a later one, for log directories made of a finished run."""
    run, folder = finished_run(settings), settings.folder / "tab"
    settings.say("the attention tab")
    others, runs, long = folder / "others", folder / "runs", folder / "long"
    for number in range(_FOLDERS):
        (others / f"{number:04d}").mkdir(parents=True)
        for file in range(_FILES // _FOLDERS):
            (others / f"{number:04d}" / f"{file}").touch()
    for number in range(_RUNS):
        _copy(run, runs / f"run-{number}", number)
    for name in ("short", "long"):
        _copy(run, long / name, 0)
    for name in ("record", "params"):
        _lengthen(long / "long" / f"{name}.npz")
    asked: dict[str, str | int] = {"run": "long", "sentence": 0, "head": 0, "from": 0, "to": _CHUNK}
    answers = {
        f"a look at {_FILES:,} files of others": _Tab(others).twice("runs"),
        f"{_RUNS} runs listed": _Tab(runs).twice("runs"),
        f"{_CHUNK} maps of {_STEPS:,}": _Tab(long).twice("head", **asked),
    }
    settings.say("the attention tab, in a browser")
    looked = {"short": "as recorded", "long": f"{_STEPS:,} steps"}
    return {
        "answers": answers,
        "browser": browser_times.browser_times(long, looked, folder / "browser", settings.repeats),
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    answers = [f"  {name:<34} {first:6.3f} s, then {later:.3f} s" for name, (first, later) in found["answers"].items()]
    return ["attention tab, without the browser", *answers, "", *browser_times.lines(found["browser"])]


class _Tab:
    """The routes of the tab of a log directory."""

    def __init__(self, logs: Path) -> None:
        self._apps = AttentionPlugin(SimpleNamespace(logdir=str(logs))).get_plugin_apps()

    def twice(self, route: str, **asked: str | int) -> list[float]:
        """How long an answer takes, in seconds: the first, and a second one."""
        return [self._seconds(route, **asked) for _ in range(2)]

    def _seconds(self, route: str, **asked: str | int) -> float:
        client: Callable[..., object] = Client(self._apps[f"/{route}"]).get
        began = time.perf_counter()
        client(f"/{route}", query_string=asked)
        return time.perf_counter() - began


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
