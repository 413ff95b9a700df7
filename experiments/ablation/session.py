"""An ablation from config to report: what `experiments.ablate` does once its options are read."""

import time
from pathlib import Path

from rich import progress
from rich.console import Console

from data.held_out import digest
from data.world import load_world
from experiments.ablation.config import AblationConfig
from experiments.ablation.events import CHARTS, write_arm_events, write_run_events
from experiments.ablation.figures import Places
from experiments.ablation.findings import findings
from experiments.ablation.plan import Group, Plan, make_plan
from experiments.ablation.report import predictions_page, write_report
from experiments.ablation.run_log import run_summary, write_runs, write_table
from experiments.ablation.shared_training import MakeTraining, SharedTraining
from experiments.ablation.terminal import print_findings, print_plan
from experiments.ablation.training import DamagedError, GroupTraining, Results, load_results, save_results
from experiments.commands.console import say
from experiments.commands.process import EXIT_CODE, Interruption
from experiments.commands.several import LoadWorld, check_same
from experiments.config.loader import to_yaml
from experiments.pictures.missing_fonts import missing_fonts
from experiments.run_directory.files import write_text, writing
from experiments.run_directory.folders import make_run_directory, resume_command, run_lock
from experiments.studies.events import remove_events, write_report_events
from experiments.training import runtime
from experiments.training.agreement import ALONE, IN_EACH, Agreement
from experiments.training.trainer import Progress

RUNS, RESULTS = "runs", "results"


def ablate(
    config: AblationConfig,
    name: str,
    run_dir: str | None = None,
    dry: bool = False,
    console: Console | None = None,
    resumed: Path | None = None,
    make_training: MakeTraining = GroupTraining,
    all_events: bool = False,
    agreement: Agreement = ALONE,
    load: LoadWorld = load_world,
) -> int:
    """Print the plan; train it; write the run directory; print the answers.

    Args:
      config: what to vary and to compare.
      name: the name of the run directory without its number: `runs/<name>-001`.
      run_dir: a folder to use instead.
      dry: stop after the plan.
      console: where to print; by default the terminal.
      resumed: the folder of a stopped ablation of this config, to continue: programs that ended are not trained again.
      make_training: makes the training of a group.
      all_events: whether TensorBoard lists every run, beside the variants.
      agreement: of several processes that share the trainings; process 0 alone reads, writes and prints.
      load: gives a world by its name.

    Returns:
      The exit code: 0 finished (a run that diverged is a result), 130 interrupted.

    Raises:
      InputError: a mistake in the config, the world or the folder, or processes that do not train the same.
    """
    console = console or Console(highlight=False)
    with Interruption() as stop:
        plan = make_plan(config, load)
        check_same(agreement, _compared(plan))
        if agreement.leads and (dry or resumed is None):
            _ended(plan, resumed, console)
        if dry:
            return agreement.ended(0)
        training = SharedTraining(plan, stop, agreement, make_training)
        if not agreement.leads:
            training.follow()
            return agreement.ended(0)
        folder = resumed or make_run_directory(name, run_dir)
        return agreement.ended(_run(training, folder, resumed is not None, console, all_events))


def _compared(plan: Plan) -> dict[str, str]:
    """What must be the same in all processes that train a plan."""
    worlds = {group.config.world: group.shared.world.training_fingerprint[:8] for group in plan.groups}
    versions = {name: value for name, value in runtime.versions().items() if name in ("jax", "jaxlib", "platform")}
    return {"config": digest(to_yaml(plan.config).encode())[:8], "world": " ".join(sorted(worlds.values())), **versions}


def _ended(plan: Plan, folder: Path | None, console: Console) -> dict[int, Results]:
    """The results of the groups that ended before, by their numbers; prints the plan, and what is left of it."""
    loaded = {group.number: _loaded(folder, group, console) for group in plan.groups if folder is not None}
    ended = {number: results for number, results in loaded.items() if results is not None}
    print_plan(plan, console, [group for group in plan.groups if group.number not in ended])
    return ended


def _loaded(folder: Path, group: Group, console: Console) -> Results | None:
    """The results of a group; None if it did not end, or, with a message, if they are damaged."""
    try:
        return load_results(_results_path(folder, group), group)
    except DamagedError as error:
        say(console, f"{error}; its runs are trained again")
        return None


def _results_path(folder: Path, group: Group) -> Path:
    return folder / RESULTS / f"program-{group.number:03d}.npz"


def _run(training: SharedTraining, folder: Path, resumed: bool, console: Console, all_events: bool) -> int:
    """Train and report; gives the exit code. Of a `resumed` ablation, groups that ended are not trained."""
    began, plan = time.perf_counter(), training.plan
    with writing(folder), run_lock(folder, new=not resumed):
        if not resumed:
            write_text(folder / "config.yaml", to_yaml(plan.config))
            predictions_page(folder, plan)
        (folder / RESULTS).mkdir(exist_ok=True)
        ended = _ended(plan, folder, console) if resumed else {}
        results = _train(training, folder, ended, console)
        if len(results) < len(plan.groups):
            again = f"{resume_command(folder, 'ablate')}{training.agreement.in_each}"
            say(console, f"interrupted; programs that ended are kept; go on with  {again}")
            return EXIT_CODE
        _report(plan, folder, results, began, console, all_events)
        return 0


def _train(training: SharedTraining, folder: Path, ended: dict[int, Results], console: Console) -> dict[int, Results]:
    """The results of all groups by their numbers, those in `ended` and new ones; fewer if the user stopped it."""
    plan, results = training.plan, dict(ended)
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(24),
        progress.TextColumn("{task.completed:,}/{task.total:,} updates"),
        progress.TimeRemainingColumn(compact=True),
    )
    waiting = [group for group in plan.groups if group.number not in ended]
    # Nothing is shown where the console is no terminal.
    with progress.Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("compiling", total=sum(group.updates for group in waiting))

        def moved(group: Group, done: int, reached: Progress) -> None:
            """Show the progress of a group, before which `done` updates were made."""
            own = sum(min(reached.step, run.config.train.steps) for run in group.runs)
            bar.update(task, completed=done + own, description=f"program {group.number} of {len(plan.groups)}")

        training.tell_kept(lambda: _kept(folder, len(results), len(plan.groups)))
        for group, found in training.results(waiting, moved):
            write_runs(folder / RUNS, plan, group, found)
            save_results(_results_path(folder, group), group, found)  # last: if it is there, all files of a group are
            results[group.number] = found
    return results


def _kept(folder: Path, ended: int, all_of_them: int) -> str:
    """What there is to say where another process has ended: what is kept, and how to go on."""
    again = f"start all of them again with  {resume_command(folder, 'ablate')}{IN_EACH}"
    return f"{ended} of {all_of_them} programs are kept; {again}"


def _report(
    plan: Plan, folder: Path, results: dict[int, Results], began: float, console: Console, all_events: bool
) -> None:
    """Write and print what the runs show."""
    places: Places = {
        run.number: (group, results[group.number], i) for group in plan.groups for i, run in enumerate(group.runs)
    }
    summaries = [run_summary(*places[run.number]) for run in plan.runs]
    write_table(folder, plan, summaries)
    found = findings(plan, summaries)
    versions = sorted({one.versions for one in results.values()})
    write_report_events(folder, write_report(folder, found, places, versions), CHARTS)
    write_arm_events(folder, found, places)
    remove_events(folder / RUNS, "*")  # of an earlier report that listed every run
    if all_events:
        write_run_events(folder / RUNS, plan, places)
    if boxes := missing_fonts(_words_of_figures(plan)):
        say(console, boxes)
    print_findings(found, folder, time.perf_counter() - began, console)


def _words_of_figures(plan: Plan) -> list[str]:
    """Those of the first watched sentence, whose maps are drawn, and of the variants' names."""
    shared = plan.groups[0].shared
    names = [word for labels in plan.labels.values() for label in labels for word in label.split()]
    return [*shared.world.vocabulary.decode(shared.sentences[0][0]), *names]
