"""How fast an update computes, beside what this machine's matrix products reach: large ones, and the model's own."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch
from experiments.speed.catmat_runs import EnsembleTraining
from experiments.speed.settings import Settings
from experiments.speed.task import Task, task_of
from experiments.speed.turns import ranged, seconds_in_turns, spread
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import TrainingSpec
from experiments.training.update import masked_row_loss
from model.attention_layer import forms_matrices_first
from model.functional import Model

_LARGE, _QUICK_LARGE = 2048, 128
"""Rows and columns of the large matrices."""
Product = tuple[str, tuple[int, ...], tuple[int, ...]]
"""An einsum and the shapes of its two operands."""


def measure(settings: Settings) -> dict[str, Any]:
    """Operations a second: of an update, of a product of large matrices, and of products of the update's own shapes."""
    task = task_of(settings.config)
    operations = operations_of(task)
    large = _QUICK_LARGE if settings.quick else _LARGE
    large_ones: list[Product] = [("MK,KN->MN", (large, large), (large, large))]
    products = {"large": large_ones, "own": own_products(task.spec)}
    ways: dict[str, Any] = {name: _Products(listed) for name, listed in products.items()}
    ways["update"] = EnsembleTraining(task)
    updates = {"large": 2, "own": settings.updates, "update": settings.updates}
    times = seconds_in_turns(ways, updates, settings.repeats, settings.say, settings.least)
    counted = {name: ways[name].operations for name in products} | {"update": operations}
    rates = {name: [counted[name] * updates[name] / s for s in seconds] for name, seconds in times.items()}
    return {
        "operations_of_an_update": operations,
        "operations_a_second": {name: spread(rate) for name, rate in rates.items()},
        "update_to_large": spread(one / two for one, two in zip(rates["update"], rates["large"], strict=True)),
        "update_to_own": spread(one / two for one, two in zip(rates["update"], rates["own"], strict=True)),
        "devices": jax.device_count(),
    }


def operations_of(task: Task) -> float:
    """Floating-point operations of the loss of a batch and its gradient, as XLA counts them; drawing and AdamW not."""
    batch, values = task.batches(1)[0], task.values

    def loss(params: Any, batch: Batch) -> jax.Array:
        return masked_row_loss(Model(task.spec.model, params, values.scale), batch)

    cost: Any = jax.jit(jax.value_and_grad(loss)).lower(task.start, batch).compile().cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost
    return float(cost["flops"])


def own_products(spec: TrainingSpec) -> list[Product]:
    """The matrix products of an update's forward pass, of a batch B, in catmat's order; N: heads and rows as one axis.

    The backward pass has two of the same size for each.
    """
    model, batch = spec.model, spec.batch
    width, inner, places = model.d_model, model.heads * model.d_head, model.max_length
    heads, components, words = model.heads, model.d_head, model.vocabulary_size
    scores: list[Product] = [
        ("BNM,BKM->BNK", (batch, heads, width), (batch, places, width)),
        ("BNK,BKM->BNM", (batch, heads, places), (batch, places, width)),
    ]
    if forms_matrices_first(model):
        into: list[Product] = [("BM,MI->BI", (batch, width), (width, heads * width))]
        out: list[Product] = [("BI,IM->BM", (batch, heads * width), (heads * width, width))]
    else:
        into = [
            ("BM,MI->BI", (batch, width), (width, inner)),
            ("BHD,MHD->BHM", (batch, heads, components), (width, heads, components)),
        ]
        out = [
            ("BHM,MHD->BHD", (batch, heads, width), (width, heads, components)),
            ("BI,IM->BM", (batch, inner), (inner, width)),
        ]
    found = [*into, *scores, *out, ("BM,MV->BV", (batch, width), (width, words))]
    if model.d_mlp:
        found += [
            ("BM,MF->BF", (batch, width), (width, model.d_mlp)),
            ("BF,FM->BM", (batch, model.d_mlp), (model.d_mlp, width)),
        ]
    return found


def _operations(product: Product) -> float:
    """2 for each term of each sum."""
    names, one, two = product
    sizes: dict[str, int] = {}
    for letters, shape in zip(names.partition("->")[0].split(","), (one, two), strict=True):
        sizes |= dict(zip(letters, shape, strict=True))
    return 2.0 * float(np.prod(list(sizes.values())))


class _Products:
    """Products made again and again in a compiled loop, on all devices at once; a `Way` to be timed."""

    def __init__(self, products: list[Product]) -> None:
        devices = jax.device_count()
        # Rows are shared among the devices, as a batch is.
        shared = [(names, (max(1, one[0] // devices), *one[1:]), two) for names, one, two in products]
        shared = [
            (names, one, (one[0], *two[1:]) if names.partition(",")[2][0] == names[0] else two)
            for names, one, two in shared
        ]
        self.operations = devices * sum(_operations(product) for product in shared)
        self._ensemble = Ensemble(devices, 1)

        def repeated(times: jax.Array, operands: Any) -> Any:
            return [_repeat(product[0], times, *pair) for product, pair in zip(shared, operands, strict=True)]

        stacked = [tuple(np.ones((devices, *shape), np.float32) for shape in product[1:]) for product in shared]
        self._operands = self._ensemble.place(stacked)
        self._program = self._ensemble.compile(repeated, self._ensemble.replicate(np.int32(0)), self._operands)

    def begin(self) -> None:
        """Nothing is to be undone."""

    def advance(self, updates: int) -> None:
        """Make all products so many times."""
        jax.block_until_ready(self._program(self._ensemble.replicate(np.int32(updates)), self._operands))


def _repeat(names: str, times: jax.Array, one: jax.Array, two: jax.Array) -> jax.Array:
    """A product made so many times; each waits for the one before, since a number of that goes into its operand."""

    def again(_: jax.Array, carried: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        operand, product = carried
        operand = operand.at[(0,) * operand.ndim].set(product[(0,) * product.ndim] * 1e-6)
        return operand, jnp.einsum(names, operand, two)

    return jax.lax.fori_loop(0, times, again, (one, jnp.einsum(names, one, two)))[1]


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    rates = {
        name: {key: value / 1e9 for key, value in rate.items() if key != "all"}
        for name, rate in found["operations_a_second"].items()
    }
    million = found["operations_of_an_update"] / 1e6
    return [
        f"arithmetic, {found['devices']} devices together, in GFLOP/s",
        f"  {f'an update, {million:,.0f} MFLOP as XLA counts':<40}{ranged(rates['update'], '7.1f')}",
        f"  products of its own shapes, forward     {ranged(rates['own'], '7.1f')}",
        f"  products of large matrices              {ranged(rates['large'], '7.1f')}",
        f"  {'update / products of its own shapes':<40}{ranged(found['update_to_own'], '7.2f')}",
        f"  {'update / large matrices':<40}{ranged(found['update_to_large'], '7.2f')}",
    ]
