"""Worlds whose words have forms and any order: exact answers and drawn sentences against brute force over all orders.

The brute force reads the YAML values itself and shares no code with `data`: it writes down every sentence in every
order with its probability, and adds up those that agree with what is visible.
"""

import itertools
import math
from collections import defaultdict

import jax
import numpy as np
import pytest
import yaml
from refusals import refused
from small_world import SMALL_FORMS as SMALL
from small_world import with_holes, world_from

from data.drawing_tables import sampler_tables
from data.grammar import CONTENT
from data.inference import posterior, read_sentence, relevance, template_of
from data.sampler import sample, sample_evenly
from data.world import load_world

TOLERANCE = 1e-12  # sums of a few thousand float64 products in different orders


class EveryOrder:
    """All sentences: `probability[words]`, and of each what stands where: `places[words]`, (base word, slot, form)."""

    def __init__(self, text):
        self.file = yaml.safe_load(text)
        self.probability, self.places = defaultdict(float), {}
        words, energy = self.file["words"], {}
        for triple in itertools.product(*(words[slot] for slot in CONTENT)):
            energy[triple] = math.fsum(
                preference["strength"]
                for preference in self.file["preferences"]
                if triple[CONTENT.index(preference["between"][1])]
                in preference["pairs"].get(triple[CONTENT.index(preference["between"][0])], [])
            )
        total = math.fsum(map(math.exp, energy.values()))
        self.triples = {triple: math.exp(value) / total for triple, value in energy.items()}
        for sentence in self.file["sentences"]:
            pieces = [list(self._piece(part)) for part in sentence["parts"]]
            for combination in itertools.product(*pieces):
                places = [place for piece, _ in combination for place in piece]
                chance = sentence["chance"] * math.prod(p for _, p in combination)
                self._add(places, chance, sentence.get("order") == "any")

    def _add(self, places, chance, any_order):
        orders = list(itertools.permutations(places)) if any_order else [places]
        for order in orders:
            words = tuple(self._spelled(*place) for place in order)
            self.probability[words] += chance / len(orders)
            self.places[words] = order

    def _spelled(self, word, _, form):
        entry = self.file["word_forms"].get(form, {})
        return word.upper() if "case" in entry else entry.get("words", {}).get(word, word)

    def _piece(self, part):
        if "clause" in part:
            for triple, p in self.triples.items():
                for places, q in self._clause(part, dict(zip(CONTENT, triple, strict=True))):
                    yield places, p * q
        else:
            slot, kept = part.get("slot", ""), part.get("chance", 1)
            own = self.file["words"].get(slot) or [part["word"]]
            for word in own:
                yield [(word, slot, "")], kept / len(own)
            if kept < 1:
                yield [], 1 - kept

    def _clause(self, part, content):
        options = []
        for inner in self.file["clauses"][part["clause"]]:
            if "of" in inner:
                table = self.file["forms"][inner["slot"]]
                form = table.get(content[inner["of"]], table["default"])
                options.append([((w, inner["slot"]), n / sum(form.values())) for w, n in form.items()])
            else:
                options.append([((content.get(inner.get("slot"), inner.get("word")), inner.get("slot", "")), 1)])
        for choice in itertools.product(*options):
            yield [(*place, part["form"]) for place, _ in choice], math.prod(p for _, p in choice)

    def answers(self, holes):
        """{what is seen, the first hole's form}: {(base word of it, words in the other holes): probability}."""
        table = defaultdict(lambda: defaultdict(float))
        for words, p in self.probability.items():
            for hole in itertools.permutations(range(len(words)), holes):
                base, slot, form = self.places[words][hole[0]]
                key = hole, with_holes(words, hole)[1], form if slot else None
                table[key][(base, *(words[i] for i in hole[1:]))] += p
        return table


@pytest.fixture(scope="module")
def world():
    return world_from(SMALL)


@pytest.fixture(scope="module")
def truth():
    return EveryOrder(SMALL)


@pytest.fixture(scope="module")
def pairs_of(truth):
    return truth.answers(2)


def asked(truth, world, every=1):
    """Every place with a slot in every `every`-th sentence: [(words, place)], tokens with a blank there, and places."""
    pairs = [
        (words, i)
        for words in list(truth.probability)[::every]
        for i, (_, slot, _) in enumerate(truth.places[words])
        if slot
    ]
    tokens_BL = np.zeros((len(pairs), world.max_length), int)
    for row, (words, i) in zip(tokens_BL, pairs, strict=True):
        row[: len(words)] = [world.vocabulary.number[word] for word in words]
        row[i] = world.blank_W[row[i]]
    return pairs, tokens_BL, np.asarray([i for _, i in pairs])


def key_of(truth, words, *holes):
    _, slot, form = truth.places[words][holes[0]]
    return holes, with_holes(words, holes)[1], form if slot else None


def test_the_world_has_the_sentences_of_the_brute_force(world, truth):
    assert sum(truth.probability.values()) == pytest.approx(1, abs=TOLERANCE)
    assert len(truth.probability) > 11_000
    for words in list(truth.probability)[::97]:
        template = template_of(world, [world.vocabulary.number[word] for word in words])
        assert [(field.slot, field.form) for field in template.fields if not field.is_word] == [
            (slot, form) for _, slot, form in truth.places[words] if slot
        ]


def test_posterior_in_every_order(world, truth):
    pairs, tokens_BL, masked_B = asked(truth, world)
    answers = truth.answers(1)
    actual_BW = posterior(world, tokens_BL, masked_B)
    expected_BW = np.zeros_like(actual_BW)
    for row, (words, i) in zip(expected_BW, pairs, strict=True):
        for (word,), p in answers[key_of(truth, words, i)].items():
            row[world.vocabulary.number[word]] = p
    expected_BW /= expected_BW.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(actual_BW, expected_BW, rtol=0, atol=TOLERANCE)
    changed = [w for w, base in enumerate(world.base_W) if base != w]
    assert len(changed) > 10
    assert not actual_BW[:, changed].any()


def test_relevance_in_every_order(world, truth, pairs_of):
    """An unknown word hides its form too, so that which blank is whose may be open."""
    pairs, tokens_BL, masked_B = asked(truth, world, every=23)
    known = truth.answers(1)
    actual_BL = relevance(world, tokens_BL, masked_B)
    expected_BL, opened = np.zeros_like(actual_BL), 0
    for row, (words, i) in zip(expected_BL, pairs, strict=True):
        p_all = known[key_of(truth, words, i)]
        total = math.fsum(p_all.values())
        for j in {*range(len(words))} - {i}:
            both = pairs_of[key_of(truth, words, i, j)]
            without = defaultdict(float)
            for (word, _), p in both.items():
                without[word] += p / math.fsum(both.values())
            opened += len({truth.places[words][i][1]} | {slot_of(truth, word) for word in without}) > 1
            row[j] = math.fsum(p / total * math.log(p / total / without[word]) for (word,), p in p_all.items())
    assert opened > 100, "in some rows the masked word may be of two slots"
    np.testing.assert_allclose(actual_BL, expected_BL, rtol=0, atol=TOLERANCE)


def slot_of(truth, base):
    return next((slot for slot, words in truth.file["words"].items() if base in words), "determiner")


def test_the_pair_posterior_gives_the_unknown_word_as_it_would_stand(world, truth, pairs_of):
    rows = [(words, hole) for words in list(truth.probability)[::101] for hole in ((0, 2), (2, 0), (1, len(words) - 1))]
    rows += [(words, hole) for words in truth.probability if len(words) == 4 for hole in ((0, 3), (1, 3), (2, 1))]
    rows = [(words, hole) for words, hole in rows if truth.places[words][hole[0]][1]]
    tokens_BL, spelled = np.zeros((len(rows), world.max_length), int), world.vocabulary.words
    for row, (words, _) in zip(tokens_BL, rows, strict=True):
        row[: len(words)] = [world.vocabulary.number[word] for word in words]
    found_BWW, opened = posterior(world, tokens_BL, *np.transpose([hole for _, hole in rows])), 0
    for (words, hole), found_WW in zip(rows, found_BWW, strict=True):
        own = {(spelled[a], spelled[b]): p for (a, b), p in np.ndenumerate(found_WW) if p}
        both = pairs_of[key_of(truth, words, *hole)]
        total = math.fsum(both.values())
        assert own == pytest.approx({key: p / total for key, p in both.items()}, abs=TOLERANCE)
        opened += {b for _, b in own} >= {"now", "so"}
    assert opened > 10, "some unknown words are of a sentence in order or of one in any order"


def expected_examples(truth):
    """{(words, masked place): probability} of what training draws: no held-out context, in no form and no order."""
    held, chances = dict(zip(CONTENT, ("cat", "sat", "mat"), strict=True)), {}
    for words, p in truth.probability.items():
        content = [(i, slot, form) for i, (_, slot, form) in enumerate(truth.places[words]) if slot in CONTENT]
        for i, asked_slot, asked_form in content:
            clause = {slot: base for base, slot, form in truth.places[words] if form == asked_form}
            if any(clause[slot] != word for slot, word in held.items() if slot != asked_slot):
                chances[words, i] = p / len(content)
    total = math.fsum(chances.values())
    assert total < 0.95
    return {example: p / total for example, p in chances.items()}


@pytest.mark.parametrize("evenly", [False, True])
def test_a_million_drawn_sentences_agree(world, truth, evenly):
    """Every sentence with every masked place within the error of chance, each and as a whole; no other is drawn."""
    tables, count, forms = sampler_tables(world, CONTENT), 2**20, world.word_forms
    batch = jax.device_get(jax.jit(_evenly if evenly else sample, static_argnums=2)(tables, jax.random.key(3), count))
    tokens_BK, at_B = batch.tokens_BK.astype(np.int64), (np.arange(count), batch.masked_B)
    tokens_BK[at_B] = forms.spelled_FW[forms.form_W[tokens_BK[at_B]], batch.target_B]
    radix_K = len(world.vocabulary) ** np.arange(world.max_length) * 8
    expected = expected_examples(truth)
    tokens_of = {words: [world.vocabulary.number[word] for word in words] for words, _ in expected}
    code_N = np.asarray([np.dot(tokens_of[words], radix_K[: len(words)]) + i for words, i in expected])
    codes, times = np.unique((tokens_BK * radix_K).sum(axis=1) + batch.masked_B, return_counts=True)
    assert {*codes.tolist()} <= {*code_N.tolist()}
    drawn = dict(zip(codes.tolist(), times.tolist(), strict=True))
    wanted_N = count * np.asarray(list(expected.values()))
    error_N = (np.asarray([drawn.get(code, 0) for code in code_N.tolist()]) - wanted_N) / np.sqrt(wanted_N)
    chi_square, freedom = (error_N**2).sum(), len(error_N) - 1
    assert chi_square < freedom + 4.5 * math.sqrt(2 * freedom)
    assert evenly or chi_square > freedom - 4.5 * math.sqrt(2 * freedom)  # even draws may be better than chance
    common_N = wanted_N > 10
    assert common_N.sum() > 1_000
    assert abs(error_N[common_N]).max() < 5.5


def _evenly(tables, key, count):
    number_S = jax.numpy.arange(64, dtype=jax.numpy.uint32) * np.uint32(2_654_435_761)
    shift_S4, key_S = jax.random.bits(key, (64, 4), jax.numpy.uint32), jax.random.split(key, 64)
    one = jax.vmap(lambda k, n, s: sample_evenly(tables, k, count // 64, n, s))
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), one(key_S, number_S, shift_S4))


def test_even_draws_are_even_in_what_is_asked(world):
    """Slot, form and word that are asked are met more closely than by chance, whatever the order."""
    tables, count = sampler_tables(world, CONTENT), 2**14
    even, chance = jax.jit(sample_evenly, static_argnums=2), jax.jit(sample, static_argnums=2)

    def times(batch):
        form_B = world.word_forms.form_W[batch.tokens_BK[np.arange(count), batch.masked_B]]
        found = np.bincount(np.ravel_multi_index((batch.slot_B, form_B, batch.target_B), (3, 4, len(world.vocabulary))))
        return found[found > 0]

    shift_4, keys = jax.random.bits(jax.random.key(4), (4,), np.uint32), jax.random.split(jax.random.key(5), 8)
    evenly = np.stack(
        [times(jax.device_get(even(tables, key, count, np.uint32(n * count), shift_4))) for n, key in enumerate(keys)]
    )
    by_chance = np.stack([times(jax.device_get(chance(tables, key, count))) for key in keys])
    assert evenly.var(axis=0).sum() < 0.2 * by_chance.var(axis=0).sum()


def test_a_held_out_context_is_held_out_in_both_forms_and_every_order():
    """On the shipped worlds: told by the words alone."""
    for name in ("two_stories", "singular_plural"):
        world = load_world(name)
        for held_out in (False, True):
            tables = sampler_tables(world, CONTENT, held_out)
            batch = jax.device_get(jax.jit(sample, static_argnums=2)(tables, jax.random.key(1), 4096))
            form_BK, at_B = world.word_forms.form_W[batch.tokens_BK], (np.arange(4096), batch.masked_B)
            own_BK = form_BK == form_BK[at_B][:, None]
            own_BK[at_B] = False
            assert (own_BK.sum(axis=1) == 2).all()
            slot_W = np.asarray([CONTENT.index(slot) if (slot := world.slot_of.get(word)) in CONTENT else 3
                                 for word in range(len(world.vocabulary))])  # fmt: skip
            for b in range(4096):
                words = {slot_W[token]: world.index_W[token] for token in batch.tokens_BK[b, own_BK[b]]}
                words[int(batch.slot_B[b])] = world.index_W[batch.target_B[b]]
                assert world.held_out_3SVO[batch.slot_B[b], words[0], words[1], words[2]] == held_out
            assert {*form_BK[at_B].tolist()} == {1, 2}
            assert {*batch.masked_B.tolist()} == {*range(world.max_length)}


def test_a_sentence_is_read_in_the_letters_it_has():
    world = load_world("two_stories")
    _, template = read_sentence(world, "DOG cat SLEPT mat ROOF sat")
    assert str(template) == (
        "shouted subject whispered subject shouted verb whispered object shouted object whispered verb"
    )
    for word in ("Cat", "[mask]", "[MASK]"):
        with refused(f"'{word}'", "is not a word of this world"):
            read_sentence(world, f"{word} DOG sat ROOF mat SLEPT")
    with refused("the world 'two_stories'", "word 6, 'mat', should be a word of shouted verb"):
        read_sentence(world, "cat DOG sat ROOF mat mat")


def test_a_slot_without_form_needs_a_blank_of_its_own():
    """[MASK] as the blank of a form would say of a masked word without form that it has that form."""
    world = world_from(SMALL.replace("[HIGH]", "[MASK]"))
    world.check_masked(CONTENT)
    with refused("task.masked", "a masked time has no form, but the blank of one form is [MASK]"):
        world.check_masked(("time",))


REFUSED = [
    ("form: low}, {clause: story, form: high}", "form: low}, {clause: story, form: low}", "the same form"),
    ("form: low}, {clause: story, form: high}", "form: low}, {clause: story, form: hig}", "did you mean high?"),
    ("order: any, parts: [{clause: story, form: l", "order: some, parts: [{clause: story, form: l", "must be any"),
    ("{slot: time, chance: 0.5}]", "{slot: time}, {slot: time}]", "can be the same"),
    ("{slot: time, chance: 0.5}", "{slot: time, form: low}", "only a clause has a form"),
    ('{blank: "[mask]"}', '{blank: "[HIGH]"}', "is the blank of low already"),
    ('{blank: "[mask]"}', "{blank: mask}", "write it in brackets"),
    ('{blank: "[mask]"}', '{blank: "[PAD]"}', "reserved"),
    ('{blank: "[mask]"}', "{}", "blank is missing"),
    ("case: upper", "case: title", "must be upper or lower"),
    ("case: upper", "case: lower", "would be both"),
    ("case: upper", "case: upper, words: {cat: CAT}", "has both case and words"),
    (", ran: rann", "", "'ran' has no form far; list it under word_forms: far: words"),
    ("ran: rann", "ran: satt", "would be both"),
    ("ran: rann", "ran: now", "would be both 'ran' far and 'now' without form"),
    ("ran: rann", "ran: NEAR", "a word of its own too"),
    ("{word: while}]", "{clause: story}]", "would be both 'cat' low and 'cat' without form"),
    ("cat: kat", "cat: kaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaat", "too long"),
    ("ran: rann", 'ran: "[mask]"', "it is a blank"),
    ("{word: near}", '{word: "[high]"}', "'[HIGH]', which is '[high]' high, cannot be a word: it is a blank"),
    ("  low: {blank", "  none: {blank: \"[none]\"}\n  low: {blank", "the form 'none' is that of no clause"),
    ("case: upper", 'case: ""', "must be upper or lower"),
    ("ran: rann", "run: rann", "'run' is no word of a slot; did you mean ran?"),
    ("time: [now]", 'time: [now, "[mask]"]', "is a blank and a word of its own too"),
    ("order: any, parts: [{clause: story, form: low}, {clause: story, form: high}]",
     "order: any, parts: [{clause: story}, {clause: story}]", "the form 'low' is that of no clause"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), REFUSED, ids=[new[:40] for _, new, _ in REFUSED])
def test_a_mistake_gets_one_line(old, new, message):
    assert SMALL.count(old) == 1
    with refused("test.yaml", message):
        world_from(SMALL.replace(old, new))


def test_two_sentences_of_the_same_words_in_any_order_are_refused():
    other = "{clause: story, form: far}, {slot: way}]"
    with refused("test.yaml", "two templates cannot be told apart"):
        world_from(SMALL.replace(other, "{clause: story, form: high}, {clause: story, form: low}]"))


def test_a_masked_word_that_may_be_of_two_slots_in_any_order_is_refused():
    """Either of two words may be left out, so a lone blank without form may be either; content words stay clear."""
    both = "{slot: time, chance: 0.5}, {slot: pause, chance: 0.5}]"
    text = SMALL.replace("{slot: time, chance: 0.5}]", both).replace("  way: [so]", "  way: [so]\n  pause: [oh]")
    two = world_from(text)
    two.check_masked(CONTENT)
    with refused("task.masked", "a masked word may be 'time' or 'pause'"):
        two.check_masked(("time",))


def test_no_form_is_called_what_words_without_form_are_called():
    """A form may have any name; words of clauses without form are not taken for its words."""
    with refused("test.yaml", "would be both 'cat' without form and 'cat' without form"):
        world_from(SMALL.replace("low", "without form").replace("{word: while}]", "{clause: story}]"))


@pytest.mark.parametrize("word", ["pad", "mask"])
def test_capitals_never_make_a_special_word(word):
    with refused("test.yaml", "it is a blank"):
        world_from(SMALL.replace("dog", f'"[{word}]"').replace("hund", "hund"))


def test_a_form_that_is_spelled_nowhere():
    text = SMALL[: SMALL.index("word_forms:")] + SMALL[SMALL.index("sentences:") :]
    with refused("test.yaml", "unknown form 'low'; say under word_forms how it is spelled"):
        world_from(text)
