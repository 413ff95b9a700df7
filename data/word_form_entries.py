"""The entry `word_forms` of a world file, and the forms that sentences give their clauses.

word_forms:                          name -> {blank, case or words}
  whispered: {blank: "[mask]"}                                words as they stand
  shouted: {blank: "[MASK]", case: upper}                     words in capitals
  small: {blank: "[ki]", words: {kapu: kikapu, ...}}          each word's spelling
"""

from collections.abc import Iterator

from data.errors import suggestion
from data.grammar import Part
from data.vocabulary import PAD, SPECIAL_WORDS
from data.world_entries import FormEntry, WorldFile, read_name, read_word
from data.yaml_file import Reader

_CASES = ("upper", "lower")


def read_word_forms(world: WorldFile, entry: Reader) -> None:
    """Check the entry and keep it in `world.word_forms`."""
    blanks: dict[str, str] = {}
    for name, form in entry.mapping().items():
        read_name(form, name)
        parts = form.mapping(("case", "words"), ("blank",))
        form.require(len(parts) < 3, "has both case and words; a word's spelling is made by one of them")
        blank = _blank(parts["blank"])
        parts["blank"].require(
            blank not in blanks, f"'{blank}' is the blank of {blanks.get(blank)} already; a blank tells the form"
        )
        blanks[blank] = name
        case = parts["case"].text() if "case" in parts else ""
        parts.get("case", form).require(case in ("", *_CASES), f"must be {' or '.join(_CASES)}, not '{case}'")
        words = _listed(world, parts["words"]) if "words" in parts else None
        world.word_forms[name] = FormEntry(blank, case, words)


def clause_in_form(world: WorldFile, clause: Part, form: Reader) -> Part:
    """The clause with the form that `form` names, in which each of its words must have a spelling of its own.

    Raises:
      InputError: there is no such form, or a word has no spelling in it, or one that means another word.
    """
    name = form.text()
    form.require(name in world.word_forms, f"unknown form '{name}'{suggestion(name, world.word_forms)}")
    own = world.word_forms[name]
    for word in _slot_words(world, clause):
        spelling = own.spell(word)
        if spelling is None:
            raise form.fail(f"'{word}' has no form {name}; list it under word_forms: {name}: words")
        meaning = (word, name)
        taken = world.spellings.setdefault(spelling, meaning)
        form.require(
            taken == meaning,
            f"'{spelling}' would be both '{taken[0]}' {taken[1]} and '{word}' {name}; spell one of them otherwise",
        )
        own.spelled[word] = spelling
    return clause.in_form(name, own.in_case)


def check_spellings(world: WorldFile, entry: Reader) -> None:
    """Refuse a form's spelling of a word that is another word of the world; raises InputError."""
    others = {word for words in world.slots.values() for word in words}
    others |= {word for table in world.forms.values() for form in table.values() for word in form}
    others |= {part.slot for _, part in _parts(world) if part.is_word}
    for form in world.word_forms.values():
        entry.require(
            form.blank not in others, f"'{form.blank}' is a blank and a word of its own too; choose another blank"
        )
    for spelling, (word, name) in world.spellings.items():
        entry.require(
            spelling == word or spelling not in others,
            f"'{spelling}' is '{word}' {name}, and a word of its own too; spell one of them otherwise",
        )


def _blank(entry: Reader) -> str:
    blank = entry.text()
    if blank in SPECIAL_WORDS:
        entry.require(blank != SPECIAL_WORDS[PAD], f"'{blank}' cannot be a blank: it is reserved; choose another")
        return blank
    entry.require(
        len(blank) > 2 and blank[0] == "[" and blank[-1] == "]", f"'{blank}' is no blank; write it in brackets: [mask]"
    )
    return read_word(entry)


def _listed(world: WorldFile, entry: Reader) -> dict[str, str]:
    known = {word for words in world.slots.values() for word in words}
    known |= {word for table in world.forms.values() for form in table.values() for word in form}
    words = {}
    for word, spelling in entry.mapping().items():
        base = read_word(Reader(entry.document, spelling.path, word))
        spelling.require(base in known, f"'{base}' is no word of a slot{suggestion(base, known)}")
        words[base] = read_word(spelling)
    return words


def _slot_words(world: WorldFile, clause: Part) -> Iterator[str]:
    """Every word that a clause's slots can hold."""
    for part in clause.clause:
        if part.of is not None:
            table = world.forms[part.slot]
            for word in world.slots[part.of]:
                yield from table.get(word) or table.get("default") or {}
        elif not part.is_word:
            yield from world.slots[part.slot]


def _parts(world: WorldFile) -> Iterator[tuple[str, Part]]:
    """Every part of every sentence, those of clauses included, with the form of its clause."""
    for sentence in world.sentences:
        for outer in sentence.parts:
            yield from ((outer.form, inner) for inner in outer.clause or (outer,))
