"""Which templates a world can have: no two make the same sentence, and the slot of a masked word is never open."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

from data.grammar import Field, Template

Words = Mapping[Field, frozenset[int]]
"""The words that each field can hold."""


def confusion_error(templates: Sequence[Template], words: Words) -> str:
    """The error message if two templates can make the same sentence, or an order of one another of it; "" if none."""
    for template in templates:
        if template.any_order and (pair := _shared(template, words)):
            return (
                f"in any order, words of '{pair[0]}' and of '{pair[1]}' can be the same, and nobody could tell which is"
                " which; give the clauses different forms, or leave `order` out"
            )
    for first, second in _of_one_length(templates):
        if first.any_order or second.any_order:
            alike = _can_pair([words[a] for a in first.fields], [words[b] for b in second.fields])
        else:
            alike = not _apart(first, second, words)
        if alike:
            return f"two templates cannot be told apart: '{first}' and '{second}'; give one a word of its own"
    return ""


def ambiguity_error(templates: Sequence[Template], words: Words, slots: Sequence[str]) -> str:
    """The error message if a masked word of `slots` could be of the slot of either of two templates; "" if none could.

    The words of a slot are compared place by place (in any order: each with one of the other's), so that a world whose
    slots only agreement could tell apart is refused too. A blank tells the form of its word.
    """
    for first, second in _of_one_length(templates):
        length = range(len(first))
        if first.any_order or second.any_order:
            pairs: Iterable[tuple[int, int]] = itertools.product(length, length)
            apart: set[int] | None = None
        else:
            pairs, apart = zip(length, length, strict=True), _apart(first, second, words)
        for i, j in pairs:
            one, other = first.fields[i], second.fields[j]
            differ = (one.slot, one.is_word) != (other.slot, other.is_word) and one.form == other.form
            if not differ or not (one.slot in slots or other.slot in slots):
                continue
            if apart <= {i} if apart is not None else _rest_can_pair(first, second, (i, j), words):
                return (
                    f"a masked word may be '{one.slot}' or '{other.slot}' (word {i + 1} of '{first}' and"
                    f"{'' if i == j else f' word {j + 1}'} of '{second}'); add or move a word that tells them apart"
                )
    return ""


def _shared(template: Template, words: Words) -> tuple[Field, Field] | None:
    """Two fields that a word can be of."""
    pairs = itertools.combinations(template.fields, 2)
    return next(((a, b) for a, b in pairs if not words[a].isdisjoint(words[b])), None)


def _rest_can_pair(first: Template, second: Template, places: tuple[int, int], words: Words) -> bool:
    """Whether two templates can have the same words but for one place of each."""
    rest = ([*t.fields[:place], *t.fields[place + 1 :]] for t, place in zip((first, second), places, strict=True))
    return _can_pair(*([words[one] for one in fields] for fields in rest))


def _of_one_length(templates: Sequence[Template]) -> list[tuple[Template, Template]]:
    """Every two templates that have the same length."""
    return [pair for pair in itertools.combinations(templates, 2) if len(pair[0]) == len(pair[1])]


def _apart(first: Template, second: Template, words: Words) -> set[int]:
    """The first positions, at most two, at which no word fits both: callers need to know none, one or more."""
    pairs = zip(first.fields, second.fields, strict=True)
    apart = (i for i, (a, b) in enumerate(pairs) if words[a].isdisjoint(words[b]))
    return set(itertools.islice(apart, 2))


def _can_pair(left: Sequence[frozenset[int]], right: Sequence[frozenset[int]]) -> bool:
    """Whether each of `left` can be paired with another one of `right`, of which there are as many.

    By augmenting paths (Kuhn 1955): a set takes a partner that is free, or one whose own partner can take another.
    """
    partner: dict[int, int] = {}

    def placed(i: int, tried: set[int]) -> bool:
        for j, other in enumerate(right):
            if j not in tried and not left[i].isdisjoint(other):
                tried.add(j)
                if j not in partner or placed(partner[j], tried):
                    partner[j] = i
                    return True
        return False

    return all(placed(i, set()) for i in range(len(left)))
