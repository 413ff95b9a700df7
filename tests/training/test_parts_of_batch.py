"""A large batch is computed in parts on a CPU: when, and that it is the same update."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_training import small_config

from data.drawing_tables import training_tables
from data.world import load_world
from experiments.training.hyperparameters import hyperparameters, init_state, training_spec
from experiments.training.record import one_run
from experiments.training.update import parts_of, train_steps

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
        (1024, 2, 128, 4),  # 128 sentences of 128 words
        (1536, 1, 16, 2),  # two of 768
        (1031, 1, 16, 1),  # a prime number
        (3 * 347, 1, 16, 1),  # parts of 347 would be too small
        (7, 1, 100_000, 7),
    ],
)
def test_how_many_parts(batch, shards, places, parts):
    spec = dataclasses.replace(SPEC, batch=batch, model=dataclasses.replace(SPEC.model, max_length=places))
    assert parts_of(spec, shards, "cpu") == parts
    assert parts_of(spec, shards, "gpu") == 1


@pytest.mark.parametrize("changes", [{}, {"hide_attention": 0.5}])
def test_parts_of_a_batch_make_the_same_update(changes, assert_close):
    config = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, batch=24, **changes))
    spec = training_spec(config, WORLD)
    values = jax.tree.map(jnp.asarray, one_run(hyperparameters(config), 0))
    tables = training_tables(WORLD, config.task.masked, clause_words=spec.hides_attention)
    start = init_state(spec, values)

    def after(parts):
        steps = jax.jit(lambda state: train_steps(spec, tables, values, state, 0, 5, parts=parts))
        return steps(start)

    (whole, loss), (in_parts, other) = after(1), after(4)
    np.testing.assert_allclose(loss, other, rtol=1e-6)
    for one, two in zip(jax.tree.leaves(whole.params), jax.tree.leaves(in_parts.params), strict=True):
        assert_close(two, one, 1e-4)
    assert not np.array_equal(whole.params["token"]["embedding"], start.params["token"]["embedding"])
