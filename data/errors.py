"""Errors in what a user gave, reported in one line; and whether a path that a user named can be seen."""

import difflib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from data.characters import JOINERS, is_visible

MAX_MESSAGE = 1_000


class InputError(Exception):
    """An error in what the user gave: the message says where, what, and how to mend it.

    Commands print the message alone and leave with exit code 2. Messages quote what a user wrote, so characters that a
    terminal would act on are shown as escapes, and a very long message loses its middle (the remedy is at its end).
    """

    def __init__(self, message: str) -> None:
        text = printable(message, joiners=False)
        super().__init__(text if len(text) <= MAX_MESSAGE else f"{text[: MAX_MESSAGE // 2]} ... {text[-400:]}")


def require(condition: object, message: str) -> None:
    """Raise an InputError with this message unless `condition` is true."""
    if not condition:
        raise InputError(message)


@contextmanager
def reporting_os_errors(problem: str, remedy: str) -> Iterator[None]:
    """Within it, an OSError becomes an InputError in one line: the problem, the system's reason, and the remedy.

    with reporting_os_errors(f"{path}: cannot be read", "name another file"): ...
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{problem} ({error.strerror or error}); {remedy}") from None


def printable(text: str, joiners: bool = True) -> str:
    """`text` in which control, bidirectional and other invisible characters are written as escapes.

    Joiners stay where the spelling of a word has them, see `data.characters`; without `joiners` not after an ASCII
    character: there nobody sees them, and a message may be about just that.
    """
    if text.isprintable():
        return text
    return "".join(
        c
        if is_visible(text, i) and (joiners or not (c in JOINERS and text[i - 1].isascii()))
        else c.encode("unicode_escape", "backslashreplace").decode()
        for i, c in enumerate(text)
    )


def suggestion(word: str, known: Iterable[str]) -> str:
    """'; did you mean x?' if one of the `known` names is similar, else a list of them."""
    names = sorted(str(name) for name in known)
    alike = [name for name in names if name.casefold() == word.casefold()]
    near = alike or difflib.get_close_matches(word[:80], names, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"; known: {shown}" if names else ""


# A path may be too long, or lie where this user may not look. The methods of `Path` raise on both (before Python 3.14);
# by these, what cannot be seen is not there.
is_file = os.path.isfile
is_folder = os.path.isdir
is_taken = os.path.exists  # by whatever
