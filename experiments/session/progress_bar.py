"""The progress bar of a training. Nothing is shown where the console is no terminal."""

from types import TracebackType
from typing import Self

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from experiments.measuring.experiment import Record, Training
from experiments.measuring.metrics import excess_metrics


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

    def __init__(self, training: Training, console: Console, start: int = 0) -> None:
        """`start` is the step from which the training goes on: what was made before tells nothing of the time left."""
        measured = _Measured(Column(no_wrap=True))  # in 80 columns it is the bar that gives way
        count, left = TextColumn("{task.completed:,}/{task.total:,}"), TimeRemainingColumn(compact=True)
        self._training, self._runs = training, training.config.seeds
        self._bar = Progress(
            BarColumn(24), count, measured, left, console=console, disable=not console.is_terminal, transient=True
        )
        self._task = self._bar.add_task("", total=training.config.train.steps, completed=start)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def move(self, step: int) -> None:
        """Show that the training has come to `step`."""
        speed = self._training.clock.read(step).rate * self._runs
        self._bar.update(self._task, completed=step, speed=speed, refresh=True)

    def record(self, record: Record) -> None:
        """Show a record: the loss of the runs that have not diverged, and the excess of all; step 0 has no loss."""
        if record.step:
            known = record.loss_R[np.isfinite(record.loss_R)]
            loss = known.mean() if known.size else np.nan
            runs = range(self._runs)
            excess = np.mean([excess_metrics(self._training, record, r).get("excess/trained/all", 0) for r in runs])
            self._bar.update(self._task, loss=loss, excess=excess, refresh=True)
