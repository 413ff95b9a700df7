"""One update, and a chunk of them: pure functions of (spec, tables, hyperparameters, state).

The batch of a step comes from its number and the run's seed alone, so a run can go on from any step without an
iterator's state. It is drawn in pieces, each with a key and (if they are spread evenly) with numbers of the sequence of
its own: devices that share a batch take whole pieces, so the sentences of a step are the same on any number of devices.
"""

from collections.abc import Callable

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from data.drawing_tables import SamplerTables
from data.sampler import Batch, sample, sample_evenly
from experiments.training.batch_parts import in_parts
from experiments.training.hidden_attention import attention_penalty
from experiments.training.hyperparameters import (
    BATCH_AXIS,
    Hyperparameters,
    TrainingSpec,
    TrainState,
    data_key,
    optimizer,
    sequence_shift,
)
from model.functional import Model, Params, apply, cross_entropy, training_logits
from model.transformer import can_reassociate

_COMPARED = 32
"""Sentences on which the two paths to the logits are compared."""


def train_steps(
    spec: TrainingSpec,
    tables: SamplerTables,
    hyperparameters: Hyperparameters,
    state: TrainState,
    start: jax.Array,
    stop: jax.Array,
    shards: int = 1,
    loss: "Loss | None" = None,
    parts: int = 1,
) -> tuple[TrainState, jax.Array]:
    """Updates `start` to `stop` - 1 (traced: one compilation for all chunks), and their mean loss (nan for none).

    A run whose loss or gradient is not finite keeps the state that it had before that update, and its losses are nan
    from there on; runs beside it are not touched.

    Args:
      spec: what is compiled in.
      tables: the sampler's tables.
      hyperparameters: the run's own.
      state: the state before update `start`.
      start: first update.
      stop: one past the last.
      shards: over how many devices the batch is shared; more than 1 only inside a `shard_map` over BATCH_AXIS.
      loss: what is minimised; by default `masked_row_loss`. The benchmark passes another.
      parts: in how many equal parts a device computes its share of the batch, one after the other; see `parts_of`.
    """

    def body(step: jax.Array, state: TrainState) -> TrainState:
        return _update(spec, tables, hyperparameters, state, step, shards, loss or masked_row_loss, parts)

    after = jax.lax.fori_loop(start, stop, body, state)
    return after, (after.loss_sum - state.loss_sum) / (stop - start)


def _update(
    spec: TrainingSpec,
    tables: SamplerTables,
    hyperparameters: Hyperparameters,
    state: TrainState,
    step: jax.Array,
    shards: int,
    loss: "Loss",
    parts: int,
) -> TrainState:
    with jax.named_scope("sampling"):  # the scopes name the parts in a trace
        batch = batch_of(spec, tables, hyperparameters, step, shards)

    def loss_of(params: Params, pairs_VKM: jax.Array | None, batch: Batch) -> jax.Array:
        model = Model(spec.model, params, hyperparameters.scale, pairs_VKM)
        value = loss(model, batch)
        if spec.hides_attention:
            penalty = hyperparameters.hide_attention * attention_penalty(model, batch)
            # It adds its gradient, and 0 to the value: the loss that is recorded stays the cross-entropy.
            value = value + (penalty - jax.lax.stop_gradient(penalty))
        return value

    with jax.named_scope("model"):
        value, gradient = in_parts(spec, loss_of, state.params, batch, parts)
    # Flatten loss and gradients: one all-reduce instead of one per parameter, which would cost as much as the update.
    vector, unravel = jax.flatten_util.ravel_pytree((value, gradient))
    if shards > 1:
        with jax.named_scope("sum_over_devices"):
            vector = jax.lax.pmean(vector, BATCH_AXIS)
    value, gradient = unravel(vector)
    with jax.named_scope("optimizer"):
        updates, inner = optimizer(spec, hyperparameters).update(gradient, state.optimizer, state.params)
        good = (state.diverged_at < 0) & jnp.isfinite(vector).all()
        params, inner = jax.tree.map(
            lambda new, old: jnp.where(good, new, old),
            (optax.apply_updates(state.params, updates), inner),
            (state.params, state.optimizer),
        )
        diverged_at = jnp.where(good | (state.diverged_at >= 0), state.diverged_at, step)
        return TrainState(params, inner, state.loss_sum + jnp.where(good, value, jnp.nan), diverged_at)


def batch_of(
    spec: TrainingSpec, tables: SamplerTables, hyperparameters: Hyperparameters, step: jax.Array, shards: int
) -> Batch:
    """The pieces of the batch of update number `step` that this device takes; other arguments as for `train_steps`."""
    here, size = spec.pieces // shards, spec.batch // spec.pieces
    piece = (jax.lax.axis_index(BATCH_AXIS) * here if shards > 1 else 0) + jnp.arange(here)
    key = jax.random.fold_in(data_key(hyperparameters), step)

    def one(piece: jax.Array) -> Batch:
        own = jax.random.fold_in(key, piece)
        if spec.sampling == "independent":
            return sample(tables, own, size)
        # Modulo 2**32: a run of more sentences goes through the sequence again.
        first = (step.astype(jnp.uint32) * np.uint32(spec.pieces) + piece.astype(jnp.uint32)) * np.uint32(size)
        return sample_evenly(tables, own, size, first, sequence_shift(hyperparameters))

    return jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), jax.vmap(one)(piece))


Loss = Callable[[Model, Batch], jax.Array]
"""What is minimised: a function of a model and a batch."""


def masked_row_loss(model: Model, batch: Batch) -> jax.Array:
    """Mean cross-entropy of the masked words; only their rows of attention are computed."""
    logits_BQV = training_logits(model, batch.tokens_BK, batch.masked_B[:, None])
    return cross_entropy(logits_BQV[:, 0], batch.target_B).mean()


def path_difference(tables: SamplerTables, hyperparameters: Hyperparameters, model: Model) -> jax.Array:
    """How far the logits of the training path are from those that are measured, as a share of the largest.

    Of a few sentences of the run's own. Exactly 0 where both paths are one, see `model.transformer.can_reassociate`.
    """
    if not can_reassociate(model.config):
        return jnp.float32(0)
    batch = sample(tables, data_key(hyperparameters), _COMPARED)
    with jax.default_matmul_precision("highest"):
        shown, trained = (
            logits.astype(jnp.float32)
            for logits in (
                apply(model, batch.tokens_BK, batch.masked_B[:, None]).logits_BQV,
                training_logits(model, batch.tokens_BK, batch.masked_B[:, None]),
            )
        )
    return jnp.abs(shown - trained).max() / jnp.abs(shown).max()
