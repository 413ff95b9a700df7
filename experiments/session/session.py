"""One training from config to report: what `experiments.train` does once its options are read."""

import time
from contextlib import ExitStack, nullcontext
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

from data.errors import InputError
from data.world import load_world
from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.config.schema import Config
from experiments.measuring.experiment import Record, Training
from experiments.measuring.metrics import excess_metrics
from experiments.run_directory.folders import cannot_write, make_run_directory, resume_command
from experiments.run_directory.lock import RunLock
from experiments.session.progress_bar import TrainingBar
from experiments.session.resume import Resumed, find_resumed
from experiments.session.terminal import report
from experiments.tracking.tracker import Tracker
from experiments.training import runtime


def train(config: Config, name: str, run_dir: str | None = None, console: Console | None = None) -> int:
    """Train `config`, write its run directory and print the result.

    Args:
      config: what to train.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      console: where to print; by default the terminal.

    Returns:
      The exit code: 0 finished, 3 where a run diverged, 130 interrupted (and saved).

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    stop = Interruption()
    # Several processes do not hear a signal at the same step: it ends them at once, as it does other commands.
    with stop if jax.process_count() == 1 else nullcontext():
        training = Training(config, load_world(config.world))
        if jax.process_index() != 0:  # one process writes
            list(training.run())
            return 0
        return _Session(training, make_run_directory(name, run_dir), stop, console).run()


def resume(config: Config, folder: Path, console: Console | None = None) -> int:
    """Go on with the training in `folder`; `config` is its own, or the same with more steps. Otherwise as `train`."""
    with Interruption() as stop:
        if jax.process_count() > 1:
            raise InputError("--resume: works with one process; start it without JAX_COORDINATOR_ADDRESS")
        return _Session(Training(config, load_world(config.world)), folder, stop, console).run(resumed=True)


class _Session:
    """One process's work on one run folder."""

    def __init__(self, training: Training, folder: Path, stop: Interruption, console: Console | None) -> None:
        self._training, self._folder, self._stop = training, folder, stop
        self._console = console or Console(highlight=False)
        self._first: Record | None = None
        self._last: Record | None = None
        self._saved_at = time.monotonic()
        # All processes would have to save together, but when it is time is known by the clock of one.
        self._saves = jax.process_count() == 1

    def run(self, resumed: bool = False) -> int:
        from experiments.training.checkpoints import Checkpoints  # noqa: PLC0415  orbax, while XLA compiles in the background

        try:
            with ExitStack() as stack:
                stack.enter_context(RunLock(self._folder, new=not resumed))
                self._checkpoints = stack.enter_context(Checkpoints(self._folder))
                found = (
                    find_resumed(self._training, self._folder, self._checkpoints, self._console) if resumed else None
                )
                if found is not None and found.done is not None:
                    return self._say_done(found)
                after = -1 if found is None else found.after
                self._tracker = stack.enter_context(Tracker(self._training, self._folder, runtime.versions(), after))
                if found is not None:  # not before something else could be written there
                    self._checkpoints.forget_after(found.step)
                self._train(found)
                return self._end()
        except OSError as error:
            kept = "" if self._last is None else f"what was recorded up to step {self._last.step:,} is kept"
            raise cannot_write(self._folder, error, kept) from None

    def _say_done(self, found: Resumed) -> int:
        say(self._console, str(found.done))
        return 3 if found.diverged else 0

    def _train(self, found: Resumed | None) -> None:
        if not self._saves:
            say(self._console, "several processes: no checkpoints are saved; a run that is stopped has to begin again")
        start = 0 if found is None else found.step
        begin = None if found is None else (start, found.states, self._checkpoints.spent(start))
        with TrainingBar(self._training, self._console, start) as self._bar:
            for record in self._training.run(self._after_chunk, begin):
                self._bar.record(record)
                self._tracker.record(record)
                self._first, self._last = self._first or record, record
                if found is None or record.step > start:
                    self._save(record.step, record.states, record, at_once=record.step == self._training.steps[-1])

    def _after_chunk(self, step: int) -> bool:
        self._bar.move(step)
        if step not in self._training.steps and self._last is not None:
            self._save(step, self._training.states)
        return self._stop.requested

    def _save(self, step: int, states: object, record: Record | None = None, at_once: bool = False) -> None:
        """Save a checkpoint, if the last one is old enough; the best is chosen among those that have a record."""
        due = at_once or time.monotonic() - self._saved_at >= self._training.config.track.checkpoint_seconds
        if due and self._saves:
            excess = self._excess(record) if record is not None and record.step == step else np.inf
            spent = self._training.clock.read(step)
            self._checkpoints.save(step, self._training.ensemble.fetch(states), excess, spent)
            self._saved_at = time.monotonic()

    def _excess(self, record: Record) -> float:
        """On trained contexts, mean over the runs, in nats."""
        runs = range(self._training.config.seeds)
        return float(
            np.mean([excess_metrics(self._training, record, run).get("excess/trained/all", np.inf) for run in runs])
        )

    def _end(self) -> int:
        training, first, last = self._training, self._first, self._last
        assert first is not None  # noqa: S101  a training gives a record of step 0
        assert last is not None  # noqa: S101
        diverged = {training.config.seed + run: int(at) for run, at in enumerate(last.diverged_at_R) if at >= 0}
        if training.step < training.steps[-1] and len(diverged) < training.config.seeds:
            self._save(training.step, training.states, last, at_once=True)
            self._checkpoints.wait()
            if last.step or self._tracker.after < 0:  # else an earlier process said more than is known here
                self._tracker.interrupted(last)
            again = resume_command(self._folder)
            say(self._console, f"interrupted and saved at step {training.step:,}; go on with  {again}")
            return EXIT_CODE
        self._save(training.step, training.states, last, at_once=True)
        self._checkpoints.wait()  # so that a later process can finish what is begun below
        self._tracker.finish(last)
        report(training, first, last, self._folder, self._console)
        for seed, step in diverged.items():
            said = f"diverged: from update {step:,} on the loss of seed {seed} is no number; lower the learning rate"
            say(self._console, said)
        return 3 if diverged else 0
