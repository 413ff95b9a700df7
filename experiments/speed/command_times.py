"""Seconds from command to prompt, and the tables that `experiments.benchmark` prints."""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

from data.errors import require
from data.world import load_world
from experiments.ablation.config import AblationConfig
from experiments.ablation.plan import make_plan
from experiments.config.schema import Config
from experiments.speed.update_speed import measure_sweep_speed, measure_update_speed
from experiments.training import runtime

_SWEPT_RUNS = 4


def show(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201


def machine() -> str:
    """One line about the machine; JAX is set up for it."""
    runtime.prepare()
    found, memory = runtime.versions(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{runtime.cores()} CPU cores, {memory:.0f} GiB; {found['devices']} x {found['platform']} ({found['device']}), "
        f"jax {found['jax']}, Python {found['python']}"
    )


def command_times(config: str, repeats: int) -> None:
    """Seconds from command to prompt, first with an empty compilation cache, then with a filled one."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/xla"}
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, "-m", "experiments.train", "--config", config, "--run-dir"]
        seconds, training = [], []
        for number in range(1 + repeats):
            began = time.perf_counter()
            done = subprocess.run(  # noqa: S603
                [*command, f"{folder}/{number}"], env=environment, check=False, capture_output=True, text=True
            )
            seconds.append(time.perf_counter() - began)
            reason = done.stderr.strip().removeprefix("error: ")
            require(done.returncode == 0, reason or f"{config}: was not trained to its end")
            training += [float(found) for found in re.findall(r"Training +([\d.]+) s", done.stdout)]
    show("command to prompt")
    show(f"  first time, nothing compiled yet   {seconds[0]:6.1f} s  (training {training[0]:.1f} s)")
    later = statistics.median(seconds[1:]), statistics.median(training[1:])
    show(f"  afterwards                         {later[0]:6.1f} s  (training {later[1]:.1f} s)")
    # The most that any finished child process used; in kB, but on macOS.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    show(f"  peak memory                        {peak / 1e6:6.0f} MB\n")


def update_rates(config: Config, updates: int, repeats: int) -> None:
    """Updates a second: as trained, and with every row computed; measured in turns, so that conditions are equal."""
    rates = measure_update_speed(config, load_world(config.world), updates, repeats)
    show(f"updates a second (batch {config.train.batch})")
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, values in rates.items():
        ratio = medians[name] / medians["every row computed"]
        show(f"  {name:32s} {medians[name]:8,.0f}   {ratio:5.1f} x   ({min(values):,.0f} to {max(values):,.0f})")


def sweep_times(ablation: AblationConfig, updates: int, repeats: int) -> None:
    """Seconds for a part of an ablation: as one ensemble, and one training after the other with every row computed."""
    plan = make_plan(ablation)
    show(f"\na part of an ablation, {_SWEPT_RUNS} runs of each program, {updates} updates each (compiling left out);")
    show(f"the ensemble uses all {jax.device_count()} devices, one after the other uses one of them")
    totals = dict.fromkeys(("as one ensemble", "one after the other"), 0.0)
    for group in plan.groups:
        measured = measure_sweep_speed(group, _SWEPT_RUNS, updates, repeats)
        seconds = {name: statistics.median(values) for name, values in measured.items()}
        _show_sweep(f"d_head {group.spec.model.d_head}", seconds)
        totals = {name: totals[name] + seconds[name] for name in totals}
    _show_sweep("all", totals)


def _show_sweep(name: str, seconds: dict[str, float]) -> None:
    ours, plain = seconds["as one ensemble"], seconds["one after the other"]
    show(f"  {name:12s} as one ensemble {ours:6.1f} s   one after the other {plain:6.1f} s   {plain / ours:5.1f} x")
