"""A saved run with random parameters in a small world, without training."""

from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
from made_run import nested

from experiments.config.schema import Config, TaskConfig
from experiments.measuring.row_gradients import flat_params
from model.config import ModelConfig
from model.functional import init_params

MODEL = ModelConfig(d_model=7, heads=2, d_head=3, d_mlp=5, norm="layer")


def made_saved(world, model=MODEL, steps=(0, 8), seed=1, masked=("subject", "verb", "object")):
    """What `SavedRun` gives of a run in `world`; its parameters are random at each step."""
    rng = np.random.default_rng(seed)
    config = Config(model=model, task=TaskConfig(masked=masked))
    sized = model.sized(len(world.vocabulary), world.max_length)
    shapes = flat_params(jax.eval_shape(lambda: init_params(sized, jax.random.key(0))))
    arrays = {name: rng.normal(0.1, 0.7, (len(steps), *leaf.shape)).astype(np.float32) for name, leaf in shapes.items()}
    arrays["attention/output/kernel"] *= 4  # attention decides the guess, so that cuts cost nats
    for name in ("unembed/bias", "output_norm/bias", "mlp_out/kernel", "mlp_out/bias"):
        if name in arrays:
            arrays[name] /= 4
    params = lambda t=-1: nested({name: array[t] for name, array in arrays.items()})  # noqa: E731
    return SimpleNamespace(
        folder=Path("made"),
        config=config,
        runs={},
        all_params=arrays | {"step": np.asarray(steps)},
        summary={},
        params=params,
    )
