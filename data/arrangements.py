"""Which word of a sentence is which field of a template, where some words are masked.

In a template of fixed order the word at place i is field i. In one of any order words tell their fields, since no two
fields have a word in common, so that none of the orders need be gone through: what is open is only which of the missing
fields stands at which masked position.

Dimension letters: B sentences, N of them, L words of a sentence or fields of a template, P masked positions, W
vocabulary.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.grammar import Template
from data.vocabulary import PAD
from data.world import World

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Arrangement:
    """Sentences that a template can make, with the same fields masked."""

    rows_N: Ints
    """Which sentences."""
    words_NL: Ints
    """The word of each field; of no meaning for fields that are masked."""
    fields: tuple[int, ...]
    """The field at each masked position."""


def arrangements(world: World, template: Template, tokens_BL: Ints, masked_BP: Ints) -> Iterator[Arrangement]:
    """Every way in which sentences fit a template; a sentence may fit in several ways.

    At the first masked position stands a field of the form that the word (or blank) there has; what stands at the
    others is unknown, its form included.
    """
    form_B = np.zeros(len(tokens_BL), int)
    if masked_BP.shape[1]:
        form_B = world.word_forms.form_W[tokens_BL[np.arange(len(tokens_BL)), masked_BP[:, 0]]]
    form_L = np.asarray([world.word_forms.number[field.form] for field in template.fields])
    find = _in_any_order if template.any_order else _in_order
    for rows_N, words_NL, fields_NP in find(world, template, tokens_BL, masked_BP):
        for fields in sorted(set(map(tuple, fields_NP.tolist()))):  # all with the same masked fields at once
            here_N = (fields_NP == fields).all(axis=1)
            if fields:
                here_N &= form_B[rows_N] == form_L[fields[0]]
            yield Arrangement(rows_N[here_N], words_NL[here_N], fields)


def _in_order(world: World, template: Template, tokens_BL: Ints, masked_BP: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Rows, words by field and masked fields of the sentences that have words which fit at every visible position."""
    rows = _rows_of_length(template, tokens_BL, masked_BP)
    for i, field in enumerate(template.fields):
        if len(rows):
            rows = rows[world.fits_W[field][tokens_BL[rows, i]] | (masked_BP[rows] == i).any(axis=1)]
    yield rows, tokens_BL[rows], masked_BP[rows]


def _in_any_order(
    world: World, template: Template, tokens_BL: Ints, masked_BP: Ints
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """The same of sentences in any order, once for each way to put the missing fields at the masked positions."""
    rows = _rows_of_length(template, tokens_BL, masked_BP)
    if not len(rows):
        return
    tokens_NL, masked_NP = tokens_BL[rows, : len(template)], masked_BP[rows]
    visible_NL = (np.arange(len(template))[None, :, None] != masked_NP[:, None]).all(axis=2)
    fits_FNL = np.stack([world.fits_W[field][tokens_NL] & visible_NL for field in template.fields])
    found_FN = fits_FNL.sum(axis=2)
    good_N = (found_FN <= 1).all(axis=0) & (found_FN.sum(axis=0) == len(template) - masked_NP.shape[1])
    place_FN = fits_FNL.argmax(axis=2)
    words_NL = np.take_along_axis(tokens_NL, place_FN.T, axis=1)[good_N]
    missing_NP = np.nonzero(found_FN.T[good_N] == 0)[1].reshape(len(words_NL), masked_NP.shape[1])
    for order in itertools.permutations(range(masked_NP.shape[1])):
        yield rows[good_N], words_NL, missing_NP[:, list(order)]


def _rows_of_length(template: Template, tokens_BL: Ints, masked_BP: Ints) -> Ints:
    """The sentences that are as long as the template, with all masked positions inside."""
    length = len(template)
    return np.flatnonzero(((tokens_BL != PAD).sum(axis=1) == length) & (masked_BP < length).all(axis=1))


def fields_of(world: World, template: Template, tokens: Ints) -> tuple[int, ...] | None:
    """Which field of the template each word of a whole sentence is, in the order of the sentence; None: it has others.

    That every word fits does not say that the words go together.
    """
    found = next(iter(arrangements(world, template, tokens[None], np.empty((1, 0), int))), None)
    if found is None or not len(found.rows_N):
        return None
    if not template.any_order:
        return tuple(range(len(template)))
    words = found.words_NL[0].tolist()
    return tuple(words.index(token) for token in tokens.tolist())  # no two fields hold the same word
