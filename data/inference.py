"""Exact answers: the posterior of a masked word, and how relevant every other word is for it.

All by enumeration in float64 over the templates of the sentence's length and the words that fit one or two masked
positions:

    P(w_i | rest)          the Bayes posterior of the masked word, which no model can beat
    relevance of word j    KL( P(w_i | rest) || P(w_i | rest without w_j) ) in nats, where w_j becomes an unknown word
                           at a known position

Sentences come as `tokens_BL`, padded with 0. Dimension letters: B sentences, L words of a sentence, W vocabulary.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import InputError
from data.grammar import CONTENT, Template
from data.vocabulary import PAD
from data.world import Floats, World, describe

Ints = NDArray[np.int64]


def posterior(world: World, tokens_BL: ArrayLike, masked_B: ArrayLike) -> Floats:
    """P(word at position `masked` | all other words), [B, W]; rows sum to 1.

    The word at the masked position itself is ignored.

    Raises:
      InputError: the world has no sentence with these other words.
    """
    return _masked_posterior(world, np.asarray(tokens_BL), np.asarray(masked_B))


def pair_posterior(world: World, tokens_BL: ArrayLike, masked_B: ArrayLike, other_B: ArrayLike) -> Floats:
    """P(word at `masked`, word at `other` | the rest), [B, W, W]; the two positions differ.

    Raises:
      InputError: as `posterior`.
    """
    return _masked_posterior(world, np.asarray(tokens_BL), np.asarray(masked_B), np.asarray(other_B))


def relevance(world: World, tokens_BL: ArrayLike, masked_B: ArrayLike) -> Floats:
    """Exact relevance of every word for the masked one, [B, L], in nats; 0 at the masked position and at padding."""
    tokens_BL, masked_B = np.asarray(tokens_BL), np.asarray(masked_B)
    known_BW = posterior(world, tokens_BL, masked_B)
    result_BL = np.zeros(tokens_BL.shape)
    for other in range(tokens_BL.shape[1]):
        rows = np.flatnonzero((tokens_BL[:, other] != PAD) & (masked_B != other))
        if len(rows):
            pair_BWW = pair_posterior(world, tokens_BL[rows], masked_B[rows], np.full(len(rows), other))
            result_BL[rows, other] = divergence(known_BW[rows], pair_BWW.sum(axis=2))
    return result_BL


def divergence(p_BW: Floats, q_BW: Floats) -> Floats:
    """KL(p || q) over the last axis, in nats; terms with p = 0 are 0."""
    ratio = np.divide(p_BW, q_BW, out=np.ones_like(p_BW), where=p_BW > 0)
    return np.maximum((p_BW * np.log(ratio)).sum(axis=-1), 0.0)  # rounding can leave -1e-17


def relevant_words(relevance_BL: Floats, share: float = 0.2) -> NDArray[np.bool_]:
    """Which words are relevant: at least `share` of the largest relevance of their row."""
    largest_B1 = relevance_BL.max(axis=-1, keepdims=True)
    return np.asarray((relevance_BL >= share * largest_B1) & (relevance_BL > 1e-9))


def sentence_probability(world: World, template: Template, words: Sequence[Ints]) -> Floats:
    """P(template and words), where words[i] (any shapes that broadcast) stand at place i and fit the template."""
    probability = np.asarray(template.probability)
    for clause in range(template.clauses):
        place = {slot: words[template.position(slot, clause)] for slot in CONTENT}
        index = [world.index_W[place[slot]] for slot in CONTENT]
        probability = probability * world.content_SVO[index[0], index[1], index[2]]
        for field, word in zip(template.fields, words, strict=True):
            if field.of is not None and field.clause == clause:
                probability = probability * world.forms_WW[field.slot][place[field.of], word]
    for field in template.fields:
        if not field.is_word and not field.is_content and field.of is None:
            probability = probability / len(world.slots[field.slot])
    return probability


def template_of(world: World, tokens: Sequence[int]) -> Template:
    """The template that made a whole sentence.

    Raises:
      InputError: this world cannot say that sentence.
    """
    words = [np.asarray(token) for token in tokens if token != PAD]
    for template in world.templates:
        fits = _fits(world, template, np.asarray(words)[None], []).all()
        if fits and sentence_probability(world, template, words) > 0:
            return template
    raise InputError(_cannot_say(world, tokens))


def _masked_posterior(world: World, tokens_BL: Ints, *masked: Ints) -> Floats:
    """P(words at the masked positions | the visible words), [B, W] or [B, W, W]."""
    joint = np.zeros((len(tokens_BL), *[len(world.vocabulary)] * len(masked)))
    for template, rows, places in _groups(world, tokens_BL, masked):
        candidates = [np.asarray(world.field_words(template.fields[place])) for place in places]
        shape = [1] * (1 + len(places))
        words: list[Ints] = [tokens_BL[rows, i].reshape(-1, *shape[1:]) for i in range(len(template))]
        for axis, (place, candidate) in enumerate(zip(places, candidates, strict=True), start=1):
            words[place] = candidate.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        probability = sentence_probability(world, template, words)
        full = np.broadcast_to(probability, (len(rows), *[len(candidate) for candidate in candidates]))
        joint[np.ix_(rows, *candidates)] += full
    total_B = joint.sum(axis=tuple(range(1, joint.ndim)))
    if not (total_B > 0).all():
        raise InputError(_cannot_say(world, tokens_BL[int(np.argmin(total_B > 0))]))
    return np.asarray(joint / total_B.reshape(-1, *[1] * len(masked)))


def _groups(world: World, tokens_BL: Ints, masked: Sequence[Ints]) -> Iterator[tuple[Template, Ints, tuple[int, ...]]]:
    """(template, rows that it can make, masked positions), for each group of rows with the same masked positions."""
    length_B = (tokens_BL != PAD).sum(axis=1)
    places_BP = np.stack(masked, axis=1)
    for places in np.unique(places_BP, axis=0):
        here_B = (places_BP == places).all(axis=1)
        for template in world.templates:
            rows = np.flatnonzero(here_B & (length_B == len(template)))
            if len(rows) and max(places) < len(template):
                rows = rows[_fits(world, template, tokens_BL[rows], places)]
                if len(rows):
                    yield template, rows, tuple(int(place) for place in places)


def _fits(world: World, template: Template, tokens_BL: Ints, masked: Sequence[int] | Ints) -> NDArray[np.bool_]:
    """Which sentences have, at every visible position, a word that the template allows there."""
    fits_B = np.full(len(tokens_BL), tokens_BL.shape[1] >= len(template))
    for i, field in enumerate(template.fields):
        if i not in masked and fits_B.any():
            fits_B &= world.fits_W[field][tokens_BL[:, i]]
    return fits_B & ((tokens_BL != PAD).sum(axis=1) == len(template))


def _cannot_say(world: World, tokens: Sequence[int] | Ints) -> str:
    sentence = " ".join(world.vocabulary.decode(int(token) for token in tokens))
    forms = [describe(template) for template in world.templates]
    example = next((example for example in world.examples if example != sentence), min(forms, key=len))
    return f"the world '{world.name}' cannot say '{sentence}'; write a sentence of the form of '{example}'"
