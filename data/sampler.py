"""Batches of fresh masked sentences, drawn on the device.

A training example is a sentence of the world, with one masked position: (sentence, position) from P x uniform, where
pairs with a held-out context are rejected. Nothing is drawn and thrown away: `SamplerTables` hold the probabilities
that rejection would leave, and every draw compares 32 random bits with them, so a probability is met to 2.3e-10.

Dimension letters: B batch, K words of a sentence (padded), T templates, E questions (template and masked position),
F fields, W vocabulary, C clauses, N choices, A content tables; S, V, O subjects, verbs, objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT, Field
from data.vocabulary import MASK, PAD
from data.world import Floats, World

BITS = 2.0**32
_ROOT = 1.1673039782614187
"""The real root of x^5 = x + 1: its powers make Roberts' low-discrepancy sequence R_4 (2018, "The unreasonable
effectiveness of quasirandom sequences")."""
_STRIDES = np.asarray([round(BITS * _ROOT**-power) for power in range(1, 5)], np.uint32)
"""Of the question, the subject, the verb and the object, in units of 2**-32."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Batch:
    """Masked sentences with their targets."""

    tokens_BK: jax.Array
    """Word numbers, [MASK] at the masked position, [PAD] after the end."""
    masked_B: jax.Array
    """The masked position."""
    target_B: jax.Array
    """The masked word."""
    slot_B: jax.Array
    """Its slot, as an index into the `masked` slots."""
    clause_words_BK: jax.Array | None = None
    """Where the other content words of its clause stand; None unless the tables know it."""


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
    content_3N: Any
    """Word numbers of the content slots, padded."""
    field_FWN: Any
    field_words_FN: Any
    field_parent_F: Any
    """Which field's word chooses the row of `field_FWN`: a content word, or (last) padding for none."""
    places_TK: Any
    """The field at each position of a template."""
    clause_words_EK: Any = None
    """Whether each position holds another content word of the masked word's clause; None where nobody asks for it."""


def sample(tables: SamplerTables, key: jax.Array, size: int) -> Batch:
    """`size` fresh masked sentences, independent of each other; a pure function of `key`."""
    tables = jax.tree.map(jnp.asarray, tables)  # NumPy tables cannot be indexed by traced numbers
    return _sentences(tables, _independent_bits(tables, key, size))


def sample_evenly(tables: SamplerTables, key: jax.Array, size: int, first: jax.Array, shift_4: jax.Array) -> Batch:
    """`size` fresh masked sentences that, with those of a run's other calls, cover all questions evenly.

    The question and the words of its clause are drawn by a low-discrepancy sequence instead of four independent
    numbers: number n is the fractional part of n (r^-1, r^-2, r^-3, r^-4) + shift (Kronecker's sequence with Roberts'
    r). For a random shift (a Cranley-Patterson rotation, 1976) each sentence has exactly the distribution that `sample`
    has; but over many of them the frequencies of questions and of their clauses' words are met more closely than by
    chance: chi-square is 0.4 of its degrees of freedom over 131,072 sentences. All other fields are drawn
    independently.

    Args:
      tables: from `sampler_tables`.
      key: for what is drawn independently; another one in each call.
      size: how many.
      first: number of the first of them in the run; taken modulo 2**32.
      shift_4: the run's random shift, in units of 2**-32.
    """
    tables = jax.tree.map(jnp.asarray, tables)
    number_1B = (first.astype(jnp.uint32) + jnp.arange(size, dtype=jnp.uint32))[None]
    even_4B = number_1B * _STRIDES[:, None] + shift_4[:, None]
    clauses, bits_DB = tables.clause_table_EC.shape[1], _independent_bits(tables, key, size)
    # The clause of the question; the first one, where the question is of another slot than subject, verb and object.
    asked_B = (tables.clause_table_EC[_draw(tables.question_E[None], even_4B[0][:, None])] > 0).argmax(axis=1)
    content_C3B = bits_DB[1 : 1 + 3 * clauses].reshape(clauses, 3, size)
    content_C3B = jnp.where(jnp.arange(clauses)[:, None, None] == asked_B[None, None], even_4B[None, 1:], content_C3B)
    parts = even_4B[:1], content_C3B.reshape(-1, size), bits_DB[1 + 3 * clauses :]
    return _sentences(tables, jnp.concatenate(parts))


def _independent_bits(tables: SamplerTables, key: jax.Array, size: int) -> jax.Array:
    """For each draw and sentence 32 bits: the question, the content words clause by clause, the other fields."""
    draws = 1 + 3 * tables.clause_table_EC.shape[1] + tables.field_FWN.shape[0]
    return jax.random.bits(key, (draws, size), jnp.uint32)


def _sentences(tables: SamplerTables, bits: jax.Array) -> Batch:
    """The sentences that bits [draw, sentence] choose; in the order of `_independent_bits`."""
    clauses, fields, size = tables.clause_table_EC.shape[1], tables.field_FWN.shape[0], bits.shape[1]
    question_B = _draw(tables.question_E[None], bits[0][:, None])
    content_BC3 = _draw_content(tables, tables.clause_table_EC[question_B], bits[1 : 1 + 3 * clauses])
    known_BP = jnp.concatenate([content_BC3.reshape(size, -1), jnp.full((size, 1), PAD, jnp.int32)], axis=1)
    parent_BF = known_BP[:, tables.field_parent_F]
    thresholds_BFN = tables.field_FWN[jnp.arange(fields), parent_BF]
    choice_BF = _draw(thresholds_BFN, bits[1 + 3 * clauses :].T[..., None])
    words_BF = tables.field_words_FN[jnp.arange(fields), choice_BF]
    words_BP = jnp.concatenate([known_BP, words_BF], axis=1)
    tokens_BK = jnp.take_along_axis(words_BP, tables.places_TK[tables.template_E[question_B]], axis=1)
    masked_B = tables.position_E[question_B]
    target_B = tokens_BK[jnp.arange(size), masked_B]
    is_masked_BK = jnp.arange(tokens_BK.shape[1])[None] == masked_B[:, None]
    clause_words_BK = None if tables.clause_words_EK is None else tables.clause_words_EK[question_B]
    shown_BK = jnp.where(is_masked_BK, MASK, tokens_BK)
    return Batch(shown_BK, masked_B, target_B, tables.slot_E[question_B], clause_words_BK)


def _draw(thresholds: jax.Array, bits: jax.Array) -> jax.Array:
    """The choice of each row: how many thresholds (last axis) its bits reach; 2**32 - 1 is never used as bits."""
    return jnp.sum(jnp.minimum(bits, np.uint32(BITS - 2)) >= thresholds, axis=-1, dtype=jnp.int32)


def _draw_content(tables: SamplerTables, table_BC: jax.Array, bits_DB: jax.Array) -> jax.Array:
    """Subject, then verb, then object of each clause, as word numbers [B, C, 3]."""
    bits_BC3 = bits_DB.T.reshape(*table_BC.shape, 3)
    subject_BC = _draw(tables.subject_AS[table_BC], bits_BC3[..., :1])
    verb_BC = _draw(tables.verb_ASV[table_BC, subject_BC], bits_BC3[..., 1:2])
    object_BC = _draw(tables.object_ASVO[table_BC, subject_BC, verb_BC], bits_BC3[..., 2:])
    index_BC3 = jnp.stack([subject_BC, verb_BC, object_BC], axis=-1)
    return tables.content_3N[jnp.arange(3), index_BC3]


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
    table_EC = [
        [own_table.get(field, 0) if field.clause == clause else 0 for clause in range(clauses)]
        for *_, field in questions
    ]
    joint_ASVO = np.stack([world.content_SVO, *(world.content_SVO * drawn_SVO for drawn_SVO in drawn_3SVO)])
    return SamplerTables(
        question_E=_thresholds(np.asarray([share for share, *_ in questions])),
        template_E=_ints([t for _, t, _, _ in questions]),
        position_E=_ints([i for _, _, i, _ in questions]),
        slot_E=_ints([masked.index(field.slot) for *_, field in questions]),
        clause_table_EC=_ints(table_EC),
        subject_AS=_thresholds(joint_ASVO.sum(axis=(2, 3))),
        verb_ASV=_thresholds(joint_ASVO.sum(axis=3)),
        object_ASVO=_thresholds(joint_ASVO),
        content_3N=_padded([world.slots[slot] for slot in CONTENT], max(joint_ASVO.shape[1:])),
        clause_words_EK=_clause_words(world, [(t, i) for _, t, i, _ in questions]) if clause_words else None,
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


def _field_tables(world: World, clauses: int) -> dict[str, Any]:
    """Tables of all fields but content; in `places_TK` the content fields come first, then padding, then these."""
    content = [Field(slot, clause) for clause in range(clauses) for slot in CONTENT]
    others = {field: None for template in world.templates for field in template.fields if not field.is_content}
    words = [sorted(world.field_words[field]) for field in others]
    longest = max((len(choices) for choices in words), default=1)
    weight_FWN = np.zeros((len(words), len(world.vocabulary), longest))
    for f, (field, choices) in enumerate(zip(others, words, strict=True)):
        weight_FWN[f, :, : len(choices)] = 1.0 if field.of is None else world.forms_WW[field.slot][:, choices]
    padding = len(content)
    number = {field: i for i, field in enumerate([*content, None, *others])}
    parent_F = [padding if field.of is None else number[Field(field.of, field.clause)] for field in others]
    places = [[number[field] for field in template.fields] for template in world.templates]
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
