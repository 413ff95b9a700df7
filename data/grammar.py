"""Sentence templates: which fields a sentence has, in which order, and how probable each template is.

A world describes clauses and sentences with optional parts; `expand` turns them into templates, each a fixed list of
fields. "the cat sat on the mat ." is made by the template

    determiner(subject) subject verb "on" determiner(object) object "."

A content field (subject, verb, object) holds a word that the other content words of its clause choose; an agreeing
field (`of`) a word that depends on one content word of its clause; any other field a word of its slot's list. The words
of a clause may have a form (`data.word_forms`), and the words of a sentence may stand in any order.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

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
    form: str = ""
    """The form of all words of the clause; empty for none."""

    def in_form(self, form: str, spell: Callable[[str], str]) -> "Part":
        """A clause whose words have `form`; its literal words are spelled by `spell`."""
        inner = (replace(part, slot=spell(part.slot)) if part.is_word else part for part in self.clause)
        return replace(self, clause=tuple(inner), form=form)


@dataclass(frozen=True)
class Sentence:
    """One entry of `sentences` in a world file."""

    chance: float
    parts: tuple[Part, ...]
    any_order: bool = False


@dataclass(frozen=True)
class Field:
    """One place of a template. Fields that are equal hold the same draw: the subject of clause 0, say."""

    slot: str
    clause: int = NO_CLAUSE
    of: str | None = None
    number: int = 0
    is_word: bool = False
    form: str = field(default="", repr=False)  # worlds without forms keep the fingerprints that they had before forms
    """The form of its word; empty for none."""

    def __str__(self) -> str:
        return f"{self.form} {self.slot}" if self.form else self.slot

    @property
    def is_content(self) -> bool:
        return not self.is_word and self.slot in CONTENT


@dataclass(frozen=True)
class Template:
    """A sequence of fields and its probability among all templates, that of all its orders if it has any order."""

    probability: float
    fields: tuple[Field, ...]
    any_order: bool = field(default=False, repr=False)
    """Whether the fields stand in any order, every one equally probable."""

    def __len__(self) -> int:
        return len(self.fields)

    def __str__(self) -> str:
        """In words, such as `determiner subject verb on determiner object .`."""
        fields = map(str, self.fields)
        return f"{', '.join(fields)} in any order" if self.any_order else " ".join(fields)

    @property
    def orders(self) -> int:
        """The number of orders of its fields."""
        return math.factorial(len(self)) if self.any_order else 1

    def ordered(self, places: Sequence[int]) -> "Template":
        """The fields `places` in this order, with the probability of one order."""
        return Template(self.probability / self.orders, tuple(self.fields[place] for place in places))

    @cached_property
    def content(self) -> dict[tuple[str, int], Field]:
        """The content fields by slot and clause."""
        return {(field.slot, field.clause): field for field in self.fields if field.is_content}

    @property
    def clauses(self) -> int:
        """The number of clauses."""
        return 1 + max((field.clause for field in self.fields), default=NO_CLAUSE)


def expand(sentences: Iterable[Sentence]) -> tuple[Template, ...]:
    """Every template of `sentences`, one for each choice of the optional parts.

    Raises:
      TemplateError: there are too many, or one is too long.
    """
    templates: dict[tuple[tuple[Field, ...], bool], float] = {}
    for sentence in sentences:
        fields = _flatten(sentence.parts)
        if len(fields) > MAX_LENGTH:
            raise TemplateError(f"a sentence of {len(fields)} parts, more than {MAX_LENGTH}; make it shorter")
        optional = sum(p < 1 for p, _ in fields)
        if len(templates) + 2**optional > MAX_TEMPLATES:
            raise TemplateError(f"more than {MAX_TEMPLATES} sentence forms; make fewer parts optional")
        options = [[(p, (field,)), (1 - p, ())] if p < 1 else [(1.0, (field,))] for p, field in fields]
        for choice in itertools.product(*options):
            kept = tuple(field for _, chosen in choice for field in chosen), sentence.any_order
            templates[kept] = templates.get(kept, 0.0) + sentence.chance * math.prod(p for p, _ in choice)
    return tuple(Template(probability, *kept) for kept, probability in templates.items())


def _flatten(parts: Sequence[Part]) -> list[tuple[float, Field]]:
    """The fields of a sentence with all its optional parts, and the chance of each."""
    fields: list[tuple[float, Field]] = []
    clauses = itertools.count()
    for part, number in _numbered(parts):
        clause = next(clauses) if part.clause else NO_CLAUSE
        inner_parts = _numbered(part.clause) if part.clause else [(part, number)]
        fields += [(inner.chance, _field(inner, clause, n, part.form)) for inner, n in inner_parts]
    return fields


def _numbered(parts: Sequence[Part]) -> list[tuple[Part, int]]:
    """Each part and how many of its kind come before it.

    Its position would not do: two clauses that differ only in an optional part make the same template without it.
    """
    kinds = [(part.slot, part.of) for part in parts]
    return [(part, kinds[:i].count(kinds[i])) for i, part in enumerate(parts)]


def _field(part: Part, clause: int, number: int, form: str) -> Field:
    return Field(part.slot, is_word=True) if part.is_word else Field(part.slot, clause, part.of, number, form=form)
