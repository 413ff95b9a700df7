"""Typed access to a parsed document: each look-up checks the kind of value, and an error names the place."""

import math
from collections.abc import Iterable
from typing import Any

from data.errors import suggestion
from data.yaml_file import Document, KeyPath


class Reader:
    """The value at one place of a document."""

    def __init__(self, document: Document, path: KeyPath = (), value: Any = None) -> None:
        self.document, self.path = document, path
        self.value = document.value if not path else value

    def fail(self, message: str) -> Exception:
        """The error to raise for this place."""
        return self.document.error(self.path, message)

    def require(self, condition: object, message: str) -> None:
        """Raise the error of this place unless `condition` is true."""
        if not condition:
            raise self.fail(message)

    def mapping(self, allowed: Iterable[str] | None = None, required: Iterable[str] = ()) -> dict[str, "Reader"]:
        """The entries of a mapping; `allowed` (if given) and `required` are its keys."""
        self.require(isinstance(self.value, dict), f"must be a mapping (key: value), not {kind(self.value)}")
        entries = {key: Reader(self.document, (*self.path, key), value) for key, value in self.value.items()}
        known = entries.keys() if allowed is None else {*allowed, *required}
        for key, entry in entries.items():
            if key not in known:
                raise entry.fail(f"unknown key{suggestion(key, known)}")
        for key in required:
            self.require(key in entries, f"{key} is missing; add it")
        return entries

    def items(self, empty: bool = False) -> list["Reader"]:
        """The items of a list; an empty one is refused unless `empty`."""
        self.require(isinstance(self.value, list), f"must be a list, such as [a, b], not {kind(self.value)}")
        self.require(self.value or empty, "is an empty list; put at least one item in it")
        return [Reader(self.document, (*self.path, i), value) for i, value in enumerate(self.value)]

    def text(self) -> str:
        """A piece of text."""
        wrong = f"must be text, not {kind(self.value)}; put it in quotes if it is meant as text"
        self.require(isinstance(self.value, str), wrong)
        return str(self.value)

    def number(self, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        self.require(is_number, f"must be a number, not {kind(self.value)}")
        self.require(math.isfinite(self.value), f"must be a finite number, not {self.value:g}")
        self.require(low <= self.value <= high, f"must be from {low:g} to {high:g}, not {self.value:g}")
        return float(self.value)

    def chance(self) -> float:
        """A probability above 0 and at most 1."""
        value = self.number(-math.inf, math.inf)
        self.require(0 < value <= 1, f"a probability is above 0 and at most 1, not {value:g}")
        return value


def kind(value: Any) -> str:
    """The kind of a value, in words for a user."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"the number {value:g}" if isinstance(value, float) else f"the number {value}"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"
