"""Train attention with a score of your own, without touching catmat's source.

    python examples/own_scoring_variant.py

The score here is the cosine of query and key over a fixed temperature. Queries, keys and values come from the forward
pass; `model.attention` turns them into another context vector; and `apply` goes on with it, since it adds a
`context_shift` to its own. Both scores are trained in the same way and compared by their excess.

To make a variant part of catmat (with a config key, runs and ablations), see CONTRIBUTING.md.
"""

import jax
from own_training_loop import mean_excess, standard_logits, train

from data import PAD, load_world
from model import Model, ModelConfig, apply, attention_weights, weighted_sum
from model.attention import unit_norm

TEMPERATURE = 0.1


def cosine_context(
    query_BQHD: jax.Array, key_BKHD: jax.Array, value_BKHD: jax.Array, allowed_BK: jax.Array
) -> jax.Array:
    """The context vectors [B, Q, H, D] where score = cosine(query, key) / temperature."""
    _, _, weight_BHQK = attention_weights(unit_norm(query_BQHD), unit_norm(key_BKHD), allowed_BK, scale=1 / TEMPERATURE)
    return weighted_sum(weight_BHQK, value_BKHD)[1]


def cosine_logits(model: Model, tokens_BK: jax.Array, positions_B: jax.Array) -> jax.Array:
    """The logits [B, V] of the word at one masked position of each sentence."""
    out = apply(model, tokens_BK, positions_B[:, None])
    own_BQHD = cosine_context(out.query_BQHD, out.key_BKHD, out.value_BKHD, tokens_BK != PAD)
    # The standard context and the shift cancel, so gradients are those of the cosine alone.
    shifted = apply(model, tokens_BK, positions_B[:, None], context_shift_BQHD=own_BQHD - out.context_BQHD)
    return shifted.logits_BQV[:, 0]


def main() -> dict[str, float]:
    """Train and compare both."""
    world, config = load_world("english"), ModelConfig(d_mlp=0)
    found = {}
    for name, logits in (("standard", standard_logits), ("cosine", cosine_logits)):
        print(f"\n{name} score")
        found[name] = mean_excess(world, train(world, config, logits), logits)
        print(f"excess {found[name]:.4f} nats")
    return found


if __name__ == "__main__":
    main()
