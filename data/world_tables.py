"""From the entries of a world file to its words and tables of probabilities.

Dimension letters: S subjects, V verbs, O objects (numbered within their slot); W words of the vocabulary.
"""

import numpy as np
from numpy.typing import NDArray

from data.grammar import CONTENT
from data.vocabulary import Vocabulary
from data.world_entries import WorldFile

Floats = NDArray[np.float64]


def all_words(file: WorldFile) -> list[str]:
    """Every word of a world, once, in the order of its numbers."""
    parts = [part for _, parts in file.sentences for part in parts]
    parts += [part for outer in parts for part in outer.clause]
    words = (
        *(word for members in file.slots.values() for word in members),
        *(word for table in file.forms.values() for form in table.values() for word in form),
        *(part.slot for part in parts if part.is_word),
    )
    return list(dict.fromkeys(words))


def content_probability(file: WorldFile) -> Floats:
    """P(subject, verb, object), [S, V, O]."""
    words = [file.slots[slot] for slot in CONTENT]
    energy_SVO = np.zeros([len(members) for members in words])
    index = {word: i for members in words for i, word in enumerate(members)}
    for left, right, strength, pairs in file.preferences:
        axes = CONTENT.index(left), CONTENT.index(right)
        table = np.zeros([len(words[axes[0]]), len(words[axes[1]])])
        for a, b in pairs:
            table[index[a], index[b]] = strength
        table = table if axes[0] < axes[1] else table.T
        energy_SVO += np.expand_dims(table, ({0, 1, 2} - {*axes}).pop())
    weight_SVO = np.exp(energy_SVO - energy_SVO.max())
    return np.asarray(weight_SVO / weight_SVO.sum(), np.float64)


def form_table(file: WorldFile, slot: str, vocabulary: Vocabulary) -> Floats:
    """P(word of the agreeing `slot` | content word), [W, W], a row for each content word."""
    table_WW = np.zeros((len(vocabulary), len(vocabulary)))
    for word in (word for content in CONTENT for word in file.slots[content]):
        form = file.forms[slot].get(word) or file.forms[slot].get("default") or {}
        for taken, weight in form.items():
            table_WW[vocabulary.number[word], vocabulary.number[taken]] = weight / sum(form.values())
    return table_WW
