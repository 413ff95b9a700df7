"""Nothing in training or in the forward pass is tied to one platform: both are lowered for CPU, CUDA and TPU here."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax import export

from data.world import load_world
from experiments.config.loader import load_config
from experiments.training.hyperparameters import batch_tables, hyperparameters, init_state, training_spec
from experiments.training.update import train_steps
from model.functional import Model, apply

PLATFORMS = ("cpu", "cuda", "tpu")
CONFIGS = {
    "toy": ("toy.yaml", {}),
    "two_stories": ("two_stories.yaml", {}),
    "everything": (
        "two_stories.yaml",
        {
            "model.d_mlp": "8",
            "model.norm": "layer",
            "model.qk_norm": "true",
            "model.softcap": "3",
            "model.sink": "learned",
            "model.scale": "learned",
            "model.tied_query_key": "true",
            "train.query_key_rate": "0.5",
            "train.hide_attention": "0.1",
            "train.sampling": "independent",
        },
    ),
}


def lowered(function, *arguments):
    """The function as StableHLO for every platform, for arguments of these shapes."""
    return export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)


@pytest.mark.parametrize("name", CONFIGS)
def test_training_and_forward_pass_are_lowered_for_every_platform(name):
    file, values = CONFIGS[name]
    config = load_config(file, values)
    world = load_world(config.world)
    spec = training_spec(config, world)
    one = jax.tree.map(lambda array: jnp.asarray(array[0]), hyperparameters(config))
    state = jax.eval_shape(functools.partial(init_state, spec), one)
    step = jax.ShapeDtypeStruct((), jnp.int32)
    training = lowered(functools.partial(train_steps, spec), batch_tables(spec, config, world), one, state, step, step)
    tokens = jax.ShapeDtypeStruct((2, world.max_length), jnp.int32)
    query = jax.ShapeDtypeStruct((2, 1), jnp.int32)
    forward = lowered(
        lambda p, scale, *of: apply(Model(spec.model, p, scale), *of), state.params, one.scale, tokens, query
    )
    assert training.platforms == forward.platforms == PLATFORMS


def test_what_one_platform_alone_can_do_is_noticed():
    with pytest.raises(NotImplementedError, match="schur"):
        lowered(jax.lax.linalg.schur, jax.ShapeDtypeStruct((2, 2), jnp.float32))
