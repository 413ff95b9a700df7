"""The shipped worlds, their words, what is held out, and what a fingerprint notices."""

import doctest
import itertools
import math
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from refusals import refused
from small_world import SMALL, world_from

import data.vocabulary
from data.grammar import CONTENT
from data.inference import template_of
from data.vocabulary import MASK, PAD, Vocabulary
from data.world import load_world, world_names
from data.yaml_file import parse_yaml

WORLDS = ("english", "german", "singular_plural", "telling_preposition", "two_stories", "verb_decides")
TOLD_AT_ONCE = ("singular_plural", "two_stories")


@pytest.fixture(scope="module")
def worlds():
    return {name: load_world(name) for name in WORLDS}


def file_of(name):
    """The plain values of a shipped world file, and its text."""
    text = Path(f"data/worlds/{name}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, name).value, text


def test_every_world_file_is_listed():
    assert tuple(world_names()) == WORLDS


@pytest.mark.parametrize("name", WORLDS)
def test_shipped_world(worlds, name):
    world, (file, text) = worlds[name], file_of(name)
    assert text.startswith("# "), "a world file opens with a comment that says what it is"
    assert "What it is for" in text or name == "english"
    assert sum(template.probability for template in world.templates) == pytest.approx(1, abs=1e-12)
    assert world.content_SVO.sum() == pytest.approx(1, abs=1e-12)
    assert {template.clauses for template in world.templates} == ({2} if name in TOLD_AT_ONCE else {1, 2})
    world.check_masked(CONTENT)
    for example in world.examples:
        tokens = world.vocabulary.encode(example)
        assert template_of(world, tokens).probability > 0
        assert " ".join(world.vocabulary.decode(tokens)) == example
    # The first example is the sentence whose blanks are held out.
    tokens, held = world.vocabulary.encode(next(iter(world.examples))), file["held_out"]["always"]
    first = template_of(world, tokens)
    place = {slot: first.fields.index(first.content[slot, 0]) for slot in CONTENT}
    assert [{slot: world.vocabulary.words[tokens[place[slot]]] for slot in CONTENT}] == held


@pytest.mark.parametrize("name", ["english", "german", "telling_preposition", *TOLD_AT_ONCE])
def test_likings_cut_across_the_grid(name):
    """Each object is liked by one subject of each kind, and there is one verb for each pair of kinds."""
    file, _ = file_of(name)
    subject_verb, verb_object, subject_object = (preference["pairs"] for preference in file["preferences"])
    kinds, places = file["words"]["subject"], file["words"]["object"]
    for members in kinds.values():
        liked = [thing for subject in members for thing in subject_object[subject]]
        assert sorted(liked) == sorted(itertools.chain(*places.values()))
        for things in places.values():
            assert {len({*things} & {*subject_object[subject]}) for subject in members} <= {1, 2}
    cells = [(kind, *verb_object[verb]) for kind, verbs in subject_verb.items() for verb in verbs]
    assert sorted(cells) == sorted(itertools.product(kinds, places))


# Written down apart from the file: the gender of every noun, and the determiners of each gender.
GENDER = {
    "m": "Hund Bauer Spatz Fuchs Bär Teppich Stuhl Karren Weg Hof",
    "f": "Katze Maus Krähe Amsel Matte Decke Mauer Leiter Kiste Straße",
    "n": "Mädchen Kind Wildschwein Kissen Dach Regal Fass Feld",
}
NOMINATIVE = {"m": {"der", "dieser"}, "f": {"die", "diese"}, "n": {"das", "dieses"}}
DATIVE = {"m": {"dem", "einem"}, "f": {"der", "einer"}, "n": {"dem", "einem"}}


def test_german_determiners_agree_with_gender_and_case(worlds):
    german = worlds["german"]
    gender_of = {noun: gender for gender, nouns in GENDER.items() for noun in nouns.split()}
    words = german.vocabulary.words
    for slot, case in (("subject", NOMINATIVE), ("object", DATIVE)):
        assert {words[noun] for noun in german.slots[slot]} <= gender_of.keys()
        for noun in german.slots[slot]:
            taken = {words[i] for i in np.flatnonzero(german.forms_WW["determiner"][noun])}
            assert taken == case[gender_of[words[noun]]], words[noun]


def test_german_puts_the_verb_last_in_a_subordinate_clause(worlds):
    german = worlds["german"]
    seen = set()
    for template in german.templates:
        slots = [field.slot for field in template.fields]
        if "connector" in slots:
            start = slots.index("connector")
            end = slots.index("," if start == 0 else ".", start)
            assert slots[end - 1] == "verb"
            assert slots[start - 1] == ("," if start else ".")  # a comma always stands between the clauses
            assert start or slots[end + 1] == "verb"  # and the main clause that follows begins with its verb
            seen.add(start == 0)
    assert seen == {True, False}


def test_clauses_that_differ_in_an_optional_part_share_the_template_without_it():
    """ "a cat sat on mat" is one template, whichever clause made it, and has the chances of both."""
    late = """\
  late:
    - {slot: determiner, of: subject}
    - {slot: subject}
    - {slot: verb}
    - {slot: preposition, of: object}
    - {slot: object}
    - {slot: adverb, chance: 0.5}
sentences:
  - {chance: 0.5, parts: [{clause: late}, {word: .}]}
  - {chance: 0.5, parts: [{clause: main}, {word: .}]}
"""
    before, after = SMALL.split("sentences:\n")
    world = world_from(before + late + after[after.index("held_out:") :])
    found = {" ".join(field.slot for field in t.fields): t.probability for t in world.templates}
    assert found["determiner subject verb preposition object ."] == pytest.approx(0.5 * 0.5 + 0.5 * 0.75)
    assert len(found) == len(world.templates) == 3


def test_encode_understands_how_people_write():
    small = world_from(SMALL).vocabulary
    plain = small.encode("the cat sat on mat .")
    assert small.encode("  The cat sat\ton mat.\n") == plain
    assert small.decode([*plain, PAD, PAD]) == ["the", "cat", "sat", "on", "mat", "."]
    assert small.decode([MASK]) == ["[MASK]"]
    german = load_world("german").vocabulary
    written = "Während der Hund auf dem Dach schlief, saß die Katze auf der Matte."
    spaced = "während der Hund auf dem Dach schlief , saß die Katze auf der Matte ."
    assert " ".join(german.decode(german.encode(written))) == spaced
    assert german.encode(unicodedata.normalize("NFD", written)) == german.encode(written)


@pytest.mark.parametrize(
    ("sentence", "place", "named"),
    [
        ("the cta sat on mat .", "'cta'", ["cat"]),
        ("the cata sat on mat .", "'cata'", ["cat"]),  # "a" is a word too
        ("the Cat sat on mat .", "'Cat'", ["cat"]),
        ("the [MASK] sat on mat .", "'[MASK]'", ["cat", "dog"]),
        ("the cat\u202e sat on mat .", r"'cat\u202e'", ["cat"]),
        ("", "the sentence", ["empty", "the cat sat on the mat"]),
        (" \n", "the sentence", ["empty", "the cat sat on the mat"]),
    ],
)
def test_encode_refuses(sentence, place, named):
    with refused(place, *named):
        world_from(SMALL).vocabulary.encode(sentence)


def test_the_examples_in_docstrings_are_true():
    assert doctest.testmod(data.vocabulary).failed == 0
    assert Vocabulary(["."]).number == {"[PAD]": PAD, "[MASK]": MASK, ".": 2}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: A world", "title: Another world"),
        ("format: 1\n", "# a comment\nformat: 1  # and another\n\n"),
        ("strength: 1.5", "strength: 1.50"),
        ("examples:\n  - the cat sat on mat .", "examples: []"),
        ("share: 0.25", "share: 0.1"),
        ("the: 2, a: 1", "the: 4, a: 2"),
    ],
)
def test_the_fingerprint_stays_where_probabilities_stay(old, new):
    assert SMALL.count(old) == 1
    assert world_from(SMALL.replace(old, new)).fingerprint == world_from(SMALL).fingerprint


CHANGES = [
    ("strength: 1.5", "strength: 1.6"),
    ("pet: [sat]", "pet: [slept]"),
    ("the: 2, a: 1", "the: 3, a: 1"),
    ("{slot: adjective, chance: 0.25}", "{slot: adjective, chance: 0.26}"),
    ("[old, small]", "[old, tiny]"),
    ("high: [slept]", "high: [sat]"),
    ("{word: so, chance: 0.25}", "{word: now, chance: 0.25}"),
    # The same words in the same order, but another one starts the next slot: connectors become rarer.
    ("[old, small]\n  connector: [while, but]", "[old, small, while]\n  connector: [but]"),
]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_the_fingerprint_changes_with_a_probability(old, new):
    assert SMALL.count(old) == 1
    assert world_from(SMALL.replace(old, new)).fingerprint != world_from(SMALL).fingerprint


def test_the_fingerprint_knows_which_table_belongs_to_which_slot():
    """Two tables of words swap their names and their order in the file: all numbers stay, the sentences do not."""
    text = """{format: 1, words: {subject: [s], verb: [v], object: [o]}, preferences: [],
        forms: {FIRST: {default: {x: 1}}, SECOND: {default: {y: 1}}},
        clauses: {c: [{slot: a, of: object}, {slot: b, of: object}, {slot: subject}, {slot: verb}, {slot: object}]},
        sentences: [{chance: 1, parts: [{clause: c}]}]}"""
    worlds = [world_from(text.replace("FIRST", one).replace("SECOND", two)) for one, two in ("ab", "ba")]
    assert worlds[0].vocabulary.words == worlds[1].vocabulary.words
    assert worlds[0].fingerprint != worlds[1].fingerprint


def held_words(world):
    """The held-out contexts by their words: {(slot, word, word)}."""
    held_3SVO = world.held_out_3SVO
    words = [[world.vocabulary.words[word] for word in world.slots[slot]] for slot in CONTENT]
    found = set()
    for axis, slot in enumerate(CONTENT):
        first, second = (words[i] for i in range(3) if i != axis)
        table = held_3SVO[axis].all(axis=axis)
        assert (table == held_3SVO[axis].any(axis=axis)).all(), "a context is held out for every word that fills it"
        found |= {(slot, first[i], second[j]) for i, j in np.argwhere(table)}
    return found


ALWAYS = {("subject", "sat", "mat"), ("verb", "cat", "mat"), ("object", "cat", "sat")}


@pytest.mark.parametrize("name", WORLDS)
def test_about_a_tenth_of_the_contexts_is_held_out(worlds, name):
    world = worlds[name]
    found = held_words(world)
    for i, slot in enumerate(CONTENT):
        contexts = math.prod(len(world.slots[other]) for j, other in enumerate(CONTENT) if j != i)
        share = sum(context[0] == slot for context in found) / contexts
        assert 0.095 <= share <= 0.11, slot  # a tenth of 192 or 256 contexts, rounded, and one more
    (subject, verb, thing) = (world.vocabulary.words[i] for i in world.always_held_out[0])
    assert {("subject", verb, thing), ("verb", subject, thing), ("object", subject, verb)} <= found


def test_what_is_held_out_depends_on_the_words_and_not_on_their_order(worlds):
    file, text = file_of("english")
    for members in (file["words"]["subject"]["pet"], file["words"]["object"]["ground"], file["words"]["adjective"]):
        line = f"[{', '.join(members)}]"
        assert text.count(line) == 1
        text = text.replace(line, f"[{', '.join(reversed(members))}]")
    assert held_words(world_from(text)) == held_words(worlds["english"])
    # The hash is the same in every session, on every machine and in every version of Python: written down once.
    chosen = {("subject", "sat", "roof"), ("object", "cat", "slept"), ("object", "girl", "slept")}
    assert held_words(world_from(SMALL)) - ALWAYS == chosen | {("verb", "girl", "roof")}


def test_the_small_world_holds_out_what_it_says():
    assert held_words(world_from(SMALL.replace("share: 0.25", "share: 0"))) == ALWAYS
    assert not held_words(world_from(SMALL[: SMALL.index("held_out:")]))


def test_content_probabilities_follow_the_preferences(worlds):
    """In english P(s, v, o) grows by the factor exp(strength) for each preference that a sentence meets."""
    world, (file, _) = worlds["english"], file_of("english")
    pet_sits, ground_is_sat_on, cat_likes_mat = (preference["strength"] for preference in file["preferences"])

    def p(*words):
        index = [int(world.index_W[world.vocabulary.number[word]]) for word in words]
        return world.content_SVO[*index]

    for words, energy in {
        ("cat", "sat", "mat"): pet_sits + ground_is_sat_on + cat_likes_mat,
        ("cat", "sat", "rug"): pet_sits + ground_is_sat_on,
        ("cat", "knelt", "mat"): ground_is_sat_on + cat_likes_mat,
        ("cat", "slept", "mat"): pet_sits + cat_likes_mat,
        ("dog", "danced", "cake"): 0,
    }.items():
        assert math.log(p(*words) / p("hen", "sat", "roof")) == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "place", "named"),
    [
        ("englisch", "world 'englisch'", ["english"]),
        ("german.yaml", "world 'german.yaml'", ["german"]),
        ("", "world ''", WORLDS),
        ("data/worlds", "world 'data/worlds'", ["file", *WORLDS]),
        ("a" * 5000, "world", ["file", *WORLDS]),
        ("a\0b", r"world 'a\x00b'", ["file", *WORLDS]),
    ],
    ids=["near", "file", "empty", "folder", "long", "nul"],
)
def test_a_world_that_does_not_exist(name, place, named):
    with refused(place, *named):
        load_world(name)


def test_a_world_is_also_found_by_its_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("\ufeff" + SMALL.replace("\n", "\r\n"), encoding="utf-8")  # as an editor on Windows may save it
    world = load_world(str(path))
    assert world.name == "mine"
    assert world.fingerprint == world_from(SMALL).fingerprint


LOUD = """
  loud:
    - {slot: determiner, of: subject}
    - {word: very}
    - {slot: subject}
    - {slot: verb}
    - {slot: preposition, of: object}
    - {slot: object}
sentences:
  - chance: 0.375
    parts: [{clause: loud}, {word: .}]
  - chance: 0.625
    parts: [{clause: main}, {word: .}]
"""


@pytest.mark.parametrize(
    ("masked", "named"),
    [
        (("adjective",), ["very", "adjective", "add", "move", "word"]),
        (("subject", "adverb"), ["adverb", "verb"]),
        (("connector",), ["connector", "adjective", "determiner"]),
    ],
)
def test_a_masked_word_has_to_be_of_a_certain_slot(masked, named):
    world = world_from(SMALL[: SMALL.index("sentences:")].rstrip() + LOUD)
    world.check_masked(CONTENT)
    with refused("task.masked", *named):
        world.check_masked(masked)
