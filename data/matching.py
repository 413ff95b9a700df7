"""Whether two lists of sets can be paired, so that the sets of each pair have a member in common."""

from collections.abc import Sequence


def can_pair(left: Sequence[frozenset[int]], right: Sequence[frozenset[int]]) -> bool:
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
