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

    def mapping(self, allowed: Iterable[str] | None = None, required: Iterable[str] = ()) -> dict[str, "Reader"]:
        """The entries of a mapping; `allowed` (if given) and `required` are its keys."""
        if not isinstance(self.value, dict):
            raise self.fail(f"must be a mapping (key: value), not {kind(self.value)}")
        entries = {key: Reader(self.document, (*self.path, key), value) for key, value in self.value.items()}
        allowed = None if allowed is None else {*allowed, *required}
        for key, entry in entries.items():
            if allowed is not None and key not in allowed:
                raise entry.fail(f"unknown key{suggestion(key, allowed)}")
        for key in required:
            if key not in entries:
                raise self.fail(f"{key} is missing; add it")
        return entries

    def items(self, empty: bool = False) -> list["Reader"]:
        """The items of a list; an empty one is refused unless `empty`."""
        if not isinstance(self.value, list):
            raise self.fail(f"must be a list, such as [a, b], not {kind(self.value)}")
        if not self.value and not empty:
            raise self.fail("is an empty list; put at least one item in it")
        return [Reader(self.document, (*self.path, i), value) for i, value in enumerate(self.value)]

    def text(self) -> str:
        """A piece of text."""
        if not isinstance(self.value, str):
            raise self.fail(f"must be text, not {kind(self.value)}; put it in quotes if it is meant as text")
        return self.value

    def number(self, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.fail(f"must be a number, not {kind(self.value)}")
        if not math.isfinite(self.value):
            raise self.fail(f"must be a finite number, not {self.value:g}")
        if not low <= self.value <= high:
            raise self.fail(f"must be from {low:g} to {high:g}, not {self.value:g}")
        return float(self.value)

    def chance(self) -> float:
        """A probability above 0 and at most 1."""
        value = self.number(-math.inf, math.inf)
        if not 0 < value <= 1:
            raise self.fail(f"a probability is above 0 and at most 1, not {value:g}")
        return value


def kind(value: Any) -> str:
    """What a value is, in words for a user."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value:g}" if isinstance(value, float) else f"the number {value}"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"
