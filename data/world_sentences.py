"""Read the clauses and sentences of a world file."""

from data.errors import suggestion
from data.grammar import CONTENT, MAX_TEMPLATES, Part
from data.reader import Reader
from data.world_entries import WorldFile, read_word


def _read_part(world: WorldFile, entry: Reader, in_clause: bool) -> Part:
    parts = entry.mapping(("slot", "word", "of", "chance") if in_clause else ("slot", "word", "clause", "chance"))
    kinds = [key for key in ("slot", "word", "clause") if key in parts]
    if len(kinds) != 1:
        raise entry.fail("must have exactly one of slot, word" + ("" if in_clause else ", clause"))
    chance = parts["chance"].chance() if "chance" in parts else 1.0
    if kinds == ["word"]:
        word = read_word(parts["word"])
        if word in world.class_of:
            raise parts["word"].fail(f"'{word}' is a word of a slot; write slot: ..., or another word")
        return Part(word, chance, is_word=True)
    name = parts[kinds[0]].text()
    if kinds == ["clause"]:
        if name not in world.clauses:
            raise parts["clause"].fail(f"unknown clause '{name}'{suggestion(name, world.clauses)}")
        if chance < 1:
            raise parts["chance"].fail("a clause is not optional; write a second sentence without it")
        return Part(name, clause=world.clauses[name])
    return _slot_part(world, parts, name, chance, in_clause)


def _slot_part(world: WorldFile, parts: dict[str, Reader], name: str, chance: float, in_clause: bool) -> Part:
    if name not in world.slots and name not in world.forms:
        raise parts["slot"].fail(f"unknown slot '{name}'{suggestion(name, [*world.slots, *world.forms])}")
    if name in CONTENT and (chance < 1 or not in_clause):
        raise parts["slot"].fail(f"a {name} stands in a clause and is never optional; move it, or remove its chance")
    if (name in world.forms) != ("of" in parts):
        raise parts["slot"].fail(f"a slot of `forms`, and only such a slot, needs `of`; see the entry '{name}'")
    of = parts["of"].text() if "of" in parts else None
    if of is not None:
        if of not in CONTENT:
            raise parts["of"].fail(f"must be one of {', '.join(CONTENT)}, not '{of}'")
        table = world.forms[name]
        without = [word for word in world.slots[of] if word not in table and "default" not in table]
        if without:
            raise parts["of"].fail(f"'{without[0]}' has no {name}; add it under forms, or add default")
    return Part(name, chance, of)


def read_clauses(world: WorldFile, entry: Reader) -> None:
    """Add the clauses of the file's `clauses` to `world`."""
    for name, clause in entry.mapping().items():
        parts = tuple(_read_part(world, item, in_clause=True) for item in clause.items())
        for slot in CONTENT:
            if sum(part.slot == slot and not part.is_word for part in parts) != 1:
                raise clause.fail(f"a clause has exactly one {slot}; add or remove")
        world.clauses[name] = parts


def read_sentences(world: WorldFile, entry: Reader) -> None:
    """Add the sentences of the file's `sentences` to `world`."""
    for item in entry.items():
        parts = item.mapping((), ("chance", "parts"))
        chance = parts["chance"].chance()
        sentence = tuple(_read_part(world, part, in_clause=False) for part in parts["parts"].items())
        if not any(part.clause for part in sentence):
            raise parts["parts"].fail("a sentence has at least one clause; add {clause: ...}")
        world.sentences.append((chance, sentence))
    if len(world.sentences) > MAX_TEMPLATES:
        raise entry.fail(f"more than {MAX_TEMPLATES} sentences; use fewer")
    total = sum(chance for chance, _ in world.sentences)
    if abs(total - 1) > 1e-9:
        raise entry.fail(f"the chances sum to {total:g}; make them sum to 1")
