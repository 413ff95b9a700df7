"""The model of a saved run at any recorded step, ready for `model.functional.apply`."""

import functools
from contextlib import suppress

import jax
import numpy as np

from data.errors import InputError, require
from data.world import World
from experiments.measuring.row_gradients import flat_params
from experiments.run_directory.arrays import check_stacked
from experiments.run_directory.saved_run import SavedRun
from model.functional import Model, init_params


def saved_model(saved: SavedRun, world: World, t: int = -1) -> Model:
    """The model at recorded step number `t` (the last by default) of a run in `world`."""
    config = saved.config.model
    return Model(config.sized(len(world.vocabulary), world.max_length), saved.params(t), config.scale_factor)


def recorded_steps(saved: SavedRun, world: World) -> list[int]:
    """The steps whose parameters were saved.

    Raises:
      InputError: they do not fit the run's config, or the world is another one now.
    """
    arrays, path = saved.all_params, saved.folder / "params.npz"
    words = arrays.get("token/embedding", np.zeros(0)).shape[1:2]
    if words and words[0] != len(world.vocabulary):
        raise InputError(f"{saved.folder}: was trained on {words[0]} words, its world has {len(world.vocabulary)} now")
    _check_world(saved, world)
    config = saved.config.model.sized(len(world.vocabulary), world.max_length)
    params = jax.eval_shape(functools.partial(init_params, config), jax.random.key(0))
    check_stacked(path, arrays, {name: leaf.shape for name, leaf in flat_params(params).items()})
    return [int(step) for step in arrays["step"]]


def _check_world(saved: SavedRun, world: World) -> None:
    """Refuse a world that is another one than at the run's end, as far as its summary says; raises InputError."""
    trained_on = world.fingerprint
    with suppress(InputError):  # it is trained still, or its summary is damaged
        trained_on = saved.summary.get("world_fingerprint", trained_on)
    require(
        trained_on == world.fingerprint,
        f"{saved.folder}: its world, {saved.config.world}, has changed since it was trained; put the world's file back"
        " as it was, or train anew",
    )
