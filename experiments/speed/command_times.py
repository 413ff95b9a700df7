"""Seconds from command to prompt of `experiments.train` and `experiments.explain`, beside the imports alone."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from data.errors import require
from data.world import load_world
from experiments.run_directory.folders import run_folders
from experiments.run_directory.saved_run import load_run
from experiments.speed.settings import Settings
from experiments.speed.turns import ranged, ratio, spread

_IMPORTS = ["-c", "import jax, flax, optax"]
_TOOK = re.compile(r"Training +([\d.]+) s")


def measure(settings: Settings) -> dict[str, Any]:
    """The command with an empty compilation cache, then with a filled one and the imports in turns; and `explain`."""
    settings.say("the command, nothing compiled yet")
    cold, trained = _train(settings, 0)
    warm, training, imports = [], [], []
    for number in range(1, settings.repeats + 1):
        settings.say(f"the command, {number} of {settings.repeats}")
        took, took_training = _train(settings, number)
        warm.append(took)
        training.append(took_training)
        imports.append(_timed(_IMPORTS, settings.folder)[0])
    others = [one - two for one, two in zip(warm, training, strict=True)]
    return {
        "cold": cold,
        "cold_training": trained,
        "warm": spread(warm),
        "training": spread(training),
        "imports": spread(imports),
        "without_training_to_imports": ratio(others, imports),
        **_explain_times(settings),
    }


def _train(settings: Settings, number: int) -> tuple[float, float]:
    """Seconds of a whole command, and of the training in it."""
    command = ["-m", "catmat_command", "train", "--config", settings.config_file, "--run-dir"]
    took, printed = _timed([*command, f"{settings.folder}/command-{number}"], settings.folder)
    return took, float(found[1]) if (found := _TOOK.search(printed)) else 0.0


def finished_run(settings: Settings) -> Path:
    """The folder of a finished run of the config, which is trained if there is none yet."""
    whole = settings.folder / "command-0"
    if not whole.exists():
        settings.say("a training to look at")
        _train(settings, 0)
    return run_folders(whole, settings.config.seed, settings.config.seeds)[0]


def _explain_times(settings: Settings) -> dict[str, Any]:
    """Seconds of `experiments.explain` and of its imports, in turns; nothing where the world has no example."""
    run = finished_run(settings)
    sentence = next(iter(load_world(load_run(run).config.world).examples), "")
    if not sentence:
        return {}
    explain = ["-m", "catmat_command", "explain", sentence, "--run", str(run)]
    settings.say("a sentence explained")
    _timed(explain, settings.folder)
    took, imports = [], []
    for _ in range(settings.repeats):
        took.append(_timed(explain, settings.folder)[0])
        imports.append(_timed(_IMPORTS, settings.folder)[0])
    return {"explain": spread(took), "explain_to_imports": ratio(took, imports)}


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    shown = [
        "command to prompt",
        f"  first time, nothing compiled yet    {found['cold']:5.1f} s  (training {found['cold_training']:.1f} s)",
        f"  afterwards                          {ranged(found['warm'], '5.1f')} s",
        f"    of which training                 {ranged(found['training'], '5.1f')} s",
        f"  python -c 'import jax, flax, optax' {ranged(found['imports'], '5.1f')} s",
        f"  (command - training) / imports      {ranged(found['without_training_to_imports'], '5.2f')}",
    ]
    if "explain" in found:
        shown.append(f"  a sentence explained                {ranged(found['explain'], '5.1f')} s")
        shown.append(f"  that / imports                      {ranged(found['explain_to_imports'], '5.2f')}")
    return shown


def environment(folder: Path) -> dict[str, str]:
    """The environment of commands that are started: this source, and compiled programs kept in `folder`."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/xla", "PYTHONPATH": path}


def _timed(arguments: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that Python takes with `arguments`, and what it prints."""
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments], env=environment(folder), check=False, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    said = done.stderr.strip().removeprefix("error: ")
    require(done.returncode == 0, said or f"{' '.join(arguments)}: did not come to its end")
    return seconds, done.stdout
