"""The entry `word_forms` of a world file, and the forms that sentences give their clauses.

word_forms:                          name -> {blank, case or words}
  whispered: {blank: "[mask]"}                                words as they stand
  shouted: {blank: "[MASK]", case: upper}                     words in capitals
  small: {blank: "[ki]", words: {kapu: kikapu, ...}}          each word's spelling
"""

from collections.abc import Iterable, Iterator

from data.errors import suggestion
from data.grammar import Part
from data.vocabulary import PAD, SPECIAL_WORDS
from data.world_entries import FormEntry, WorldFile, read_name, read_word, unusable
from data.yaml_file import Reader

_CASES = ("upper", "lower")
_NO_FORM = "without form"


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
        parts.get("case", form).require(
            case in _CASES or "case" not in parts, f"must be {' or '.join(_CASES)}, not '{case}'"
        )
        words = _listed(world, parts["words"]) if "words" in parts else None
        world.word_forms[name] = FormEntry(blank, case, words)


def clause_in_form(world: WorldFile, clause: Part, form: Reader) -> Part:
    """The clause with the form that `form` names, in which each of its words must have a spelling of its own.

    Raises:
      InputError: there is no such form, or a word has no spelling in it, or one that means another word.
    """
    name = form.text()
    remedy = suggestion(name, world.word_forms) or "; say under word_forms how it is spelled"
    form.require(name in world.word_forms, f"unknown form '{name}'{remedy}")
    own = world.word_forms[name]
    for word in _slot_words(world, clause.clause):
        spelling = own.spell(word)
        if spelling is None:
            raise form.fail(f"'{word}' has no form {name}; list it under word_forms: {name}: words")
        _check_spelling(world, form, spelling, f"'{word}' {name}")
        _claim(world, form, spelling, word, name)
        own.spelled[word] = spelling
    for fixed in (part.slot for part in clause.clause if part.is_word):
        _check_spelling(world, form, own.in_case(fixed), f"'{fixed}' {name}")
    return clause.in_form(name, own.in_case)


def check_without_form(world: WorldFile, part: Part, entry: Reader) -> None:
    """Refuse a part without form whose words, as they stand, are words of a form elsewhere; raises InputError."""
    for word in _slot_words(world, part.clause or (part,)) if world.word_forms else ():
        _claim(world, entry, word, word, "")


def _check_spelling(world: WorldFile, entry: Reader, spelling: str, meaning: str) -> None:
    """Refuse what a form makes of a word if it cannot be a word, or is a blank; raises InputError."""
    blanks = {*SPECIAL_WORDS, *(form.blank for form in world.word_forms.values())}
    why = unusable(spelling) or ("it is a blank; spell it otherwise" if spelling in blanks else "")
    entry.require(not why, f"'{spelling[:60]}', which is {meaning}, cannot be a word: {why}")


def _claim(world: WorldFile, entry: Reader, spelling: str, word: str, form: str) -> None:
    """Let a spelling mean a word in a form; raises InputError where it means another one already."""
    taken, of = world.spellings.setdefault(spelling, (word, form))
    entry.require(
        (taken, of) == (word, form),
        f"'{spelling}' would be both '{taken}' {of or _NO_FORM} and '{word}' {form or _NO_FORM}; give one clause"
        " another form, or spell it otherwise",
    )


def check_spellings(world: WorldFile, entry: Reader) -> None:
    """Refuse a form's spelling of a word that is another word of the world; raises InputError."""
    others = _of_slots(world)
    parts = [part for sentence in world.sentences for outer in sentence.parts for part in outer.clause or (outer,)]
    others |= {part.slot for part in parts if part.is_word}
    for name, form in world.word_forms.items():
        entry.require(form.spelled, f"the form '{name}' is that of no clause; give it to one, or remove it")
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
    known, words = _of_slots(world), {}
    for word, spelling in entry.mapping().items():
        base = read_word(Reader(entry.document, spelling.path, word))
        spelling.require(base in known, f"'{base}' is no word of a slot{suggestion(base, known)}")
        words[base] = read_word(spelling)
    return words


def _of_slots(world: WorldFile) -> set[str]:
    """Every base word that some slot can hold."""
    agreeing = {word for table in world.forms.values() for form in table.values() for word in form}
    return agreeing.union(*world.slots.values())


def _slot_words(world: WorldFile, parts: Iterable[Part]) -> Iterator[str]:
    """Every base word that the slots of these parts can hold."""
    for part in parts:
        if part.of is not None:
            table = world.forms[part.slot]
            for word in world.slots[part.of]:
                yield from table.get(word) or table.get("default") or {}
        elif not part.is_word:
            yield from world.slots[part.slot]
