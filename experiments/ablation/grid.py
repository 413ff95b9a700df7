"""The grid of an ablation: its axes, as written in a file and changed on the command line. Imports no jax."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from data.errors import require
from data.yaml_file import Reader
from experiments.ablation.axes import FIELDS, Axis, Plain, chosen_values, read_axis
from experiments.config.loader import option_document
from experiments.config.schema import RENAMED


@dataclass(frozen=True)
class Grid:
    """The axes of an ablation."""

    axes: tuple[Axis, ...] = ()

    @classmethod
    def from_yaml(cls, item: Reader) -> "Grid":
        """The grid of a config file."""
        return cls(tuple(read_axis(name, values) for name, values in item.mapping().items()))

    def plain(self) -> dict[str, Mapping[str, Mapping[str, object]] | list[Plain]]:
        """The grid as written in a file."""
        return {axis.name: axis.plain() for axis in self.axes}

    def axis(self, name: str) -> Axis | None:
        """The axis of that name."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def counts(self) -> list[tuple[int, str]]:
        """How many values each axis has; an axis and the one that it depends on are counted together."""
        pairs = {axis.by: (axis, sum(len(choice.only) for choice in axis.choices)) for axis in self.axes if axis.by}
        return [
            (pairs[axis.name][1], f"pairs of {axis.name} and {pairs[axis.name][0].name}")
            if axis.name in pairs
            else (len(axis.choices), axis.name)
            for axis in self.axes
            if not axis.by
        ]

    def settled(self) -> "Grid":
        """The grid without values that go with nothing that the axis they depend on has.

        Raises:
          InputError: an axis depends on one that is not there, or has no value for one of its values.
        """
        axes = []
        for axis in self.axes:
            other = self.axis(axis.by)
            labels = other.labels if other is not None else []
            axis.place.require(
                not axis.by or (other is not None and not other.by),
                f"depends on {axis.by}, which is no axis with values of its own; give one list of values",
            )
            met = [replace(one, only=tuple(label for label in labels if label in one.only)) for one in axis.choices]
            missing = set(labels).difference(*(one.only for one in met))
            axis.place.require(not missing, f"has no values for {axis.by} {min(missing, default='')}; add them")
            axes.append(replace(axis, choices=tuple(one for one in met if one.only)) if axis.by else axis)
        return Grid(tuple(axes))

    def with_axes(self, texts: Sequence[str]) -> "Grid":
        """The grid with several axes given on the command line, each once; see `changed`.

        Raises:
          InputError: a text is no axis, or two are the same.
        """
        grid, given = self, dict[str, str]()
        for text in texts:
            name = text.partition("=")[0]
            before = given.get(name)
            require(before is None, f"--grid {name}: is given twice, {before} and {text}; write all values in one")
            given[name] = text
            grid = grid.changed(text)
        return grid

    def changed(self, text: str) -> "Grid":
        """The grid with one axis given on the command line, which is added or replaces the one of the same name.

        Args:
          text: "model.d_head=4,16,64", or for an axis with named values some of the names: "variant=standard,sink".

        Raises:
          InputError: the text is no axis.
        """
        name, _, values = text.partition("=")
        require(name and values.strip(), f"--grid {text}: must be NAME=VALUE,VALUE,..., such as model.d_head=4,16,64")
        now = RENAMED.get(name, name)
        lists = now in FIELDS and isinstance(FIELDS[now].default, tuple)
        one = lists and re.match(r"\s*\[\s*[^\[\s]", values)
        require(not one, f"--grid {name}: each value is a list of its own; write {now}=[{values}]")
        shown = values if values.lstrip().startswith(("[", "{")) else f"[{values}]"
        place = Reader(option_document(f"--grid {name}", shown))
        own = self.axis(name)
        axis = (
            chosen_values(own, place) if own is not None and own.named and shown[0] != "{" else read_axis(name, place)
        )
        return Grid(tuple({one.name: one for one in (*self.axes, axis)}.values()))
