"""A large batch is computed in parts on a CPU: when, and that it is the same update."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_training import small_config

from data.drawing_tables import training_tables
from data.world import load_world
from experiments.training.batch_parts import parts_of
from experiments.training.hyperparameters import hyperparameters, init_state, training_spec
from experiments.training.record import one_run
from experiments.training.update import train_steps

CONFIG = small_config(steps=9)
WORLD = load_world("english")
SPEC = training_spec(CONFIG, WORLD)


@pytest.mark.parametrize(
    ("batch", "shards", "places", "parts"),
    [
        (1024, 1, 16, 1),
        (2048, 2, 16, 1),  # 1,024 sentences of 16 words
        (2048, 1, 16, 2),
        (8192, 2, 16, 4),
        (1024, 2, 64, 2),
        (1024, 2, 128, 4),  # 128 sentences of 128 words
        (1024, 2, 4096, 8),  # 64: twice as many words as there are pairs of one of 57 words and a place would be 114
        (1536, 1, 16, 2),  # two of 768
        (1031, 1, 16, 1),  # a prime number
        (3 * 347, 1, 16, 1),  # parts of 347 would be too small
    ],
)
def test_how_many_parts(batch, shards, places, parts):
    spec = dataclasses.replace(SPEC, batch=batch, model=dataclasses.replace(SPEC.model, max_length=places))
    assert parts_of(spec, shards, "cpu") == parts
    assert parts_of(spec, shards, "gpu") == 1


@pytest.mark.parametrize(
    ("train", "model"),
    [
        ({}, {}),
        ({"hide_attention": 0.5}, {}),
        ({}, {"query": "content", "norm": "layer", "d_mlp": 8}),
        ({}, {"qk_norm": True}),  # trains by the full path, which looks no pairs up
    ],
)
def test_parts_of_a_batch_make_the_same_update(train, model, assert_close):
    changed = {"train": {"batch": 24, **train}, "model": model}
    parts = {part: dataclasses.replace(getattr(CONFIG, part), **values) for part, values in changed.items()}
    config = dataclasses.replace(CONFIG, **parts)
    spec = training_spec(config, WORLD)
    values = jax.tree.map(jnp.asarray, one_run(hyperparameters(config), 0))
    tables = training_tables(WORLD, config.task.masked, clause_words=spec.hides_attention)
    start = init_state(spec, values)

    def after(parts):
        steps = jax.jit(lambda stop: train_steps(spec, tables, values, start, 0, stop, parts=parts))
        return steps(1), steps(5)

    (one_update, loss_of_one), (_, loss_of_five) = after(1)
    (in_parts, _), (_, of_five_in_parts) = after(4)
    # Gradients are compared by the first moments of one update, which are proportional to them. Parameters could not
    # be: Adam divides a small gradient by its own size, and with it what another order of the sum rounds otherwise.
    for one, two in zip(moments(one_update), moments(in_parts), strict=True):
        assert_close(two, one, 1e-5)
        assert np.any(one)
    # Of more updates the mean loss: what one update makes, the next ones start from.
    np.testing.assert_allclose(loss_of_five, of_five_in_parts, rtol=1e-6)
    assert abs(loss_of_five - loss_of_one) > 1e-3


def moments(state):
    return jax.tree.leaves(optax.tree.get(state.optimizer, "mu"))
