"""The work of the process that leads a training, or is alone: it trains, writes the run folder and prints."""

import itertools
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from rich.console import Console

from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.config.loader import to_yaml
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import EvaluationData, Measurement
from experiments.measuring.metrics import mean_excess
from experiments.pictures.missing_fonts import missing_fonts
from experiments.replay.ledger import forming
from experiments.run_directory.files import cannot_write, write_text
from experiments.run_directory.folders import resume_command, run_folders, run_lock
from experiments.run_directory.saved_run import load_run
from experiments.session.following import handed_point
from experiments.session.profile import Profile
from experiments.session.resume import find_resume_point
from experiments.session.saving import SavedTraining
from experiments.session.terminal import TrainingBar, report
from experiments.tracking.recorded_arrays import fixed_arrays
from experiments.tracking.sentence_pictures import SentencePictures
from experiments.tracking.tracker import LISTED, Tracker
from experiments.training import runtime
from experiments.training.agreement import Agreement
from experiments.training.hyperparameters import training_spec
from experiments.training.least_time import about_time
from experiments.training.memory import about_memory
from experiments.training.trainer import Progress, Record, ResumePoint, Trainer

if TYPE_CHECKING:
    from experiments.training.checkpoints import Checkpoints


_PATIENCE = 2.0
"""Seconds that a checkpoint under way may still take when another process has ended."""


class Leading:
    """The work of a single process, or of process 0, on one run folder; the others follow, see `follow`."""

    def __init__(
        self,
        experiment: Experiment,
        trainer: Trainer[EvaluationData, Measurement],
        folder: Path,
        stop: Interruption,
        agreement: Agreement,
        console: Console | None,
        listed: int = LISTED,
        profiled: bool = False,
    ) -> None:
        self._experiment, self._trainer, self._folder, self._stop = experiment, trainer, folder, stop
        self._agreement, self._listed, self._profiled = agreement, listed, profiled
        self._console = console or Console(highlight=False)
        self._tracker: Tracker | None = None

    def run(self, resumed: bool = False) -> int:
        from experiments.training.checkpoints import Checkpoints  # noqa: PLC0415  orbax, while XLA compiles

        try:
            with run_lock(self._folder, new=not resumed), Checkpoints(self._folder) as checkpoints:
                point: ResumePoint | int = self._trainer.beginning
                said: list[str] = []
                if resumed:
                    found, damaged = checkpoints.restore(self._trainer.empty_states())
                    point, said = find_resume_point(self._experiment, self._trainer, self._folder, found, damaged)
                    handed_point(self._agreement, self._trainer, point)
                for line in [*said, about_memory(self._trainer.least_memory), self._time(point), self._boxes()]:
                    if line:
                        say(self._console, line)
                if isinstance(point, int):
                    return point
                write_text(self._folder / "config.yaml", to_yaml(self._experiment.config))
                return self._train(point, checkpoints)
        except OSError as error:
            written = self._tracker.written_until if self._tracker is not None else -1
            kept = f"what was recorded up to step {written:,} is kept" if written >= 0 else ""
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

    def _pictures(self) -> SentencePictures:
        """The pictures of the watched sentences, laid out if any will be drawn."""
        fixed = fixed_arrays(self._experiment, self._trainer.empty_states().params)
        pictures = SentencePictures(fixed)
        return pictures.lay_out() if self._experiment.config.track.images else pictures

    def _train(self, point: ResumePoint, checkpoints: "Checkpoints") -> int:
        """Train from `point` on, and write everything; gives the exit code."""
        seconds = self._experiment.config.track.checkpoint_seconds

        def write(progress: Progress, states: Any) -> None:
            """Save a checkpoint; only a record has an excess, which decides on the best."""
            tracker.write_rest()  # what is recorded until a checkpoint is on disk before it
            excess = mean_excess(self._experiment, progress) if isinstance(progress, Record) else np.inf
            checkpoints.save(progress.step, states, excess, progress.time)

        training = SavedTraining(self._trainer, self._agreement, self._stop, point, seconds, write)
        if self._agreement.exchange is not None:
            self._agreement.exchange.kept = lambda: self._kept(checkpoints)
        with ExitStack() as stack:
            bar = TrainingBar(self._experiment, self._console, stack, point.step)
            profile = stack.enter_context(Profile(self._folder, point.steps)) if self._profiled else None
            moved = [bar.move, self._flush, *([profile.move] if profile else [])]
            records = training.records(self._experiment.data, *moved)
            pictures = self._pictures()  # while programs are compiled, or loaded
            first = last = next(records)
            tracker = Tracker(
                self._experiment, self._folder, pictures, first, point, runtime.versions(), stack, self._listed
            )
            self._tracker = tracker
            checkpoints.forget_after(point.step)  # not before something else could be written there
            for record in itertools.chain([first], records):
                bar.record(record)
                with jax.profiler.TraceAnnotation("tracking"):
                    tracker.record(record)
                last = record
            bar.stop()
            self._agreement.release()
            checkpoints.wait()  # so that a later process can finish what is begun below
            code = self._end(tracker, point, first, last, training.step)
        if profile is not None:
            say(self._console, profile.line())
        return code

    def _flush(self, _: Progress) -> None:
        if self._tracker is not None:
            self._tracker.flush_if_due()

    def _kept(self, checkpoints: "Checkpoints") -> str:
        """What there is to say where another process has ended: what is kept, and how to go on."""

        def wait() -> None:
            with suppress(Exception):  # what it raises is of no interest now
                checkpoints.wait()

        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(_PATIENCE)
        if (step := checkpoints.last_step()) is None:
            return "nothing was saved yet; start all of them again"
        again = f"start all of them again with  {resume_command(self._folder)}{self._agreement.in_each}"
        return f"what was saved until step {step:,} is kept; {again}"

    def _end(
        self, tracker: Tracker, point: ResumePoint, first: Record[Measurement], last: Record[Measurement], step: int
    ) -> int:
        """Write the end of a training that came to `step`, and print its result; gives the exit code."""
        config, console = self._experiment.config, self._console
        diverged = {config.seed + run: int(at) for run, at in enumerate(last.diverged_at_R) if at >= 0}
        if step < point.steps[-1] and len(diverged) < config.seeds:
            if last.step or point.step == 0:  # else an earlier process said more than is known here
                tracker.interrupted(last)
            again = f"{resume_command(self._folder)}{self._agreement.in_each}"
            say(console, f"interrupted and saved at step {step:,}; go on with  {again}")
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
