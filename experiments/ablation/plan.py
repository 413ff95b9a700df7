"""What an ablation will train, known before anything is compiled: its runs, and which of them share a program."""

import dataclasses
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from data.errors import InputError
from data.world import World, load_world
from experiments.ablation.config import MAX_RUNS, AblationConfig
from experiments.ablation.grid import Axis, Choice
from experiments.ablation.roles import SEED, Roles, check_prediction, roles_of
from experiments.config.schema import Config
from experiments.training.hyperparameters import TrainingSpec, training_spec


@dataclass(frozen=True)
class Member:
    """One run."""

    number: int
    name: str
    """Of its folder: what varies, in words."""
    labels: dict[str, str]
    """Its value on every axis, the seed among them."""
    config: Config
    """Whole, of a single seed."""


@dataclass(frozen=True)
class Group:
    """Runs that one compiled program trains side by side."""

    number: int
    members: tuple[Member, ...]
    spec: TrainingSpec
    world: World

    @property
    def steps(self) -> int:
        """The updates of its longest run."""
        return max(member.config.train.steps for member in self.members)

    @property
    def updates(self) -> int:
        """The updates of all its runs."""
        return sum(member.config.train.steps for member in self.members)


@dataclass(frozen=True)
class Plan:
    """Everything that an ablation will train."""

    config: AblationConfig
    groups: tuple[Group, ...]
    roles: Roles
    labels: dict[str, list[str]]
    """The values of every axis in order, the seeds among them."""

    @cached_property
    def members(self) -> list[Member]:
        """All runs, in order."""
        return sorted((m for group in self.groups for m in group.members), key=lambda m: m.number)

    @cached_property
    def varying(self) -> list[str]:
        """Names of the config values in which runs differ."""
        names = {name for axis in self.config.grid.axes for choice in axis.choices for name, _ in choice.settings}
        order = sorted(names - {SEED})
        return [n for n in order if len({repr(value_of(m.config, n)) for m in self.members}) > 1] + [SEED]


def value_of(config: Config, name: str) -> Any:
    """The config value of that dotted name."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value


def make_plan(config: AblationConfig) -> Plan:
    """The plan of an ablation.

    Raises:
      InputError: axes that contradict each other or the base, values that do not fit, too many runs, an axis or a
        value in the report that there is not, a world that lacks a masked slot.
    """
    axes = config.grid.axes
    if not axes:
        raise InputError("grid: has no axis; add one to the config, or give --grid model.d_head=4,16,64")
    _check_conflicts(axes)
    seeds = _seeds(config)
    points = list(itertools.islice(itertools.product(*(axis.choices for axis in axes)), MAX_RUNS + 1))
    if len(points) * len(seeds) > MAX_RUNS:
        counts = " x ".join(f"{len(axis.choices)} {axis.name}" for axis in axes)
        raise InputError(f"grid: {counts} x {len(seeds)} seeds are over {MAX_RUNS:,} runs; leave some values out")
    labels = {axis.name: axis.labels for axis in axes if axis.name != SEED} | {SEED: [str(seed) for seed in seeds]}
    roles = roles_of(config, labels)
    for one in config.predictions.items:
        check_prediction(one, roles, labels)
    members: list[Member] = []
    for choices in points:
        whole = _configured(config.base, axes, choices)
        for seed in [whole.seed] if SEED in {axis.name for axis in axes} else seeds:
            own = {axis.name: choice.label for axis, choice in zip(axes, choices, strict=True)} | {SEED: str(seed)}
            members.append(Member(len(members), "", own, dataclasses.replace(whole, seed=seed, seeds=1)))
    named = _named(members, [name for name in labels if len(labels[name]) > 1 or name == SEED])
    return Plan(config, _grouped(named), roles, labels)


def _seeds(config: AblationConfig) -> list[int]:
    axis = config.grid.axis(SEED)
    if axis is None:
        return list(range(config.base.seed, config.base.seed + config.base.seeds))
    if config.base.seeds > 1:
        raise axis.place.fail(
            f"base asks for {config.base.seeds} seeds already; set base.seeds to 1, or leave the axis out"
        )
    return [choice.settings[0][1] for choice in axis.choices]


def _check_conflicts(axes: Sequence[Axis]) -> None:
    """Refuse a value that two axes set."""
    owner: dict[str, str] = {}
    for axis in axes:
        names = {name for choice in axis.choices for name, _ in choice.settings}
        for name in sorted(names):
            if name in owner:
                raise axis.place.fail(f"{name} is set by the axis {owner[name]} too; leave it out of one")
            owner[name] = axis.name
        if axis.named and SEED in names:
            raise axis.place.fail("seed cannot be one of several values; make it an axis of its own")


def _configured(base: Config, axes: Sequence[Axis], choices: Sequence[Choice]) -> Config:
    """The base with the values of one point of the grid."""
    sections: dict[str, dict[str, Any]] = {}
    for choice in choices:
        for name, value in choice.settings:
            section, _, field = name.rpartition(".")
            sections.setdefault(section, {})[field] = value
    config = base
    for section, values in sections.items():
        try:
            if section:
                part = dataclasses.replace(getattr(config, section), **values)
                config = dataclasses.replace(config, **{section: part})
            else:
                config = dataclasses.replace(config, **values)
        except ValueError as error:
            raise _blamed(axes, choices, section, str(error)) from None
    return config


def _blamed(axes: Sequence[Axis], choices: Sequence[Choice], section: str, message: str) -> InputError:
    """The error of a value that does not fit, at the axis that sets it."""
    field, _, rule = message.partition(": ")
    name = f"{section}.{field}" if section else field
    at = next((c for c in choices if name in dict(c.settings)), None)
    at = at or next(c for c in choices if any(n.startswith(f"{section}.") for n, _ in c.settings))
    own = next(axis for axis, choice in zip(axes, choices, strict=True) if choice is at)
    said = rule if own.name == name else f"{name}: {rule}"
    error = at.place.fail(said)
    assert isinstance(error, InputError)  # noqa: S101
    return error


def _named(members: Sequence[Member], shown: Sequence[str]) -> list[Member]:
    """The members with a folder's name each, made of what varies."""
    named, taken = [], set()
    for member in members:
        parts = [f"{name.rpartition('.')[2]}-{member.labels[name]}" for name in shown]
        name = re.sub(r"[^A-Za-z0-9_+.=-]", "-", "_".join(parts))[:150]
        name = f"{name}_{member.number}" if name in taken else name
        taken.add(name)
        named.append(dataclasses.replace(member, name=name))
    return named


def _grouped(members: Sequence[Member]) -> tuple[Group, ...]:
    """Members that can share a program, in the order of their first."""
    worlds: dict[str, World] = {}
    found: dict[Any, list[Member]] = {}
    for member in members:
        config = member.config
        if config.world not in worlds:
            worlds[config.world] = load_world(config.world)
        worlds[config.world].check_masked(config.task.masked)
        # The program, and the data that its runs share.
        key = (training_spec(config, worlds[config.world]), config.world, config.task, config.evaluate)
        found.setdefault(key, []).append(member)
    return tuple(
        Group(number + 1, tuple(own), key[0], worlds[key[1]]) for number, (key, own) in enumerate(found.items())
    )
