"""Words in a terminal's tables: in their place also if they are written from right to left, and how wide they are.

A terminal or a browser that reorders would otherwise draw a row's numbers into the run of a word in Arabic or Hebrew
script: "42." for ".42", in a wrong column.
"""

import unicodedata
from itertools import groupby

from rich.cells import cell_len

from data.errors import printable
from data.vocabulary import MASK
from data.world import World

_ISOLATE, _END = "\u2068", "\u2069"
"""First strong isolate, pop directional isolate: what stands between them does not move its neighbours."""
_FROM_RIGHT_TO_LEFT = ("R", "AL", "AN")


def table_word(word: str, encoding: str = "utf-8") -> str:
    """A word as a table shows it: without control characters, isolated if some of it runs from right to left.

    Args:
      word: as it stands in the world; words come from users.
      encoding: the output's. Characters that it lacks are written as escapes here, so that they can be measured.
    """
    shown = printable(word).encode(encoding, "backslashreplace").decode(encoding)
    if not any(unicodedata.bidirectional(c) in _FROM_RIGHT_TO_LEFT for c in shown):
        return shown
    isolated = f"{_ISOLATE}{shown}{_END}"
    try:
        isolated.encode(encoding)
    except UnicodeEncodeError:  # ISO 8859-6 and -8: Arabic and Hebrew letters without isolates
        return shown
    return isolated


def table_width(shown: str) -> int:
    """Columns of a terminal that a text takes: 2 for a Chinese character or an emoji, 0 for joiners and accents."""
    return cell_len(shown)


_MOST_FORMS = 6
"""So many forms of sentences are listed, the shortest."""


def word_list(world: World) -> str:
    """All words of a world, a line for each class of each slot, "subject (pet): cat dog rabbit"; and its sentences.

    Where words have forms the line begins with the form; blanks are no words.
    """
    words, blanks = world.vocabulary.words, {*world.vocabulary.blanks}
    agreeing = {word: field.slot for field, fits in world.field_words.items() if field.of for word in fits}

    def group(number: int) -> tuple[str, str, str]:
        slot = world.slot_of.get(number) or agreeing.get(number, "other words")
        return world.form_of.get(number, ""), slot, world.class_of.get(number, slot)

    lines = []
    for (form, slot, of_class), numbers in groupby(
        (n for n in range(MASK + 1, len(words)) if words[n] not in blanks), group
    ):
        kind = f"{form} {slot}" if form else slot
        named = f"{kind} ({of_class})" if of_class not in ("", slot) else kind
        lines.append(f"{named}: {' '.join(printable(words[number]) for number in numbers)}")
    forms = sorted((printable(str(template)) for template in world.templates), key=len)
    lines += ["", about_forms(world)] if world.word_forms.names else []
    lines += ["", "Sentences have one of these forms:", *(f"  {form}" for form in forms[:_MOST_FORMS])]
    if len(forms) > _MOST_FORMS:
        lines.append(f"  ... and {len(forms) - _MOST_FORMS} longer ones")
    lines += [f"for example: {printable(example)}" for example in list(world.examples)[:1]]
    return "\n".join(lines)


def about_forms(world: World) -> str:
    """What stands for a masked word, and what is guessed, in a sentence; nothing where words have no forms."""
    forms, words = world.word_forms, world.vocabulary.words
    blanks = [f"{words[blank]} ({name})" for name, blank in zip(forms.names, forms.blank_F[1:], strict=True)]
    listed = " or ".join([", ".join(blanks[:-1]), blanks[-1]] if len(blanks) > 1 else blanks)
    stands = (
        f"In place of a masked word stands the blank of its form, {listed}; its base word, without form, is guessed."
    )
    return printable(stands) if blanks else ""
