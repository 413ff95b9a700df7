"""Read a YAML file strictly and remember the line of every value.

Differs from `yaml.safe_load` where that surprises people: `on`, `no` and `yes` are words, `1e-3` is a number, a key
that stands twice is an error, and aliases are refused (they can blow a small file up to gigabytes). Only plain
mappings, lists, text, numbers, true, false and null come back.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.errors import InputError

KeyPath = tuple[str | int, ...]
"""Where a value stands in its document: ("model", "d_head") or ("probes", 2)."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NAMED = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """A parsed file: its `value`, and the line (from 1) of each value by its key path."""

    name: str
    value: Any
    lines: dict[KeyPath, int]

    def place(self, path: KeyPath) -> str:
        """Where `path` stands: `name:line: a.b: `; a path that is not in the file points to its parent."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        where = ".".join(str(part) for part in path)
        return f"{self.name}:{self.lines.get(known, 1)}: {where + ': ' if where else ''}"

    def error(self, path: KeyPath, message: str) -> InputError:
        """An error at `path`."""
        return InputError(self.place(path) + message)


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Parse the file at `path`; `name` is what messages call it.

    Raises:
      InputError: the file cannot be read, is not YAML, or uses what is refused (see above).
    """
    name = name or str(path)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InputError(f"{name}: larger than {MAX_BYTES:,} bytes; is this the right file?")
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str) -> Document:
    """Parse YAML `text`; raises InputError as `read_yaml` does."""
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        line = text.count("\n", 0, unreadable.start()) + 1
        raise InputError(f"{name}:{line}: the character U+{ord(unreadable[0]):04X} cannot stand in a file; remove it")
    lines: dict[KeyPath, int] = {}
    try:
        events = yaml.parse(text, Loader=_LOADER)
        value = _document(_Events(events, name), lines)
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        since = "" if error.context_mark is None else f" since line {error.context_mark.line + 1}"
        problem = f"{error.problem or error.context}; check brackets, quotes and indentation{since}"
        raise InputError(f"{name}:{line}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: PyYAML without its C library
        first = (str(error).splitlines() or ["cannot be parsed"])[0]
        raise InputError(f"{name}:1: not valid YAML: {first}") from None
    return Document(name, value, lines)


class _Events:
    """The parser's events one after another, with the file's name for messages."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self._events, self.name = events, name

    def next(self) -> Any:
        event = next(self._events)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.error(event, "anchors and aliases (& and *) are not used here; write the value out, or quote it")
        if getattr(event, "tag", None) not in (None, "!"):
            raise self.error(event, f"the tag {event.tag} is not used here; remove it")
        return event

    def error(self, event: Any, message: str) -> InputError:
        return InputError(f"{self.name}:{_line(event)}: {message}")


def _line(event: Any) -> int:
    return int(event.start_mark.line + 1)


def _document(events: _Events, lines: dict[KeyPath, int]) -> Any:
    events.next()  # the stream starts
    if isinstance(events.next(), yaml.StreamEndEvent):
        return None
    value = _value(events, events.next(), (), lines)
    events.next()  # the document ends
    after = events.next()
    if not isinstance(after, yaml.StreamEndEvent):
        raise events.error(after, "a second document starts here; keep one document in a file")
    return value


def _value(events: _Events, event: Any, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    lines.setdefault(path, _line(event))
    if len(path) > MAX_DEPTH:
        raise events.error(event, f"nested more than {MAX_DEPTH} deep; flatten it")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] and not event.style else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Any] = []
        while not isinstance(event := events.next(), yaml.SequenceEndEvent):
            items.append(_value(events, event, (*path, len(items)), lines))
        return items
    mapping: dict[str, Any] = {}
    while not isinstance(event := events.next(), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise events.error(event, "a key must be one word, not a list or a mapping")
        key = event.value
        if key in mapping:
            raise events.error(event, f"{key}: stands twice (first in line {lines[*path, key]}); remove one")
        lines[*path, key] = _line(event)
        mapping[key] = _value(events, events.next(), (*path, key), lines)
    return mapping


def _scalar(text: str) -> Any:
    if text in _NAMED:
        return _NAMED[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text) or text in _SPECIAL:
        return float(_SPECIAL.get(text, text))
    return text


def parse_scalar(text: str) -> Any:
    """The value that `text` would have, unquoted, in a file: how the command line reads `--train.steps 300`."""
    return _scalar(text)
