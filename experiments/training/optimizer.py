"""The optimiser of a run, with its own learning rate and decay."""

import jax
import jax.numpy as jnp
import optax

from experiments.training.arrays import Tree
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec
from model.functional import Params


def with_factors(params: Params, query: jax.Array, key: jax.Array) -> Params:
    """`params` (or their gradient) with W_Q and W_K times a factor."""
    attention = params["attention"]
    changed = {
        name: {"kernel": attention[name]["kernel"] * factor} for name, factor in (("query", query), ("key", key))
    }
    return {**params, "attention": {**attention, **changed}}


def optimizer(spec: TrainingSpec, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """AdamW or gradient descent, with the run's own learning rate and decay (times the learning rate in both).

    Where W_Q and W_K hold a factor s that was the scale's, each as sqrt(s) W, they are trained as W would be: their
    gradient, which is that of W over sqrt(s), is multiplied by sqrt(s), and so is the step that follows from it. For
    gradient descent this is a learning rate times s, for Adam one times sqrt(s) with an epsilon over sqrt(s).
    """
    root = jnp.sqrt(hyperparameters.folded)

    def as_folded(updates: Params, _: Tree) -> Params:
        return with_factors(updates, root, root)

    return optax.chain(
        optax.stateless(as_folded),
        optax.scale_by_adam(b2=spec.beta2) if spec.optimizer == "adamw" else optax.identity(),
        optax.stateless(as_folded),
        optax.add_decayed_weights(hyperparameters.weight_decay),
        optax.scale_by_learning_rate(lambda count: learning_rate(hyperparameters, count)),
    )


def learning_rate(hyperparameters: Hyperparameters, count: jax.Array) -> jax.Array:
    """The learning rate of update `count` (from 0): up in a line, then down by half a cosine."""
    warmup = jnp.maximum(hyperparameters.warmup * hyperparameters.steps, 1.0)
    progress = jnp.clip((count - warmup) / jnp.maximum(hyperparameters.steps - warmup, 1.0), 0.0, 1.0)
    factor = jnp.where(count < warmup, (count + 1) / warmup, 0.5 * (1 + jnp.cos(jnp.pi * progress)))
    return hyperparameters.learning_rate * factor
