"""Exact answers: the posterior of a masked word, and how relevant every other word is for it.

All by enumeration in float64 over the templates of the sentence's length and the words that fit one or two masked
positions:

    P(w_i | rest)          the Bayes posterior of the masked word, which no model can beat
    relevance of word j    KL( P(w_i | rest) || P(w_i | rest without w_j) ) in nats, where w_j becomes an unknown word
                           at a known position

Sentences come as `tokens_BL`, padded with 0. Dimension letters: B sentences, L words of a sentence, W vocabulary.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.arrangements import arrangements, fields_of
from data.errors import InputError, require
from data.grammar import CONTENT, Field, Template
from data.reading import MOST_READINGS
from data.vocabulary import PAD
from data.world import Floats, World

Ints = NDArray[np.int64]


def posterior(world: World, tokens_BL: ArrayLike, masked_B: ArrayLike, other_B: ArrayLike | None = None) -> Floats:
    """P(word at the masked position | all other words), [B, W]; of two positions P(both words | the rest).

    Of what stands at the masked position only the form counts, where the world's words have forms: a blank and any word
    of the form say the same. The answer is the base word; words that a form has changed have probability 0.
    A second position is unknown altogether, its form included; its word is that which would stand there.

    Args:
      world: the world that the sentences are of.
      tokens_BL: the sentences.
      masked_B: the masked position in each sentence.
      other_B: a second, unknown position in each, another than the first.

    Returns:
      [B, W], for two positions [B, W, W], as float64; each sentence's numbers sum to 1.

    Raises:
      InputError: the world has no sentence with these other words.
    """
    tokens_BL = np.asarray(tokens_BL)
    masked_BP = np.stack([np.asarray(masked_B), *([] if other_B is None else [np.asarray(other_B)])], axis=1)
    joint = np.zeros((len(tokens_BL), *[len(world.vocabulary)] * masked_BP.shape[1]))
    for template in world.templates:
        for found in arrangements(world, template, tokens_BL, masked_BP):
            candidates = [np.flatnonzero(world.fits_W[template.fields[place]]) for place in found.fields]
            words = [found.words_NL[:, i].reshape(-1, *[1] * len(candidates)) for i in range(len(template))]
            for place, own in zip(found.fields, np.ix_(found.rows_N, *candidates)[1:], strict=True):
                words[place] = own
            index = np.ix_(found.rows_N, world.base_W[candidates[0]], *candidates[1:])
            joint[index] += sentence_probability(world, template, words)
    total_B = joint.sum(axis=tuple(range(1, joint.ndim)))
    if not (total_B > 0).all():
        row = int(np.argmin(total_B > 0))
        visible_L = tokens_BL[row].copy()
        visible_L[masked_BP[row]] = world.blank_W[visible_L[masked_BP[row]]]
        raise _cannot_say(world, visible_L[visible_L != PAD])
    return np.asarray(joint / total_B.reshape(-1, *[1] * masked_BP.shape[1]))


def relevance(world: World, tokens_BL: ArrayLike, masked_B: ArrayLike) -> Floats:
    """Exact relevance of every word for the masked one, [B, L], in nats; 0 at the masked position and at padding."""
    tokens_BL, masked_B = np.asarray(tokens_BL), np.asarray(masked_B)
    known_BW = posterior(world, tokens_BL, masked_B)
    result_BL = np.zeros(tokens_BL.shape)
    for other in range(tokens_BL.shape[1]):
        rows = np.flatnonzero((tokens_BL[:, other] != PAD) & (masked_B != other))
        if len(rows):
            pair_BWW = posterior(world, tokens_BL[rows], masked_B[rows], np.full(len(rows), other))
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
    """P(template and words, in one order), where words[i] (any shapes that broadcast) are field i and fit it."""
    probability = np.asarray(template.probability / template.orders)
    word_of = {field: world.base_W[word] for field, word in zip(template.fields, words, strict=True)}
    for clause in range(template.clauses):
        content = {slot: word_of[template.content[slot, clause]] for slot in CONTENT}
        probability = probability * world.content_SVO[*(world.index_W[word] for word in content.values())]
        for field, word in word_of.items():
            if field.of is not None and field.clause == clause:
                probability = probability * world.forms_WW[field.slot][content[field.of], word]
    for field in word_of:
        if not field.is_word and not field.is_content and field.of is None:
            probability = probability / len(world.slots[field.slot])
    return probability


def template_of(world: World, tokens: Sequence[int]) -> Template:
    """The template that made a whole sentence; of one of any order the fields in the order of the sentence.

    Raises:
      InputError: this world cannot say that sentence.
    """
    said = np.asarray([token for token in tokens if token != PAD])
    for template in world.templates:
        fields = fields_of(world, template, said)
        if fields is not None:
            own = template.ordered(fields)
            if sentence_probability(world, own, list(said)) > 0:
                return own
    raise _cannot_say(world, tokens)


def read_sentence(world: World, sentence: str) -> tuple[list[int], Template]:
    """The tokens and the template of a sentence as a person writes it, see `Vocabulary.readings`.

    Of several readings of words without blanks, the one that this world can say.

    Raises:
      InputError: an unknown word, a sentence that this world cannot say, or one with several readings that it can.
    """
    readings = world.vocabulary.readings(sentence)
    if len(readings) == 1:
        return readings[0], template_of(world, readings[0])
    said = []
    for tokens in readings:
        with suppress(InputError):
            said.append((tokens, template_of(world, tokens)))
    if not said:
        raise _cannot_say(world, readings[0])
    require(len(said) == 1 and len(readings) < MOST_READINGS, world.vocabulary.ambiguous([t for t, _ in said]))
    return said[0]


def _cannot_say(world: World, tokens: Sequence[int] | Ints) -> InputError:
    words = world.vocabulary.decode(int(token) for token in tokens)
    sentence = " ".join(words)
    shortest = min(map(str, world.templates), key=len)
    example = next((example for example in world.examples if example != sentence), shortest)
    return InputError(
        f"the world '{world.name}' cannot say '{sentence}'{_misfit(world, words, tokens)}; write a sentence of the form"
        f" of '{example}'"
    )


def _misfit(world: World, words: Sequence[str], tokens: Sequence[int] | Ints) -> str:
    """Where the sentence leaves all forms, and what may stand there: ": word 2, 'on', should be a word of subject"."""
    left = {template: _left(world, template, tokens) for template in world.templates}
    place = max(len(template) - len(fields) for template, fields in left.items())
    furthest = [template for template, fields in left.items() if len(template) - len(fields) == place]
    if any(len(template) == len(tokens) == place for template in furthest):
        return ": these words do not go together"  # each fits its place: what agrees with another word does not
    fields = [one for template in furthest for one in (left[template] if template.any_order else left[template][:1])]
    wanted = dict.fromkeys(f"'{field.slot}'" if field.is_word else f"a word of {field}" for field in fields)
    should = " or ".join(wanted)
    if place == len(tokens):
        return f": after word {place}, '{words[-1]}', {should} should follow"
    if not fields:
        return f": it should end before word {place + 1}, '{words[place]}'"
    return f": word {place + 1}, '{words[place]}', should be {should}"


def _left(world: World, template: Template, tokens: Sequence[int] | Ints) -> list[Field]:
    """The fields of a template that are left at the first word of a sentence that fits none, or at its end."""

    def fits(field: Field, token: int) -> bool:
        form = world.word_forms.form_W[token] == world.word_forms.number[field.form]
        return bool(world.fits_W[field][token] or (form and world.blank_W[token] == token))  # or it is the form's blank

    left = list(template.fields)
    for token in tokens:
        able = left if template.any_order else left[:1]
        own = next((field for field in able if fits(field, int(token))), None)
        if own is None:
            break
        left.remove(own)
    return left
