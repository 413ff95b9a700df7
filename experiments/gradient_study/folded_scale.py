"""P7, the control arm: a scale is nothing that other weights and another learning rate could not give.

    scale s with (W_Q, W_K)   is   scale 1 with sqrt(s) (W_Q, W_K)

and it stays so along training, if the learning rate of W_Q and W_K is multiplied by s under gradient descent, or by
sqrt(s) under Adam with its epsilon divided by sqrt(s); without weight decay and gradient clipping. Then a scale is no
more than a choice of starting weights and learning rate. Both arms are trained here by the updates that all models are
trained by, whose hyperparameter `folded` is the factor that W_Q and W_K take over; in float64, where an identity holds
to rounding or not at all.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import SamplerTables
from data.world import World
from experiments.gradient_study.config import CONTROL_STEPS, LayerConfig
from experiments.gradient_study.norm_statistics import Floats
from experiments.gradient_study.real_layer import layer_model
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, TrainState, optimizer, with_factors
from experiments.training.update import train_steps
from model.functional import Params, init_params

SIZE = 24
"""d_head: the root of the scale is no power of two, which would make the two arms equal bit by bit."""
_BATCH = 32
_RATES = {"sgd": 0.01, "adamw": 1e-3}
_SHOWN = {"sgd": "sgd", "adamw": "adam"}
_FOREVER = 2**30
"""Updates over which the learning rate falls: it is constant here."""


def control_differences(
    config: LayerConfig, world: World, tables: SamplerTables, seeds: Sequence[int]
) -> dict[str, Floats]:
    """Largest difference of the two arms' parameters after CONTROL_STEPS updates, relative to the largest of its array.

    Returns:
      One number a seed: "sgd" and "adam" with the learning rates adapted; "unadapted" for gradient descent without it,
      so that it is seen that the two can differ; "moved", how far training took W_Q, by the same measure.
    """
    found: dict[str, list[float]] = {name: [] for name in ("sgd", "adam", "unadapted", "moved")}
    scale = SIZE**-0.5
    with jax.enable_x64(True):
        model, root = layer_model(config, SIZE, "layer", world), jnp.float64(scale) ** 0.5
        tables = jax.tree.map(jnp.asarray, tables)
        for name, rate in _RATES.items():
            spec = TrainingSpec(model, _BATCH, 1, beta2=0.999, optimizer=name)
            run = jax.jit(partial(_trained, spec, tables))
            for seed in seeds:
                fresh = init_params(model, jax.random.key(seed))
                params = jax.tree.map(lambda x: x.astype(jnp.float64), fresh)
                start = with_factors(params, root, root)
                expected = with_factors(run(params, _values(seed, rate, scale)), root, root)
                folded = run(start, _values(seed, rate, 1.0, folded=scale))
                found[_SHOWN[name]].append(difference(expected, folded))
                if name == "sgd":
                    found["moved"].append(difference(expected["attention"]["query"], start["attention"]["query"]))
                    found["unadapted"].append(difference(expected, run(start, _values(seed, rate, 1.0))))
    return {name: np.asarray(values) for name, values in found.items()}


def difference(one: Params, other: Params) -> float:
    """Largest difference of any parameter, relative to the largest magnitude of its array."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(a).max(), 1e-300)) for a, b in pairs)


def _values(seed: int, rate: float, scale: float, folded: float = 1.0) -> Hyperparameters:
    """The hyperparameters of one arm, in float64; without weight decay, warm-up and cosine."""
    rate, scale, folded, none = np.asarray([rate, scale, folded, 0.0])
    return Hyperparameters(np.uint32(seed), rate, scale, none, np.int32(_FOREVER), none, np.float64(1), folded)


def _trained(spec: TrainingSpec, tables: SamplerTables, params: Params, values: Hyperparameters) -> Params:
    """Parameters after CONTROL_STEPS updates on fresh sentences, the same for every arm."""
    state = TrainState(params, optimizer(spec, values).init(params), jnp.float64(0), jnp.int32(-1))
    return train_steps(spec, tables, values, state, jnp.int32(0), jnp.int32(CONTROL_STEPS))[0].params
