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
from data.grammar import CONTENT, Field, Template, confusable, expand, undeducible
from data.vocabulary import Vocabulary
from data.world_entries import WorldFile
from data.world_file import read_world_file

Floats = NDArray[np.float64]
MAX_WORDS = 2_000


@dataclass(frozen=True, eq=False)
class World:
    """Everything that is true of a world, as tables; made by `load_world`."""

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
    """Sentences to show, and where each stands in the world's file, for messages."""

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
        """The words that can stand in `field`."""
        if field.is_word:
            return (self.vocabulary.number[field.slot],)
        if field.of is None:
            return self.slots[field.slot]
        used_W = self.forms_WW[field.slot][list(self.slots[field.of])].any(axis=0)
        return tuple(int(word) for word in np.flatnonzero(used_W))

    @cached_property
    def fingerprint(self) -> str:
        """A digest of everything that decides probabilities; equal worlds have equal ones."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update("\n".join(self.vocabulary.words).encode())
        digest.update(repr(sorted(self.slots.items())).encode())
        digest.update(self.content_SVO.round(12).tobytes())
        digest.update(repr([(t.fields, round(t.probability, 12)) for t in self.templates]).encode())
        for slot, table_WW in sorted(self.forms_WW.items()):
            digest.update(repr(slot).encode() + table_WW.round(12).tobytes())
        return digest.hexdigest()

    def check_masked(self, slots: tuple[str, ...]) -> None:
        """Raise InputError unless a masked word of each of `slots` can be told to be of that slot."""
        known = {field.slot for template in self.templates for field in template.fields if not field.is_word}
        for slot in slots:
            if slot not in known:
                raise InputError(f"task.masked: the world '{self.name}' has no slot '{slot}'{suggestion(slot, known)}")
        found = undeducible(self.templates, lambda field: frozenset(self.field_words(field)), slots)
        if found:
            raise InputError(f"task.masked: in the world '{self.name}' {_tell(found)}")


def world_names() -> list[str]:
    """The worlds that come with catmat."""
    folder = importlib.resources.files("data") / "worlds"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_world(name: str) -> World:
    """The world `name`: one that comes with catmat ("english"), or the path of a world file.

    Raises:
      InputError: no such world, or a mistake in its file, with file, line and remedy.
    """
    if name in world_names():
        with importlib.resources.as_file(importlib.resources.files("data") / "worlds" / f"{name}.yaml") as path:
            return make_world(name, read_world_file(path, f"data/worlds/{name}.yaml"))
    path = Path(name)
    try:
        found = path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be entered
        found = False
    if not found:
        raise InputError(f"world '{name}': no such file, nor a world of catmat{suggestion(name, world_names())}")
    return make_world(path.stem, read_world_file(path))


def make_world(name: str, file: WorldFile) -> World:
    """Compute the tables of a checked world file.

    Raises:
      InputError: two templates make the same sentence, or the slot of a masked content word is not certain. (Whether
        the world can say its examples is seen where they are masked: `experiments.probes`.)
    """
    where = ("sentences",)
    try:
        templates = expand(file.sentences)
    except ValueError as error:
        raise file.document.error(where, str(error)) from None
    vocabulary = Vocabulary(_all_words(file))
    if len(vocabulary) > MAX_WORDS:  # tables have an entry for each pair of words
        raise file.document.error(("words",), f"{len(vocabulary):,} words, more than {MAX_WORDS:,}; use fewer")
    number = vocabulary.number
    world = World(
        name=name,
        title=file.title,
        vocabulary=vocabulary,
        slots={slot: tuple(number[word] for word in words) for slot, words in file.slots.items()},
        class_of={number[word]: class_name for word, class_name in file.class_of.items()},
        content_SVO=_content_probability(file),
        forms_WW={slot: _form_table(file, slot, vocabulary) for slot in file.forms},
        templates=templates,
        held_out_share=file.held_out_share,
        always_held_out=tuple((number[s], number[v], number[o]) for s, v, o in file.always_held_out),
        examples={text: file.document.place(("examples", i)) for i, text in enumerate(file.examples)},
    )
    fields = {field for template in templates for field in template.fields}
    words = {field: frozenset(world.field_words(field)) for field in fields}
    same = confusable(templates, words.__getitem__)
    if same:
        shown = " and ".join(f"'{describe(template)}'" for template in same)
        raise file.document.error(where, f"two templates cannot be told apart: {shown}; give one a word of its own")
    unclear = undeducible(templates, words.__getitem__, CONTENT)
    if unclear:
        raise file.document.error(where, _tell(unclear))
    return world


def describe(template: Template) -> str:
    """A template in words, such as `determiner subject verb on determiner object .`."""
    return " ".join(field.slot for field in template.fields)


def _tell(found: tuple[Template, Template, int]) -> str:
    first, second, i = found
    one, other = first.fields[i].slot, second.fields[i].slot
    return (
        f"a masked word may be '{one}' or '{other}' (word {i + 1} of '{describe(first)}' and of '{describe(second)}'); "
        "add or move a word that tells them apart"
    )


def _all_words(file: WorldFile) -> list[str]:
    words = [word for members in file.slots.values() for word in members]
    words += [word for table in file.forms.values() for form in table.values() for word in form]
    parts = [part for _, parts in file.sentences for part in parts]
    parts += [part for outer in parts for part in outer.clause]
    words += [part.slot for part in parts if part.is_word]
    return list(dict.fromkeys(words))


def _content_probability(file: WorldFile) -> Floats:
    words = [file.slots[slot] for slot in CONTENT]
    energy_SVO = np.zeros([len(members) for members in words])
    index = {word: i for members in words for i, word in enumerate(members)}
    for left, right, strength, pairs in file.preferences:
        axes = CONTENT.index(left), CONTENT.index(right)
        table = np.zeros([len(words[axes[0]]), len(words[axes[1]])])
        for a, b in pairs:
            table[index[a], index[b]] = strength
        table = table if axes[0] < axes[1] else table.T
        energy_SVO += np.expand_dims(table, ({0, 1, 2} - {*axes}).pop())
    weight_SVO = np.exp(energy_SVO - energy_SVO.max())
    return np.asarray(weight_SVO / weight_SVO.sum(), np.float64)


def _form_table(file: WorldFile, slot: str, vocabulary: Vocabulary) -> Floats:
    table_WW = np.zeros((len(vocabulary), len(vocabulary)))
    for word in (word for content in CONTENT for word in file.slots[content]):
        form = file.forms[slot].get(word) or file.forms[slot].get("default") or {}
        for taken, weight in form.items():
            table_WW[vocabulary.number[word], vocabulary.number[taken]] = weight / sum(form.values())
    return table_WW
