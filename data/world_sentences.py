"""Read the clauses and sentences of a world file."""

from data.errors import suggestion
from data.grammar import CONTENT, MAX_TEMPLATES, Part
from data.reader import Reader
from data.world_entries import WorldFile, read_word


def _read_part(world: WorldFile, entry: Reader, in_clause: bool) -> Part:
    parts = entry.mapping(("slot", "word", "of", "chance") if in_clause else ("slot", "word", "clause", "chance"))
    kinds = [key for key in ("slot", "word", "clause") if key in parts]
    entry.require(len(kinds) == 1, "must have exactly one of slot, word" + ("" if in_clause else ", clause"))
    chance = parts["chance"].chance() if "chance" in parts else 1.0
    if kinds == ["word"]:
        word = read_word(parts["word"])
        in_slot = f"'{word}' is a word of a slot; write slot: ..., or another word"
        parts["word"].require(word not in world.class_of, in_slot)
        return Part(word, chance, is_word=True)
    name = parts[kinds[0]].text()
    if kinds == ["clause"]:
        if name not in world.clauses:
            raise parts["clause"].fail(f"unknown clause '{name}'{suggestion(name, world.clauses)}")
        optional = "a clause is not optional; write a second sentence without it"
        parts.get("chance", entry).require(chance == 1, optional)
        return Part(name, clause=world.clauses[name])
    return _slot_part(world, parts, name, chance, in_clause)


def _slot_part(world: WorldFile, parts: dict[str, Reader], name: str, chance: float, in_clause: bool) -> Part:
    if name not in world.slots and name not in world.forms:
        raise parts["slot"].fail(f"unknown slot '{name}'{suggestion(name, [*world.slots, *world.forms])}")
    allowed = name not in CONTENT or (chance == 1 and in_clause)
    parts["slot"].require(allowed, f"a {name} stands in a clause and is never optional; move it, or remove its chance")
    agrees = (name in world.forms) == ("of" in parts)
    parts["slot"].require(agrees, f"a slot of `forms`, and only such a slot, needs `of`; see the entry '{name}'")
    if "of" not in parts:
        return Part(name, chance)
    of, table = parts["of"].text(), world.forms[name]
    parts["of"].require(of in CONTENT, f"must be one of {', '.join(CONTENT)}, not '{of}'")
    for word in world.slots[of]:
        has_form = word in table or "default" in table
        parts["of"].require(has_form, f"'{word}' has no {name}; add it under forms, or add default")
    return Part(name, chance, of)


def read_clauses(world: WorldFile, entry: Reader) -> None:
    """Add the clauses of the file's `clauses` to `world`."""
    for name, clause in entry.mapping().items():
        parts = tuple(_read_part(world, item, in_clause=True) for item in clause.items())
        for slot in CONTENT:
            count = sum(part.slot == slot and not part.is_word for part in parts)
            clause.require(count == 1, f"a clause has exactly one {slot}; add or remove")
        world.clauses[name] = parts


def read_sentences(world: WorldFile, entry: Reader) -> None:
    """Add the sentences of the file's `sentences` to `world`."""
    for item in entry.items():
        parts = item.mapping((), ("chance", "parts"))
        chance = parts["chance"].chance()
        sentence = tuple(_read_part(world, part, in_clause=False) for part in parts["parts"].items())
        has_clause = any(part.clause for part in sentence)
        parts["parts"].require(has_clause, "a sentence has at least one clause; add {clause: ...}")
        world.sentences.append((chance, sentence))
    entry.require(len(world.sentences) <= MAX_TEMPLATES, f"more than {MAX_TEMPLATES} sentences; use fewer")
    total = sum(chance for chance, _ in world.sentences)
    entry.require(abs(total - 1) <= 1e-9, f"the chances sum to {total:g}; make them sum to 1")
