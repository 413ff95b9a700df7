"""A world: its words, what they prefer, its sentence templates, and the exact probability of every sentence.

P(subject, verb, object) of a clause is proportional to exp(a_sv + a_vo + a_so), pairwise terms from the preferences of
the world file; clauses are independent, agreeing words depend on one content word, all other words on nothing.

Dimension letters: S subjects, V verbs, O objects (numbered within their slot); W words of the vocabulary.
"""

import hashlib
import importlib.resources
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, suggestion
from data.files import is_file
from data.grammar import CONTENT, Field, Template, TemplateError, confusable, expand, undeducible
from data.vocabulary import Vocabulary
from data.world_entries import WorldFile
from data.world_file import read_world_file
from data.world_tables import Floats, all_words, content_probability, form_table

__all__ = ["Floats", "World", "describe", "load_world", "make_world", "world_names"]

MAX_WORDS = 2_000


@dataclass(frozen=True, eq=False)
class World:
    """A world as tables of probabilities; made by `load_world`."""

    name: str
    title: str
    vocabulary: Vocabulary
    slots: dict[str, tuple[int, ...]]
    """The word numbers of each slot with a word list, content slots first."""
    class_of: dict[int, str]
    """The class of each word that has a slot."""
    content_SVO: Floats
    """P(subject, verb, object)."""
    forms_WW: dict[str, Floats]
    """For each agreeing slot: P(word | content word), a row for each content word."""
    templates: tuple[Template, ...]
    held_out_share: float
    always_held_out: tuple[tuple[int, int, int], ...]
    examples: dict[str, str]
    """Sentences to show, and the place of each in the world's file, for messages."""

    @cached_property
    def index_W(self) -> NDArray[np.int64]:
        """The number of each word within its slot (0 for words without one)."""
        index = np.zeros(len(self.vocabulary), np.int64)
        for words in self.slots.values():
            index[list(words)] = np.arange(len(words))
        return index

    @cached_property
    def max_length(self) -> int:
        """Words in the longest sentence."""
        return max(len(template) for template in self.templates)

    @cached_property
    def slot_of(self) -> dict[int, str]:
        """The slot of each word that has a word list's slot."""
        return {word: slot for slot, words in self.slots.items() for word in words}

    def field_words(self, field: Field) -> tuple[int, ...]:
        """The words that fit `field`."""
        if field.is_word:
            return (self.vocabulary.number[field.slot],)
        if field.of is None:
            return self.slots[field.slot]
        used_W = self.forms_WW[field.slot][list(self.slots[field.of])].any(axis=0)
        return tuple(np.flatnonzero(used_W).tolist())

    @cached_property
    def fingerprint(self) -> str:
        """A digest of everything that probabilities depend on; equal worlds have equal fingerprints."""
        parts = [
            "\n".join(self.vocabulary.words).encode(),
            repr(sorted(self.slots.items())).encode(),
            self.content_SVO.round(12).tobytes(),
            repr([(t.fields, round(t.probability, 12)) for t in self.templates]).encode(),
            *(repr(slot).encode() + table_WW.round(12).tobytes() for slot, table_WW in sorted(self.forms_WW.items())),
        ]
        return hashlib.blake2b(b"".join(parts), digest_size=8).hexdigest()

    def check_masked(self, slots: tuple[str, ...]) -> None:
        """Raise InputError unless the other words always show to which of `slots` a masked word belongs."""
        known = {field.slot for template in self.templates for field in template.fields if not field.is_word}
        for slot in slots:
            if slot not in known:
                raise InputError(f"task.masked: the world '{self.name}' has no slot '{slot}'{suggestion(slot, known)}")
        if found := undeducible(self.templates, self._word_sets, slots):
            raise InputError(f"task.masked: in the world '{self.name}' {_ambiguity(found)}")

    def check_templates(self) -> None:
        """Raise TemplateError if two templates make one sentence, or the slot of a masked content word is ambiguous."""
        if same := confusable(self.templates, self._word_sets):
            shown = " and ".join(f"'{describe(template)}'" for template in same)
            raise TemplateError(f"two templates cannot be told apart: {shown}; give one a word of its own")
        if found := undeducible(self.templates, self._word_sets, CONTENT):
            raise TemplateError(_ambiguity(found))

    @cached_property
    def _word_sets(self) -> dict[Field, frozenset[int]]:
        """The words that fit each field of the templates."""
        fields = {field for template in self.templates for field in template.fields}
        return {field: frozenset(self.field_words(field)) for field in fields}

    @cached_property
    def fits_W(self) -> dict[Field, NDArray[np.bool_]]:
        """For each field of the templates and each word of the vocabulary: whether the word fits."""
        every_W = np.arange(len(self.vocabulary))
        return {field: np.isin(every_W, [*words]) for field, words in self._word_sets.items()}


def world_names() -> list[str]:
    """The worlds that come with catmat."""
    folder = importlib.resources.files("data") / "worlds"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_world(name: str) -> World:
    """The world `name`: one that comes with catmat ("english"), or the path of a world file.

    Raises:
      InputError: there is no such world, or its file has an error, reported with file, line and remedy.
    """
    if name in world_names():
        with importlib.resources.as_file(importlib.resources.files("data") / "worlds" / f"{name}.yaml") as path:
            return make_world(name, read_world_file(path, f"data/worlds/{name}.yaml"))
    path = Path(name)
    if not is_file(path):
        raise InputError(f"world '{name}': no such file, nor a world of catmat{suggestion(name, world_names())}")
    return make_world(path.stem, read_world_file(path))


def make_world(name: str, file: WorldFile) -> World:
    """Compute the tables of a checked world file.

    Raises:
      InputError: two templates make the same sentence, or the slot of a masked content word is ambiguous. (The
        examples are checked where they are masked: `experiments.measuring.probes`.)
    """
    try:
        world = _with_tables(name, file, expand(file.sentences))
        world.check_templates()
    except TemplateError as error:
        raise file.document.error(("sentences",), str(error)) from None
    return world


def _with_tables(name: str, file: WorldFile, templates: tuple[Template, ...]) -> World:
    vocabulary = Vocabulary(all_words(file))
    if len(vocabulary) > MAX_WORDS:  # tables have an entry for each pair of words
        raise file.document.error(("words",), f"{len(vocabulary):,} words, more than {MAX_WORDS:,}; use fewer")
    number = vocabulary.number
    return World(
        name=name,
        title=file.title,
        vocabulary=vocabulary,
        slots={slot: tuple(number[word] for word in words) for slot, words in file.slots.items()},
        class_of={number[word]: class_name for word, class_name in file.class_of.items()},
        content_SVO=content_probability(file),
        forms_WW={slot: form_table(file, slot, vocabulary) for slot in file.forms},
        templates=templates,
        held_out_share=file.held_out_share,
        always_held_out=tuple((number[s], number[v], number[o]) for s, v, o in file.always_held_out),
        examples={text: file.document.place(("examples", i)) for i, text in enumerate(file.examples)},
    )


def describe(template: Template) -> str:
    """A template in words, such as `determiner subject verb on determiner object .`."""
    return " ".join(field.slot for field in template.fields)


def _ambiguity(found: tuple[Template, Template, int]) -> str:
    first, second, i = found
    one, other = first.fields[i].slot, second.fields[i].slot
    return (
        f"a masked word may be '{one}' or '{other}' (word {i + 1} of '{describe(first)}' and of '{describe(second)}'); "
        "add or move a word that tells them apart"
    )
