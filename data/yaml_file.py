"""Read a YAML file strictly, remember the line of every value, and check the kind of each that is looked up.

Differs from `yaml.safe_load` where that surprises people: `on`, `no` and `yes` are words, `1e-3` is a number, a
duplicate key is an error, and aliases are refused (they can expand a small file to gigabytes). Only plain
mappings, lists, text, numbers, true, false and null come back.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.errors import InputError, reporting_os_errors, require, suggestion

KeyPath = tuple[str | int, ...]
"""The path of a value in its document: ("model", "d_head") or ("probes", 2)."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NAMED = {
    "": None, "~": None, "null": None, "true": True, "false": False,
    ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan,
}  # fmt: skip
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """A parsed file: its `value`, and the line (from 1) of each value by its key path."""

    name: str
    value: Any
    lines: dict[KeyPath, int]

    def place(self, path: KeyPath) -> str:
        """The place of `path` for messages, `name:line: a.b: `; if it is not in the file, with its parent's line."""
        parents = (path[:length] for length in range(len(path), -1, -1))
        line = next((self.lines[parent] for parent in parents if parent in self.lines), 1)
        where = ".".join(str(part) for part in path)
        return f"{self.name}:{line}: {where + ': ' if where else ''}"

    def error(self, path: KeyPath, message: str) -> InputError:
        """An error at `path`."""
        return InputError(self.place(path) + message)


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Parse the file at `path`; `name` is what messages call it.

    Raises:
      InputError: the file cannot be read, is not YAML, or uses what is refused (see above).
    """
    name = name or str(path)
    with reporting_os_errors(f"{name}: cannot be read", "name a file that can"), path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    require(len(raw) <= MAX_BYTES, f"{name}: larger than {MAX_BYTES:,} bytes; is this the right file?")
    require(b"\0" not in raw[:2], f"{name}:1: not UTF-8 text (UTF-16?); save the file as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str, loader: Any = LOADER) -> Document:
    """Parse YAML `text` by a loader of PyYAML; raises InputError as `read_yaml` does."""
    if unreadable := _UNREADABLE.search(text):
        line = text.count("\n", 0, unreadable.start()) + 1
        raise InputError(f"{name}:{line}: the character U+{ord(unreadable[0]):04X} cannot stand in a file; remove it")
    try:
        return _Composer(text, name, loader).document()
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        since = "" if error.context_mark is None else f" since line {error.context_mark.line + 1}"
        start = text.split("\n")[line - 1 : line]
        if start and "\t" in start[0][: len(start[0]) - len(start[0].lstrip())]:
            raise InputError(f"{name}:{line}: a tab indents this line; indent with spaces") from None
        problem = f"{error.problem or error.context}; check brackets, quotes and indentation{since}"
        raise InputError(f"{name}:{line}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: PyYAML without its C library
        first = (str(error).splitlines() or ["cannot be parsed"])[0]
        raise InputError(f"{name}:1: not valid YAML: {first}") from None


class _Composer:
    """Builds the values of a document from the events of PyYAML's parser."""

    def __init__(self, text: str, name: str, loader: Any) -> None:
        self._events, self._name = yaml.parse(text, Loader=loader), name
        self._lines: dict[KeyPath, int] = {}

    def document(self) -> Document:
        value = None
        self._next()  # the stream starts
        if not isinstance(self._next(), yaml.StreamEndEvent):
            value = self._value(self._next(), ())
            self._next()  # the document ends
            if not isinstance(after := self._next(), yaml.StreamEndEvent):
                raise self._error(after, "a second document starts here; keep one document in a file")
        return Document(self._name, value, self._lines)

    def _next(self) -> Any:
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._error(
                event, "anchors and aliases (& and *) are not used here; write the value out, or quote it"
            )
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise self._error(event, f"the tag {tag} is not used here; remove it")
        return event

    def _error(self, event: Any, message: str) -> InputError:
        return InputError(f"{self._name}:{event.start_mark.line + 1}: {message}")

    def _value(self, event: Any, path: KeyPath) -> Any:
        self._lines.setdefault(path, event.start_mark.line + 1)
        if len(path) > MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} deep; flatten it")
        if isinstance(event, yaml.ScalarEvent):
            return parse_scalar(event.value) if event.implicit[0] and not event.style else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(event, (*path, len(items))))
            return items
        mapping: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            is_word = isinstance(event, yaml.ScalarEvent)
            if not is_word:
                raise self._error(event, "a key must be one word, not a list or a mapping")
            here = (*path, event.value)
            if here in self._lines:
                first = self._lines[here]
                raise self._error(event, f"{event.value}: stands twice (first in line {first}); remove one")
            self._lines[here] = event.start_mark.line + 1
            mapping[event.value] = self._value(self._next(), here)
        return mapping


def parse_scalar(text: str) -> Any:
    """The value that `text` has unquoted in a file, and on the command line (`--train.steps 300`)."""
    if text in _NAMED:
        return _NAMED[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class Reader:
    """The value at one place of a document: each look-up checks the kind of value, and an error names the place."""

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
        self.require(self.path or self.value is not None, "the file is empty; write keys and values, or name another")
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
        self.require(
            isinstance(self.value, str),
            f"must be text, not {kind(self.value)}; put it in quotes if it is meant as text",
        )
        return str(self.value)

    def number(self, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        self.require(
            isinstance(self.value, int | float) and not isinstance(self.value, bool),
            f"must be a number, not {kind(self.value)}",
        )
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
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"the number {value:g}" if isinstance(value, float) else f"the number {value}"
    if isinstance(value, bool):
        return str(value).lower()
    return {type(None): "nothing", str: "text", list: "a list"}.get(type(value), "a mapping")
