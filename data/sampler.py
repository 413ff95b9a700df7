"""Batches of fresh masked sentences, drawn on the device.

A training example is a sentence of the world, with one masked position: (sentence, position) from P x uniform, where
pairs with a held-out context are rejected. Nothing is drawn and thrown away: `SamplerTables` hold the probabilities
that rejection would leave, and every draw compares 32 random bits with them, so a probability is met to 2.3e-10.

Dimension letters: B batch, K words of a sentence (padded), D draws, C clauses, F fields, N choices; the tables' own in
`data.drawing_tables`.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import BITS, SamplerTables
from data.vocabulary import MASK, PAD

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
    """Word numbers, [MASK] or the blank of the word's form at the masked position, [PAD] after the end."""
    masked_B: jax.Array
    """The masked position."""
    target_B: jax.Array
    """The masked word; its base word, where words have forms."""
    slot_B: jax.Array
    """Its slot, as an index into the `masked` slots."""
    clause_words_BK: jax.Array | None = None
    """Where the other content words of its clause stand; None unless the tables know it."""


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
    """For each draw and sentence 32 bits: question, content words clause by clause, other fields, order."""
    orders = 0 if tables.any_order_TK is None else tables.places_TK.shape[1]
    draws = 1 + 3 * tables.clause_table_EC.shape[1] + tables.field_FWN.shape[0] + orders
    return jax.random.bits(key, (draws, size), jnp.uint32)


def _sentences(tables: SamplerTables, bits: jax.Array) -> Batch:
    """The sentences that bits [draw, sentence] choose; in the order of `_independent_bits`."""
    clauses, fields, size = tables.clause_table_EC.shape[1], tables.field_FWN.shape[0], bits.shape[1]
    question_B = _draw(tables.question_E[None], bits[0][:, None])
    content_BC3 = _draw_content(tables, question_B, bits[1 : 1 + 3 * clauses])
    known_BP = jnp.concatenate([content_BC3.reshape(size, -1), jnp.full((size, 1), PAD, jnp.int32)], axis=1)
    parent_BF = known_BP[:, tables.field_parent_F]
    thresholds_BFN = tables.field_FWN[jnp.arange(fields), parent_BF]
    choice_BF = _draw(thresholds_BFN, bits[1 + 3 * clauses : 1 + 3 * clauses + fields].T[..., None])
    words_BF = tables.field_words_FN[jnp.arange(fields), choice_BF]
    words_BP = jnp.concatenate([known_BP, words_BF], axis=1)
    tokens_BK = jnp.take_along_axis(words_BP, tables.places_TK[tables.template_E[question_B]], axis=1)
    masked_B = tables.position_E[question_B]
    clause_words_BK = None if tables.clause_words_EK is None else tables.clause_words_EK[question_B]
    if tables.any_order_TK is not None:
        place_BK = _places(tables.any_order_TK[tables.template_E[question_B]], bits[1 + 3 * clauses + fields :].T)
        tokens_BK = _moved(tokens_BK, place_BK)
        masked_B = jnp.take_along_axis(place_BK, masked_B[:, None], axis=1)[:, 0]
        clause_words_BK = None if clause_words_BK is None else _moved(clause_words_BK, place_BK)
    target_B = tokens_BK[jnp.arange(size), masked_B]
    is_masked_BK = jnp.arange(tokens_BK.shape[1])[None] == masked_B[:, None]
    blank = MASK if tables.forms is None else tables.forms.blank_W[target_B][:, None]
    shown_BK = jnp.where(is_masked_BK, blank, tokens_BK)
    target_B = target_B if tables.forms is None else tables.forms.base_W[target_B]
    return Batch(shown_BK, masked_B, target_B, tables.slot_E[question_B], clause_words_BK)


def _places(free_BK: jax.Array, bits_BK: jax.Array) -> jax.Array:
    """Where each word of a sentence goes: words that are `free_BK` change places by the rank of their bits.

    All words of a sentence are free, or none is; padding stays behind them. A rank is counted: for so few words that is
    quicker than sorting.
    """
    place_1K = jnp.arange(free_BK.shape[1], dtype=jnp.uint32)[None]
    first_BK = jnp.where(free_BK, bits_BK >> 1, place_1K + np.uint32(2**31))  # what is not free comes behind, in order
    one_BKK, other_BKK = first_BK[..., None], first_BK[:, None]
    before_BKK = (other_BKK < one_BKK) | ((other_BKK == one_BKK) & (place_1K[:, None] < place_1K[..., None]))
    return before_BKK.sum(axis=-1, dtype=jnp.int32)


def _moved(values_BK: jax.Array, place_BK: jax.Array) -> jax.Array:
    """The values at their new places."""
    here_BKK = place_BK[:, None] == jnp.arange(place_BK.shape[1])[None, :, None]  # [new place, old place]
    return jnp.where(here_BKK, values_BK[:, None], 0).sum(axis=-1).astype(values_BK.dtype)


def _draw(thresholds: jax.Array, bits: jax.Array) -> jax.Array:
    """The choice of each row: how many thresholds (last axis) its bits reach; 2**32 - 1 is never used as bits."""
    return jnp.sum(jnp.minimum(bits, np.uint32(BITS - 2)) >= thresholds, axis=-1, dtype=jnp.int32)


def _draw_content(tables: SamplerTables, question_B: jax.Array, bits_DB: jax.Array) -> jax.Array:
    """Subject, then verb, then object of each clause, as word numbers [B, C, 3]."""
    table_BC = tables.clause_table_EC[question_B]
    bits_BC3 = bits_DB.T.reshape(*table_BC.shape, 3)
    subject_BC = _draw(tables.subject_AS[table_BC], bits_BC3[..., :1])
    verb_BC = _draw(tables.verb_ASV[table_BC, subject_BC], bits_BC3[..., 1:2])
    object_BC = _draw(tables.object_ASVO[table_BC, subject_BC, verb_BC], bits_BC3[..., 2:])
    index_BC3 = jnp.stack([subject_BC, verb_BC, object_BC], axis=-1)
    form = 0 if tables.forms is None else tables.forms.form_EC[question_B][..., None]
    return tables.content_G3N[form, jnp.arange(3), index_BC3]
