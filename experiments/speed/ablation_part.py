"""A part of an ablation: all runs as one ensemble, or one training after the other, as is usual."""

from typing import Any

import jax
import numpy as np

from experiments.ablation.plan import Group, make_plan
from experiments.speed.catmat_runs import EnsembleTraining
from experiments.speed.contestants import FLAX, MASKED, NO_TORCH, TORCH, Contestant, has_torch, make_ready
from experiments.speed.settings import Settings
from experiments.speed.task import Task, Training, unknown_to_contestants
from experiments.speed.turns import Way, ranged, ratio, seconds_in_turns, spread
from experiments.training.hyperparameters import batch_tables, hyperparameters
from experiments.training.record import one_run

_RUNS = 4
"""Of each program of an ablation, so many runs are timed."""
_SHARE = 4
"""The updates of each are the benchmark's divided by this: there are many."""
ENSEMBLE, FLAX_EVERY, TORCH_BEST = "catmat, one ensemble", "Flax loop, every row", "PyTorch's best"
_FLAX = next(one for one in FLAX if one.name == "Flax TrainState loop, every row")


class _OneAfterTheOther:
    """Trainings made one after the other; a `Way` to be timed."""

    def __init__(self, trainings: list[Training]) -> None:
        self._trainings = trainings

    def begin(self) -> None:
        """Go back to the start of each."""
        for training in self._trainings:
            training.begin()

    def advance(self, updates: int) -> None:
        """Make so many updates of each."""
        for training in self._trainings:
            training.advance(updates)


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of a part of the runs of each program, in each way; and what the other ways take of ours."""
    plan, updates = make_plan(settings.ablation), max(1, settings.updates // _SHARE)
    wanted = [_FLAX, *(one for one in TORCH if one.rows == MASKED)]
    found: dict[str, Any] = {}
    told: list[str] = [] if has_torch() else [NO_TORCH]
    for group in plan.groups:
        name = f"d_head {group.spec.model.d_head}"
        name = name if name not in found else f"program {group.number + 1}"
        tasks = _tasks(group)
        if unknown := unknown_to_contestants(group.config):
            told.append(f"{name}: compared with nothing, since the contestants do not know {unknown}")
        ways = _ways(settings, tasks, [] if unknown else wanted, updates, told)
        found[name] = seconds_in_turns(ways, updates, settings.repeats, settings.say, settings.least)
    return {"runs": _RUNS, "updates": updates, "devices": jax.device_count(), **_compared(found), "left_out": told}


def _tasks(group: Group) -> list[Task]:
    """The first, the last and some runs between, each as a task of its own."""
    chosen = np.unique(np.linspace(0, len(group.runs) - 1, _RUNS).round().astype(int))
    values = hyperparameters(*(group.runs[i].config for i in chosen))
    tables = batch_tables(group.spec, group.config, group.shared.world)
    return [Task(group.spec, one_run(values, number), tables) for number in range(len(chosen))]


def _ways(
    settings: Settings, tasks: list[Task], wanted: list[Contestant], updates: int, told: list[str]
) -> dict[str, Way]:
    """The ensemble, and each contestant that can train all tasks, one after the other."""
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(task.values for task in tasks))
    ways: dict[str, Way] = {ENSEMBLE: EnsembleTraining(tasks[0], stacked)}
    for one in wanted:
        trainings: list[Training] = []
        for task in tasks:
            ready, reasons = make_ready([one], task, updates, settings.say)
            trainings += ready.values()
            told += [line for line in reasons if line not in told]
            if reasons:
                break
        if len(trainings) == len(tasks):
            ways[one.name] = _OneAfterTheOther(trainings)
    return ways


def _compared(found: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Seconds of each way in each program and in all, and their ratio to the ensemble's.

    PyTorch's best is the quickest there for each program, so in all it is as quick as if the best was always known.
    """
    programs: dict[str, dict[str, list[float]]] = {}
    for name, times in found.items():
        rows = {ENSEMBLE: times[ENSEMBLE]}
        if _FLAX.name in times:
            rows[FLAX_EVERY] = times[_FLAX.name]
        peers = [times[one.name] for one in TORCH if one.name in times]
        if peers:
            rows[TORCH_BEST] = min(peers, key=lambda seconds: spread(seconds)["median"])
        programs[name] = rows
    shared = [way for way in (ENSEMBLE, FLAX_EVERY, TORCH_BEST) if all(way in rows for rows in programs.values())]
    programs["all"] = {
        way: [sum(turn) for turn in zip(*(rows[way] for rows in programs.values()), strict=True)] for way in shared
    }
    return {
        "seconds": {name: {way: spread(s) for way, s in rows.items()} for name, rows in programs.items()},
        "to_ensemble": {
            name: {way: ratio(s, rows[ENSEMBLE]) for way, s in rows.items() if way != ENSEMBLE}
            for name, rows in programs.items()
        },
        "raw": found,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    shown = [
        f"a part of an ablation: {found['runs']} runs of each program, {found['updates']} updates each, as one",
        f"ensemble on all {found['devices']} devices, or one after the other in a loop; seconds",
    ]
    ways = list(found["seconds"]["all"])
    shown.append(f"  {'program':<12}" + "".join(f"{way:>22}" for way in ways))
    for name, rows in found["seconds"].items():
        cells = []
        for way in ways:
            more = found["to_ensemble"][name].get(way)
            cells.append(f"{rows[way]['median']:.2f}" + (f" {more['median']:>6.1f} x" if more else ""))
        shown.append(f"  {name:<12}" + "".join(f"{cell:>22}" for cell in cells))
    for way, more in found["to_ensemble"]["all"].items():
        shown.append(f"  {way}: {ranged(more, '.1f')} times the ensemble's time in all")
    if TORCH_BEST in ways:
        shown.append("  PyTorch's best: the quicker of eager and torch.compile for each, masked")
    return [*shown, *(f"  {line}" for line in found["left_out"])]
