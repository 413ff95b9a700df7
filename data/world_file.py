"""Check every entry of a world file, and return plain values from which `data.world` computes its tables.

A world file is a mapping with the keys

    format        1
    title         one line about the world
    words         slot -> words, or slot -> class -> words; subject, verb and object are needed
    groups        name -> words: further names for several words at once (optional)
    forms         slot -> name -> {word: weight}: words that a content word takes, such as determiners (optional)
    preferences   list of {between: [slot, slot], strength, pairs: name -> [names]}
    clauses       name -> list of parts; a part is {slot}, {slot, of} or {word}, each with an optional `chance`
    word_forms    name -> {blank, case or words}: forms of a clause's words, see `data.word_form_entries` (optional)
    sentences     list of {chance, parts, order: any}; here a part may also be {clause: name, form: name}
    held_out      {share, always: [{subject, verb, object}]}: contexts that are held out from training
    examples      sentences to show

where a name is a word, a class, a group, or (in forms) `default`.
"""

import math
from collections.abc import Callable

from data.errors import printable, suggestion
from data.grammar import CONTENT, MAX_TEMPLATES, Part, Sentence
from data.word_form_entries import check_spellings, check_without_form, clause_in_form, read_word_forms
from data.world_entries import WorldFile, add_name, read_name, read_word, resolve
from data.yaml_file import Document, Reader

FORMAT = 1
MAX_STRENGTH = 20.0
MAX_COMBINATIONS = 2_000_000


def check_world(document: Document) -> WorldFile:
    """The checked entries of a parsed world file; raises InputError with file, line and remedy."""
    world = WorldFile(document)
    entries = Reader(document).mapping(_READERS, required=("format", "words", "preferences", "clauses", "sentences"))
    for name, read in _READERS.items():
        if name in entries:
            read(world, entries[name])
    return world


def _read_format(_: WorldFile, entry: Reader) -> None:
    entry.require(
        entry.value == FORMAT and not isinstance(entry.value, bool),
        f"this program reads format {FORMAT}; update catmat, or write format: {FORMAT}",
    )


def _read_title(world: WorldFile, entry: Reader) -> None:
    world.title = printable(entry.text())


def _read_words(world: WorldFile, entry: Reader) -> None:
    seen: dict[str, Reader] = {}
    for slot, words in entry.mapping(None, CONTENT).items():
        read_name(words, slot)
        grouped = isinstance(words.value, dict)
        words.require(words.value or not grouped, "is empty; give it words")
        world.slots[slot] = []
        classes = words.mapping() if grouped else {slot: words}
        for class_name, members in classes.items():
            for item in members.items():
                word = read_word(item)
                if word in seen:
                    raise item.fail(
                        f"'{word}' stands twice (also a {seen[word].path[1]}); a word belongs to one slot, once"
                    )
                seen[word] = item
                world.slots[slot].append(word)
                world.class_of[word] = class_name
            if grouped:
                add_name(world, members, class_name, [w for w in world.slots[slot] if world.class_of[w] == class_name])
    for word, item in seen.items():
        item.require(word not in world.names, f"'{word}' names both a class and a word; rename the class")
        world.names[word] = [word]
    combinations = math.prod(len(world.slots[slot]) for slot in CONTENT)
    entry.require(
        combinations <= MAX_COMBINATIONS,
        f"{combinations:,} combinations of content words, more than {MAX_COMBINATIONS:,}; use fewer",
    )


def _read_groups(world: WorldFile, entry: Reader) -> None:
    for name, members in entry.mapping().items():
        words = [w for item in members.items() for w in resolve(world, item, item.value, world.slots)]
        add_name(world, members, name, words)


def _read_forms(world: WorldFile, entry: Reader) -> None:
    for slot, takes in entry.mapping().items():
        read_name(takes, slot)
        takes.require(slot not in {*world.slots, *world.names}, f"the name '{slot}' is taken; choose another")
        table: dict[str, dict[str, float]] = {}
        for name, weights in takes.mapping().items():
            form = {
                read_word(Reader(w.document, w.path, key)): w.number(1e-6, 1e6) for key, w in weights.mapping().items()
            }
            weights.require(form, "is empty; give it at least one word, such as {the: 1}")
            for word in form:
                weights.require(
                    word not in world.class_of,
                    f"'{word}' is already a word of another slot; a word belongs to one slot, once",
                )
            for noun in [name] if name == "default" else resolve(world, weights, name, CONTENT):
                weights.require(noun not in table, f"'{noun}' has its {slot} already; name it once")
                table[noun] = form
        takes.require(table, "is empty; say which words it has, such as default: {the: 1}")
        world.forms[slot] = table


def _read_preferences(world: WorldFile, entry: Reader) -> None:
    for preference in entry.items(empty=True):
        parts = preference.mapping((), ("between", "strength", "pairs"))
        between = [item.text() for item in parts["between"].items()]
        parts["between"].require(
            len(between) == len({*between} & {*CONTENT}) == 2,
            f"must name two of {', '.join(CONTENT)}, such as [subject, verb]",
        )
        strength = parts["strength"].number(-MAX_STRENGTH, MAX_STRENGTH)
        pairs: list[tuple[str, str]] = []
        for name, liked in parts["pairs"].mapping().items():
            left = resolve(world, liked, name, between[:1])
            for item in liked.items():
                pairs += [(a, b) for a in left for b in resolve(world, item, item.value, between[1:])]
        world.preferences.append((between[0], between[1], strength, pairs))


def _read_part(world: WorldFile, entry: Reader, in_clause: bool) -> Part:
    parts = entry.mapping(
        ("slot", "word", "of", "chance") if in_clause else ("slot", "word", "clause", "form", "chance")
    )
    kinds = [key for key in ("slot", "word", "clause") if key in parts]
    entry.require(len(kinds) == 1, "must have exactly one of slot, word" + ("" if in_clause else ", clause"))
    chance = parts["chance"].chance() if "chance" in parts else 1.0
    if kinds == ["word"]:
        word = read_word(parts["word"])
        parts["word"].require(
            word not in world.class_of, f"'{word}' is a word of a slot; write slot: ..., or another word"
        )
        return Part(word, chance, is_word=True)
    name = parts[kinds[0]].text()
    if kinds == ["clause"]:
        parts["clause"].require(name in world.clauses, f"unknown clause '{name}'{suggestion(name, world.clauses)}")
        parts.get("chance", entry).require(chance == 1, "a clause is not optional; write a second sentence without it")
        clause = Part(name, clause=world.clauses[name])
        if "form" in parts:
            return clause_in_form(world, clause, parts["form"])
        check_without_form(world, clause, entry)
        return clause
    parts.get("form", entry).require("form" not in parts, "only a clause has a form; remove it")
    part = _slot_part(world, parts, name, chance, in_clause)
    if not in_clause:
        check_without_form(world, part, entry)
    return part


def _slot_part(world: WorldFile, parts: dict[str, Reader], name: str, chance: float, in_clause: bool) -> Part:
    known = [*world.slots, *world.forms]
    parts["slot"].require(name in known, f"unknown slot '{name}'{suggestion(name, known)}")
    parts["slot"].require(
        name not in CONTENT or (chance == 1 and in_clause),
        f"a {name} stands in a clause and is never optional; move it, or remove its chance",
    )
    parts["slot"].require(
        (name in world.forms) == ("of" in parts),
        f"a slot of `forms`, and only such a slot, needs `of`; see the entry '{name}'",
    )
    if "of" not in parts:
        return Part(name, chance)
    of, table = parts["of"].text(), world.forms[name]
    parts["of"].require(of in CONTENT, f"must be one of {', '.join(CONTENT)}, not '{of}'")
    for word in world.slots[of]:
        parts["of"].require(
            word in table or "default" in table, f"'{word}' has no {name}; add it under forms, or add default"
        )
    return Part(name, chance, of)


def _read_clauses(world: WorldFile, entry: Reader) -> None:
    for name, clause in entry.mapping().items():
        parts = tuple(_read_part(world, item, in_clause=True) for item in clause.items())
        for slot in CONTENT:
            count = sum(part.slot == slot and not part.is_word for part in parts)
            clause.require(count == 1, f"a clause has exactly one {slot}; add or remove")
        world.clauses[name] = parts


def _read_sentences(world: WorldFile, entry: Reader) -> None:
    for item in entry.items():
        parts = item.mapping(("order",), ("chance", "parts"))
        chance = parts["chance"].chance()
        if "order" in parts:
            order = parts["order"]
            order.require(order.value == "any", "must be any, or be left out: words then stand as the parts do")
        sentence = tuple(_read_part(world, part, in_clause=False) for part in parts["parts"].items())
        forms = [part.form for part in sentence if part.clause]
        parts["parts"].require(forms, "a sentence has at least one clause; add {clause: ...}")
        parts["parts"].require(
            len({*forms}) == len(forms) or not any(forms), "two clauses have the same form; each needs one of its own"
        )
        world.sentences.append(Sentence(chance, sentence, any_order="order" in parts))
    check_spellings(world, entry)
    entry.require(len(world.sentences) <= MAX_TEMPLATES, f"more than {MAX_TEMPLATES} sentences; use fewer")
    total = sum(sentence.chance for sentence in world.sentences)
    entry.require(abs(total - 1) <= 1e-9, f"the chances sum to {total:g}; make them sum to 1")


def _read_held_out(world: WorldFile, entry: Reader) -> None:
    parts = entry.mapping(("share", "always"))
    if "share" in parts:
        world.held_out_share = parts["share"].number(0, 0.5)
    for item in parts["always"].items(empty=True) if "always" in parts else []:
        blanks = item.mapping((), CONTENT)
        words = {slot: resolve(world, blanks[slot], blanks[slot].value, [slot]) for slot in CONTENT}
        for slot, found in words.items():
            blanks[slot].require(len(found) == 1, f"must be one {slot}, not a class")
        world.always_held_out.append((words["subject"][0], words["verb"][0], words["object"][0]))


def _read_examples(world: WorldFile, entry: Reader) -> None:
    world.examples = [item.text() for item in entry.items(empty=True)]


_READERS: dict[str, Callable[[WorldFile, Reader], None]] = {
    "format": _read_format,
    "title": _read_title,
    "words": _read_words,
    "groups": _read_groups,
    "forms": _read_forms,
    "preferences": _read_preferences,
    "clauses": _read_clauses,
    "word_forms": read_word_forms,
    "sentences": _read_sentences,
    "held_out": _read_held_out,
    "examples": _read_examples,
}
"""How each entry is read, in this order: an entry may use the names of those before it."""
