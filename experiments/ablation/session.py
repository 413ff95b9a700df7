"""An ablation from config to report: what `experiments.ablate` does once its options are read."""

import functools
import time
from pathlib import Path

import jax
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from data.errors import InputError
from experiments.ablation.config import AblationConfig
from experiments.ablation.findings import findings
from experiments.ablation.metrics import run_summary
from experiments.ablation.plan import Group, Plan, make_plan
from experiments.ablation.report import Sentence, predictions_page, write_report
from experiments.ablation.results import DamagedError, Results, load_results, save_results
from experiments.ablation.run_log import write_report_events, write_runs, write_table
from experiments.ablation.terminal import print_findings, print_plan
from experiments.ablation.training import GroupTraining
from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.config.loader import to_yaml
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import make_run_directory, resume_command, run_lock
from experiments.training.trainer import Progress

RUNS, RESULTS = "runs", "results"


def ablate(
    config: AblationConfig,
    name: str,
    run_dir: str | None = None,
    dry: bool = False,
    console: Console | None = None,
    resumed: Path | None = None,
) -> int:
    """Print the plan; train it; write the run directory; print the answers.

    Args:
      config: what to vary and to compare.
      name: the name of the run directory without its number: `runs/<name>-001`.
      run_dir: a folder to use instead.
      dry: stop after the plan.
      console: where to print; by default the terminal.
      resumed: the folder of a stopped ablation of this config, to continue: programs that ended are not trained again.

    Returns:
      The exit code: 0 finished (a run that diverged is a result), 130 interrupted.

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    console = console or Console(highlight=False)
    if jax.process_count() > 1:
        raise InputError("experiments.ablate: works with one process; start it without JAX_COORDINATOR_ADDRESS")
    with Interruption() as stop:
        plan = make_plan(config)
        if resumed is None:
            print_plan(plan, console)
        elif dry:
            _ended(plan, resumed, console)
        if dry:
            return 0
        return _Session(plan, resumed or make_run_directory(name, run_dir), stop, console).run(resumed is not None)


def _results_path(folder: Path, group: Group) -> Path:
    return folder / RESULTS / f"program-{group.number:03d}.npz"


def _ended(plan: Plan, folder: Path, console: Console) -> dict[int, Results]:
    """The results of the groups that ended before, by their numbers; prints the plan, and what is left of it."""
    kept = {g.number: results for g in plan.groups if (results := _loaded(folder, g, console)) is not None}
    print_plan(plan, console, [group for group in plan.groups if group.number not in kept])
    return kept


def _loaded(folder: Path, group: Group, console: Console) -> Results | None:
    """The results of a group; None if it did not end, or, with a message, if they are damaged."""
    try:
        return load_results(_results_path(folder, group), group)
    except DamagedError as error:
        say(console, f"{error}; its runs are trained again")
        return None


def _progress(console: Console) -> Bar:
    """A bar that counts updates; nothing is shown where the console is no terminal."""
    name, count = TextColumn("{task.description}"), TextColumn("{task.completed:,}/{task.total:,} updates")
    columns = (name, BarColumn(24), count, TimeRemainingColumn(compact=True))
    return Bar(*columns, console=console, disable=not console.is_terminal, transient=True)


class _Session:
    """One process's work on one run directory."""

    def __init__(self, plan: Plan, folder: Path, stop: Interruption, console: Console) -> None:
        self._plan, self._folder, self._stop, self._console = plan, folder, stop, console
        self._began = time.perf_counter()

    def run(self, resumed: bool) -> int:
        """Train and report; gives the exit code. Of a `resumed` ablation, groups that ended are not trained."""
        plan, folder = self._plan, self._folder
        with writing(folder), run_lock(folder, new=not resumed):
            if not resumed:
                write_text(folder / "config.yaml", to_yaml(plan.config))
                predictions_page(folder, plan)
            (folder / RESULTS).mkdir(exist_ok=True)
            results = self._train_all(_ended(plan, folder, self._console) if resumed else {})
            if results is None:
                again = resume_command(folder, "ablate")
                say(self._console, f"interrupted; programs that ended are kept; go on with  {again}")
                return EXIT_CODE
            self._report(results)
            return 0

    def _train_all(self, kept: dict[int, Results]) -> list[Results] | None:
        """The results of all groups in order, those in `kept` and new ones; None if the user stopped it."""
        waiting = [group for group in self._plan.groups if group.number not in kept]
        with _progress(self._console) as bar:
            task = bar.add_task("compiling", total=sum(group.updates for group in waiting))
            trainings = (GroupTraining(group) for group in waiting)
            done, training = 0, next(trainings, None)
            while training is not None:
                following = next(trainings, None)  # compiles while this one trains
                group = training.group
                results = training.run(functools.partial(self._after_chunk, bar, task, group, done))
                if results is None:
                    return None
                self._keep(group, results)
                kept[group.number] = results
                if following is not None and self._stop.requested:
                    return None
                done, training = done + group.updates, following
        return [kept[group.number] for group in self._plan.groups]

    def _after_chunk(self, bar: Bar, task: TaskID, group: Group, done: int, progress: Progress) -> bool:
        """Show the progress of a group, before which `done` updates were made; gives whether to stop."""
        own = sum(min(progress.step, run.config.train.steps) for run in group.runs)
        name = f"program {group.number} of {len(self._plan.groups)}"
        bar.update(task, completed=done + own, description=name)
        return self._stop.requested

    def _keep(self, group: Group, results: Results) -> None:
        """Write the files of a group, its results last: if they are there, all its files are."""
        write_runs(self._folder / RUNS, self._plan, group, results)
        save_results(_results_path(self._folder, group), group, results)

    def _report(self, results: list[Results]) -> None:
        """Write and print what the runs show."""
        plan, folder = self._plan, self._folder
        places = {
            run.number: (group, own, i)
            for group, own in zip(plan.groups, results, strict=True)
            for i, run in enumerate(group.runs)
        }
        summaries = [run_summary(*places[run.number]) for run in plan.runs]
        write_table(folder, plan, summaries)
        found = findings(plan, summaries)
        images = write_report(folder, found, places, self._sentence(), sorted({one.versions for one in results}))
        write_report_events(folder, images)
        print_findings(found, folder, time.perf_counter() - self._began, self._console)

    def _sentence(self) -> Sentence | None:
        """The first watched sentence; None if it is not the same for all runs."""
        groups = self._plan.groups
        if len({(group.world.name, group.config.task) for group in groups}) > 1:
            return None
        tokens, masked = groups[0].shared.sentences[0]
        return [groups[0].world.vocabulary.words[token] for token in tokens], masked
