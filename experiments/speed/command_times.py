"""Seconds from command to prompt of `experiments.train` and its peak memory; and how the benchmark prints."""

import contextlib
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from data.errors import require
from data.world import load_world
from experiments.commands.console import say_prose
from experiments.run_directory.saved_run import load_run
from experiments.training import runtime
from experiments.training.memory import memory_of_machine


def show(line: str) -> None:
    """Print a line."""
    say_prose(Console(highlight=False), line)


def machine() -> str:
    """One line about the machine; JAX is set up for it."""
    runtime.prepare()
    found, memory = runtime.versions(), memory_of_machine()
    size = f"{memory / 2**30:.0f} GiB" if memory else "memory unknown"
    return (
        f"{runtime.cores()} CPU cores, {size}; {found['devices']} x {found['platform']} ({found['device']}), "
        f"jax {found['jax']}, Python {found['python']}"
    )


def command_times(config: str, repeats: int, folder: Path) -> Path:
    """Print seconds from command to prompt, first with an empty compilation cache, then with a filled one.

    Args:
      config: the config that is trained.
      repeats: how often with a filled cache.
      folder: an empty folder for what is written.

    Returns:
      The folder of the last training.
    """
    seconds, training = [], []
    for number in range(1 + repeats):
        command = ["-m", "catmat_command", "train", "--config", config, "--run-dir", f"{folder}/{number}"]
        took, printed = _timed(command, folder)
        seconds.append(took)
        training += [float(found) for found in re.findall(r"Training +([\d.]+) s", printed)]
    show("command to prompt")
    show(f"  first time, nothing compiled yet   {seconds[0]:6.1f} s  (training {training[0]:.1f} s)")
    later, trained = statistics.median(seconds[1:]), statistics.median(training[1:])
    show(f"  afterwards                         {later:6.1f} s  (training {trained:.1f} s)")
    with contextlib.suppress(ImportError):  # only POSIX has it
        import resource  # noqa: PLC0415

        # The most that any finished child process used: in KiB, on macOS in bytes.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        show(f"  peak memory                        {peak / 1e6:6.0f} MB")
    show("")
    return folder / str(repeats)


def explain_times(run: Path, repeats: int, folder: Path) -> None:
    """Print seconds of `experiments.explain` beside those that its libraries take to load, in turns, caches filled.

    Args:
      run: a finished run, of a world that has an example.
      repeats: how often.
      folder: as for `command_times`.
    """
    world = load_world(load_run(run).config.world)
    sentence = next(iter(world.examples), "")
    if not sentence:
        return
    explain = ["-m", "catmat_command", "explain", sentence, "--run", str(run)]
    _timed(explain, folder)
    both = [(_timed(explain, folder)[0], _timed(["-c", "import jax, flax, optax"], folder)[0]) for _ in range(repeats)]
    took, loading = (statistics.median(seconds) for seconds in zip(*both, strict=True))
    ratio = statistics.median(one / other for one, other in both)
    loaded = f"{ratio:.2f} times import jax, flax, optax ({loading:.1f} s)"
    show("explain a sentence")
    show(f"  command to prompt                  {took:6.1f} s, {loaded}")
    show("")


def _timed(arguments: list[str], folder: Path) -> tuple[float, str]:
    """Seconds that Python takes with `arguments`, and what it prints; compiled programs are kept in `folder`."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": f"{folder}/xla", "PYTHONPATH": path}
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments], env=environment, check=False, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    said = done.stderr.strip().removeprefix("error: ")
    require(done.returncode == 0, said or f"{' '.join(arguments)}: did not come to its end")
    return seconds, done.stdout
