"""What an ablation will train, known before anything is compiled: its runs, and which of them share a program."""

import functools
import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from data.errors import require
from data.world import World, load_world
from experiments.ablation.axes import Axis, Choice, Plain, plain, short_name
from experiments.ablation.config import SEED, AblationConfig, Labels, Roles, check_predictions, roles_of
from experiments.config.schema import Config, EvaluateConfig, TaskConfig, value_of
from experiments.measuring.experiment import (
    Sentences,
    evaluation_data_shapes,
    make_evaluation_data,
    watched_sentences,
)
from experiments.measuring.measurement import EvaluationData
from experiments.measuring.probes import Probes, make_probes
from experiments.training.hyperparameters import TrainingSpec, training_spec

MAX_RUNS = 10_000


@dataclass(frozen=True)
class Run:
    """One training of one model."""

    number: int
    name: str
    """The name of its folder: its value on every axis that varies."""
    labels: dict[str, str]
    """Its value on every axis, the seed included."""
    config: Config
    """Its whole config, of a single seed."""


@dataclass(frozen=True, eq=False)
class SharedData:
    """What models are measured on, made when it is first used: one object for all groups that share it."""

    config: Config
    """Of the first run that is measured on it."""
    world: World

    @functools.cached_property
    def sentences(self) -> Sentences:
        """The watched sentences."""
        return watched_sentences(self.config, self.world)

    @functools.cached_property
    def probes(self) -> Probes:
        """The rows of the watched sentences."""
        return make_probes(self.world, self.sentences)

    @property
    def shapes(self) -> EvaluationData:
        """The shapes of `data`, which are known before it."""
        return evaluation_data_shapes(self.config, self.world, self.probes)

    @functools.cached_property
    def data(self) -> EvaluationData:
        """Evaluation sentences and probes with their exact answers; takes seconds."""
        return make_evaluation_data(self.config, self.world, self.probes)


@dataclass(frozen=True)
class Group:
    """Runs that one compiled program trains side by side, measured on the same data."""

    number: int
    runs: tuple[Run, ...]
    spec: TrainingSpec
    shared: SharedData

    @property
    def config(self) -> Config:
        """The config of its first run; the world, the task and the evaluation are those of all its runs."""
        return self.runs[0].config

    @property
    def updates(self) -> int:
        """The updates of all its runs."""
        return sum(run.config.train.steps for run in self.runs)


@dataclass(frozen=True)
class Plan:
    """Everything that an ablation will train."""

    config: AblationConfig
    runs: list[Run]
    """In the order of the grid, the values of its last axis innermost; seeds that are no axis of it further in."""
    groups: tuple[Group, ...]
    roles: Roles
    labels: dict[str, list[str]]
    """The values of every axis in order, the seeds included, which come last."""

    @property
    def tuned(self) -> str:
        """The axis that is tuned; empty if it has a single value, so that nothing is chosen."""
        return self.roles.tuned if len(self.labels.get(self.roles.tuned, [])) > 1 else ""

    @functools.cached_property
    def values(self) -> list[dict[str, Plain]]:
        """For each run its label on every named axis, and every config value in which the runs differ; last its seed.

        They are the columns of `runs.csv`.
        """
        axes = self.config.grid.axes
        names = sorted({name for axis in axes for name in axis.names} - {SEED})
        differ = [n for n in names if len({repr(value_of(run.config, n)) for run in self.runs}) > 1]
        return [
            {axis.name: run.labels[axis.name] for axis in axes if axis.named}
            | {name: plain(value_of(run.config, name)) for name in [*differ, SEED]}
            for run in self.runs
        ]


def make_plan(config: AblationConfig, load: Callable[[str], World] = load_world) -> Plan:
    """The plan of an ablation; `load` gives a world by its name.

    Raises:
      InputError: axes that contradict each other or the base, values that do not fit, too many runs, an axis or a
        value in the report that is not in the grid, a world that lacks a masked slot.
    """
    grid, base = config.grid.settled(), config.base
    require(grid.axes, "grid: has no axis; add one to the config, or give --grid model.d_head=4,16,64")
    _check_conflicts(grid.axes, base)
    counts = " x ".join(f"{count} {name}" for count, name in grid.counts())
    require(
        base.seeds * math.prod(count for count, _ in grid.counts()) <= MAX_RUNS,
        f"grid: {counts} x {base.seeds} seeds are over {MAX_RUNS:,} runs; leave some values out",
    )
    if grid.axis(SEED) is None:
        grid = grid.changed(f"{SEED}={','.join(map(str, range(base.seed, base.seed + base.seeds)))}")
    labels = {axis.name: axis.labels for axis in sorted(grid.axes, key=lambda axis: axis.name == SEED)}
    roles = roles_of(config, labels)
    _check_tuning(config, grid.axes, roles, labels)
    check_predictions(config.predictions, roles, labels)
    runs = _runs(base, grid.axes, labels)
    return Plan(config, runs, _grouped(runs, load), roles, labels)


def _check_conflicts(axes: Sequence[Axis], base: Config) -> None:
    """Refuse a value that two axes set, and seeds that both an axis and the base set."""
    owner: dict[str, str] = {}
    for axis in axes:
        for name in axis.names:
            axis.place.require(
                name not in owner, f"{name} is set by the axis {owner.get(name)} too; leave it out of one"
            )
            axis.place.require(
                name != SEED or not axis.named, "seed cannot be one of several values; make it an axis of its own"
            )
            axis.place.require(
                name != SEED or base.seeds == 1,
                f"base asks for {base.seeds} seeds already; set base.seeds to 1, or leave the axis out",
            )
            owner[name] = axis.name


def _check_tuning(config: AblationConfig, axes: Sequence[Axis], roles: Roles, labels: Labels) -> None:
    """Refuse values that depend on another axis where that is not tuning, and more tuning seeds than there are."""
    for axis in axes:
        axis.place.require(
            not axis.by or (axis.name == roles.tuned and axis.by in roles.others),
            f"only the tuned axis can depend on another, and not on variant or x ({axis.by}); give one list of values",
        )
    given, seeds = config.report.tuning_seeds, len(labels[SEED])
    require(
        not given or len(labels.get(roles.tuned, [])) > 1,
        "report.tuning_seeds: the grid has no axis that is tuned, with several values; leave it out",
    )
    require(
        not given or given < seeds,
        f"report.tuning_seeds: {given} of {seeds} seeds leave none to evaluate; lower it, or train more",
    )


def _runs(base: Config, axes: Sequence[Axis], labels: dict[str, list[str]]) -> list[Run]:
    """One run for each point of the grid and seed; of equal names, which are cut, the later ones get a number."""
    shown = [name for name in labels if len(labels[name]) > 1 or name == SEED]
    runs: dict[str, Run] = {}
    for choices in itertools.product(*(axis.choices for axis in axes)):
        own = {axis.name: choice.label for axis, choice in zip(axes, choices, strict=True)}
        if any(axis.by and own[axis.by] not in choice.only for axis, choice in zip(axes, choices, strict=True)):
            continue
        name = re.sub(r"[^A-Za-z0-9_+.=-]", "-", "_".join(f"{short_name(one)}-{own[one]}" for one in shown))[:150]
        name = f"{name}_{len(runs)}" if name in runs else name
        runs[name] = Run(len(runs), name, own, _configured(base, axes, choices))
    return list(runs.values())


def _configured(base: Config, axes: Sequence[Axis], choices: Sequence[Choice]) -> Config:
    """The base with the values of one point of the grid."""
    settings = sorted(setting for choice in choices for setting in choice.settings)
    config = replace(base, seeds=1)
    for section, own in itertools.groupby(settings, lambda setting: setting[0].rpartition(".")[0]):
        values: dict[str, Any] = {short_name(name): value for name, value in own}
        try:
            part = {section: replace(getattr(config, section), **values)} if section else values
            config = replace(config, **part)
        except ValueError as error:
            raise _blamed(axes, choices, section, str(error)) from None
    return config


def _blamed(axes: Sequence[Axis], choices: Sequence[Choice], section: str, message: str) -> Exception:
    """The error of a value that does not fit, at the axis that sets it."""
    field, _, rule = message.partition(": ")
    name = f"{section}.{field}" if section else field
    owner = {one: (axis, choice) for axis, choice in zip(axes, choices, strict=True) for one, _ in choice.settings}
    axis, choice = owner.get(name) or next(owner[other] for other in owner if other.startswith(f"{section}."))
    return choice.place.fail(rule if axis.name == name else f"{name}: {rule}")


def _grouped(runs: Sequence[Run], load: Callable[[str], World]) -> tuple[Group, ...]:
    """Runs that can share a program and the data that they are measured on, in the order of their first."""
    world_of = functools.cache(load)
    shared: dict[tuple[str, TaskConfig, EvaluateConfig], SharedData] = {}
    found: dict[tuple[TrainingSpec, SharedData], list[Run]] = {}
    for run in runs:
        key = run.config.world, run.config.task, run.config.evaluate
        if key not in shared:
            shared[key] = SharedData(run.config, world_of(run.config.world))
            shared[key].world.check_masked(run.config.task.masked)
        found.setdefault((training_spec(run.config, shared[key].world), shared[key]), []).append(run)
    return tuple(Group(number, tuple(own), *key) for number, (key, own) in enumerate(found.items(), start=1))
