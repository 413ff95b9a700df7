"""The progress bar of a training. Nothing is shown where the console is no terminal."""

from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import mean_excess
from experiments.training.trainer import Progress, Record


class _Measured(ProgressColumn):
    """Loss, excess and speed, once there are any."""

    def render(self, task: Task) -> Text:
        fields, parts = task.fields, []
        if "loss" in fields:
            parts.append(f"loss {fields['loss']:.3f}  excess {fields['excess']:.4f} nats")
        if "speed" in fields:
            parts.append(f"{fields['speed']:,.0f} updates/s")
        return Text("  ".join(parts) or "compiling")


class TrainingBar:
    """Shows how far a training is, and its last record; use it in a `with`."""

    def __init__(self, experiment: Experiment, console: Console, start: int = 0) -> None:
        """`start` is the step from which the training goes on: what was made before tells nothing of the time left."""
        measured = _Measured(Column(no_wrap=True))  # in 80 columns it is the bar that gives way
        count, left = TextColumn("{task.completed:,}/{task.total:,}"), TimeRemainingColumn(compact=True)
        self._experiment = experiment
        self._bar = RichProgress(
            BarColumn(24), count, measured, left, console=console, disable=not console.is_terminal, transient=True
        )
        self._task = self._bar.add_task("", total=experiment.config.train.steps, completed=start)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def stop(self) -> None:
        """Take the bar away, before something else is printed."""
        self._bar.stop()

    def move(self, progress: Progress) -> None:
        """Show how far the training has come, and how fast it is."""
        speed = progress.time.rate * self._experiment.config.seeds
        self._bar.update(self._task, completed=progress.step, speed=speed, refresh=True)

    def record(self, record: Record[Measurement]) -> None:
        """Show a record: the loss of the runs that have not diverged, and the excess of all; step 0 has no loss."""
        if record.step:
            known = record.loss_R[np.isfinite(record.loss_R)]
            loss = known.mean() if known.size else np.nan
            self._bar.update(self._task, loss=loss, excess=mean_excess(self._experiment, record), refresh=True)
