"""A training in the terminal: its progress bar, and its result, what the model does with the masked words and how well.

Words come from users: they are shown as text, never as markup, and without control characters.
"""

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Column
from rich.text import Text

from catmat_command import as_called
from data.errors import printable
from experiments.commands.console import shown
from experiments.commands.tables import TableColumn, print_table, weight_cell
from experiments.commands.words import about_forms
from experiments.config.schema import Config
from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.measuring.metrics import RowResult, excess_metrics, mean_excess, relation_metrics, row_results
from experiments.replay.ledger import Ledger
from experiments.replay.ledger_table import print_forming, print_ledger, what_follows
from experiments.run_directory.folders import quoted, run_folders
from experiments.tracking.tracker import has_events
from experiments.training.trainer import Progress, Record
from model.config import ModelConfig

_LEAST_BAR = 72
"""Columns in which the last record stands beside the progress; a narrower terminal gets steps, speed and time alone."""
_MOST_HEADS = 8
"""Of a model with more heads the table shows the mean alone."""
_WHOLE = 10
"""From so many updates a second on, whole numbers tell enough."""
_LEAST_NOTE = 13
"""Columns that a note beside a figure needs to be readable."""

_EXCESS = (
    "Excess: how far the guessed probabilities are from the exact ones (their KL divergence) in nats, the natural unit"
    " of information: tossing a coin brings 0.69 nats. 0 is perfect. Trained contexts are combinations of words around"
    " the masked one that training shows; held-out contexts are combinations that it never shows."
)
_WEIGHT = (
    "Weight on relevant words: the share of attention on the words that change the exact answer most. Beside it, what"
    " an untrained model, attention by position alone and uniform attention give."
)


class TrainingBar:
    """Shows how far a training is, and its last record. Nothing is shown where no terminal is."""

    def __init__(self, experiment: Experiment, console: Console, stack: ExitStack, start: int = 0) -> None:
        """Show the bar until `stop` is called, or `stack` closed.

        `start` is the step from which the training goes on: what was made before tells nothing of the time left.
        """
        # In 80 columns it is the bar that gives way.
        measured = TextColumn("{task.description}", table_column=Column(no_wrap=True))
        count, left = TextColumn("{task.completed:,}/{task.total:,}"), TimeRemainingColumn(compact=True)
        self._experiment, self._measured = experiment, {"record": "", "speed": ""}
        self._narrow = console.width < _LEAST_BAR
        columns = (count, measured, left) if self._narrow else (BarColumn(24), count, measured, left)
        self._bar = RichProgress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._task = self._bar.add_task("compiling", total=experiment.config.train.steps, completed=start)
        stack.enter_context(self._bar)

    def stop(self) -> None:
        """Take the bar away, before something else is printed."""
        self._bar.stop()

    def move(self, progress: Progress) -> None:
        """Show how far the training has come, and how fast it is."""
        speed = progress.time.rate * self._experiment.config.seeds
        shown = f"{speed:,.0f}" if speed >= _WHOLE else f"{speed:.2g}"
        self._show(progress.step, "speed", f"{shown} updates/s")

    def record(self, record: Record[Measurement]) -> None:
        """Show a record: the loss of the runs that have not diverged, and the excess of all; step 0 has no loss."""
        if record.step and not self._bar.disable:
            known = record.loss_R[np.isfinite(record.loss_R)]
            loss = known.mean() if known.size else np.nan
            self._show(None, "record", f"loss {loss:.3f}  excess {mean_excess(self._experiment, record):.4f} nats")

    def _show(self, step: int | None, part: str, text: str) -> None:
        self._measured[part] = text
        parts = [self._measured["speed"]] if self._narrow else self._measured.values()
        shown = "  ".join(filter(None, parts)) or "compiling"
        self._bar.update(self._task, completed=step, description=shown, refresh=True)


def report(
    experiment: Experiment,
    first: Record[Measurement],
    last: Record[Measurement],
    ledgers: Sequence[Ledger],
    folder: Path,
    console: Console,
) -> None:
    """Print the result: sentences word by word, a ledger, the figures of the runs, and where everything lies.

    `ledgers` are of the first row of the sentence `experiment.told`, the last one of the trained model.
    """
    seed = f", seed {experiment.config.seed}" if experiment.config.seeds > 1 else ""
    console.print()
    console.print(Text(f"What the model looks at to guess each masked word{seed}", style="bold"))
    about = f"{_about_rows(experiment.config.model)} {about_forms(experiment.world)}"
    console.print(Text(about.rstrip(), style="dim"))
    rows = row_results(experiment, last.of(0))
    count = len(experiment.sentences)
    for sentence in sorted({0, *range(count - len(experiment.config.probes), count)}):  # the config's own come last
        print_attention([row for row in rows if row.sentence == sentence], console)
        console.print()
    told = ledgers[-1]
    row = next(row for row in rows if row.sentence == experiment.told)
    print_ledger(told, what_follows(told, row.guess, row.exact), console)
    console.print()
    print_forming(ledgers, console)
    console.print()
    _print_figures(experiment, first, last, console)
    console.print(Text(f"\n{_EXCESS}\n\n{_WEIGHT}", style="dim"))
    _print_places(experiment.config, folder, " ".join(row.words), console)


def _about_rows(model: ModelConfig) -> str:
    """What the rows of a sentence's table are."""
    total = "1" if model.sink == "none" else "less than 1, since the sink takes the rest"
    mean = ": the mean over the heads" if model.heads > 1 else ""
    each = ", and below it those of each head" if 1 < model.heads <= _MOST_HEADS else ""
    return (
        f"Each row masks one word. Its numbers are attention weights, which sum to {total}{mean}{each}. [ ] is the"
        " masked place. guess: the model's most probable word and its probability; exact: the same by the rules of this"
        " world."
    )


def _print_places(config: Config, folder: Path, sentence: str, console: Console) -> None:
    """Print where everything lies, and the commands that show more of it."""
    runs = run_folders(folder, config.seed, config.seeds)
    console.print(Text.assemble("\nThis run lies in  ", (quoted(folder), "bold")), soft_wrap=True)
    if config.track.images:
        console.print(Text(f"Pictures          {quoted(runs[0] / 'attention.png')}"), soft_wrap=True)
    console.print(
        Text.assemble("Watch it with     ", (f"tensorboard --logdir {quoted(folder.parent)}", "bold")), soft_wrap=True
    )
    if (listed := sum(map(has_events, runs))) < len(runs):
        shown = f"the overview and {listed} of {len(runs):,} runs; --events all lists every run"
        console.print(Text(f"It lists          {shown}"), soft_wrap=True)
    if config.seeds > 1:  # hundreds of runs in one dashboard are a thicket
        console.print(Text(f"At a glance       tensorboard --logdir {quoted(folder / 'overview')}"), soft_wrap=True)
    asked = f"python -m experiments.explain --run {quoted(runs[0])} {shlex.quote(printable(sentence))}"
    console.print(Text.assemble("Explain a guess   ", (as_called(asked), "bold")), soft_wrap=True)


def print_attention(rows: list[RowResult], console: Console) -> None:
    """A sentence: for each masked word a row of the heads' mean and one of each head; a column for each word."""
    words = [shown(console, word) for word in rows[0].words]
    first: list[str] = []
    weights: list[NDArray[np.floating]] = []
    answers: list[tuple[str, str]] = []
    for row in rows:
        heads = len(row.weights_HK)
        shown_heads = heads if 1 < heads <= _MOST_HEADS else 0
        first += [f"{words[row.masked]} ", *(f"  head {head + 1} " for head in range(shown_heads))]
        weights += [row.weights_HK.mean(axis=0), *row.weights_HK[:shown_heads]]
        best = [f"  {shown(console, word)} {100 * chance:.0f} %" for word, chance in (row.guess, row.exact)]
        answers += [(best[0], best[1]), *[("", "")] * shown_heads]
    masked = [row.masked for row in rows for _ in range(len(first) // len(rows))]
    columns = [TableColumn(Text("masked  "), [Text(name) for name in first], style="bold")]
    for k, word in enumerate(words):
        cells = [weight_cell(float(weight[k]), k == place) for weight, place in zip(weights, masked, strict=True)]
        columns.append(TableColumn(Text(f"{word} "), cells, "center"))
    for i, name in enumerate(("guess", "exact")):
        cells = [Text(answer[i]) for answer in answers]
        columns.append(TableColumn(Text(f"  {name}"), cells, joined=name == "exact"))
    print_table(console, columns, gap=0)


def _print_figures(
    experiment: Experiment, first: Record[Measurement], last: Record[Measurement], console: Console
) -> None:
    """Excess and relation beside their baselines: the value of one run, or the median and range of several."""
    runs = list(zip(first.runs(), last.runs(), strict=True))
    excess = [excess_metrics(experiment, now) for _, now in runs]
    before = [excess_metrics(experiment, start) for start, _ in runs]
    relation = [relation_metrics(experiment, start, now) for start, now in runs]
    rows: list[tuple[str, str, str]] = []

    def finite(found: list[dict[str, float]], name: str) -> list[float]:
        """A metric of the runs in which it is finite; elsewhere it can be missing."""
        return [metrics[name] for metrics in found if np.isfinite(metrics.get(name, np.nan))]

    def value(found: list[dict[str, float]], name: str, digits: int) -> str:
        return f"{np.median(finite(found, name) or np.nan):.{digits}f}"

    def spread(found: list[dict[str, float]], name: str, digits: int) -> str:
        if len(found) == 1 or not (values := finite(found, name)):
            return ""
        return f"median of {len(values)}, {min(values):.{digits}f} to {max(values):.{digits}f}; "

    for kind, label in (("trained", "Excess, trained contexts"), ("held_out", "Excess, held-out contexts")):
        key = f"excess/{kind}/all"
        if finite(excess, key) and finite(before, key):
            note = f"{spread(excess, key, 4)}before training {value(before, key, 2)}"
            rows.append((label, f"{value(excess, key, 4)} nats", note))
    key = "relation/weight/all"
    names = {"untrained": "untrained", "position_only": "by position", "uniform": "uniform"}
    note = spread(relation, key, 2) + ", ".join(f"{names[n]} {value(relation, f'relation/{n}', 2)}" for n in names)
    rows.append(("Weight on relevant words", value(relation, key, 2), note))
    rows.append(("Training", f"{last.time.seconds:.1f} s", f"{last.time.rate * len(runs):,.0f} updates/s"))
    labels, values, notes = ([Text(cell) for cell in cells] for cells in zip(*rows, strict=True))
    none = Text()
    columns = TableColumn(none, labels), TableColumn(none, values, "right", "bold")
    print_table(console, [*columns, TableColumn(none, notes, style="dim", least=_LEAST_NOTE)])
