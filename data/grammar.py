"""Sentence templates: which fields a sentence has, in which order, and how probable each template is.

A world describes clauses and sentences with optional parts; `expand` turns them into templates, each a fixed list of
fields. "the cat sat on the mat ." is made by the template

    determiner(subject) subject verb "on" determiner(object) object "."

A content field (subject, verb, object) holds a word that the other content words of its clause choose; an agreeing
field (`of`) a word that depends on one content word of its clause; any other field a word of its slot's list.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

CONTENT = ("subject", "verb", "object")
MAX_TEMPLATES = 300
MAX_LENGTH = 100
NO_CLAUSE = -1


class TemplateError(Exception):
    """Templates that no world can have: too many, too long, or ambiguous."""


@dataclass(frozen=True)
class Part:
    """One part of a clause or a sentence as the world file has it: a slot, a literal word or a whole clause."""

    slot: str
    chance: float = 1.0
    of: str | None = None
    is_word: bool = False
    clause: tuple["Part", ...] = ()


@dataclass(frozen=True)
class Field:
    """One place of a template. Fields that are equal hold the same draw: the subject of clause 0, say."""

    slot: str
    clause: int = NO_CLAUSE
    of: str | None = None
    number: int = 0
    is_word: bool = False

    @property
    def is_content(self) -> bool:
        return not self.is_word and self.slot in CONTENT


@dataclass(frozen=True)
class Template:
    """A fixed sequence of fields and its probability among all templates."""

    probability: float
    fields: tuple[Field, ...]

    def __len__(self) -> int:
        return len(self.fields)

    def __str__(self) -> str:
        """In words, such as `determiner subject verb on determiner object .`."""
        return " ".join(field.slot for field in self.fields)

    @property
    def clauses(self) -> int:
        """The number of clauses."""
        return 1 + max((field.clause for field in self.fields), default=NO_CLAUSE)


def expand(sentences: Iterable[tuple[float, Sequence[Part]]]) -> tuple[Template, ...]:
    """Every template of `sentences` (probability, parts), one for each choice of the optional parts.

    Raises:
      TemplateError: there are too many, or one is too long.
    """
    templates: dict[tuple[Field, ...], float] = {}
    for chance, parts in sentences:
        fields = _flatten(parts)
        if len(fields) > MAX_LENGTH:
            raise TemplateError(f"a sentence of {len(fields)} parts, more than {MAX_LENGTH}; make it shorter")
        optional = sum(p < 1 for p, _ in fields)
        if len(templates) + 2**optional > MAX_TEMPLATES:
            raise TemplateError(f"more than {MAX_TEMPLATES} sentence forms; make fewer parts optional")
        options = [[(p, (field,)), (1 - p, ())] if p < 1 else [(1.0, (field,))] for p, field in fields]
        for choice in itertools.product(*options):
            kept = tuple(field for _, chosen in choice for field in chosen)
            templates[kept] = templates.get(kept, 0.0) + chance * math.prod(p for p, _ in choice)
    return tuple(Template(probability, fields) for fields, probability in templates.items())


def _flatten(parts: Sequence[Part]) -> list[tuple[float, Field]]:
    """The fields of a sentence with all its optional parts, and the chance of each."""
    fields: list[tuple[float, Field]] = []
    clauses = itertools.count()
    for part, number in _numbered(parts):
        clause = next(clauses) if part.clause else NO_CLAUSE
        inner_parts = _numbered(part.clause) if part.clause else [(part, number)]
        fields += [(inner.chance, _field(inner, clause, n)) for inner, n in inner_parts]
    return fields


def _numbered(parts: Sequence[Part]) -> list[tuple[Part, int]]:
    """Each part and how many of its kind come before it.

    Its position would not do: two clauses that differ only in an optional part make the same template without it.
    """
    kinds = [(part.slot, part.of) for part in parts]
    return [(part, kinds[:i].count(kinds[i])) for i, part in enumerate(parts)]


def _field(part: Part, clause: int, number: int) -> Field:
    return Field(part.slot, is_word=True) if part.is_word else Field(part.slot, clause, part.of, number)


Words = Mapping[Field, frozenset[int]]
"""The words that each field can hold."""


def confusion_error(templates: Sequence[Template], words: Words) -> str:
    """The error message if two templates can make the same sentence; "" if no two can."""
    problems = (
        f"two templates cannot be told apart: '{first}' and '{second}'; give one a word of its own"
        for first, second in _of_one_length(templates)
        if not _apart(first, second, words)
    )
    return next(problems, "")


def ambiguity_error(templates: Sequence[Template], words: Words, slots: Sequence[str]) -> str:
    """The error message if a masked word of `slots` could be of the slot of either of two templates; "" if none could.

    The words of a slot are compared place by place, so that a world whose slots only agreement could tell apart
    is refused too.
    """
    for first, second in _of_one_length(templates):
        apart = _apart(first, second, words)
        for i, (one, other) in enumerate(zip(first.fields, second.fields, strict=True)):
            differ = (one.slot, one.is_word) != (other.slot, other.is_word)
            if differ and (one.slot in slots or other.slot in slots) and apart <= {i}:
                return (
                    f"a masked word may be '{one.slot}' or '{other.slot}' (word {i + 1} of '{first}' and of '{second}')"
                    "; add or move a word that tells them apart"
                )
    return ""


def _of_one_length(templates: Sequence[Template]) -> Iterator[tuple[Template, Template]]:
    """Every two templates that have the same length."""
    return (pair for pair in itertools.combinations(templates, 2) if len(pair[0]) == len(pair[1]))


def _apart(first: Template, second: Template, words: Words) -> set[int]:
    """The first positions, at most two, at which no word fits both: callers need to know none, one or more."""
    pairs = zip(first.fields, second.fields, strict=True)
    apart = (i for i, (a, b) in enumerate(pairs) if words[a].isdisjoint(words[b]))
    return set(itertools.islice(apart, 2))
