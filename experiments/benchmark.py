"""Measure speed: the command from start to prompt, and updates a second beside the same model with every row computed.

python -m experiments.benchmark
python -m experiments.benchmark --repeats 5 --updates 300
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import InputError
from experiments.command_line import OneLineParser, run_command

if TYPE_CHECKING:
    from experiments.ablation_config import AblationConfig
    from experiments.config import Config

_SWEPT_RUNS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` (by default the process's); gives the exit code."""
    parser = OneLineParser(
        prog="python -m experiments.benchmark",
        description="Measure catmat's speed on this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--config", default="toy.yaml", metavar="FILE", help="the config that is measured")
    parser.add_argument("--updates", type=int, default=200, metavar="N", help="updates a measurement")
    parser.add_argument(
        "--ablation", default="scaling.yaml", metavar="FILE", help="the ablation that is measured in part"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="measurements; the median is shown")
    options = parser.parse_args(arguments)
    for name in ("updates", "repeats"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name}: must be at least 1, not {getattr(options, name)}")
    from experiments.ablation_config import load_ablation
    from experiments.yaml_config import load_config

    config, ablation = load_config(options.config, {}), load_ablation(options.ablation, {})
    _print(f"{_machine()}\n")
    _command_times(options.config, options.repeats)
    _update_rates(config, options.updates, options.repeats)
    _sweep_times(ablation, options.updates, options.repeats)
    return 0


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _machine() -> str:
    from experiments.runtime import cores, prepare, versions

    prepare()
    found = versions()
    memory = (
        os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else float("nan")
    )
    return (
        f"{cores()} CPU cores, {memory:.0f} GiB; {found['devices']} x {found['platform']} ({found['device']}), "
        f"jax {found['jax']}, Python {found['python']}"
    )


def _command_times(config: str, repeats: int) -> None:
    """Seconds from command to prompt, first with an empty compilation cache, then with a filled one."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/xla"}
        environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
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
    _print("command to prompt")
    _print(f"  first time, nothing compiled yet   {seconds[0]:6.1f} s  (training {training[0].strip()} s)")
    again = [float(text) for text in training[1:]]
    _print(
        f"  afterwards                         {statistics.median(seconds[1:]):6.1f} s"
        f"  (training {statistics.median(again):.1f} s)"
    )
    _print(f"  peak memory                        {_peak_memory():6.0f} MB\n")


def _peak_memory() -> float:
    """The most that any finished child process had, in MB (10**6 bytes)."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e6


def _update_rates(config: "Config", updates: int, repeats: int) -> None:
    """Updates a second: as trained, and with every row computed; taken in turns, so that both meet the same machine."""
    from data.world import load_world
    from experiments.rates import measure_rates

    rates = measure_rates(config, load_world(config.world), updates, repeats)
    _print(f"updates a second (batch {config.train.batch})")
    base = statistics.median(rates["every row computed"])
    for name, values in rates.items():
        middle = statistics.median(values)
        _print(f"  {name:32s} {middle:8,.0f}   {middle / base:5.1f} x   ({min(values):,.0f} to {max(values):,.0f})")


def _sweep_times(ablation: "AblationConfig", updates: int, repeats: int) -> None:
    """Seconds for a part of an ablation: as one ensemble, and one training after the other with every row computed."""
    import jax

    from experiments.ablation_plan import make_plan
    from experiments.sweep_rates import measure_group

    plan = make_plan(ablation)
    _print(f"\na part of an ablation, {_SWEPT_RUNS} runs of each program, {updates} updates each (compiling left out);")
    _print(f"the ensemble uses all {jax.device_count()} devices, one after the other uses one of them")
    totals = [0.0, 0.0]
    for group in plan.groups:
        seconds = measure_group(group, _SWEPT_RUNS, updates, repeats)
        ours, plain = (statistics.median(values) for values in seconds.values())
        totals = [totals[0] + ours, totals[1] + plain]
        name = f"d_head {group.program.model.d_head}"
        _print(
            f"  {name:12s} as one ensemble {ours:6.1f} s   one after the other {plain:6.1f} s   {plain / ours:5.1f} x"
        )
    _print(f"  {'all':12s} as one ensemble {totals[0]:6.1f} s   one after the other {totals[1]:6.1f} s"
           f"   {totals[1] / totals[0]:5.1f} x")  # fmt: skip


if __name__ == "__main__":
    run_command(main)
