"""What sentences are drawn from: tables of thresholds, which `data.sampler` compares with random bits.

Dimension letters: T templates, E questions (template and masked field), F fields that are no content words, W
vocabulary, C clauses, N choices, A content tables, G forms, K fields of a template, padded; S, V, O subjects, verbs,
objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT, Field
from data.world import Floats, World

BITS = 2.0**32


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FormTables:
    """Of a world whose words have forms."""

    form_EC: Any
    """The form of each clause of the question's template."""
    base_W: Any
    blank_W: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SamplerTables:
    """Cumulative probabilities (as 32-bit thresholds) and what they choose; arguments of the training program.

    NumPy arrays as they are made; `jax.Array` once they are on a device.
    """

    question_E: Any
    template_E: Any
    position_E: Any
    slot_E: Any
    clause_table_EC: Any
    """Which content table each clause draws from: 0 all contents, 1 + s only trained contexts of content slot s."""
    subject_AS: Any
    verb_ASV: Any
    object_ASVO: Any
    content_G3N: Any
    """Word numbers of the content slots in each form, padded; form 0 alone where words have none."""
    field_FWN: Any
    field_words_FN: Any
    field_parent_F: Any
    """Which field's word chooses the row of `field_FWN`: a content word, or (last) padding for none."""
    places_TK: Any
    """The field at each position of a template, before its words change places if they have any order."""
    clause_words_EK: Any = None
    """Whether each of them holds another content word of the masked word's clause; None where nobody asks for it."""
    forms: FormTables | None = None
    """None where words have no forms."""
    any_order_TK: Any = None
    """Whether the word at each position may stand anywhere in its sentence; None where no word may."""


def sampler_tables(
    world: World, masked: tuple[str, ...], held_out: bool = False, clause_words: bool = False
) -> SamplerTables | None:
    """Tables that draw trained contexts, or `held_out` ones; None where the world has no such context.

    Args:
      world: the world to draw from.
      masked: the slots whose words are masked.
      held_out: draw only (sentence, position) pairs whose context training never asks for.
      clause_words: whether batches tell where the other content words of the masked word's clause stand.
    """
    drawn_3SVO = world.held_out_3SVO == held_out
    # What rejection leaves of each slot: for a slot without contexts all (or, of held-out pairs, nothing).
    kept = {slot: float((world.content_SVO * drawn_3SVO[i]).sum()) for i, slot in enumerate(CONTENT)}
    questions: list[tuple[float, int, int, Field]] = []
    for t, template in enumerate(world.templates):
        places = [(i, field) for i, field in enumerate(template.fields) if not field.is_word and field.slot in masked]
        chance = template.probability / max(len(places), 1)
        questions += [(chance * kept.get(field.slot, float(not held_out)), t, i, field) for i, field in places]
    if not any(share > 0 for share, *_ in questions):
        return None  # questions without a share stay: tables of either kind have one shape, and need one compilation
    clauses = max(template.clauses for template in world.templates)
    own_table = {field: 1 + CONTENT.index(field.slot) for *_, field in questions if field.is_content}
    numbers = [t for _, t, _, _ in questions]
    table_EC = [
        [own_table.get(field, 0) if field.clause == clause else 0 for clause in range(clauses)]
        for *_, field in questions
    ]
    joint_ASVO = np.stack([world.content_SVO, *(world.content_SVO * drawn_SVO for drawn_SVO in drawn_3SVO)])
    return SamplerTables(
        question_E=_thresholds(np.asarray([share for share, *_ in questions])),
        template_E=_ints(numbers),
        position_E=_ints([i for _, _, i, _ in questions]),
        slot_E=_ints([masked.index(field.slot) for *_, field in questions]),
        clause_table_EC=_ints(table_EC),
        subject_AS=_thresholds(joint_ASVO.sum(axis=(2, 3))),
        verb_ASV=_thresholds(joint_ASVO.sum(axis=3)),
        object_ASVO=_thresholds(joint_ASVO),
        content_G3N=_content(world, max(joint_ASVO.shape[1:])),
        clause_words_EK=_clause_words(world, [(t, i) for _, t, i, _ in questions]) if clause_words else None,
        forms=_forms(world, numbers, clauses),
        any_order_TK=_any_order(world),
        **_field_tables(world, clauses),
    )


def training_tables(world: World, masked: tuple[str, ...], clause_words: bool = False) -> SamplerTables:
    """Tables that draw trained contexts, which every world has; arguments as for `sampler_tables`."""
    tables = sampler_tables(world, masked, clause_words=clause_words)
    assert tables is not None  # noqa: S101  only held-out contexts can be missing from a world
    return tables


def _clause_words(world: World, questions: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """For each question (template, masked position): where the other content words of its clause stand, [E, K]."""
    result_EK = np.zeros((len(questions), world.max_length), bool)
    for e, (t, masked) in enumerate(questions):
        fields = world.templates[t].fields
        own = fields[masked].clause
        result_EK[e, : len(fields)] = [f.is_content and f.clause == own and i != masked for i, f in enumerate(fields)]
    return result_EK


def _content(world: World, width: int) -> NDArray[np.int32]:
    """The words of the content slots in each form, [G, 3, N], padded to `width`."""
    base_3N = _padded([world.slots[slot] for slot in CONTENT], width)
    return _ints(world.word_forms.spelled_FW[:, base_3N])


def _forms(world: World, templates: Sequence[int], clauses: int) -> FormTables | None:
    if not world.word_forms.names:
        return None
    form_EC = np.zeros((len(templates), clauses), int)
    for e, t in enumerate(templates):
        for (_, clause), field in world.templates[t].content.items():
            form_EC[e, clause] = world.word_forms.number[field.form]
    return FormTables(_ints(form_EC), _ints(world.base_W), _ints(world.blank_W))


def _any_order(world: World) -> NDArray[np.bool_] | None:
    if not any(template.any_order for template in world.templates):
        return None
    length_T1 = np.asarray([[len(template) * template.any_order] for template in world.templates])
    return np.arange(world.max_length) < length_T1


def _agreement(world: World, field: Field, choices: Sequence[int]) -> Floats:
    """P(word of an agreeing field | content word), [W, N], for words in whatever form."""
    return world.forms_WW[field.slot][world.base_W[:, None], world.base_W[list(choices)]]


def _field_tables(world: World, clauses: int) -> dict[str, Any]:
    """Tables of all fields but content; in `places_TK` the content fields come first, then padding, then these."""
    content = [(slot, clause) for clause in range(clauses) for slot in CONTENT]
    others = {field: None for template in world.templates for field in template.fields if not field.is_content}
    words = [sorted(world.field_words[field]) for field in others]
    longest = max((len(choices) for choices in words), default=1)
    weight_FWN = np.zeros((len(words), len(world.vocabulary), longest))
    for f, (field, choices) in enumerate(zip(others, words, strict=True)):
        weight_FWN[f, :, : len(choices)] = 1.0 if field.of is None else _agreement(world, field, choices)
    padding = len(content)
    number = {place: i for i, place in enumerate(content)}
    parent_F = [padding if field.of is None else number[field.of, field.clause] for field in others]
    other = {field: padding + 1 + i for i, field in enumerate(others)}
    places = [
        [number[f.slot, f.clause] if f.is_content else other[f] for f in template.fields]
        for template in world.templates
    ]
    return {
        "field_FWN": _thresholds(weight_FWN),
        "field_words_FN": _padded(words, longest),
        "field_parent_F": _ints(parent_F),
        "places_TK": _padded(places, world.max_length, padding),
    }


def _thresholds(weight: Floats) -> NDArray[np.uint32]:
    """Cumulative probabilities of the last axis in units of 2**-32, without the last one (which is always 1)."""
    total = weight.sum(axis=-1, keepdims=True)
    cumulative = np.cumsum(weight / np.where(total > 0, total, 1.0), axis=-1)[..., :-1]
    return np.minimum(np.round(cumulative * BITS), BITS - 1).astype(np.uint32)


def _padded(rows: Sequence[Sequence[int]], width: int, padding: int = 0) -> NDArray[np.int32]:
    """Rows of different lengths as one array."""
    return _ints([[*row, *[padding] * (width - len(row))] for row in rows]).reshape(len(rows), width)


def _ints(values: object) -> NDArray[np.int32]:
    return np.asarray(values, np.int32)
