"""A batch in parts that fit into a CPU's caches: how many, and the mean loss and gradient over them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from data.sampler import Batch
from experiments.training.hyperparameters import TrainingSpec, Tree
from model.functional import Model, Params, input_pairs
from model.transformer import can_reassociate

_WORDS = 16_384
"""Most words of sentences that a CPU device computes at a time: 1,024 sentences of 16 (2 cores, see docs/speed.md)."""
_WORDS_PER_PAIR = 2
"""But this many for each pair of a word and a place, since each part sums up a gradient of each pair."""
PartLoss = Callable[[Params, jax.Array | None, Batch], jax.Array]
"""A mean loss of sentences, by parameters and, if they are given, by what `Model.pairs_VKM` holds."""


def in_parts(
    spec: TrainingSpec,
    loss_of: PartLoss,
    params: Params,
    batch: Batch,
    parts: int,
) -> tuple[jax.Array, Params]:
    """The mean of `loss_of` over equal parts of the batch, and its gradient.

    What a pair of a word and a place brings in is the same in all parts. So it is computed once, before them, and its
    gradient is summed over them before it becomes that of parameters.

    Args:
      spec: of the training.
      loss_of: the mean loss of the sentences that it gets.
      params: parameters.
      batch: all sentences.
      parts: how many parts there are; they are computed one after the other.
    """
    if parts == 1:
        return jax.value_and_grad(loss_of)(params, None, batch)
    pairs_VKM, to_params = None, None
    if can_reassociate(spec.model):
        places = batch.tokens_BK.shape[1]
        pairs_VKM, to_params = jax.vjp(lambda params: input_pairs(Model(spec.model, params, 1.0), places), params)
    split = jax.tree.map(lambda array: array.reshape(parts, -1, *array.shape[1:]), batch)
    gradients = jax.value_and_grad(loss_of, argnums=(0, 1))
    zero = jax.tree.map(jnp.zeros_like, (jnp.float32(0), (params, pairs_VKM)))

    def add(total: Tree, part: Batch) -> tuple[Tree, None]:
        return jax.tree.map(jnp.add, total, gradients(params, pairs_VKM, part)), None

    value, (gradient, of_pairs_VKM) = jax.tree.map(lambda total: total / parts, jax.lax.scan(add, zero, split)[0])
    if to_params is not None:
        gradient = jax.tree.map(jnp.add, gradient, *to_params(of_pairs_VKM))
    return value, gradient


def parts_of(spec: TrainingSpec, shards: int, platform: str) -> int:
    """In how many parts a device should compute its share of a batch.

    On a CPU so many that a part has at most 16,384 words: an update of more takes longer for each of them, since what
    the backward pass needs no longer fits into the caches. More words where there are many pairs of a word and a place.
    Where the share has no divisor of about that size, and on an accelerator, in one.
    """
    rows = spec.batch // shards
    most = max(1, _WORDS // spec.model.max_length, _WORDS_PER_PAIR * spec.model.vocabulary_size)
    if platform != "cpu" or rows <= most:
        return 1
    size = max(size for size in range(1, most + 1) if rows % size == 0)
    return rows // size if 2 * size >= most else 1
