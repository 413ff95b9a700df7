"""What the words of a world tell about each other, pair by pair: the world's own log-preferences, in nats.

In a world of catmat, P(subject, verb, object) is proportional to exp(a_sv + a_vo + a_so), so with all other words known

    log P(w at a masked place | the others) = sum over the words j of a(w_j, w) + a term in w alone + a constant

What each word tells is known up to terms in one of the two words alone. The terms of two content words are given here
centred over both: their mean over the words of either slot is 0. What this leaves is the same in all sentences: how
much the world likes w whatever the other words are. Beside content words, words that agree with one speak for it: their
term is log P(form | word).
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT, Field
from data.world import World
from experiments.explaining.drawn_rows import DrawnRows

Floats = NDArray[np.float64]
_ROUNDING = 1e-12


def double_centred(table: Floats) -> Floats:
    """A table [from, to] without terms in the row or in the column alone: all its row and column means are 0."""
    return table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()


def content_preferences(world: World) -> dict[tuple[str, str], Floats]:
    """For every two content slots (from, to) the centred terms a [words of from, words of to], in nats.

    The mean of log P(subject, verb, object) over the third slot is a plus terms in one word alone, which centring
    takes away.
    """
    log_SVO = np.log(world.content_SVO)
    found = {}
    for start, end in itertools.permutations(CONTENT, 2):
        third = next(i for i, slot in enumerate(CONTENT) if slot not in (start, end))
        table = double_centred(log_SVO.mean(axis=third))
        table[np.abs(table) < _ROUNDING] = 0.0  # a world without a preference between two slots has none, exactly
        found[start, end] = table if CONTENT.index(start) < CONTENT.index(end) else table.T
    return found


def row_preferences(world: World, rows: DrawnRows, candidates: Sequence[Sequence[int]]) -> Floats:
    """What each word tells for the masked one against the mean of the row's candidates, [G, K]; 0 where nothing.

    Args:
      world: the world of the rows.
      rows: masked sentences.
      candidates: word numbers for each row, none of them impossible there.
    """
    tables = content_preferences(world)
    found_GK = np.zeros(rows.tokens_GK.shape)
    for g, (fields, tokens_K) in enumerate(zip(rows.fields, rows.tokens_GK, strict=True)):
        place = int(rows.masked_G[g])
        for k, field in enumerate(fields):
            if k != place:
                words = [int(rows.target_G[g]), *candidates[g]]
                terms = _terms(world, tables, (field, int(world.base_W[tokens_K[k]])), fields[place], words)
                found_GK[g, k] = terms[0] - terms[1:].mean()
    return found_GK


def _terms(
    world: World,
    tables: dict[tuple[str, str], Floats],
    known: tuple[Field, int],
    masked: Field,
    words: Sequence[int],
) -> Floats:
    """The terms of a known word with each of the `words` at the masked place, all without their forms."""
    field, token = known
    if field.clause != masked.clause or field.is_word or masked.is_word:
        return np.zeros(len(words))
    if field.is_content and masked.is_content and field.slot != masked.slot:
        return tables[field.slot, masked.slot][world.index_W[token], world.index_W[list(words)]]
    if field.of == masked.slot:
        return np.log(world.forms_WW[field.slot][list(words), token])
    if masked.of == field.slot:
        return np.log(world.forms_WW[masked.slot][token, list(words)])
    return np.zeros(len(words))
