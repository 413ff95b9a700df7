"""The maps of a film are those of the run's own model, its scale included."""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from small_model import fast_jit

from data.world import load_world
from experiments.config.schema import Config
from experiments.measuring.experiment import watched_sentences
from experiments.measuring.probes import make_probes
from experiments.replay.film import _maps, free_paths
from experiments.replay.saved_model import saved_model
from model.config import ModelConfig
from model.functional import Model, apply, init_params


def test_the_maps_of_a_film_have_the_scale_of_the_run(assert_close):
    world = load_world("english")
    config = Config(model=ModelConfig(d_model=8, d_head=16, d_mlp=0, scale=3.0))
    probes = make_probes(world, watched_sentences(config, world)[:1])
    sized = config.model.sized(len(world.vocabulary), world.max_length)
    params = fast_jit(init_params, static_argnums=0)(sized, jax.random.key(0))
    saved = SimpleNamespace(config=config, params=lambda _: params)
    (found,) = _maps([saved_model(saved, world)], probes)
    forward = fast_jit(apply)(Model(sized, params, 3.0), probes.tokens_GK, probes.masked_G[:, None])
    assert_close(found, np.swapaxes(np.asarray(forward.weights_BHQK[:, :, 0]), 0, 1)[:, :, : found.shape[2]], 1e-5)


def test_nothing_stands_where_a_name_is_too_long():
    """That it cannot be written there is told when it is."""
    assert free_paths(None, "x" * 300, [".gif", ".png"]) == [Path("x" * 300 + ".gif"), Path("x" * 300 + ".png")]


@pytest.mark.parametrize("out", ["my", "my.gif", "my.png", "my.GIF"])
def test_the_ending_of_a_film_may_be_given(out):
    assert [path.name for path in free_paths(None, out, [".gif", ".png"])] == ["my.gif", "my.png"]
