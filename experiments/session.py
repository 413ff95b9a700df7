"""One training from config to report: what `experiments.train` does once its options are read."""

import jax
import numpy as np
from rich.console import Console

from data.world import load_world
from experiments import runtime
from experiments.config import Config
from experiments.loop import Record, Training
from experiments.run_directory import make_run_directory
from experiments.terminal import report, watched
from experiments.tracker import Tracker


def train(config: Config, name: str, run_dir: str | None = None, console: Console | None = None) -> int:
    """Train `config`, write its run directory and print the result.

    Args:
      config: what to train.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      console: where to print; by default the terminal.

    Returns:
      The exit code: 0, or 3 where a run diverged (its loss is no longer a number).

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    console = console or Console(highlight=False)
    training = Training(config, load_world(config.world))
    writes = jax.process_index() == 0
    records: list[Record] = []
    if not writes:
        records += training.run()
        return 0
    folder = make_run_directory(name, run_dir)
    with Tracker(training, folder, runtime.versions()) as tracker:
        for record in watched(training.run(), training, console):
            tracker.record(record)
            records = [*records[:1], record]
        tracker.finish(records[0], records[-1])
    report(training, records[0], records[-1], folder, console)
    diverged = [config.seed + run for run, loss in enumerate(records[-1].loss_R) if not np.isfinite(loss)]
    if diverged:
        console.print(
            f"diverged: the loss of seed {', '.join(map(str, diverged))} is no number; lower --train.learning_rate"
        )
    return 3 if diverged else 0
