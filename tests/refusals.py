"""What every refusal keeps to: place, offending value and key words of the remedy are pinned, the wording is free."""

import re
from contextlib import contextmanager

import pytest

from data.errors import InputError, printable


def assert_told_well(error):
    """One printable line of reasonable length; gives it."""
    message = str(error)
    assert printable(message) == message, ascii(message)
    assert len(message) <= 1_000
    return message


def assert_refused(error, place, *named):
    """`error` says in one line what is wrong at `place`, and names all of `named`.

    Args:
      error: an exception, or what a command wrote to stderr: the same line after "error: ".
      place: what the line begins with: a file and its line, an option, a folder.
      named: the offending value, what would do instead, key words of the remedy; each stands in the rest of the line
        as whole words, in any order.
    """
    told = str(error)
    if not isinstance(error, Exception):
        assert re.fullmatch(r"error: [^\n]+\n", told), told
        told = told[len("error: ") : -1]
    told = assert_told_well(told)
    assert re.match(rf"{re.escape(place)}(?![\w.])", told), told
    rest = told[len(place) :]
    missing = [name for name in named if not _stands_in(str(name), rest)]
    assert not missing, f"{missing} of: {told}"


def _stands_in(name, line):
    """As whole words, and a number as itself: 5 does not stand in 0.5, 5.5, -5 or d5."""
    before, after = (r"(?<!\d\.)", r"(?!\.\d)") if name[:1].isdigit() else ("", "")
    return re.search(rf"(?<![\w-]){before}{re.escape(name)}(?!\w){after}", line)


@contextmanager
def refused(place, *named, kind=InputError):
    """`with refused("--seed", "five"): ...`: what is done there raises such a refusal."""
    with pytest.raises(kind) as error:
        yield
    assert_refused(error.value, place, *named)
