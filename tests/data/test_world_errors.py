"""A mistake in a world file is told in one line: file, the right line, and what to do. Nothing else is ever raised."""

import random
import re
from pathlib import Path

import pytest
import yaml
from mutations import mutated
from refusals import assert_told_well
from small_world import SMALL, world_from

import data.yaml_file
from data.errors import InputError
from data.world import World
from data.yaml_file import MAX_BYTES, parse_yaml, read_yaml

MANY = ", ".join(f"x{i}" for i in range(2000))
OPTIONAL = "{slot: adjective, chance: 0.25}"

# (old, new, what the message says): the mistake stands in the line of `new` that is marked with HERE.
MISTAKES = [
    # What the file is made of.
    ("{word: .}]\n  - chance", "{word: .]\n  - chance", "not valid YAML: .*; check brackets, .* since line"),
    ("strength: 1.5", "strength: 1.5\n    strength: 2 # HERE", "strength: stands twice .first in line 24.; remove one"),
    ("pet: [cat, dog]", "pet: &all [cat, dog] # HERE", "anchors and aliases .* write the value out"),
    ("pet: [sat]", "pet: *all # HERE", "anchors and aliases .* write the value out"),
    ("strength: 1.5", "strength: !!str 1.5 # HERE", "the tag .* is not used here; remove it"),
    ("strength: 1.5", "strength: !mine 1.5 # HERE", "the tag !mine is not used here; remove it"),
    ("groups:", "--- # HERE\ngroups:", "a second document starts here; keep one document in a file"),
    ("mat: [sat]", "[mat, roof]: [sat] # HERE", "a key must be one word"),
    ("pairs: {girl: [mat]}", f"pairs: {'[' * 30}{']' * 30} # HERE", "nested more than 20 deep; flatten it"),
    ("title: A world", "title: A\x07 world # HERE", r"U\+0007 cannot stand in a file; remove it"),
    # Keys and kinds of values.
    ("examples:", "exampels: # HERE", "unknown key; did you mean examples?"),
    ("chance: 0.375", "chanse: 0.375 # HERE", "unknown key; did you mean chance?"),
    ("{slot: subject}\n    - {slot: verb}", "{slot: subject}\n    - {slto: verb} # HERE", "did you mean slot?"),
    ("share: 0.25", "shear: 0.25 # HERE", "unknown key; did you mean share?"),
    ("format: 1", "format: 2 # HERE", "reads format 1; update catmat, or write format: 1"),
    ("format: 1", "format: true # HERE", "reads format 1"),
    ("pet: [cat, dog]", "pet: cat # HERE", r"must be a list, such as \[a, b\], not text"),
    ("pairs:\n      pet: [sat]\n      girl: [slept]", "pairs: [] # HERE", "must be a mapping .*, not a list"),
    ("strength: 1.5", "strength: strong # HERE", "must be a number, not text"),
    ("strength: 1.5", "strength: true # HERE", "must be a number, not true"),
    ("strength: 1.5", "strength: 1e400 # HERE", "must be a finite number, not inf"),
    ("strength: 1.5", "strength: .nan # HERE", "must be a finite number, not nan"),
    ("strength: 1.5", "strength: 21 # HERE", "must be from -20 to 20, not 21"),
    ("title: A world in a nutshell", "title: 5 # HERE", "must be text, not the number 5; put it in quotes"),
    ("- the cat sat on mat .", "- 5 # HERE", "must be text, not the number 5; put it in quotes"),
    # Words.
    ("[cat, dog]", "[cat, dog, cat] # HERE", "'cat' stands twice .also a subject.; a word belongs to one slot, once"),
    ("[sat, slept]", "[sat, dog] # HERE", "'dog' stands twice .also a subject.; a word belongs to one slot, once"),
    ("[old, small]", "[] # HERE", "is an empty list; put at least one item in it"),
    ("[old, small]", "{} # HERE", "is empty; give it words"),
    ("[old, small]", "[old, very small] # HERE", "no blank in it and is not empty; join its parts with _ or -"),
    ("[old, small]", "[old, ''] # HERE", "no blank in it and is not empty"),
    ("[old, small]", "[old, '[MASK]'] # HERE", "cannot be a word: it is reserved, .*; choose another"),
    ("[old, small]", '[old, "s\\u202Emall"] # HERE', "cannot be a word: .*invisible.*; choose another"),
    ("[old, small]", f"[old, {'x' * 41}] # HERE", "cannot be a word: .*too long; choose another"),
    ("[old, small]", "[old, 5] # HERE", "must be text, not the number 5; put it in quotes"),
    ("[old, small]", "[old, null] # HERE", "must be text, not nothing; put it in quotes"),
    ("person: [girl]", "pet: [girl] # HERE", "pet: stands twice"),
    ("person: [girl]", "girl: [girl] # HERE", "'girl' names both a class and a word; rename the class"),
    ("person: [girl]", "subject: [girl] # HERE", "the name 'subject' is taken; choose another"),
    ("words:", "words: # HERE", "verb is missing; add it", "  verb: [sat, slept]\n", ""),
    ("words:", "words: # HERE", "more than 2,000; use fewer", "[old, small]", f"[{MANY}]"),
    # Names.
    ("pet: [cat, dog]", '"p\\net": [cat, dog] # HERE', "cannot be a name: .*invisible or too long; choose another"),
    ("adjective: [old", '"adjec\\ttive": [old # HERE\n', "cannot be a name: .*invisible"),
    ("anyone: [dog", '"any\\u202Eone": [dog # HERE\n', "cannot be a name: .*invisible"),
    ("determiner:\n", f"{'x' * 41}: # HERE\n", "cannot be a name: .*too long"),
    ("anyone: [dog, girl]", "anyone: [dog, grl] # HERE", "'grl' is no word, class or group of .*did you mean girl?"),
    ("anyone: [dog", "pet: [dog] # HERE\n  anyone: [dog", "the name 'pet' is taken; choose another"),
    ("pet: [sat]", "pett: [sat] # HERE", "'pett' is no word, class or group of subject; did you mean pet?"),
    ("girl: [slept]", "girl: [hid] # HERE", "'hid' is no word, class or group of verb; known: sat, slept"),
    ("girl: [slept]", "girl: [mat] # HERE", "'mat' is no word, class or group of verb; did you mean sat?"),
    ("[object, verb]", "[object, object] # HERE", "must name two of subject, verb, object"),
    ("[object, verb]", "[object, adjective] # HERE", "must name two of subject, verb, object"),
    ("[object, verb]", "[object] # HERE", "must name two of subject, verb, object"),
    # Forms.
    ("{the: 2, a: 1}", "{} # HERE", "is empty; give it at least one word, such as"),
    ("{the: 2, a: 1}", "{the: 0, a: 1} # HERE", "must be from 1e-06 to 1e.06, not 0"),
    ("{the: 2, a: 1}", "{old: 1} # HERE", "'old' is already a word of another slot"),
    ("default: {the: 1}", "cat: {the: 1} # HERE", "'cat' has its determiner already; name it once"),
    ("default: {the: 1}", "cta: {the: 1} # HERE", "'cta' is no word, class or group of .*did you mean cat?"),
    ("determiner:\n", "verb: # HERE\n", "the name 'verb' is taken; choose another"),
    ("{slot: preposition, of: object}\n    - {slot: object}\n  b", "{slot: preposition, of: subject} # HERE\n  b",
     "'cat' has no preposition; add it under forms, or add default"),
    # Clauses and sentences.
    (OPTIONAL, "{slot: adjectiv, chance: 0.25} # HERE", "unknown slot.*did you mean adjective?"),
    (OPTIONAL, "{slot: adjective, chance: 1.5} # HERE", "above 0 and at most 1, not 1.5"),
    (OPTIONAL, "{slot: adjective, chance: 0} # HERE", "above 0 and at most 1, not 0"),
    (OPTIONAL, "{slot: adjective, chance: -.inf} # HERE", "a finite number, not -inf"),
    (OPTIONAL, "{slot: adjective, word: x} # HERE", "exactly one of slot, word$"),
    (OPTIONAL, "{chance: 0.25} # HERE", "exactly one of slot, word$"),
    (OPTIONAL, "{slot: adjective, of: subject} # HERE", "only such a slot, needs `of`"),
    (OPTIONAL, "{slot: determiner} # HERE", "needs `of`; see the entry 'determiner'"),
    (OPTIONAL, "{slot: determiner, of: adjective} # HERE", "must be one of subject, verb"),
    (OPTIONAL, "{word: cat} # HERE", "'cat' is a word of a slot; write slot: "),
    (OPTIONAL, "{word: two words} # HERE", "a word has no blank"),
    ("{slot: subject}\n    - {slot: verb}", "{slot: subject, chance: .5} # HERE\n    - {slot: verb}", "never optional"),
    ("  main:", "  main: # HERE", "a clause has exactly one verb; add or remove",
     "{slot: subject}\n    - {slot: verb}\n", "{slot: subject}\n"),
    ("{clause: back}", "{clause: bak} # HERE\n", "unknown clause 'bak'; did you mean back?"),
    ("{clause: back}", "{clause: back, chance: 0.5} # HERE\n", "a clause is not optional; write a second sentence"),
    ("{clause: back}", "{slot: verb} # HERE\n", "a verb stands in a clause and is never optional"),
    ("parts: [{word: so, chance: 0.25}, {clause: slow}, {word: .}]", "parts: [{word: so}] # HERE", "one clause; add"),
    ("sentences:", "sentences: # HERE", "the chances sum to 0.875; make them sum to 1",
     "chance: 0.375", "chance: 0.25"),
    ("sentences:", "sentences: # HERE", "two templates cannot be told apart: '.*'; give one a word of its own",
     OPTIONAL, f"{OPTIONAL}\n    - {OPTIONAL}"),
    ("sentences:", "sentences: # HERE", "more than 300 sentence forms; make fewer parts optional",
     "{clause: back}", "{clause: back}" + ", {word: so, chance: 0.5}" * 9),
    ("sentences:", "sentences: # HERE", "of 107 parts, more than 100; make it shorter",
     "{clause: back}", "{clause: back}" + ", {word: so}" * 94),
    # Held-out contexts.
    ("share: 0.25", "share: 0.75 # HERE", "must be from 0 to 0.5, not 0.75"),
    ("subject: cat, verb", "subject: pet, verb", "must be one subject, not a class"),
    ("object: mat}", "object: matt} # HERE", "'matt' is no word, class or group of object; did you mean mat?"),
    ("verb: sat, object: mat}", "object: mat} # HERE", "verb is missing; add it"),
]  # fmt: skip


@pytest.mark.parametrize("row", MISTAKES, ids=[f"{i}-{row[2][:40]}" for i, row in enumerate(MISTAKES)])
def test_a_mistake_is_told_with_its_line_and_remedy(row):
    old, new, says, *further = row
    assert SMALL.count(old) == 1
    text = SMALL.replace(old, new)
    if further:
        assert text.count(further[0]) == 1
        text = text.replace(*further)
    marked = text if "HERE" in text else SMALL.replace(old, new.replace("\n", " # HERE\n", 1) + "# HERE")
    line = 1 + marked[: marked.index("HERE")].count("\n")
    with pytest.raises(InputError) as error:
        world_from(text, "test")
    message = assert_told_well(error.value)
    assert message.startswith(f"test.yaml:{line}: "), message
    assert re.search(says, message), message


def raw_error(tmp_path, raw):
    path = tmp_path / "raw.yaml"
    path.write_bytes(raw)
    with pytest.raises(InputError) as error:
        read_yaml(path, "raw.yaml")
    return assert_told_well(error.value)


def test_a_file_that_is_not_text(tmp_path):
    assert raw_error(tmp_path, b"a: 1\nb: \xff\n") == "raw.yaml:2: not UTF-8 text; save the file as UTF-8"
    assert raw_error(tmp_path, SMALL.encode("utf-16")).startswith("raw.yaml:1: not UTF-8 text")
    assert raw_error(tmp_path, b"a: 1\nb: \x00\n").startswith("raw.yaml:2: the character U+0000")
    assert "larger than 1,000,000 bytes" in raw_error(tmp_path, b"#" * (MAX_BYTES + 1))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"gone.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "gone.yaml")
    with pytest.raises(InputError, match=r"cannot be read: Is a directory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n", "null"])
def test_an_empty_file(text):
    with pytest.raises(InputError, match=r"test.yaml:[12]: must be a mapping .key: value., not nothing"):
        world_from(text)


def test_values_are_what_they_look_like():
    text = "[on, no, yes, 'true', true, null, ~, 1e-3, .5, -7, +2., 007, 1_000, 0x1f, 12:30, 2020-01-01, .inf, '5', é]"
    expected = ["on", "no", "yes", "true", True, None, None, 0.001, 0.5, -7, 2.0, 7, "1_000", "0x1f", "12:30"]
    values = parse_yaml(text, "x").value
    assert values == [*expected, "2020-01-01", float("inf"), "5", "é"]
    assert [type(value) for value in values[:15]] == [type(value) for value in expected]


@pytest.mark.parametrize("text", ['"\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n---\na", '"\\uD800"', "a: \ud800"])
@pytest.mark.parametrize("loader", [data.yaml_file._LOADER, yaml.SafeLoader])
def test_odd_files_with_and_without_the_c_library(monkeypatch, loader, text):
    monkeypatch.setattr(data.yaml_file, "_LOADER", loader)
    try:
        world_from(text)
    except InputError as error:
        assert_told_well(error)


# Mutations: nothing that a slip of the hand, a merge or a joker leaves in a file may end in a traceback.


SHIPPED = ["english", "german", "telling_preposition", "verb_decides"]


def message_or_none(text):
    """What is said about `text`; None where it is a world's."""
    try:
        world = world_from(text)
    except InputError as error:
        return str(error)
    assert isinstance(world, World)
    assert abs(world.content_SVO.sum() - 1) < 1e-9
    assert world.fingerprint
    return None


@pytest.mark.parametrize("name", ["small", *SHIPPED])
def test_a_mutated_world_file_gives_a_world_or_one_line(name):
    text = SMALL if name == "small" else Path(f"data/worlds/{name}.yaml").read_text(encoding="utf-8")
    assert message_or_none(text) is None
    rng = random.Random(20)
    worlds = 0
    for i in range(1_000):
        changed = mutated(text, rng)
        try:
            message = message_or_none(changed)
        except Exception as error:
            raise AssertionError(f"mutation {i} of {name} ended in {error!r}:\n{changed!a}") from error
        if message is None:
            worlds += 1
        else:
            assert message.isprintable(), ascii(message)
            assert re.match(r"test\.yaml:[0-9]+: ", message), message
            assert len(message) <= 1_000
    assert 50 < worlds < 950, "the mutations are neither all harmless nor all fatal"
