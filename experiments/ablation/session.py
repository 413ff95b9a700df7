"""An ablation from config to report: what `experiments.ablate` does once its options are read."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from data.errors import InputError
from experiments.ablation.answers import answers
from experiments.ablation.comparison import settings_of
from experiments.ablation.config import AblationConfig
from experiments.ablation.metrics import run_summary
from experiments.ablation.plan import Group, Plan, make_plan
from experiments.ablation.report import predictions_page, write_report
from experiments.ablation.results import DamagedError, Results, load_results, save_results
from experiments.ablation.run_log import write_members, write_runs
from experiments.ablation.tables import findings
from experiments.ablation.terminal import print_answer, print_plan
from experiments.ablation.training import GroupTraining, Materials
from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.config.loader import to_yaml
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import make_run_directory, resume_command
from experiments.run_directory.lock import RunLock
from experiments.tracking.event_writer import EventWriter, png_size
from experiments.training.trainer import Progress, StopCallback

MEMBERS, RESULTS = "members", "results"


def ablate(
    config: AblationConfig, name: str, run_dir: str | None = None, dry: bool = False, console: Console | None = None
) -> int:
    """Print the plan; train it; write the run directory; print the answer.

    Args:
      config: what to vary and to compare.
      name: what run directories are called: `runs/<name>-001`.
      run_dir: a folder to use instead.
      dry: stop after the plan.
      console: where to print; by default the terminal.

    Returns:
      The exit code: 0 finished (a run that diverged is a result), 130 interrupted.

    Raises:
      InputError: a mistake in the config, the world or the folder.
    """
    console = console or Console(highlight=False)
    _check_single()
    with Interruption() as stop:
        plan = make_plan(config)
        print_plan(plan, console)
        if dry:
            return 0
        return _Session(plan, make_run_directory(name, run_dir), stop, console).run()


def resume(config: AblationConfig, folder: Path, dry: bool = False, console: Console | None = None) -> int:
    """Go on with the ablation in `folder`, whose own config is `config`; programs that ended are not trained again."""
    console = console or Console(highlight=False)
    _check_single()
    with Interruption() as stop:
        session = _Session(make_plan(config), folder, stop, console)
        if dry:
            session.ended()
            return 0
        return session.run(resumed=True)


def _check_single() -> None:
    if jax.process_count() > 1:
        raise InputError("experiments.ablate: works with one process; start it without JAX_COORDINATOR_ADDRESS")


def _progress(console: Console) -> Bar:
    """A bar that counts updates; nothing is shown where the console is no terminal."""
    count = TextColumn("{task.completed:,}/{task.total:,} updates")
    columns = (TextColumn("{task.description}"), BarColumn(24), count, TimeRemainingColumn(compact=True))
    return Bar(*columns, console=console, disable=not console.is_terminal, transient=True)


class _Session:
    """One process's work on one run directory."""

    def __init__(self, plan: Plan, folder: Path, stop: Interruption, console: Console) -> None:
        self._plan, self._folder, self._stop, self._console = plan, folder, stop, console
        self._materials = Materials()
        self._began = time.perf_counter()

    def run(self, resumed: bool = False) -> int:
        """Train what has not ended, and report; `resumed`: something may have."""
        with writing(self._folder), RunLock(self._folder, new=not resumed):
            if not resumed:
                write_text(self._folder / "config.yaml", to_yaml(self._plan.config))
                predictions_page(self._folder, self._plan)
            (self._folder / RESULTS).mkdir(exist_ok=True)
            results = self._train_all(self.ended() if resumed else {})
            if results is None:
                again = resume_command(self._folder, "ablate")
                say(self._console, f"interrupted; programs that ended are kept; go on with  {again}")
                return EXIT_CODE
            self._report(results)
            return 0

    def _path(self, group: Group) -> Path:
        return self._folder / RESULTS / f"program-{group.number:03d}.npz"

    def ended(self) -> dict[int, Results]:
        """The results of every group that has ended, by its number; prints the plan, and what is left of it."""
        loaded = {group.number: self._kept(group) for group in self._plan.groups}
        kept = {number: results for number, results in loaded.items() if results is not None}
        print_plan(self._plan, self._console, [group for group in self._plan.groups if group.number not in kept])
        return kept

    def _kept(self, group: Group) -> Results | None:
        """The results of a group that ended before; None where it did not, or where they are damaged, which is said."""
        try:
            return load_results(self._path(group), group)
        except DamagedError as error:
            say(self._console, f"{error}; its runs are trained again")
            return None

    def _train_all(self, kept: dict[int, Results]) -> list[Results] | None:
        """The results of every group, kept ones and new ones; None where it was asked to stop."""
        waiting = [group for group in self._plan.groups if group.number not in kept]
        with _progress(self._console) as bar:
            task = bar.add_task("compiling", total=sum(group.updates for group in waiting))
            done, ready = 0, self._prepared(waiting[:1])
            for i, group in enumerate(waiting):
                training, ready = ready, self._prepared(waiting[i + 1 : i + 2])  # compiles while this one trains
                assert training is not None  # noqa: S101
                results = training.run(self._after_chunk(bar, task, group, done))
                if results is None:
                    return None
                self._keep(group, results)
                kept[group.number] = results
                done += group.updates
                if self._stop.requested and i + 1 < len(waiting):
                    return None
        return [kept[group.number] for group in self._plan.groups]

    def _prepared(self, groups: Sequence[Group]) -> GroupTraining | None:
        return GroupTraining(groups[0], self._materials) if groups else None

    def _after_chunk(self, bar: Bar, task: TaskID, group: Group, done: int) -> StopCallback:
        def should_stop(progress: Progress) -> bool:
            own = sum(min(progress.step, member.config.train.steps) for member in group.members)
            name = f"program {group.number} of {len(self._plan.groups)}"
            bar.update(task, completed=done + own, description=name)
            return self._stop.requested

        return should_stop

    def _keep(self, group: Group, results: Results) -> None:
        """Write what a group leaves behind; its results last, so that they mean that all is there."""
        write_members(self._folder / MEMBERS, self._plan, group, self._materials.of(group), results)
        save_results(self._path(group), group, results)

    def _report(self, results: list[Results]) -> None:
        """Write and print what came out."""
        plan, folder = self._plan, self._folder
        summaries: dict[int, Mapping[str, Any]] = {}
        where = {}
        for group, own in zip(plan.groups, results, strict=True):
            for run, member in enumerate(group.members):
                summaries[member.number] = run_summary(group, self._materials.of(group), own, run)
                where[member.number] = own, run
        ordered = [summaries[member.number] for member in plan.members]
        write_runs(folder, plan, ordered)
        found = findings(plan, settings_of(plan, ordered))
        images = write_report(folder, plan, found, where, self._sentence(), sorted({one.versions for one in results}))
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()  # of an earlier report on the same runs
        with EventWriter(folder) as writer:
            writer.text(0, "report", (folder / "report.md").read_text(encoding="utf-8"))
            for name, png in images.items():
                writer.image(0, f"figures/{name}", png, png_size(png))
        seconds = time.perf_counter() - self._began
        print_answer(plan, folder, answers(plan, found), found, seconds, self._console)

    def _sentence(self) -> tuple[list[str], list[int]] | None:
        """The words of the first watched sentence and the masked places; None where runs differ in it."""
        group = self._plan.groups[0]
        if len({(one.world.name, one.members[0].config.task) for one in self._plan.groups}) > 1:
            return None
        probes, words = self._materials.of(group).probes, group.world.vocabulary.words
        own = probes.sentence_G == 0
        tokens = probes.tokens_GK[own][0].copy()
        tokens[probes.masked_G[own][0]] = probes.target_G[own][0]
        return [words[token] for token in tokens if token], [int(place) for place in probes.masked_G[own]]
