"""Read a world file: check every entry, and hand over plain values for `data.world` to compute with.

A world file is a mapping with the keys

    format        1
    title         one line about the world
    words         slot -> words, or slot -> class -> words; subject, verb and object are needed
    groups        name -> words: further names for several words at once (optional)
    forms         slot -> name -> {word: weight}: words that a content word takes, such as determiners (optional)
    preferences   list of {between: [slot, slot], strength, pairs: name -> [names]}
    clauses       name -> list of parts; a part is {slot}, {slot, of} or {word}, each with an optional `chance`
    sentences     list of {chance, parts}; here a part may also be {clause: name}
    held_out      {share, always: [{subject, verb, object}]}: contexts that training never asks for
    examples      sentences to show

where a name is a word, a class, a group, or (in forms) `default`.
"""

from pathlib import Path

from data.errors import printable
from data.grammar import CONTENT
from data.reader import Reader
from data.world_entries import WorldFile, add_name, read_name, read_word, resolve
from data.world_sentences import read_clauses, read_sentences
from data.yaml_file import Document, read_yaml

FORMAT = 1
MAX_STRENGTH = 20.0
MAX_COMBINATIONS = 2_000_000


def read_world_file(path: Path, name: str | None = None) -> WorldFile:
    """Read and check the world file at `path`; raises InputError with file, line and remedy."""
    return check_world(read_yaml(path, name))


def check_world(document: Document) -> WorldFile:
    """The checked entries of a parsed world file."""
    world = WorldFile(document)
    required = ("format", "words", "preferences", "clauses", "sentences")
    entries = Reader(document).mapping(("title", "groups", "forms", "held_out", "examples"), required)
    if isinstance(entries["format"].value, bool) or entries["format"].value != FORMAT:
        raise entries["format"].fail(f"this program reads format {FORMAT}; update catmat, or write format: {FORMAT}")
    if "title" in entries:
        world.title = printable(entries["title"].text())
    _read_words(world, entries["words"])
    if "groups" in entries:
        _read_groups(world, entries["groups"])
    if "forms" in entries:
        _read_forms(world, entries["forms"])
    for item in entries["preferences"].items(empty=True):
        _read_preference(world, item)
    read_clauses(world, entries["clauses"])
    read_sentences(world, entries["sentences"])
    if "held_out" in entries:
        _read_held_out(world, entries["held_out"])
    if "examples" in entries:
        world.examples = [item.text() for item in entries["examples"].items(empty=True)]
    return world


def _read_words(world: WorldFile, entry: Reader) -> None:
    seen: dict[str, Reader] = {}
    for slot, words in entry.mapping(None, CONTENT).items():
        read_name(words, slot)
        grouped = isinstance(words.value, dict)
        if grouped and not words.value:
            raise words.fail("is empty; give it words")
        world.slots[slot] = []
        classes = words.mapping() if grouped else {slot: words}
        for class_name, members in classes.items():
            for item in members.items():
                word = read_word(item)
                if word in seen:
                    first = seen[word].path[1]
                    raise item.fail(f"'{word}' stands twice (also a {first}); a word belongs to one slot, once")
                seen[word] = item
                world.slots[slot].append(word)
                world.class_of[word] = class_name
            if grouped:
                add_name(world, members, class_name, [w for w in world.slots[slot] if world.class_of[w] == class_name])
    for word, item in seen.items():
        if word in world.names:
            raise item.fail(f"'{word}' names both a class and a word; rename the class")
        world.names[word] = [word]
    combinations = len(world.slots["subject"]) * len(world.slots["verb"]) * len(world.slots["object"])
    if combinations > MAX_COMBINATIONS:
        raise entry.fail(f"{combinations:,} combinations of content words, more than {MAX_COMBINATIONS:,}; use fewer")


def _read_groups(world: WorldFile, entry: Reader) -> None:
    for name, members in entry.mapping().items():
        words = [w for item in members.items() for w in resolve(world, item, item.value, world.slots)]
        add_name(world, members, name, words)


def _read_forms(world: WorldFile, entry: Reader) -> None:
    for slot, takes in entry.mapping().items():
        read_name(takes, slot)
        if slot in world.slots or slot in world.names:
            raise takes.fail(f"the name '{slot}' is taken; choose another")
        table: dict[str, dict[str, float]] = {}
        for name, weights in takes.mapping().items():
            form = {
                read_word(Reader(w.document, w.path, key)): w.number(1e-6, 1e6) for key, w in weights.mapping().items()
            }
            if not form:
                raise weights.fail("is empty; give it at least one word, such as {the: 1}")
            for word in form:
                if word in world.class_of:
                    raise weights.fail(f"'{word}' is already a word of another slot; a word belongs to one slot, once")
            for noun in [name] if name == "default" else resolve(world, weights, name, CONTENT):
                if noun in table:
                    raise weights.fail(f"'{noun}' has its {slot} already; name it once")
                table[noun] = form
        if not table:
            raise takes.fail("is empty; say which words it has, such as default: {the: 1}")
        world.forms[slot] = table


def _read_preference(world: WorldFile, entry: Reader) -> None:
    parts = entry.mapping((), ("between", "strength", "pairs"))
    between = [item.text() for item in parts["between"].items()]
    if len(between) != 2 or len({*between} & {*CONTENT}) != 2:
        raise parts["between"].fail(f"must name two of {', '.join(CONTENT)}, such as [subject, verb]")
    strength = parts["strength"].number(-MAX_STRENGTH, MAX_STRENGTH)
    pairs: list[tuple[str, str]] = []
    for name, liked in parts["pairs"].mapping().items():
        left = resolve(world, liked, name, between[:1])
        for item in liked.items():
            pairs += [(a, b) for a in left for b in resolve(world, item, item.value, between[1:])]
    world.preferences.append((between[0], between[1], strength, pairs))


def _read_held_out(world: WorldFile, entry: Reader) -> None:
    parts = entry.mapping(("share", "always"))
    if "share" in parts:
        world.held_out_share = parts["share"].number(0, 0.5)
    for item in parts["always"].items(empty=True) if "always" in parts else []:
        blanks = item.mapping((), CONTENT)
        words = [resolve(world, blanks[slot], blanks[slot].value, [slot]) for slot in CONTENT]
        for slot, found in zip(CONTENT, words, strict=True):
            if len(found) != 1:
                raise blanks[slot].fail(f"must be one {slot}, not a class")
        world.always_held_out.append((words[0][0], words[1][0], words[2][0]))
