"""The gradients of single rows by each group of parameters, and what is told of them.

Gradients are measured row by row and parameter group by parameter group. A row is one masked sentence. Its loss is
KL(exact posterior || model), whose gradient is what the cross-entropy's is on average over the words that may be masked
there, without that noise. One mean over rows says little (a few rows can carry all of it), so the norms of single rows
are kept, and RMS, median and the share of dead rows are taken from them.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from experiments.measuring.evaluation_set import EvaluationSet
from experiments.measuring.shared_rows import among_all, own_rows
from model.functional import Model, Params, apply, excess

DEAD = 1e-3
"""A row is dead in a group if its gradient is smaller than this share of the median row's before the first update."""
_ROW_GRADIENTS = 2**25
"""Bytes of single rows' gradients that are computed of a run at a time: of a model with many parameters, few rows."""
GRADIENT_MEANINGS = {
    "gradient/rms": "Root mean square over rows of the norm of one row's gradient in this group of parameters.",
    "gradient/median": "Median over rows of that norm: where few rows carry all, it is far below the RMS.",
    "gradient/dead_rows": "Share of rows whose gradient is below 1/1000 of the median row's before the first update.",
}


def group_of(name: str) -> str:
    """The group of a parameter: `attention/query`, `norm`, `mlp`, `token`, ..."""
    layer, _, rest = name.partition("/")
    if layer == "attention":
        return f"attention/{rest.partition('/')[0]}"
    if layer.endswith("_norm"):
        return "norm"
    return layer.partition("_")[0] if layer.startswith("mlp") else layer


def flat_params(params: Params) -> dict[str, Any]:
    """The leaves of nested parameters by their place: `attention/query/kernel` and so on."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }


def groups(params: Params) -> list[str]:
    """Names of the groups, in the order of `row_norms`."""
    return sorted({group_of(name) for name in flat_params(params)})


def row_norms(model: Model, sample: EvaluationSet, shards: int = 1) -> jax.Array:
    """Euclidean norm of each row's loss gradient in each parameter group, [E, groups], in nats per parameter unit.

    Of several devices, those of this one's rows, and 0 in the others; `shards` as in `own_rows`.
    """

    def loss(params: Params, tokens_K: jax.Array, masked: jax.Array, posterior_V: jax.Array) -> jax.Array:
        forward = apply(Model(model.config, params, model.scale), tokens_K[None], masked[None, None])
        return excess(posterior_V, forward.logits_BQV[0, 0])

    def norms(row: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        squares = dict.fromkeys(groups(model.params), jnp.float32(0))
        for name, leaf in flat_params(jax.grad(loss)(model.params, *row)).items():
            squares[group_of(name)] += jnp.sum(leaf * leaf)
        return jnp.sqrt(jnp.stack(list(squares.values())))

    own, _ = own_rows((sample.tokens_EK, sample.masked_E, sample.posterior_EV), shards)
    one = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(model.params))
    at_once = max(1, _ROW_GRADIENTS // one)
    norm_EG = jax.vmap(norms)(own) if at_once >= len(own[1]) else jax.lax.map(norms, own, batch_size=at_once)
    return among_all(norm_EG, len(sample.masked_E), shards)


def norm_metrics(names: list[str], norm_EG: NDArray[np.floating], start_EG: NDArray[np.floating]) -> dict[str, float]:
    """`gradient/rms/<group>`, `gradient/median/<group>` and `gradient/dead_rows/<group>` of one run at one step.

    Args:
      names: the groups.
      norm_EG: their row norms now.
      start_EG: their row norms before the first update, against which a row counts as dead.
    """
    norm_GE, start_GE = (np.ascontiguousarray(norms.T, np.float64) for norms in (norm_EG, start_EG))
    rms_G, median_G = np.sqrt(np.mean(norm_GE**2, axis=1)), np.median(norm_GE, axis=1)
    dead_G = np.mean(norm_GE < DEAD * np.median(start_GE, axis=1, keepdims=True), axis=1)
    values: dict[str, float] = {}
    for name, *three in zip(names, rms_G.tolist(), median_G.tolist(), dead_G.tolist(), strict=True):
        kinds = ("rms", "median", "dead_rows")
        values |= {f"gradient/{kind}/{name}": value for kind, value in zip(kinds, three, strict=True)}
    return values
