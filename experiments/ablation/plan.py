"""What an ablation will train, known before anything is compiled: its runs, and which of them share a program."""

import dataclasses
import functools
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data.errors import InputError
from data.world import World, load_world
from experiments.ablation.config import MAX_RUNS, AblationConfig
from experiments.ablation.grid import Axis, Choice, Plain, plain, short_name
from experiments.ablation.roles import SEED, Roles, check_predictions, roles_of
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

    @cached_property
    def sentences(self) -> Sentences:
        """The watched sentences."""
        return watched_sentences(self.config, self.world)

    @cached_property
    def probes(self) -> Probes:
        """The rows of the watched sentences."""
        return make_probes(self.world, self.sentences)

    @property
    def shapes(self) -> EvaluationData:
        """The shapes of `data`, which are known before it."""
        return evaluation_data_shapes(self.config, self.world, self.probes)

    @cached_property
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
    def world(self) -> World:
        """The world of all its runs."""
        return self.shared.world

    @property
    def updates(self) -> int:
        """The updates of all its runs."""
        return sum(run.config.train.steps for run in self.runs)


@dataclass(frozen=True)
class Plan:
    """Everything that an ablation will train."""

    config: AblationConfig
    groups: tuple[Group, ...]
    roles: Roles
    labels: dict[str, list[str]]
    """The values of every axis in order, the seeds included."""

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, in order."""
        return sorted((run for group in self.groups for run in group.runs), key=lambda run: run.number)

    @cached_property
    def values(self) -> list[dict[str, Plain]]:
        """For each run its label on every named axis, and every config value in which the runs differ; last its seed.

        They are the columns of `runs.csv` and the hyperparameters in TensorBoard.
        """
        axes = self.config.grid.axes
        names = sorted({name for axis in axes for name in axis.names} - {SEED})
        differ = [n for n in names if len({repr(value_of(run.config, n)) for run in self.runs}) > 1]
        return [
            {axis.name: run.labels[axis.name] for axis in axes if axis.named}
            | {name: plain(value_of(run.config, name)) for name in [*differ, SEED]}
            for run in self.runs
        ]

    @cached_property
    def types(self) -> dict[str, set[type]]:
        """The types that each of `values` has among the runs."""
        return {name: {type(values[name]) for values in self.values} for name in self.values[0]}


def make_plan(config: AblationConfig) -> Plan:
    """The plan of an ablation.

    Raises:
      InputError: axes that contradict each other or the base, values that do not fit, too many runs, an axis or a
        value in the report that is not in the grid, a world that lacks a masked slot.
    """
    axes = config.grid.axes
    if not axes:
        raise InputError("grid: has no axis; add one to the config, or give --grid model.d_head=4,16,64")
    _check_conflicts(axes)
    labels = {axis.name: axis.labels for axis in axes if axis.name != SEED} | {SEED: _seeds(config)}
    points = list(itertools.islice(itertools.product(*(axis.choices for axis in axes)), MAX_RUNS + 1))
    seeds = 1 if config.grid.axis(SEED) else len(labels[SEED])  # those of an axis are points already
    if len(points) * seeds > MAX_RUNS:
        counts = " x ".join(f"{len(axis.choices)} {axis.name}" for axis in axes)
        raise InputError(f"grid: {counts} x {seeds} seeds are over {MAX_RUNS:,} runs; leave some values out")
    roles = roles_of(config, labels)
    check_predictions(config.predictions, roles, labels)
    return Plan(config, _grouped(_runs(config.base, axes, points, labels)), roles, labels)


def _seeds(config: AblationConfig) -> list[str]:
    """The labels of the seeds: those of an axis, or as many as the base says."""
    axis, base = config.grid.axis(SEED), config.base
    if axis is not None and base.seeds > 1:
        raise axis.place.fail(f"base asks for {base.seeds} seeds already; set base.seeds to 1, or leave the axis out")
    return axis.labels if axis is not None else [str(seed) for seed in range(base.seed, base.seed + base.seeds)]


def _check_conflicts(axes: Sequence[Axis]) -> None:
    """Refuse a value that two axes set."""
    owner: dict[str, str] = {}
    for axis in axes:
        for name in axis.names:
            if name in owner:
                raise axis.place.fail(f"{name} is set by the axis {owner[name]} too; leave it out of one")
            if name == SEED and axis.named:
                raise axis.place.fail("seed cannot be one of several values; make it an axis of its own")
            owner[name] = axis.name


def _runs(
    base: Config, axes: Sequence[Axis], points: Sequence[Sequence[Choice]], labels: dict[str, list[str]]
) -> list[Run]:
    """One run for each point of the grid and seed; of equal names, which are cut, the later ones get a number."""
    shown = [name for name in labels if len(labels[name]) > 1 or name == SEED]
    runs: dict[str, Run] = {}
    for choices in points:
        config = _configured(base, axes, choices)
        own = {axis.name: choice.label for axis, choice in zip(axes, choices, strict=True)}
        for seed in [own[SEED]] if SEED in own else labels[SEED]:
            values = own | {SEED: seed}
            parts = [f"{short_name(name)}-{values[name]}" for name in shown]
            name = re.sub(r"[^A-Za-z0-9_+.=-]", "-", "_".join(parts))[:150]
            name = f"{name}_{len(runs)}" if name in runs else name
            runs[name] = Run(len(runs), name, values, dataclasses.replace(config, seed=int(seed), seeds=1))
    return list(runs.values())


def _configured(base: Config, axes: Sequence[Axis], choices: Sequence[Choice]) -> Config:
    """The base with the values of one point of the grid."""
    settings = sorted(setting for choice in choices for setting in choice.settings)
    config = base
    for section, own in itertools.groupby(settings, lambda setting: setting[0].rpartition(".")[0]):
        values: dict[str, Any] = {short_name(name): value for name, value in own}
        try:
            part = {section: dataclasses.replace(getattr(config, section), **values)} if section else values
            config = dataclasses.replace(config, **part)
        except ValueError as error:
            raise _blamed(axes, choices, section, str(error)) from None
    return config


def _blamed(axes: Sequence[Axis], choices: Sequence[Choice], section: str, message: str) -> Exception:
    """The error of a value that does not fit, at the axis that sets it."""
    field, _, rule = message.partition(": ")
    name = f"{section}.{field}" if section else field
    pairs = zip(axes, choices, strict=True)
    owner = {one: (axis, choice) for axis, choice in pairs for one, _ in choice.settings}
    axis, choice = owner.get(name) or next(owner[other] for other in owner if other.startswith(f"{section}."))
    return choice.place.fail(rule if axis.name == name else f"{name}: {rule}")


def _grouped(runs: Sequence[Run]) -> tuple[Group, ...]:
    """Runs that can share a program and the data that they are measured on, in the order of their first."""
    world_of = functools.cache(load_world)
    shared: dict[tuple[str, TaskConfig, EvaluateConfig], SharedData] = {}
    found: dict[tuple[TrainingSpec, SharedData], list[Run]] = {}
    for run in runs:
        config, world = run.config, world_of(run.config.world)
        world.check_masked(config.task.masked)
        data = shared.setdefault((config.world, config.task, config.evaluate), SharedData(config, world))
        found.setdefault((training_spec(config, world), data), []).append(run)
    return tuple(Group(number, tuple(own), *key) for number, (key, own) in enumerate(found.items(), start=1))
