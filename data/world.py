"""A world: its words, what they prefer, its sentence templates, and the exact probability of every sentence.

P(subject, verb, object) of a clause is proportional to exp(a_sv + a_vo + a_so), pairwise terms from the preferences of
the world file; clauses are independent, agreeing words depend on one content word, all other words on nothing.

Dimension letters: S subjects, V verbs, O objects (numbered within their slot); W words of the vocabulary.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, is_file, is_folder, is_taken, require, suggestion
from data.grammar import CONTENT, Field, Template, TemplateError, expand
from data.held_out import digest, held_out_contexts
from data.template_checks import ambiguity_error, confusion_error
from data.vocabulary import MASK, Vocabulary
from data.word_forms import WordForms, word_forms
from data.world_entries import Floats, WorldFile, all_words, content_probability, form_table
from data.world_file import check_world
from data.yaml_file import read_yaml

__all__ = ["Floats", "World", "load_world", "make_world", "world_names"]

MAX_WORDS = 2_000
_FOLDER = Path(__file__).parent / "worlds"


@dataclass(frozen=True, eq=False)
class World:
    """A world as tables of probabilities; made by `load_world`.

    Raises:
      TemplateError: two templates make the same sentence, or the slot of a masked content word is ambiguous.
    """

    name: str
    title: str
    vocabulary: Vocabulary
    slots: dict[str, tuple[int, ...]]
    """The base words of each slot with a word list, by number, content slots first."""
    class_of: dict[int, str]
    """The class of each word that has a slot, in every form."""
    content_SVO: Floats
    """P(subject, verb, object)."""
    forms_WW: dict[str, Floats]
    """For each agreeing slot: P(word | content word) of base words, a row for each content word."""
    word_forms: WordForms
    """The forms of words that show the clause they are of."""
    templates: tuple[Template, ...]
    held_out_share: float
    always_held_out: tuple[tuple[int, int, int], ...]
    examples: dict[str, str]
    """Sentences to show, and the place of each in the world's file, for messages."""

    def __post_init__(self) -> None:
        words = self.field_words
        if problem := confusion_error(self.templates, words) or ambiguity_error(self.templates, words, CONTENT):
            raise TemplateError(problem)

    @cached_property
    def index_W(self) -> NDArray[np.int64]:
        """The number of each word, in whatever form, within its slot (0 for words without one)."""
        index = np.zeros(len(self.vocabulary), np.int64)
        for words in self.slots.values():
            index[list(words)] = np.arange(len(words))
        return index[self.base_W]

    @property
    def base_W(self) -> NDArray[np.int64]:
        """The base word of each word: itself, but for words in a form that changes them."""
        return self.word_forms.base_W

    @cached_property
    def blank_W(self) -> NDArray[np.int64]:
        """What stands for each word where it is masked: [MASK], or the blank of the word's form."""
        return self.word_forms.blank_W

    @cached_property
    def form_of(self) -> dict[int, str]:
        """The form of each word and blank that has one."""
        names = ("", *self.word_forms.names)
        return {word: names[form] for word, form in enumerate(self.word_forms.form_W.tolist()) if form}

    @cached_property
    def max_length(self) -> int:
        """Words in the longest sentence."""
        return max(len(template) for template in self.templates)

    @cached_property
    def slot_of(self) -> dict[int, str]:
        """The slot of each word, in whatever form, that has a word list's slot."""
        base = {word: slot for slot, words in self.slots.items() for word in words}
        return {word: base[own] for word, own in enumerate(self.base_W.tolist()) if own in base}

    @cached_property
    def words_by_kind(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """The words of each slot with a word list in each form that they have, by (form, slot); "" for no form.

        Only what stands in sentences; in a world without forms these are the slots and their words.
        """
        stands = {(field.form, field.slot) for template in self.templates for field in template.fields}
        forms = self.word_forms
        return {
            (form, slot): tuple(forms.spelled_FW[number, list(words)].tolist())
            for form, number in forms.number.items()
            for slot, words in self.slots.items()
            if (form, slot) in stands or not forms.names
        }

    @cached_property
    def field_words(self) -> dict[Field, frozenset[int]]:
        """The words that fit each field of the templates."""
        return {field: frozenset(self._fitting(field)) for template in self.templates for field in template.fields}

    def _fitting(self, field: Field) -> Iterable[int]:
        if field.is_word:
            return (self.vocabulary.number[field.slot],)
        words = list(self.slots[field.slot if field.of is None else field.of])
        if field.of is not None:
            words = np.flatnonzero(self.forms_WW[field.slot][words].any(axis=0)).tolist()
        spelled: list[int] = self.word_forms.spelled_FW[self.word_forms.number[field.form], words].tolist()
        return spelled

    @cached_property
    def fits_W(self) -> dict[Field, NDArray[np.bool_]]:
        """For each field of the templates and each word of the vocabulary: whether the word fits."""
        every_W = np.arange(len(self.vocabulary))
        return {field: np.isin(every_W, [*words]) for field, words in self.field_words.items()}

    @cached_property
    def held_out_3SVO(self) -> NDArray[np.bool_]:
        """[3, S, V, O]: whether a slot's context in the clause (s, v, o) is held out; constant along its own axis.

        A context is a content slot with the two other content words of its clause: (verb; cat, mat), say. Training
        masks no word in a held-out one. About a tenth are held out, chosen by a hash of the words, so that the choice
        depends on the world and not on a seed. Because ALL words that can fill a context are held out with it, every
        conditional P(masked word | context) that training sees equals the posterior; holding out whole sentences would
        tilt it (the model would learn "never mat after cat sat").
        """
        spelled = [[self.vocabulary.words[word] for word in self.slots[slot]] for slot in CONTENT]
        always = [self.index_W[list(words)] for words in self.always_held_out]
        return held_out_contexts(spelled, self.held_out_share, always)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of everything that probabilities depend on; equal worlds have equal fingerprints."""
        told = [(template.any_order, [field.form for field in template.fields]) for template in self.templates]
        forms = self.word_forms
        plain = not forms.names and not any(template.any_order for template in self.templates)
        return digest(
            "\n".join(self.vocabulary.words).encode(),
            repr(sorted(self.slots.items())).encode(),
            self.content_SVO.round(12).tobytes(),
            repr([(t.fields, round(t.probability, 12)) for t in self.templates]).encode(),
            *(repr(slot).encode() + table_WW.round(12).tobytes() for slot, table_WW in sorted(self.forms_WW.items())),
            b"" if plain else repr((told, forms.names, forms.spelled_FW.tolist(), forms.blank_F.tolist())).encode(),
        )

    @cached_property
    def training_fingerprint(self) -> str:
        """A digest of all that training data depend on: the probabilities and the held-out contexts."""
        return digest(self.fingerprint.encode(), self.held_out_3SVO.tobytes())

    def check_masked(self, slots: tuple[str, ...]) -> None:
        """Raise InputError unless the other words always show to which of `slots` a masked word belongs."""
        known = {field.slot for template in self.templates for field in template.fields if not field.is_word}
        for slot in slots:
            require(
                slot in known, f"task.masked: the world '{self.name}' has no slot '{slot}'{suggestion(slot, known)}"
            )
            require(
                MASK not in self.word_forms.blank_F[1:] or self._has_form(slot),
                f"task.masked: a masked {slot} has no form, but the blank of one form is [MASK]; name that blank"
                " otherwise in the world's file",
            )
        if problem := ambiguity_error(self.templates, self.field_words, slots):
            raise InputError(f"task.masked: in the world '{self.name}' {problem}")

    def _has_form(self, slot: str) -> bool:
        """Whether a word of `slot` has a form wherever it stands."""
        fields = (field for template in self.templates for field in template.fields if not field.is_word)
        return all(field.form for field in fields if field.slot == slot)


def world_names() -> list[str]:
    """The worlds that come with catmat."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_world(name: str) -> World:
    """The world `name`: one that comes with catmat ("english"), or the path of a world file.

    Raises:
      InputError: there is no such world, or its file has an error, reported with file, line and remedy.
    """
    own = name in world_names()
    path = _FOLDER / f"{name}.yaml" if own else Path(name)
    remedy = f"name a world file, or one of {', '.join(world_names())}"
    require(name, f"world '': is empty; {remedy}")
    require(not is_folder(path), f"world '{name}': is a folder; {remedy}")
    if not is_file(path):
        require(not is_taken(path), f"world '{name}': is a pipe or a device; {remedy}")
        raise InputError(f"world '{name}': no such file, nor a world of catmat{suggestion(name, world_names())}")
    return make_world(path.stem, check_world(read_yaml(path, f"data/worlds/{name}.yaml" if own else None)))


def make_world(name: str, file: WorldFile) -> World:
    """Compute the tables of a checked world file.

    Raises:
      InputError: there are too many words or sentence forms, or two forms cannot be told apart. (The examples are
        checked where they are masked: `experiments.measuring.probes`.)
    """
    vocabulary = Vocabulary(all_words(file), [form.blank for form in file.word_forms.values()])
    if len(vocabulary) > MAX_WORDS:  # tables have an entry for each pair of words
        raise file.document.error(("words",), f"{len(vocabulary):,} words, more than {MAX_WORDS:,}; use fewer")
    number = vocabulary.number
    forms = word_forms(vocabulary, {name: form.spelled for name, form in file.word_forms.items()})
    classes = {number[word]: class_name for word, class_name in file.class_of.items()}
    try:
        return World(
            name=name,
            title=file.title,
            vocabulary=vocabulary,
            slots={slot: tuple(number[word] for word in words) for slot, words in file.slots.items()},
            class_of={word: classes[base] for word, base in enumerate(forms.base_W.tolist()) if base in classes},
            content_SVO=content_probability(file),
            forms_WW={slot: form_table(file, slot, vocabulary) for slot in file.forms},
            word_forms=forms,
            templates=expand(file.sentences),
            held_out_share=file.held_out_share,
            always_held_out=tuple((number[s], number[v], number[o]) for s, v, o in file.always_held_out),
            examples={text: file.document.place(("examples", i)) for i, text in enumerate(file.examples)},
        )
    except TemplateError as error:
        raise file.document.error(("sentences",), str(error)) from None
