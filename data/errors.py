"""A user's mistake, told in one line."""

import difflib
from collections.abc import Iterable

MAX_MESSAGE = 1_000


class InputError(Exception):
    """A mistake in what the user gave: the message says where, what, and how to mend it.

    Commands print the message alone and leave with exit code 2. Whatever a user wrote can stand in the
    message, so characters that a terminal would act on are shown as escapes, and the middle of a very long one is
    left out (what to do stands at its end).
    """

    def __init__(self, message: str) -> None:
        text = printable(message)
        super().__init__(text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE // 2]} ... {text[-400:]}")


def printable(text: str) -> str:
    """`text` in which control, bidirectional and other invisible characters are written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def suggestion(word: str, known: Iterable[str]) -> str:
    """'; did you mean x?' where one of `known` is near, else a list of what is known."""
    names = sorted(str(name) for name in known)
    near = [name for name in names if name.casefold() == word.casefold()]
    near = near or difflib.get_close_matches(word[:80], names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"; known: {shown}" if names else ""
