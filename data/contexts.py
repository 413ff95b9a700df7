"""Held-out contexts: those in which training never masks a word.

A context is a content slot with the two other content words of its clause: (verb; cat, mat), say. About a tenth are
held out, chosen by a hash of the words, so that the choice depends on the world and not on a seed. Because ALL words
that can fill a context are held out with it, every conditional P(masked word | context) that training sees equals the
posterior; holding out whole sentences would tilt it (the model would learn "never mat after cat sat").
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from data.world import World


def held_out_contexts(world: World) -> NDArray[np.bool_]:
    """[3, S, V, O]: whether a slot's context in the clause (s, v, o) is held out; constant along its own axis."""
    held_3SVO = np.zeros((3, *world.content_SVO.shape), bool)
    words = [[world.vocabulary.words[word] for word in world.slots[slot]] for slot in CONTENT]
    for axis, slot in enumerate(CONTENT):
        first, second = (words[i] for i in range(3) if i != axis)
        order = np.asarray([[_stable_hash(slot, a, b) for b in second] for a in first], np.uint64)
        count = round(world.held_out_share * order.size)
        held_3SVO[axis] = np.expand_dims(order <= np.sort(order, axis=None)[count - 1] if count else order < 0, axis)
    for triple in world.always_held_out:
        s, v, o = (int(world.index_W[word]) for word in triple)
        held_3SVO[0, :, v, o] = held_3SVO[1, s, :, o] = held_3SVO[2, s, v, :] = True
    return held_3SVO


def training_fingerprint(world: World) -> str:
    """A digest of everything that the training data depends on: the world's probabilities and its held-out contexts."""
    digest = hashlib.blake2b(world.fingerprint.encode(), digest_size=8)
    digest.update(held_out_contexts(world).tobytes())
    return digest.hexdigest()


def _stable_hash(*parts: str) -> int:
    """A hash of 64 bits that is the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b("\n".join(parts).encode(), digest_size=8).digest(), "big")
