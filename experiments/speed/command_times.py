"""Seconds from command to prompt, and the tables that `experiments.benchmark` prints."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError

if TYPE_CHECKING:
    from experiments.ablation.config import AblationConfig
    from experiments.config.schema import Config

_SWEPT_RUNS = 4


def show(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)  # noqa: T201


def machine() -> str:
    """One line about the machine; JAX is set up for it."""
    from experiments.training.runtime import cores, prepare, versions

    prepare()
    found = versions()
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else float("nan")
    )
    return (
        f"{cores()} CPU cores, {memory:.0f} GiB; {found['devices']} x {found['platform']} ({found['device']}), "
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
            if done.returncode:
                raise InputError(done.stderr.strip().removeprefix("error: ") or f"{config}: was not trained to its end")
            seconds.append(time.perf_counter() - began)
            training += [
                line.split("Training")[1].split("s")[0] for line in done.stdout.splitlines() if "Training" in line
            ]
    show("command to prompt")
    show(f"  first time, nothing compiled yet   {seconds[0]:6.1f} s  (training {training[0].strip()} s)")
    again = [float(text) for text in training[1:]]
    show(
        f"  afterwards                         {statistics.median(seconds[1:]):6.1f} s"
        f"  (training {statistics.median(again):.1f} s)"
    )
    show(f"  peak memory                        {_peak_memory():6.0f} MB\n")


def _peak_memory() -> float:
    """The most that any finished child process had, in MB (10**6 bytes)."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6


def update_rates(config: "Config", updates: int, repeats: int) -> None:
    """Updates a second: as trained, and with every row computed; taken in turns, so that both meet the same machine."""
    from data.world import load_world
    from experiments.speed.update_speed import measure_update_speed

    rates = measure_update_speed(config, load_world(config.world), updates, repeats)
    show(f"updates a second (batch {config.train.batch})")
    base = statistics.median(rates["every row computed"])
    for name, values in rates.items():
        middle = statistics.median(values)
        show(f"  {name:32s} {middle:8,.0f}   {middle / base:5.1f} x   ({min(values):,.0f} to {max(values):,.0f})")


def sweep_times(ablation: "AblationConfig", updates: int, repeats: int) -> None:
    """Seconds for a part of an ablation: as one ensemble, and one training after the other with every row computed."""
    import jax

    from experiments.ablation.plan import make_plan
    from experiments.speed.sweep_speed import measure_sweep_speed

    plan = make_plan(ablation)
    show(f"\na part of an ablation, {_SWEPT_RUNS} runs of each program, {updates} updates each (compiling left out);")
    show(f"the ensemble uses all {jax.device_count()} devices, one after the other uses one of them")
    totals = [0.0, 0.0]
    for group in plan.groups:
        seconds = measure_sweep_speed(group, _SWEPT_RUNS, updates, repeats)
        ours, plain = (statistics.median(values) for values in seconds.values())
        totals = [totals[0] + ours, totals[1] + plain]
        name = f"d_head {group.spec.model.d_head}"
        show(f"  {name:12s} as one ensemble {ours:6.1f} s   one after the other {plain:6.1f} s   {plain / ours:5.1f} x")
    show(f"  {'all':12s} as one ensemble {totals[0]:6.1f} s   one after the other {totals[1]:6.1f} s"
           f"   {totals[1] / totals[0]:5.1f} x")  # fmt: skip
