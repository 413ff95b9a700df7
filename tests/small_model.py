"""A small transformer for tests: each dimension another prime, every parameter away from 0 and 1."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from model.config import ModelConfig, TransformerConfig
from model.functional import Model, init_params

SIZES = {"d_model": 13, "heads": 3, "d_head": 5, "d_mlp": 17, "vocabulary_size": 19, "max_length": 11}


def config_of(scale="inverse_sqrt", **changes):
    """What is compiled in; of `scale` only whether it is learned, see `model_of`."""
    return TransformerConfig(**{**SIZES, **changes}, learned_scale=scale == "learned")


def model_of(config, params, scale="inverse_sqrt"):
    """A model whose scale is named as in a config, or a number (traced or not)."""
    factor = ModelConfig(d_head=config.d_head, scale=scale).scale_factor if isinstance(scale, str) else scale
    return Model(config, params, factor)


def random_params(config, seed=0):
    """Parameters that all matter, as those of a fresh model do not; float64 where that is on."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(functools.partial(init_params, config), jax.random.key(0))
    return jax.tree.map(lambda shape: jnp.asarray(rng.normal(0.1, 0.5, shape.shape)), shapes)


def flat(params):
    """Parameters by path: attention/query/kernel."""
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    return {"/".join(str(part.key) for part in path): leaf for path, leaf in leaves}


def fast_jit(function, **options):
    """jax.jit that leaves out LLVM's optimisation: half of the time to compile, for functions that run once."""
    on_cpu = jax.default_backend() == "cpu"
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0} if on_cpu else None, **options)
