"""The contents of a world file as plain values, how the names in it are resolved, and the tables that they mean.

Dimension letters: S subjects, V verbs, O objects (numbered within their slot); W words of the vocabulary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.characters import JOINERS, invisible_character, named
from data.errors import suggestion
from data.grammar import CONTENT, Part, Sentence
from data.reading import MAX_LETTERS, normalise
from data.vocabulary import SPECIAL_WORDS, Vocabulary
from data.yaml_file import Document, Reader

Floats = NDArray[np.float64]


@dataclass
class FormEntry:
    """A form of words, see `data.word_forms`."""

    blank: str
    case: str = ""
    """What is done to the letters of a word: upper, lower, or empty for nothing."""
    words: Mapping[str, str] | None = None
    """The spelling of each word, where they are listed."""
    spelled: dict[str, str] = field(default_factory=dict)
    """Base word -> spelling, of every word that has this form in some sentence."""

    def spell(self, word: str) -> str | None:
        """The spelling of a base word in this form; None if it should be listed and is not."""
        return self.in_case(word) if self.words is None else self.words.get(word)

    def in_case(self, word: str) -> str:
        """A word with the letters of this form; as it stands, if spellings are listed."""
        cases = {"upper": word.upper(), "lower": word.lower()}
        return normalise(cases.get(self.case, word))


@dataclass
class WorldFile:
    """The entries of a world file, checked one by one; names in `pairs` and `forms` are resolved to words."""

    document: Document
    title: str = ""
    slots: dict[str, list[str]] = field(default_factory=dict)
    class_of: dict[str, str] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    preferences: list[tuple[str, str, float, list[tuple[str, str]]]] = field(default_factory=list)
    clauses: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    word_forms: dict[str, FormEntry] = field(default_factory=dict)
    spellings: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Spelling -> (base word, form)."""
    sentences: list[Sentence] = field(default_factory=list)
    held_out_share: float = 0.0
    always_held_out: list[tuple[str, str, str]] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)


def read_word(entry: Reader) -> str:
    """A word as it may stand in a sentence; raises InputError where it may not."""
    word = normalise(entry.text())
    entry.require(word.split() == [word], "a word has no blank in it and is not empty; join its parts with _ or -")
    entry.require(word not in SPECIAL_WORDS, f"'{word}' cannot be a word: it is reserved; choose another")
    entry.require(not (why := unusable(word)), f"'{word[:60]}' cannot be a word: {why}")
    return word


def read_name(entry: Reader, name: str) -> str:
    """The name of a slot, class or group at `entry`, which other files show: a word, but blanks inside are allowed."""
    name = normalise(name)
    entry.require(
        name and name == name.strip(), f"'{name[:60]}' cannot be a name: it is empty, or begins or ends with a blank"
    )
    entry.require(not (why := unusable(name)), f"'{name[:60]}' cannot be a name: {why}")
    return name


def unusable(text: str) -> str:
    """Why a text cannot be a word or name, and what to do; "" if it can."""
    if len(text) > MAX_LETTERS:
        return f"it is too long, {len(text)} characters; use at most {MAX_LETTERS}"
    if not (character := invisible_character(text)):
        return ""
    place = " at a place where it joins nothing" if character in JOINERS else ""
    return f"it has the invisible character {named(character)}{place}; remove it"


def add_name(world: WorldFile, entry: Reader, name: str, words: list[str]) -> None:
    """Make `name` stand for `words`."""
    name = read_name(entry, name)
    entry.require(name not in {*world.names, *world.slots}, f"the name '{name}' is taken; choose another")
    world.names[name] = words


def resolve(world: WorldFile, entry: Reader, name: object, slots: Iterable[str]) -> list[str]:
    """The words of `slots` that `name` (a word, a class or a group) stands for."""
    name = normalise(name) if isinstance(name, str) else Reader(world.document, entry.path, name).text()
    allowed = [word for slot in slots for word in world.slots[slot]]
    words = [word for word in world.names.get(name, []) if word in allowed]
    if not words:
        here = [n for n, members in world.names.items() if set(members) & set(allowed)]
        raise entry.fail(f"'{name}' is no word, class or group of {' or '.join(slots)}{suggestion(name, here)}")
    return words


def all_words(file: WorldFile) -> list[str]:
    """Every word of a world but the special ones, once, in the order of their numbers."""
    parts = [part for sentence in file.sentences for part in sentence.parts]
    parts += [part for outer in parts for part in outer.clause]
    words = (
        *(word for members in file.slots.values() for word in members),
        *(word for table in file.forms.values() for form in table.values() for word in form),
        *(part.slot for part in parts if part.is_word),
        *file.spellings,
    )
    return list(dict.fromkeys(words))


def content_probability(file: WorldFile) -> Floats:
    """P(subject, verb, object), [S, V, O]."""
    words = [file.slots[slot] for slot in CONTENT]
    energy_SVO = np.zeros([len(members) for members in words])
    index = {word: i for members in words for i, word in enumerate(members)}
    for left, right, strength, pairs in file.preferences:
        liked_SVO = np.zeros(energy_SVO.shape, bool)
        for a, b in pairs:
            place = {left: index[a], right: index[b]}
            liked_SVO[*(place.get(slot, slice(None)) for slot in CONTENT)] = True
        energy_SVO += strength * liked_SVO
    weight_SVO = np.exp(energy_SVO - energy_SVO.max())
    return np.asarray(weight_SVO / weight_SVO.sum(), np.float64)


def form_table(file: WorldFile, slot: str, vocabulary: Vocabulary) -> Floats:
    """P(word of the agreeing `slot` | content word), [W, W], a row for each content word."""
    table_WW = np.zeros((len(vocabulary), len(vocabulary)))
    for word in (word for content in CONTENT for word in file.slots[content]):
        form = file.forms[slot].get(word) or file.forms[slot].get("default") or {}
        for taken, weight in form.items():
            table_WW[vocabulary.number[word], vocabulary.number[taken]] = weight / sum(form.values())
    return table_WW
