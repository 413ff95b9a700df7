"""Which contexts are held out from training, chosen by a hash of their words.

Dimension letters: S subjects, V verbs, O objects (numbered within their slot).
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT


def held_out_contexts(
    spelled: Sequence[Sequence[str]], share: float, always: Sequence[NDArray[np.int64]]
) -> NDArray[np.bool_]:
    """[3, S, V, O]: whether the context of a content slot in the clause (s, v, o) is held out.

    Args:
      spelled: the words of each content slot.
      share: the share of each slot's contexts that are held out.
      always: clauses (s, v, o) whose three contexts are held out in any case.
    """
    held_3SVO = np.zeros((3, *map(len, spelled)), bool)
    for axis, slot in enumerate(CONTENT):
        first, second = (spelled[i] for i in range(3) if i != axis)
        order = np.asarray([[digest(f"{slot}\n{a}\n{b}".encode()) for b in second] for a in first])
        count = round(share * order.size)
        chosen = order <= np.sort(order, axis=None)[count - 1] if count else np.zeros_like(order, bool)
        held_3SVO[axis] = np.expand_dims(chosen, axis)
    for s, v, o in always:
        held_3SVO[0, :, v, o] = held_3SVO[1, s, :, o] = held_3SVO[2, s, v, :] = True
    return held_3SVO


def digest(*parts: bytes) -> str:
    """A hash of 64 bits that is the same on every machine and in every process."""
    return hashlib.blake2b(b"".join(parts), digest_size=8).hexdigest()
