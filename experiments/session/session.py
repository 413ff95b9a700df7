"""One training from config to report: what `experiments.train` does once its options are read."""

import itertools
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import numpy as np
from rich.console import Console

from data.errors import require
from data.world import load_world
from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.config.loader import to_yaml
from experiments.config.schema import Config
from experiments.measuring.experiment import Experiment, MakeTrainer, prepare
from experiments.measuring.measurement import EvaluationData, Measurement
from experiments.measuring.metrics import mean_excess
from experiments.pictures.missing_fonts import missing_fonts
from experiments.replay.ledger import forming
from experiments.run_directory.files import cannot_write, write_text
from experiments.run_directory.folders import (
    ROOT,
    check_can_be_made,
    make_run_directory,
    resume_command,
    run_folders,
    run_lock,
)
from experiments.run_directory.saved_run import load_run
from experiments.session.resume import find_resume_point
from experiments.session.terminal import TrainingBar, report
from experiments.tracking.tracker import LISTED, Tracker
from experiments.training import runtime
from experiments.training.hyperparameters import training_spec
from experiments.training.least_time import about_time
from experiments.training.memory import about_memory
from experiments.training.trainer import Progress, Record, ResumePoint, Trainer

if TYPE_CHECKING:
    from experiments.training.checkpoints import Checkpoints


def train(
    config: Config,
    name: str,
    run_dir: str | None = None,
    console: Console | None = None,
    make_trainer: MakeTrainer = Trainer,
    listed: int = LISTED,
) -> int:
    """Train `config`, write its run directory and print the result.

    Args:
      config: what to train.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      console: where to print; by default the terminal.
      make_trainer: as for `prepare`.
      listed: how many of several runs TensorBoard lists beside their overview.

    Returns:
      The exit code: 0 finished, 3 where a run diverged, 130 interrupted (and saved).

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    if run_dir is None and jax.process_index() == 0:
        check_can_be_made(ROOT / name)
    stop = Interruption()
    # Several processes do not hear a signal at the same step: it ends them at once, as it does other commands.
    with stop if jax.process_count() == 1 else nullcontext():
        experiment, trainer = prepare(config, load_world(config.world), make_trainer)
        if jax.process_index() != 0:  # one process writes
            list(trainer.run(experiment.data))
            return 0
        return _Session(experiment, trainer, make_run_directory(name, run_dir), stop, console, listed).run()


def resume(config: Config, folder: Path, console: Console | None = None, make_trainer: MakeTrainer = Trainer) -> int:
    """Go on with the training in `folder`; `config` is its own, or the same with more steps. Otherwise as `train`."""
    with Interruption() as stop:
        require(
            jax.process_count() == 1,
            "--resume: works with one process; start it alone, without JAX_COORDINATOR_ADDRESS or --coordinator",
        )
        experiment, trainer = prepare(config, load_world(config.world), make_trainer)
        return _Session(experiment, trainer, folder, stop, console).run(resumed=True)


class _Session:
    """One process's work on one run folder."""

    def __init__(
        self,
        experiment: Experiment,
        trainer: Trainer[EvaluationData, Measurement],
        folder: Path,
        stop: Interruption,
        console: Console | None,
        listed: int = LISTED,
    ) -> None:
        self._experiment, self._trainer, self._folder, self._stop = experiment, trainer, folder, stop
        self._listed = listed
        self._console = console or Console(highlight=False)
        self._recorded_until = -1
        self._saved_at = time.monotonic()
        # All processes would have to save together, but when it is time is known by the clock of one.
        self._saves = jax.process_count() == 1

    def run(self, resumed: bool = False) -> int:
        from experiments.training.checkpoints import Checkpoints  # noqa: PLC0415  orbax, while XLA compiles

        try:
            with run_lock(self._folder, new=not resumed), Checkpoints(self._folder) as checkpoints:
                point: ResumePoint | int = self._trainer.beginning
                lost = "several processes: no checkpoints are saved; a run that is stopped has to begin again"
                said = [] if self._saves else [lost]
                if resumed:  # by one process, see `resume`
                    found, damaged = checkpoints.restore(self._trainer.empty_states())
                    point, said = find_resume_point(self._experiment, self._trainer, self._folder, found, damaged)
                for line in [*said, about_memory(self._trainer.least_memory), self._time(point), self._boxes()]:
                    if line:
                        say(self._console, line)
                if isinstance(point, int):
                    return point
                write_text(self._folder / "config.yaml", to_yaml(self._experiment.config))
                return self._train(point, checkpoints)
        except OSError as error:
            kept = f"what was recorded up to step {self._recorded_until:,} is kept" if self._recorded_until >= 0 else ""
            raise cannot_write(self._folder, error, kept) from None

    def _time(self, point: ResumePoint | int) -> str:
        """How long the updates that are left take at least, of a large training."""
        config, done = self._experiment.config, 0 if isinstance(point, int) else point.step
        left = (config.train.steps - done) * config.seeds
        return about_time(training_spec(config, self._experiment.world), left)

    def _boxes(self) -> str:
        """What the pictures of this training cannot show, see `missing_fonts`."""
        if not self._experiment.config.track.images:
            return ""
        tokens = [token for tokens, _ in self._experiment.sentences for token in tokens]
        return missing_fonts(self._experiment.world.vocabulary.decode(tokens))

    def _train(self, point: ResumePoint, checkpoints: "Checkpoints") -> int:
        """Train from `point` on, and write everything; gives the exit code."""
        now: Progress | None = None

        def should_stop(progress: Progress) -> bool:
            nonlocal now
            now = progress
            bar.move(progress)
            if progress.step not in point.steps:
                self._save(checkpoints, progress)
            return self._stop.requested

        with ExitStack() as stack:
            bar = TrainingBar(self._experiment, self._console, stack, point.step)
            records = self._trainer.run(self._experiment.data, should_stop, point)
            first = last = next(records)
            tracker = Tracker(self._experiment, self._folder, first, point, runtime.versions(), stack, self._listed)
            checkpoints.forget_after(point.step)  # not before something else could be written there
            for record in itertools.chain([first], records):
                bar.record(record)
                tracker.record(record)
                last, self._recorded_until = record, record.step
                if point.states is None or record.step > point.step:
                    self._save(checkpoints, record, at_once=record.step == point.steps[-1])
            bar.stop()
            end = now or Progress(point.step, point.states or last.states, last.time)
            self._save(checkpoints, last if last.step == end.step else end, at_once=True)
            checkpoints.wait()  # so that a later process can finish what is begun below
            return self._end(tracker, point, first, last, end.step)

    def _save(self, checkpoints: "Checkpoints", progress: Progress, at_once: bool = False) -> None:
        """Save a checkpoint if the last one is old enough; only a record has an excess, which decides on the best."""
        due = at_once or time.monotonic() - self._saved_at >= self._experiment.config.track.checkpoint_seconds
        if due and self._saves:
            excess = mean_excess(self._experiment, progress) if isinstance(progress, Record) else np.inf
            checkpoints.save(progress.step, self._trainer.ensemble.fetch(progress.states), excess, progress.time)
            self._saved_at = time.monotonic()

    def _end(
        self, tracker: Tracker, point: ResumePoint, first: Record[Measurement], last: Record[Measurement], step: int
    ) -> int:
        """Write the end of a training that came to `step`, and print its result; gives the exit code."""
        config, console = self._experiment.config, self._console
        diverged = {config.seed + run: int(at) for run, at in enumerate(last.diverged_at_R) if at >= 0}
        if step < point.steps[-1] and len(diverged) < config.seeds:
            if last.step or point.step == 0:  # else an earlier process said more than is known here
                tracker.interrupted(last)
            say(console, f"interrupted and saved at step {step:,}; go on with  {resume_command(self._folder)}")
            return EXIT_CODE
        tracker.finish(last)
        config = self._experiment.config
        first_run = run_folders(self._folder, config.seed, config.seeds)[0]
        ledgers = forming(load_run(first_run), self._experiment.told)
        report(self._experiment, first, last, ledgers, self._folder, console)
        for seed, at in diverged.items():
            say(
                console,
                f"diverged: at update {at:,} loss or gradient of seed {seed} was not finite; lower the learning rate",
            )
        return 3 if diverged else 0
