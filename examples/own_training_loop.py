"""Train the transformer with a training loop of your own: fresh sentences from `data`, updates by optax.

    python examples/own_training_loop.py

Prints the loss of the training sentences and, at the end, how far the model's guesses are from the exact answers. The
other examples use `train` from here.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from data import World, load_world, posterior, sample, sampler_tables
from model import Model, ModelConfig, apply, cross_entropy, excess, init_params

STEPS, BATCH = 600, 256
MASKED = ("subject", "verb", "object")
Logits = Callable[[Model, jax.Array, jax.Array], jax.Array]


def standard_logits(model: Model, tokens_BK: jax.Array, positions_B: jax.Array) -> jax.Array:
    """The logits [B, V] of the word at one masked position of each sentence."""
    return apply(model, tokens_BK, positions_B[:, None]).logits_BQV[:, 0]


def train(world: World, config: ModelConfig, logits: Logits = standard_logits) -> Model:
    """A model trained on masked sentences of `world`."""
    sizes = config.sized(len(world.vocabulary), world.max_length)
    start_key, data_key = jax.random.split(jax.random.key(0))
    model = Model(sizes, jax.jit(init_params, static_argnums=0)(sizes, start_key), config.scale_factor)
    tables = jax.tree.map(jnp.asarray, sampler_tables(world, MASKED))
    optimizer = optax.adam(optax.cosine_decay_schedule(0.01, STEPS))

    @jax.jit
    def update(model, state, tables, step):  # noqa: ANN001, ANN202
        # A step's sentences come from its number alone: a run can go on from any step.
        batch = sample(tables, jax.random.fold_in(data_key, step), BATCH)

        def loss_of(params):  # noqa: ANN001, ANN202
            own = dataclasses.replace(model, params=params)
            return cross_entropy(logits(own, batch.tokens_BK, batch.masked_B), batch.target_B).mean()

        loss, gradient = jax.value_and_grad(loss_of)(model.params)
        change, state = optimizer.update(gradient, state)
        return dataclasses.replace(model, params=optax.apply_updates(model.params, change)), state, loss

    state = optimizer.init(model.params)
    for step in range(STEPS):
        model, state, loss = update(model, state, tables, step)
        if step % 200 == 0 or step == STEPS - 1:
            print(f"step {step:4}  loss {loss:.3f} nats")
    return model


def mean_excess(world: World, model: Model, logits: Logits = standard_logits) -> float:
    """KL(exact answer || guess) in nats, mean over 1,024 fresh masked sentences."""
    batch = jax.jit(sample, static_argnums=2)(sampler_tables(world, MASKED), jax.random.key(1), 1024)
    exact_BV = posterior(world, batch.tokens_BK, batch.masked_B)
    logits_BV = jax.jit(logits)(model, batch.tokens_BK, batch.masked_B)
    return float(jax.jit(excess)(jnp.asarray(exact_BV, jnp.float32), logits_BV).mean())


if __name__ == "__main__":
    english = load_world("english")
    trained = train(english, ModelConfig(d_mlp=0))
    print(f"excess {mean_excess(english, trained):.4f} nats (0: the guesses are the exact answers)")
