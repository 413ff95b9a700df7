"""What a person asks about: a sentence as they type it, and which of its words is masked."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from data.errors import InputError, require
from data.grammar import Template
from data.inference import template_of
from data.world import World


@dataclass(frozen=True)
class Question:
    """A sentence of a world's words, and the masked place."""

    tokens: tuple[int, ...]
    masked: int
    """The position of the masked word."""
    is_said: bool
    """Whether the world can say the sentence, so that there is an exact answer."""
    notes: tuple[str, ...] = ()
    """What was done to the sentence, and what is unusual about it, a line each."""


def read_question(world: World, sentence: str, slots: Sequence[str], mask: str | None = None) -> Question:
    """The sentence and its masked place.

    Args:
      world: the world of the run that is asked.
      sentence: as a person writes it. The word that ends every sentence of the world, ".", is added if it is missing.
      slots: the slots that training masks, `task.masked`.
      mask: the word to mask, or its place, from 1; by default the first word that training may mask.

    Raises:
      InputError: an unknown word, too many words, no word to mask, or several words that `mask` may mean.
    """
    tokens, template, notes = _read(world, sentence)
    most = world.max_length
    require(
        len(tokens) <= most,
        f"the sentence has {len(tokens)} words and signs, and the longest that this model knows {most}; leave some out",
    )
    trained = _trained_places(world, tokens, template, slots)
    masked = _place(world, tokens, mask) if mask is not None else _first(world, tokens, trained, slots)
    word, form = world.vocabulary.words[tokens[masked]], world.form_of.get(int(world.blank_W[tokens[masked]]))
    require(
        form is None or tokens[masked] in world.form_of,
        f"--mask {word}: '{word}' has no form, but its blank, [MASK], is that of {form} words; mask another word",
    )
    if template is None:
        notes.append(
            f"the world '{world.name}' cannot say this sentence, so there is no exact answer to compare the guess with"
        )
    if masked not in trained:
        notes.append(
            f"training never masked '{word}' here (task.masked: {', '.join(slots)}), so its guess means little"
        )
    return Question(tuple(tokens), masked, template is not None, tuple(notes))


def _read(world: World, sentence: str) -> tuple[list[int], Template | None, list[str]]:
    """Tokens, the template that makes them, if there is one, and notes."""
    readings = world.vocabulary.readings(sentence)
    ending = _ending(world)
    added = ending is not None and readings[0][-1] != ending
    if added and ending is not None:
        readings = [[*tokens, ending] for tokens in readings]
    word = "" if ending is None else world.vocabulary.words[ending]
    notes = [f"'{word}' was added at the end of the sentence"] if added else []
    for tokens in readings:
        with suppress(InputError):
            return tokens, template_of(world, tokens), notes
    return readings[0], None, notes


def _ending(world: World) -> int | None:
    """The number of the word that ends every sentence of the world; None if they end in several ways."""
    ends = {place for one in world.templates for place in (one.fields if one.any_order else one.fields[-1:])}
    last = next(iter(ends))
    return world.vocabulary.number[last.slot] if len(ends) == 1 and last.is_word else None


def _trained_places(world: World, tokens: Sequence[int], template: Template | None, slots: Sequence[str]) -> list[int]:
    """The places that training may mask; in a sentence that no template makes, those of words that have such a slot."""
    if template is None:
        return [i for i, token in enumerate(tokens) if world.slot_of.get(token) in slots]
    return [i for i, field in enumerate(template.fields) if not field.is_word and field.slot in slots]


def _first(world: World, tokens: Sequence[int], trained: Sequence[int], slots: Sequence[str]) -> int:
    sentence = " ".join(world.vocabulary.decode(tokens))
    require(
        trained,
        f"'{sentence}' has no word of {', '.join(slots)}, which training masks; name the word to mask with --mask",
    )
    return trained[0]


def _place(world: World, tokens: Sequence[int], mask: str) -> int:
    """The position that `mask` names."""
    words = world.vocabulary.decode(tokens)
    sentence = " ".join(words)
    asked: list[list[int]] = []
    with suppress(InputError):  # a place, then
        asked = world.vocabulary.readings(mask)
    of_word = ([i for i, token in enumerate(some) if [token] in asked] for some in (tokens, world.base_W[list(tokens)]))
    here = next(filter(None, of_word), [])  # "dog" names DOG too, where no dog is
    places = " or ".join(f"--mask {i + 1}" for i in here)
    require(len(here) < 2, f"--mask {mask}: stands {len(here)} times in '{sentence}'; give its place, {places}")
    if here:
        return here[0]
    if mask.isascii() and mask.isdecimal() and 1 <= int(mask) <= len(tokens):
        return int(mask) - 1
    raise InputError(
        f"--mask {mask}: is no word of '{sentence}'; name one of its words, or a place from 1 to {len(words)}"
    )
