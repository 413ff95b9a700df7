"""A small transformer for tests: each dimension another prime, every parameter away from 0 and 1."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from model.config import TransformerConfig
from model.functional import init_params

SIZES = {"d_model": 13, "heads": 3, "d_head": 5, "d_mlp": 17, "vocabulary_size": 19, "max_length": 11}


def config_of(**changes):
    return TransformerConfig(**{**SIZES, **changes})


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
