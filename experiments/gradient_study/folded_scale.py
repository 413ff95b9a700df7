"""P7, the control arm: a scale is nothing that other weights and another learning rate could not give.

    scale s with (W_Q, W_K)   is   scale 1 with sqrt(s) (W_Q, W_K)

and it stays so along training, if the learning rate of W_Q and W_K is multiplied by s under gradient descent, or by
sqrt(s) under Adam with its epsilon divided by sqrt(s); without weight decay and gradient clipping. Then a scale is no
more than a choice of starting weights and learning rate. Both arms are trained here with the real model in float64,
where an identity holds to rounding or not at all.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from data.sampler import Batch, SamplerTables, sample
from data.world import World
from experiments.gradient_study.config import CONTROL_STEPS, LayerConfig
from experiments.gradient_study.norm_statistics import Floats
from experiments.gradient_study.real_layer import layer_model
from experiments.gradient_study.stage_gradients import row_losses
from model.config import TransformerConfig
from model.functional import Model, Params, init_params

SIZE = 24
"""d_head: the root of the scale is no power of two, which would make the two arms equal bit by bit."""
_BATCH = 32
_RATES = {"sgd": 0.01, "adam": 1e-3}
_EPSILON = 1e-8
_TAKING_OVER = ("query", "key")
"""The projections that take the factor over."""


def control_differences(
    config: LayerConfig, world: World, tables: SamplerTables, seeds: Sequence[int]
) -> dict[str, Floats]:
    """Largest difference of the two arms' parameters after CONTROL_STEPS updates, relative to the largest of its array.

    Returns:
      One number a seed: "sgd" and "adam" with the learning rates adapted; "unadapted" for gradient descent without it,
      so that it is seen that the two can differ; "moved", how far training took W_Q, by the same measure.
    """
    with jax.enable_x64(True):
        model = layer_model(config, SIZE, "layer", world)
        tables = jax.tree.map(jnp.asarray, tables)
        scale = SIZE**-0.5
        runs = {name: jax.jit(partial(_trained, model, name)) for name in _RATES}
        found: dict[str, list[float]] = {name: [] for name in ("sgd", "adam", "unadapted", "moved")}
        for seed in seeds:
            fresh = init_params(model, jax.random.key(seed))
            params = jax.tree.map(lambda x: x.astype(jnp.float64), fresh)
            start = with_factor(params, scale**0.5)
            for name, run in runs.items():
                expected = with_factor(run(tables, seed, params, scale, 1.0), scale**0.5)
                found[name].append(difference(expected, run(tables, seed, start, 1.0, scale)))
                if name == "sgd":
                    found["moved"].append(difference(expected["attention"]["query"], start["attention"]["query"]))
                    found["unadapted"].append(difference(expected, run(tables, seed, start, 1.0, 1.0)))
    return {name: np.asarray(values) for name, values in found.items()}


def with_factor(params: Params, factor: float) -> Params:
    """`params` with W_Q and W_K times `factor`."""
    changed = {name: {"kernel": params["attention"][name]["kernel"] * factor} for name in _TAKING_OVER}
    return params | {"attention": params["attention"] | changed}


def difference(one: Params, other: Params) -> float:
    """Largest difference of any parameter, relative to the largest magnitude of its array."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(a).max(), 1e-300)) for a, b in pairs)


def _optimizer(name: str, factor: Any) -> optax.GradientTransformation:
    """Gradient descent or Adam, W_Q and W_K with the rate that belongs to a factor taken over."""

    def make(rate: Any, epsilon: Any) -> optax.GradientTransformation:
        return optax.sgd(rate) if name == "sgd" else optax.adam(rate, eps=epsilon)

    share = factor if name == "sgd" else factor**0.5
    parts = {"taking over": make(_RATES[name] * share, _EPSILON / factor**0.5), "other": make(_RATES[name], _EPSILON)}

    def label(path: Any, _: Any) -> str:
        names = [part.key for part in path]
        return "taking over" if names[0] == "attention" and names[1] in _TAKING_OVER else "other"

    return optax.multi_transform(parts, lambda params: jax.tree_util.tree_map_with_path(label, params))


def _trained(
    model: TransformerConfig, name: str, tables: SamplerTables, seed: Any, params: Params, scale: Any, factor: Any
) -> Params:
    """Parameters after CONTROL_STEPS updates on fresh sentences, the same for every arm; see `_optimizer`."""
    optimizer = _optimizer(name, factor)

    def loss(params: Params, batch: Batch) -> jax.Array:
        return row_losses(Model(model, params, scale), batch).mean()

    def update(step: jax.Array, carry: tuple[Params, Any]) -> tuple[Params, Any]:
        params, state = carry
        batch = sample(tables, jax.random.fold_in(jax.random.key(seed), step), _BATCH)
        updates, state = optimizer.update(jax.grad(loss)(params, batch), state, params)
        return jax.tree.map(jnp.add, params, updates), state

    trained: Params = jax.lax.fori_loop(0, CONTROL_STEPS, update, (params, optimizer.init(params)))[0]
    return trained
