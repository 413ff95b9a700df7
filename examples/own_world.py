"""A world of your own, and the exact answers to questions about it.

    python examples/own_world.py

A world is a YAML file: words, which of them go together, and the forms of sentences; docs/worlds.md explains its keys.
Nothing is trained here, since the answers follow from the file alone. To train a model on it, save the text of DRINKS
below as drinks.yaml:

    python -m experiments.train --world drinks.yaml
"""

import tempfile
from pathlib import Path

import numpy as np

from data import World, load_world, posterior, relevance

# A strength of log(9) makes a pair nine times as probable as one that is not listed. No
# pair has a verb in it, so the verb tells nothing about the other words.
DRINKS = """
format: 1
title: Who drinks what
words:
  subject: [Anna, Ben]
  verb: [drinks, likes]
  object: [tea, milk]
preferences:
  - between: [subject, object]
    strength: 2.1972    # log(9)
    pairs: {Anna: [tea], Ben: [milk]}
clauses:
  plain: [{slot: subject}, {slot: verb}, {slot: object}]
sentences:
  - {chance: 1, parts: [{clause: plain}, {word: .}]}
examples: [Anna drinks tea .]
"""


def drinks_world() -> World:
    """The world of the text above; a mistake in it would be reported with its line and how to mend it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drinks.yaml"
        file.write_text(DRINKS, encoding="utf-8")
        return load_world(str(file))


def main() -> tuple[np.ndarray, np.ndarray]:
    """Ask for the last word of "Anna drinks ? ."."""
    world, masked_position = drinks_world(), 2
    tokens = world.vocabulary.encode("Anna drinks tea .")  # what stands at the masked position is not looked at
    exact_V = posterior(world, [tokens], np.asarray([masked_position]))[0]
    print("Anna drinks ? .")
    for number in np.flatnonzero(exact_V):
        print(f"  {world.vocabulary.words[number]:6} {100 * exact_V[number]:.0f} %")
    relevance_L = relevance(world, [tokens], np.asarray([masked_position]))[0]
    print("How much the answer changes when a word becomes unknown, in nats:")
    for word, nats in zip(world.vocabulary.decode(tokens), relevance_L, strict=True):
        print(f"  {word:6} {nats:.3f}")
    return exact_V, relevance_L


if __name__ == "__main__":
    main()
