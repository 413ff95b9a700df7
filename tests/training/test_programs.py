"""The programs of a training, and the order in which they are computed."""

import dataclasses

import jax
import numpy as np
import pytest
from small_training import small_config

from data.drawing_tables import training_tables
from data.world import load_world
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import hyperparameters, training_spec
from experiments.training.programs import Programs
from experiments.training.update import masked_row_loss

pytestmark = pytest.mark.usefixtures("quickly_compiled")
CONFIG = dataclasses.replace(small_config(steps=9), seeds=3)
WORLD = load_world("english")


def measured(model, data, _shards):
    return model.params["unembed"]["bias"].sum() + data


@pytest.fixture(scope="module")
def programs(quick_compiler):
    spec = training_spec(CONFIG, WORLD)
    with quick_compiler():
        ensemble = Ensemble(3, spec.pieces, jax.devices()[:1], at_once=3)
        tables = training_tables(WORLD, CONFIG.task.masked)
        nothing = np.float32(0)
        made = Programs(
            ensemble, spec, hyperparameters(CONFIG), tables, measured, nothing, [0, 9], False, masked_row_loss
        )
        return ensemble, made, ensemble.replicate(nothing)


def test_a_chunk_that_waits_for_what_was_measured_is_the_same_chunk(programs):
    """What it computes is the same as without."""
    ensemble, made, data = programs
    first = made.begin()
    with_measured = made.advance(made.measure(first, data), 4, 0)
    without = made.advance(first, 4, 0)
    for one, two in zip(*(jax.tree.leaves(ensemble.fetch(r.states)) for r in (with_measured, without)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_runs_that_are_trained_at_once_share_one_loop(programs):
    """If each had its own bounds, the loop would compute all runs until the last has ended, and keep what is right."""
    _, made, _ = programs
    first = made.begin()
    runs = made._hyperparameters.unpacked(), first.states.unpacked(), first.diverged_at_R.unpacked()
    shared = made._tables, made._bounds(0, 4, 0)
    chunk = jax.make_jaxpr(jax.vmap(made._chunk, in_axes=(None, 0)))(shared, runs)
    # What a chunk waits for is taken by it, or JAX would leave it out.
    assert any(chunk.jaxpr.invars[-1] is taken for equation in chunk.jaxpr.eqns for taken in equation.invars)
    (loop,) = (equation for equation in chunk.jaxpr.eqns if equation.primitive.name == "while")
    assert loop.params["cond_jaxpr"].out_avals[0].shape == ()
