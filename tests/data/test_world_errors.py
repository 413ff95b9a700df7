"""A mistake in a world file is told in one line: file, the right line, and what to do. Nothing else is ever raised."""

import random
import re
from pathlib import Path

import pytest
import yaml
from mutations import mutated
from refusals import assert_told_well, refused
from small_world import SMALL, world_from

from data.errors import InputError, printable
from data.world import World
from data.yaml_file import LOADER, MAX_BYTES, parse_yaml, read_yaml

MANY = ", ".join(f"x{i}" for i in range(2000))
OPTIONAL = "{slot: adjective, chance: 0.25}"

# (old, new, what the message names): the mistake stands in the line of `new` that is marked with HERE.
MISTAKES = [
    # What the file is made of.
    ("{word: .}]\n  - chance", "{word: .]\n  - chance", ["YAML", "brackets"]),
    ("strength: 1.5", "strength: 1.5\n    strength: 2 # HERE", ["strength", "line 24", "remove"]),
    ("pet: [cat, dog]", "pet: &all [cat, dog] # HERE", ["anchors", "aliases"]),
    ("pet: [sat]", "pet: *all # HERE", ["anchors", "aliases"]),
    ("strength: 1.5", "strength: !!str 1.5 # HERE", ["tag", "remove"]),
    ("strength: 1.5", "strength: !mine 1.5 # HERE", ["!mine"]),
    ("groups:", "--- # HERE\ngroups:", ["second document"]),
    ("mat: [sat]", "[mat, roof]: [sat] # HERE", ["key", "one word"]),
    ("pairs: {girl: [mat]}", f"pairs: {'[' * 30}{']' * 30} # HERE", ["20"]),
    ("title: A world", "title: A\x07 world # HERE", ["U+0007", "remove"]),
    # Keys and kinds of values.
    ("examples:", "exampels: # HERE", ["examples"]),
    ("chance: 0.375", "chanse: 0.375 # HERE", ["chance"]),
    ("{slot: subject}\n    - {slot: verb}", "{slot: subject}\n    - {slto: verb} # HERE", ["slot"]),
    ("share: 0.25", "shear: 0.25 # HERE", ["share"]),
    ("format: 1", "format: 2 # HERE", ["update", "format: 1"]),
    ("format: 1", "format: true # HERE", ["format 1"]),
    ("pet: [cat, dog]", "pet: cat # HERE", ["pet", "[a, b]"]),
    ("pairs:\n      pet: [sat]\n      girl: [slept]", "pairs: [] # HERE", ["pairs", "key: value"]),
    ("strength: 1.5", "strength: strong # HERE", ["strength", "number", "text"]),
    ("strength: 1.5", "strength: true # HERE", ["strength", "true"]),
    ("strength: 1.5", "strength: 1e400 # HERE", ["strength", "finite", "inf"]),
    ("strength: 1.5", "strength: .nan # HERE", ["strength", "nan"]),
    ("strength: 1.5", "strength: 21 # HERE", ["strength", "-20", "20", "21"]),
    ("title: A world in a nutshell", "title: 5 # HERE", ["title", "5", "quotes"]),
    ("- the cat sat on mat .", "- 5 # HERE", ["examples", "5"]),
    # Words.
    ("[cat, dog]", "[cat, dog, cat] # HERE", ["cat", "subject", "twice"]),
    ("[sat, slept]", "[sat, dog] # HERE", ["dog", "subject"]),
    ("[old, small]", "[] # HERE", ["adjective", "empty"]),
    ("[old, small]", "{} # HERE", ["adjective", "words"]),
    ("[old, small]", "[old, very small] # HERE", ["blank", "_", "-"]),
    ("[old, small]", "[old, ''] # HERE", ["adjective"]),
    ("[old, small]", "[old, '[MASK]'] # HERE", ["reserved"]),
    ("[old, small]", '[old, "s\\u202Emall"] # HERE', ["invisible", r"s\u202emall"]),
    ("[old, small]", f"[old, {'x' * 41}] # HERE", ["too long"]),
    ("[old, small]", "[old, 5] # HERE", ["adjective", "5"]),
    ("[old, small]", "[old, null] # HERE", ["adjective", "nothing"]),
    ("person: [girl]", "pet: [girl] # HERE", ["pet", "line 5"]),
    ("person: [girl]", "girl: [girl] # HERE", ["girl", "class", "word", "rename"]),
    ("person: [girl]", "subject: [girl] # HERE", ["subject"]),
    ("words:", "words: # HERE", ["verb", "missing"], "  verb: [sat, slept]\n", ""),
    ("words:", "words: # HERE", ["2,000", "fewer"], "[old, small]", f"[{MANY}]"),
    # Names.
    ("pet: [cat, dog]", '"p\\net": [cat, dog] # HERE', [r"p\net", "name"]),
    ("adjective: [old", '"adjec\\ttive": [old # HERE\n', [r"adjec\ttive"]),
    ("anyone: [dog", '"any\\u202Eone": [dog # HERE\n', [r"any\u202eone"]),
    ("determiner:\n", f"{'x' * 41}: # HERE\n", ["name", "too long"]),
    ("anyone: [dog, girl]", "anyone: [dog, grl] # HERE", ["grl", "girl"]),
    ("anyone: [dog", "pet: [dog] # HERE\n  anyone: [dog", ["pet", "taken"]),
    ("pet: [sat]", "pett: [sat] # HERE", ["pett", "subject", "pet"]),
    ("girl: [slept]", "girl: [hid] # HERE", ["hid", "verb", "sat", "slept"]),
    ("girl: [slept]", "girl: [mat] # HERE", ["mat", "verb", "sat"]),
    ("[object, verb]", "[object, object] # HERE", ["two", "subject", "verb", "object"]),
    ("[object, verb]", "[object, adjective] # HERE", ["subject", "verb", "object"]),
    ("[object, verb]", "[object] # HERE", ["subject", "verb", "object"]),
    # Forms.
    ("{the: 2, a: 1}", "{} # HERE", ["pet", "empty"]),
    ("{the: 2, a: 1}", "{the: 0, a: 1} # HERE", ["1e-06", "1e+06", "0"]),
    ("{the: 2, a: 1}", "{old: 1} # HERE", ["old", "slot"]),
    ("default: {the: 1}", "cat: {the: 1} # HERE", ["cat", "determiner", "once"]),
    ("default: {the: 1}", "cta: {the: 1} # HERE", ["cta", "cat"]),
    ("determiner:\n", "verb: # HERE\n", ["verb"]),
    ("{slot: preposition, of: object}\n    - {slot: object}\n  b", "{slot: preposition, of: subject} # HERE\n  b",
     ["cat", "preposition", "forms", "default"]),
    # Clauses and sentences.
    (OPTIONAL, "{slot: adjectiv, chance: 0.25} # HERE", ["adjectiv", "adjective"]),
    (OPTIONAL, "{slot: adjective, chance: 1.5} # HERE", ["0", "1", "1.5"]),
    (OPTIONAL, "{slot: adjective, chance: 0} # HERE", ["chance", "0", "1"]),
    (OPTIONAL, "{slot: adjective, chance: -.inf} # HERE", ["chance", "-inf"]),
    (OPTIONAL, "{slot: adjective, word: x} # HERE", ["one", "slot", "word"]),
    (OPTIONAL, "{chance: 0.25} # HERE", ["slot", "word"]),
    (OPTIONAL, "{slot: adjective, of: subject} # HERE", ["of"]),
    (OPTIONAL, "{slot: determiner} # HERE", ["of", "determiner"]),
    (OPTIONAL, "{slot: determiner, of: adjective} # HERE", ["subject", "verb"]),
    (OPTIONAL, "{word: cat} # HERE", ["cat", "slot"]),
    (OPTIONAL, "{word: two words} # HERE", ["word", "blank"]),
    ("{slot: subject}\n    - {slot: verb}", "{slot: subject, chance: .5} # HERE\n    - {slot: verb}",
     ["subject", "optional"]),
    ("  main:", "  main: # HERE", ["clause", "one verb"],
     "{slot: subject}\n    - {slot: verb}\n", "{slot: subject}\n"),
    ("{clause: back}", "{clause: bak} # HERE\n", ["bak", "back"]),
    ("{clause: back}", "{clause: back, chance: 0.5} # HERE\n", ["optional", "second sentence"]),
    ("{clause: back}", "{slot: verb} # HERE\n", ["verb", "clause"]),
    ("parts: [{word: so, chance: 0.25}, {clause: slow}, {word: .}]", "parts: [{word: so}] # HERE", ["clause", "add"]),
    ("sentences:", "sentences: # HERE", ["0.875", "1"],
     "chance: 0.375", "chance: 0.25"),
    ("sentences:", "sentences: # HERE", ["two", "word"],
     OPTIONAL, f"{OPTIONAL}\n    - {OPTIONAL}"),
    ("sentences:", "sentences: # HERE", ["300", "optional"],
     "{clause: back}", "{clause: back}" + ", {word: so, chance: 0.5}" * 9),
    ("sentences:", "sentences: # HERE", ["107", "100", "shorter"],
     "{clause: back}", "{clause: back}" + ", {word: so}" * 94),
    # Held-out contexts.
    ("share: 0.25", "share: 0.75 # HERE", ["0", "0.5", "0.75"]),
    ("subject: cat, verb", "subject: pet, verb", ["subject", "class"]),
    ("object: mat}", "object: matt} # HERE", ["matt", "object", "mat"]),
    ("verb: sat, object: mat}", "object: mat} # HERE", ["verb"]),
]  # fmt: skip


@pytest.mark.parametrize("row", MISTAKES, ids=[f"{i}-{row[1][:40]!a}" for i, row in enumerate(MISTAKES)])
def test_a_mistake_is_told_with_its_line_and_remedy(row):
    old, new, named, *further = row
    assert SMALL.count(old) == 1
    text = SMALL.replace(old, new)
    if further:
        assert text.count(further[0]) == 1
        text = text.replace(*further)
    marked = text if "HERE" in text else SMALL.replace(old, new.replace("\n", " # HERE\n", 1) + "# HERE")
    line = 1 + marked[: marked.index("HERE")].count("\n")
    with refused(f"test.yaml:{line}", *named):
        world_from(text, "test")


@pytest.mark.parametrize(
    ("raw", "place", "named"),
    [
        (b"a: 1\nb: \xff\n", "raw.yaml:2", ["UTF-8"]),
        (SMALL.encode("utf-16"), "raw.yaml:1", ["UTF-8"]),
        (SMALL.encode("utf-16-le"), "raw.yaml:1", ["UTF-8"]),
        (b"a: 1\nb: \x00\n", "raw.yaml:2", ["U+0000"]),
        (b"#" * (MAX_BYTES + 1), "raw.yaml", ["1,000,000"]),
    ],
    ids=["latin", "utf-16", "utf-16 without a mark", "nul", "large"],
)
def test_a_file_that_is_not_text(tmp_path, raw, place, named):
    path = tmp_path / "raw.yaml"
    path.write_bytes(raw)
    with refused(place, *named):
        read_yaml(path, "raw.yaml")


def test_a_file_that_cannot_be_read(tmp_path):
    with refused(str(tmp_path / "gone.yaml"), "No such file"):
        read_yaml(tmp_path / "gone.yaml")
    with refused(str(tmp_path), "directory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n...\n", "null"])
def test_an_empty_file(text):
    with refused(f"test.yaml:{2 if '---' in text else 1}", "empty", "keys"):
        world_from(text)


def test_values_are_what_they_look_like():
    text = "[on, no, yes, 'true', true, null, ~, 1e-3, .5, -7, +2., 007, 1_000, 0x1f, 12:30, 2020-01-01, .inf, '5', é]"
    expected = ["on", "no", "yes", "true", True, None, None, 0.001, 0.5, -7, 2.0, 7, "1_000", "0x1f", "12:30"]
    values = parse_yaml(text, "x").value
    assert values == [*expected, "2020-01-01", float("inf"), "5", "é"]
    assert [type(value) for value in values[:15]] == [type(value) for value in expected]


@pytest.mark.parametrize("text", ['"\\UFFFFFFFF"', "%YAML 1." + "9" * 5000 + "\n---\na", '"\\uD800"', "a: \ud800"])
@pytest.mark.parametrize("loader", [LOADER, yaml.SafeLoader])
def test_odd_files_with_and_without_the_c_library(loader, text):
    try:
        parse_yaml(text, "test.yaml", loader)
    except InputError as error:
        assert_told_well(error)


# Mutations: nothing that a slip of the hand, a merge or a joker leaves in a file may end in a traceback.


SHIPPED = ["english", "german", "singular_plural", "telling_preposition", "two_stories", "verb_decides"]


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
            assert printable(message) == message, ascii(message)
            assert re.match(r"test\.yaml:[0-9]+: ", message), message
            assert len(message) <= 1_000
    assert 50 < worlds < 950, "the mutations are neither all harmless nor all fatal"
