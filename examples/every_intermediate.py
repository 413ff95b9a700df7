"""Print every number on the way from a masked sentence to the guess.

    python examples/every_intermediate.py                 a small model, trained now
    python examples/every_intermediate.py runs/toy-001    the model of a run

The sentence is "the cat sat on the mat ." with "cat" masked. For each head: the query of the masked place, and for each
word its key, dot product, score, weight and value; then the context vector, the logits and the guess.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
from own_training_loop import train

from data import MASK, World, load_world
from experiments.replay.saved_model import saved_model
from experiments.run_directory import load_run
from model import ForwardOutput, Model, ModelConfig, apply

SENTENCE, MASKED_POSITION = "the cat sat on the mat .", 1
SMALL = ModelConfig(d_model=16, heads=1, d_head=4, d_mlp=0)


def numbers(vector: np.ndarray) -> str:
    """A vector's components, with two digits."""
    return " ".join(f"{component:6.2f}" for component in vector)


def show(words: list[str], out: ForwardOutput) -> None:
    """Print the attention of one sentence with one masked position, head by head."""
    # [0, h, 0, k]: first sentence, head h, first masked position, word k. Letters as in `model`: B, H, Q, K; D last.
    for h in range(out.weights_BHQK.shape[1]):
        print(f"\nhead {h + 1}\n  query                {numbers(out.query_BQHD[0, 0, h])}")
        for k, word in enumerate(words):
            print(f"  {word:8} key         {numbers(out.key_BKHD[0, k, h])}")
            print(f"           dot product {out.dot_products_BHQK[0, h, 0, k]:6.2f}   = query . key")
            print(f"           score       {out.scores_BHQK[0, h, 0, k]:6.2f}   = scale * dot product")
            print(f"           weight      {out.weights_BHQK[0, h, 0, k]:6.2f}   = softmax of the scores")
            print(f"           value       {numbers(out.value_BKHD[0, k, h])}")
        print(f"  context vector       {numbers(out.context_BQHD[0, 0, h])}   = sum of weight * value")


def main(world: World, model: Model) -> ForwardOutput:
    """Mask the sentence, apply the model and print what happens in it."""
    tokens = np.asarray(world.vocabulary.encode(SENTENCE))
    tokens[MASKED_POSITION] = MASK
    out = jax.device_get(jax.jit(apply)(model, jnp.asarray(tokens)[None], jnp.asarray([[MASKED_POSITION]])))
    show(world.vocabulary.decode(tokens), out)
    logits = out.logits_BQV[0, 0]
    guess = np.exp(logits) / np.exp(logits).sum()
    print("\nThe five largest logits, and the guess: softmax of all of them")
    for word in np.argsort(-logits)[:5]:
        print(f"  {world.vocabulary.words[word]:8} {logits[word]:6.2f}  {100 * guess[word]:3.0f} %")
    return out


def of_run(folder: str) -> tuple[World, Model]:
    """The world and the model of a run's folder, as recorded last."""
    run = load_run(folder)
    world = load_world(run.config.world)
    return world, saved_model(run, world)


if __name__ == "__main__":
    english = load_world("english")
    main(*(of_run(sys.argv[1]) if len(sys.argv) > 1 else (english, train(english, SMALL))))
