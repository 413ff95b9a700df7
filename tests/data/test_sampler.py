"""What is drawn on the device is what the exact answers assume: in the tables exactly, in samples up to chance."""

import itertools
import math
from collections import defaultdict
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from small_world import SMALL, Oracle, normalised, with_holes, world_from

from data.drawing_tables import sampler_tables
from data.grammar import CONTENT
from data.inference import posterior
from data.sampler import _ROOT, sample, sample_evenly
from data.vocabulary import MASK, PAD
from data.world import load_world, world_names

STEP = 2.0**-32
"""Thresholds are multiples of this, so each choice is off by at most one STEP (two where it is certain)."""

draw = jax.jit(sample, static_argnums=2)
draw_evenly = jax.jit(sample_evenly, static_argnums=2)


@pytest.fixture(scope="module")
def small():
    return world_from(SMALL)


@pytest.fixture(scope="module")
def english():
    return load_world("english")


def whole(world, batch):
    """The sentences of a batch with the masked words put back, and the batch as NumPy arrays."""
    batch = jax.device_get(batch)
    tokens_BK, at_B = batch.tokens_BK.copy(), (np.arange(len(batch.masked_B)), batch.masked_B)
    forms = world.word_forms
    tokens_BK[at_B] = forms.spelled_FW[forms.form_W[tokens_BK[at_B]], batch.target_B]
    return tokens_BK, batch


def some_shift(seed):
    return jax.random.bits(jax.random.key(seed), (4,), jnp.uint32)


# --- exactly, from the tables ---


def chances(thresholds):
    """The probability of each choice, from 32-bit thresholds: bits below the first choose 0, and so on."""
    reached = np.asarray(thresholds, np.float64)
    reached = np.where(reached == 2**32 - 1, 2.0**32, reached)  # the largest one stands for certainty
    ends = np.ones((*reached.shape[:-1], 1)) * 2.0**32
    return np.diff(np.concatenate([0 * ends, reached, ends], axis=-1)) * STEP


def content_chances(tables):
    """P(subject, verb, object) of each content table, [A, S, V, O] (by place within the slot)."""
    subject_AS, verb_ASV, object_ASVO = (
        chances(table) for table in (tables.subject_AS, tables.verb_ASV, tables.object_ASVO)
    )
    return subject_AS[:, :, None, None] * verb_ASV[..., None] * object_ASVO


def every_example(world, tables):
    """{(words, masked place): probability} of all that the tables can draw, by walking through every choice."""
    tables = jax.device_get(tables)
    question_E, joint_ASVO, field_FWN = chances(tables.question_E), content_chances(tables), chances(tables.field_FWN)
    clauses = tables.clause_table_EC.shape[1]
    examples = defaultdict(float)
    for e, p in enumerate(question_E):
        template = world.templates[tables.template_E[e]]
        places = tables.places_TK[tables.template_E[e], : len(template)]
        triples = [
            [((clause, svo), joint_ASVO[(tables.clause_table_EC[e, clause], *svo)])
             for svo in np.ndindex(joint_ASVO.shape[1:])]
            for clause in sorted({place // 3 for place in places if place < 3 * clauses})
        ]  # fmt: skip
        for content in itertools.product(*triples):
            chance = p * math.prod(q for _, q in content)
            if chance > 0:
                known = [PAD] * (3 * clauses + 1)
                for (clause, svo), _ in content:
                    known[3 * clause : 3 * clause + 3] = [tables.content_G3N[0, i, n] for i, n in enumerate(svo)]
                for words, q in _fill(tables, field_FWN, places, known):
                    spelled = tuple(world.vocabulary.words[word] for word in words)
                    examples[spelled, int(tables.position_E[e])] += chance * q
    return examples


def _fill(tables, field_FWN, places, known):
    options = []
    for place in places:
        if place < len(known):
            options.append([(known[place], 1.0)])
        else:
            field = place - len(known)
            row = field_FWN[field, known[tables.field_parent_F[field]]]
            options.append([(tables.field_words_FN[field, n], row[n]) for n in np.flatnonzero(row)])
    for combination in itertools.product(*options):
        yield [word for word, _ in combination], math.prod(q for _, q in combination)


@pytest.fixture(scope="module")
def definition(small, oracle):
    """What the two tables draw: P(sentence) / (number of places asked), less the rejected pairs, normalised."""
    held_3SVO = small.held_out_3SVO
    expected = [{}, {}]
    for words, p in oracle.probability.items():
        labels = oracle.content[words]
        places = [i for i, label in enumerate(labels) if label]
        for place in places:
            expected[held_context(small, (words, labels), place, held_3SVO)][words, place] = p / len(places)
    return [*map(normalised, expected)]


@pytest.fixture(scope="module")
def drawn(small):
    """All examples of training, and of the held-out contexts."""
    return [every_example(small, sampler_tables(small, CONTENT, held_out)) for held_out in (False, True)]


@pytest.fixture(scope="module")
def oracle():
    return Oracle(SMALL)


def held_context(small, words, where, held_3SVO):
    """Whether the context of the content word at place `where` is held out, from its clause's three words."""
    labels, place = words[1], words[1][where]
    own = {label[0]: word for word, label in zip(words[0], labels, strict=True) if label and label[1] == place[1]}
    index = [small.index_W[small.vocabulary.number[own[slot]]] for slot in CONTENT]
    return bool(held_3SVO[(CONTENT.index(place[0]), *index)])


def test_training_draws_sentence_times_uniform_and_rejects_held_out_pairs(definition, drawn):
    for actual, wanted in zip(drawn, definition, strict=True):
        assert actual.keys() == wanted.keys()
        assert sum(actual.values()) == pytest.approx(1, abs=1e-9)
        # About ten choices make an example, and the tables of two clauses multiply.
        assert max(abs(actual[example] - wanted[example]) for example in wanted) < 20 * STEP


def test_every_training_conditional_is_the_posterior(oracle, drawn):
    """Asked or held out: P(masked word | all other words) as drawn is the Bayes posterior, for every context there is.

    However rare the context, an answer is a product of a few choices, each off by a STEP in more than 1e-2.
    """
    table = {key: normalised(words) for key, words in oracle.masked(1).items()}
    for examples in drawn:
        contexts = defaultdict(dict)
        for (words, place), p in examples.items():
            contexts[with_holes(words, [place]), place][words[place]] = p
        for (visible, _), answers in contexts.items():
            exact = {word: p for (word,), p in table[visible].items()}
            for word, p in normalised(answers).items():
                assert abs(p - exact.pop(word)) <= 2e-7, visible
            assert not exact, "a word that fits a context is never drawn in it"


def test_english_conditionals_of_every_context(english):
    """All contexts of the real world: those asked have the posterior, those held out are never drawn."""
    joint_ASVO = content_chances(sampler_tables(english, CONTENT))
    held_ASVO = content_chances(sampler_tables(english, CONTENT, held_out=True))
    held_3SVO = english.held_out_3SVO
    number = english.vocabulary.number
    sentence = english.vocabulary.encode("the cat sat on the mat .")
    for axis, (slot, place) in enumerate(zip(CONTENT, (1, 2, 5), strict=True)):
        others = [(s, p) for s, p in zip(CONTENT, (1, 2, 5), strict=True) if s != slot]
        sizes = [len(english.slots[s]) for s, _ in others]
        tokens = np.tile(sentence, (math.prod(sizes), 1))
        for row, choice in zip(tokens, np.ndindex(*sizes), strict=True):
            for (s, p), i in zip(others, choice, strict=True):
                row[p] = english.slots[s][i]
        exact_CW = posterior(english, tokens, np.full(len(tokens), place))[:, english.slots[slot]]
        held_C = np.moveaxis(held_3SVO[axis], axis, -1).reshape(exact_CW.shape).all(axis=1)
        for joint, wanted in ((joint_ASVO, ~held_C), (held_ASVO, held_C)):
            drawn_CW = np.moveaxis(joint[1 + axis], axis, -1).reshape(exact_CW.shape)
            assert (drawn_CW[~wanted] == 0).all()
            query_CW = drawn_CW[wanted]
            assert len(query_CW) > 10
            assert (query_CW.sum(axis=1) > 0).all()
            # Each of the three factors is off by a STEP; the rarest of them is about 1e-3.
            np.testing.assert_allclose(
                query_CW / query_CW.sum(axis=1, keepdims=True), exact_CW[wanted], rtol=0, atol=1e-6
            )
    cat, sat, mat = (english.index_W[number[word]] for word in ("cat", "sat", "mat"))
    for axis in range(3):  # the three blanks of cat-sat-mat
        assert joint_ASVO[1 + axis, cat, sat, mat] == 0
        assert held_ASVO[1 + axis, cat, sat, mat] > 0
    assert joint_ASVO[0, cat, sat, mat] > 0.01  # but the sentence itself is drawn, where something else is asked


def test_without_held_out_contexts_there_are_no_held_out_tables():
    world = world_from(SMALL[: SMALL.index("held_out:")])
    assert sampler_tables(world, CONTENT, held_out=True) is None
    assert sampler_tables(world_from(SMALL), ("adjective",), held_out=True) is None
    assert sampler_tables(world, CONTENT) is not None


# --- what a batch is ---


@pytest.mark.parametrize("name", world_names())
@pytest.mark.parametrize(("held_out", "evenly"), [(False, False), (True, False), (False, True)])
def test_a_batch_is_consistent_and_can_be_said(name, held_out, evenly):
    world = load_world(name)
    tables, key = sampler_tables(world, CONTENT, held_out), jax.random.key(1)
    drawn = draw_evenly(tables, key, 512, jnp.uint32(0), some_shift(1)) if evenly else draw(tables, key, 512)
    sentences_BK, batch = whole(world, drawn)
    row = np.arange(512)
    assert sentences_BK.shape == (512, world.max_length)
    assert (np.isin(batch.tokens_BK, world.word_forms.blank_F).sum(axis=1) == 1).all()
    assert (batch.tokens_BK[row, batch.masked_B] == world.blank_W[sentences_BK[row, batch.masked_B]]).all()
    length_B = (sentences_BK != PAD).sum(axis=1)
    assert ((np.arange(world.max_length) < length_B[:, None]) == (sentences_BK != PAD)).all()
    assert (batch.masked_B < length_B).all()
    assert [CONTENT[slot] for slot in batch.slot_B] == [world.slot_of[word] for word in batch.target_B]
    assert {*batch.slot_B} == {0, 1, 2}
    assert (posterior(world, batch.tokens_BK, batch.masked_B)[row, batch.target_B] > 0).all()
    assert len({sentence.tobytes() for sentence in sentences_BK}) > 300
    if world.word_forms.names:  # whose clauses are told apart in tests/data/test_word_forms.py
        return
    held = world.held_out_3SVO[batch.slot_B, *_clauses(world, sentences_BK, batch.masked_B).T]
    assert (held == held_out).all()


def _clauses(world, sentences_BK, masked_B):
    """[B, 3]: subject, verb and object (by place within their slot) of the clause that the masked place is in.

    The clauses of a sentence are its first three content words and its last three.
    """
    slot_W = np.asarray([CONTENT.index(slot) if (slot := world.slot_of.get(word)) in CONTENT else 3
                         for word in range(len(world.vocabulary))])  # fmt: skip
    slot_BK = slot_W[sentences_BK]
    clause_BK = np.where(slot_BK < 3, (np.cumsum(slot_BK < 3, axis=1) - 1) // 3, -1)
    own_BK = clause_BK == np.take_along_axis(clause_BK, masked_B[:, None], axis=1)
    assert (own_BK.sum(axis=1) == 3).all()
    places_B3 = np.stack([(own_BK & (slot_BK == slot)).argmax(axis=1) for slot in range(3)], axis=1)
    words_B3 = np.take_along_axis(sentences_BK, places_B3, axis=1)
    assert (slot_W[words_B3] == np.arange(3)[None]).all()
    return world.index_W[words_B3]


@pytest.mark.parametrize("evenly", [False, True])
@pytest.mark.parametrize("masked", [("determiner",), ("connector", "verb"), ("adjective", "preposition", "subject")])
def test_other_slots_can_be_hidden_too(small, masked, evenly):
    tables, key = sampler_tables(small, masked), jax.random.key(4)
    drawn = draw_evenly(tables, key, 256, jnp.uint32(0), some_shift(1)) if evenly else draw(tables, key, 256)
    sentences_BK, batch = whole(small, drawn)
    assert {*batch.slot_B} == {*range(len(masked))}
    assert (posterior(small, batch.tokens_BK, batch.masked_B)[np.arange(256), batch.target_B] > 0).all()
    words = {slot: set(small.slots.get(slot, ())) for slot in masked}
    words |= {slot: {*np.flatnonzero(small.forms_WW[slot].any(axis=0))} for slot in masked if slot in small.forms_WW}
    assert all(word in words[masked[slot]] for word, slot in zip(batch.target_B, batch.slot_B, strict=True))
    assert (sentences_BK != MASK).all()


def test_a_batch_is_a_function_of_its_key(small):
    tables = sampler_tables(small, CONTENT)
    first, again, other = (jax.device_get(draw(tables, jax.random.key(seed), 64)) for seed in (7, 7, 8))
    stacked = jax.vmap(jax.random.key)(np.asarray([7, 8]))
    both = jax.device_get(
        jax.jit(jax.vmap(lambda tables, key: sample(tables, key, 64), in_axes=(None, 0)))(tables, stacked)
    )
    with jax.enable_x64(True):  # the thresholds are 32-bit numbers, whatever jax's default is
        wide = jax.device_get(draw(tables, jax.random.key(7), 64))
    for one in (again, wide, jax.tree.map(lambda array: array[0], both)):
        jax.tree.map(np.testing.assert_array_equal, first, one)
    jax.tree.map(np.testing.assert_array_equal, other, jax.tree.map(lambda array: array[1], both))
    assert (first.tokens_BK != other.tokens_BK).any()


def test_a_world_of_content_words_alone():
    clause = "[{slot: subject}, {slot: verb}, {slot: object}]"
    text = "format: 1\nwords: {subject: [cat, dog], verb: [sat, ran], object: [mat, rug]}\npreferences: []\n"
    text += f"clauses: {{bare: {clause}}}\nsentences: [{{chance: 1, parts: [{{clause: bare}}]}}]\n"
    world = world_from(text)
    sentences_BK, _ = whole(world, draw(sampler_tables(world, CONTENT), jax.random.key(0), 128))
    spelled = {tuple(world.vocabulary.decode(sentence)) for sentence in sentences_BK}
    assert spelled == {*itertools.product(["cat", "dog"], ["sat", "ran"], ["mat", "rug"])}


# --- a million sentences ---

MILLION = 2**20
BOUND = 4.5
"""Standard errors. Chance alone passes it in one of thousands of seeds; the seed here is fixed."""


@pytest.fixture(scope="module")
def million(english):
    tables = sampler_tables(english, CONTENT)
    batches = [whole(english, draw(tables, key, MILLION // 8)) for key in jax.random.split(jax.random.key(2024), 8)]
    tokens_BK = np.concatenate([tokens for tokens, _ in batches])
    masked_B, slot_B = (np.concatenate([getattr(b, name) for _, b in batches]) for name in ("masked_B", "slot_B"))
    return tokens_BK, masked_B, slot_B


def assert_frequency(count, total, probability, name=""):
    """`count` of `total` is what `probability` allows: within BOUND standard errors."""
    error = (count - total * probability) / math.sqrt(total * probability * (1 - probability))
    assert abs(error) < BOUND, f"{name}: {count} of {total}, {total * probability:.1f} expected, {error:.1f} errors"


def independent_million(tables):
    return draw(tables, jax.random.key(5), MILLION)


def million_shifts(tables):
    """The same sentences of the evenly spread sequence, here and there in it, for a million shifts of it."""
    key_B = jax.random.split(jax.random.key(6), MILLION)
    first_B = jnp.arange(MILLION, dtype=jnp.uint32) * np.uint32(2_654_435_761)  # all over the 32 bits
    shift_B4 = jax.random.bits(jax.random.key(7), (MILLION, 4), jnp.uint32)
    one_each = jax.jit(jax.vmap(sample_evenly, in_axes=(None, 0, None, 0, 0)), static_argnums=2)
    return jax.tree.map(lambda array: array[:, 0], one_each(tables, key_B, 1, first_B, shift_B4))


@pytest.mark.parametrize("drawn_by", [independent_million, million_shifts])
def test_every_choice_of_an_example_is_drawn_on_its_own(small, definition, drawn_by):
    """A million small examples as a whole: draws that shared their random bits would favour some combinations."""
    sentences_BK, batch = whole(small, drawn_by(sampler_tables(small, CONTENT)))
    radix_K = len(small.vocabulary) ** np.arange(small.max_length, dtype=object)
    assert radix_K[-1] * len(small.vocabulary) * small.max_length < 2**63
    radix_K = radix_K.astype(np.int64)
    seen, count = np.unique((sentences_BK @ radix_K) * small.max_length + batch.masked_B, return_counts=True)
    expected = {}
    for (words, place), p in definition[0].items():
        tokens = [small.vocabulary.number[word] for word in words]
        expected[int(radix_K[: len(tokens)] @ tokens) * small.max_length + place] = p * MILLION
    count = dict(zip(seen.tolist(), count.tolist(), strict=True))
    assert count.keys() <= expected.keys()
    table = np.asarray([[count.get(example, 0), wanted] for example, wanted in expected.items()])
    assert (table[:, 1] > 5).sum() > 5_000
    assert abs(chi_square_errors([table[:, 0]], [table[:, 1] / MILLION])[0]) < BOUND


def test_evenly_drawn_sentences_meet_frequencies_more_closely_than_chance(english):
    """Over questions and the words of their clauses: by chance chi-square would be 1 a degree of freedom."""
    tables, rows = sampler_tables(english, CONTENT), 2**17
    expected_3SVO = english.content_SVO * ~english.held_out_3SVO
    expected = expected_3SVO.ravel() / expected_3SVO.sum() * rows
    common = expected > 5
    assert common.sum() > 1000

    def chi_square(batch):
        sentences_BK, batch = whole(english, batch)
        clauses_B3 = _clauses(english, sentences_BK, batch.masked_B)
        number_B = np.ravel_multi_index((batch.slot_B, *clauses_B3.T), expected_3SVO.shape)
        count = np.bincount(number_B, minlength=len(expected))
        assert (count[expected == 0] == 0).all()
        return ((count - expected)[common] ** 2 / expected[common]).mean()

    assert pytest.approx(_ROOT + 1, rel=1e-15) == _ROOT**5
    key = jax.random.key(3)
    assert 0.8 < chi_square(draw(tables, key, rows)) < 1.2
    for seed, first in ((1, 0), (2, 12_345_678), (3, 2**32 - 1000)):  # the last passes the end of 32 bits
        assert chi_square(draw_evenly(tables, key, rows, jnp.uint32(first), some_shift(seed))) < 0.5


def test_evenly_drawn_sentences_are_those_of_their_numbers(english):
    """A batch in one piece or in two: what is drawn evenly is the same, and another shift gives another."""
    tables, key, size = sampler_tables(english, CONTENT), jax.random.key(1), 64

    def even(first, shift_4, size=size):
        sentences_BK, batch = whole(english, draw_evenly(tables, key, size, jnp.uint32(first), shift_4))
        return np.column_stack([batch.slot_B, _clauses(english, sentences_BK, batch.masked_B)])

    whole_run = even(1000, some_shift(1))
    parts = [even(1000, some_shift(1), size // 2), even(1000 + size // 2, some_shift(1), size // 2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole_run)
    assert (even(1000, some_shift(2)) != whole_run).any()
    with jax.enable_x64(True):
        np.testing.assert_array_equal(even(1000, some_shift(1)), whole_run)


def chi_square_errors(count_CW, exact_CW):
    """For each context: how many standard errors its chi-square is off (choices expected below 5 times are pooled)."""
    result = []
    for count_W, exact_W in zip(count_CW, exact_CW, strict=True):
        expected_W = count_W.sum() * exact_W
        rare = expected_W < 5
        count = np.append(count_W[~rare], count_W[rare].sum())
        expected = np.append(expected_W[~rare], expected_W[rare].sum())
        count, expected = count[expected > 0], expected[expected > 0]
        freedom = len(count) - 1
        result.append((((count - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom))
    return np.asarray(result)


def forms_of_the_file(name):
    """{slots and fixed words in order: probability}, straight from the world file."""
    file = yaml.safe_load(Path(f"data/worlds/{name}.yaml").read_text(encoding="utf-8"))
    forms = defaultdict(float)
    for sentence in file["sentences"]:
        parts = [inner for part in sentence["parts"] for inner in file["clauses"].get(part.get("clause"), [part])]
        for kept in itertools.product(*([True, False] if "chance" in part else [True] for part in parts)):
            chances = [
                part.get("chance", 1) if keep else 1 - part["chance"] for part, keep in zip(parts, kept, strict=True)
            ]
            form = tuple(part.get("slot", part.get("word")) for part, keep in zip(parts, kept, strict=True) if keep)
            forms[form] += sentence["chance"] * math.prod(chances)
    return forms


def test_a_million_sentences_have_the_frequencies_of_their_templates(english, million):
    """Every form of sentence (which optional words it has), and every word that nothing chooses."""
    tokens_BK, masked_B, slot_B = million
    words = english.vocabulary.words
    kind_W = ["determiner" if word in ("the", "a") else english.slot_of.get(i, word) for i, word in enumerate(words)]
    kinds, kind_number_W = np.unique(kind_W, return_inverse=True)
    form_BK = kind_number_W[tokens_BK]
    key_B = form_BK @ len(kinds) ** np.arange(form_BK.shape[1])  # one number for each form (it may wrap round)
    _, first_T, count_T = np.unique(key_B, return_index=True, return_counts=True)
    seen = {
        tuple(kinds[i] for i in form_BK[row] if kinds[i] != "[PAD]"): n for row, n in zip(first_T, count_T, strict=True)
    }
    expected = forms_of_the_file("english")
    assert len(expected) > 5
    assert seen.keys() == expected.keys()
    for form, p in expected.items():
        assert_frequency(seen[form], MILLION, p, form)
    of_slot = {slot: np.isin(tokens_BK, english.slots[slot]) for slot in ("adjective", "adverb", "connector")}
    two = of_slot["connector"].any(axis=1)
    for slot, found in of_slot.items():
        for word in english.slots[slot]:
            assert_frequency((tokens_BK == word).sum(), found.sum(), 1 / len(english.slots[slot]), words[word])
    the, a = ((tokens_BK == english.vocabulary.number[word]).sum() for word in ("the", "a"))
    assert_frequency(the, the + a, 2 / 3, "the")
    # The masked slot: a third each, less the share of its held-out contexts; either clause equally often.
    asked = 1 - (english.content_SVO * english.held_out_3SVO).sum(axis=(1, 2, 3))
    assert asked.max() - asked.min() > 0.005, "the three shares differ enough to be told apart"
    for slot in range(3):
        assert_frequency((slot_B == slot).sum(), MILLION, asked[slot] / asked.sum(), CONTENT[slot])
    connector_B = of_slot["connector"].argmax(axis=1)
    assert_frequency((masked_B < connector_B)[two].sum(), two.sum(), 0.5, "the first clause is asked")


def test_a_million_sentences_answer_as_the_posterior_says(english, million):
    """The commonest contexts, all other words of the sentence the same."""
    tokens_BK, masked_B, _ = million
    visible_BK = tokens_BK.copy()
    visible_BK[np.arange(MILLION), masked_B] = MASK
    short_B = ~np.isin(tokens_BK, english.slots["connector"]).any(axis=1)  # two clauses: too many contexts
    visible_BK, masked_B = visible_BK[short_B], masked_B[short_B]
    target_B = tokens_BK[short_B, masked_B]
    contexts_CK, context_B, count_C = np.unique(visible_BK, axis=0, return_inverse=True, return_counts=True)
    common = np.argsort(-count_C)[:100]
    assert count_C[common].min() > 400
    exact_CW = posterior(english, contexts_CK[common], (contexts_CK[common] == MASK).argmax(axis=1))
    count_CW = np.asarray([np.bincount(target_B[context_B == c], minlength=exact_CW.shape[1]) for c in common])
    errors_C = chi_square_errors(count_CW, exact_CW)
    assert (count_CW[exact_CW == 0] == 0).all()
    assert np.abs(errors_C).max() < 6  # chi-square has a heavier tail than BOUND is for
    assert abs(errors_C.mean()) < BOUND / math.sqrt(len(errors_C))


def test_a_million_sentences_of_two_clauses_look_into_the_own_clause(english, million):
    """In sentences of two clauses the answer depends on the other content words of the own clause alone."""
    tokens_BK, masked_B, slot_B = million
    rows = np.flatnonzero((tokens_BK == english.vocabulary.number["while"]).any(axis=1))[:100_000]
    of_content = np.isin(tokens_BK[rows], [word for slot in CONTENT for word in english.slots[slot]])
    place_BP = np.argsort(~of_content, axis=1, kind="stable")[:, :6]  # the six content places, in order
    second_B = masked_B[rows] > place_BP[:, 2]
    own_B3 = np.take_along_axis(tokens_BK[rows], np.where(second_B[:, None], place_BP[:, 3:], place_BP[:, :3]), axis=1)
    sentence = english.vocabulary.encode("the cat sat on the mat .")
    errors = []
    for i, place in enumerate((1, 2, 5)):
        own, clause = own_B3[slot_B[rows] == i], second_B[slot_B[rows] == i]
        others = [j for j in range(3) if j != i]
        contexts, context_B, count_C = np.unique(own[:, others], axis=0, return_inverse=True, return_counts=True)
        for c in np.argsort(-count_C)[:20]:
            asked = np.asarray(sentence)
            asked[[(1, 2, 5)[j] for j in others]] = contexts[c]
            exact_W = posterior(english, asked[None], [place])[0]
            for which in (False, True):
                count_W = np.bincount(own[(context_B == c) & (clause == which), i], minlength=len(exact_W))
                assert count_W.sum() > 200
                errors += [*chi_square_errors([count_W], [exact_W])]
    assert len(errors) == 120
    assert np.abs(errors).max() < 6
    assert abs(np.mean(errors)) < BOUND / math.sqrt(len(errors))
