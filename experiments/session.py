"""One training from config to report: what `experiments.train` does once its options are read."""

import jax
from rich.console import Console

from data.errors import InputError
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
    try:
        with Tracker(training, folder, runtime.versions()) as tracker:
            for record in watched(training.run(), training, console):
                tracker.record(record)
                records = [*records[:1], record]
            tracker.finish(records[-1])
    except OSError as error:
        reason, kept = (
            error.strerror or error,
            f"what was recorded up to step {records[-1].step:,} is kept" if records else "",
        )
        raise InputError(
            f"{folder}: cannot be written to ({reason}); free some space, or choose --run-dir. {kept}"
        ) from None
    report(training, records[0], records[-1], folder, console)
    found = {config.seed + run: int(step) for run, step in enumerate(records[-1].diverged_at_R) if step >= 0}
    for seed, step in found.items():
        console.print(
            f"diverged: from update {step:,} on the loss of seed {seed} is no number; lower the learning rate"
        )
    return 3 if found else 0
