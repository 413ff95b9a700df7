"""The same training in the two usual ways of Flax: a Python loop over a compiled update, which is given its batch.

The model is `model.transformer.Transformer`, by its forward pass; the optimiser is `optax.adamw`. They run on the first
device. Where that is a CPU its operations use all cores: in a process with one CPU device instead of two the loops were
as fast (19, 113 and 350 updates a second against 19, 105 and 355, in turns).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from flax.training import train_state
from numpy.typing import NDArray

from data.sampler import Batch
from data.vocabulary import PAD
from experiments.speed.task import Task, every_position
from experiments.training.hyperparameters import learning_rate
from experiments.training.update import Loss
from model.functional import Model, Params, apply, cross_entropy
from model.transformer import Transformer


def every_row_loss(model: Model, batch: Batch) -> jax.Array:
    """The loss of `training.update.masked_row_loss`, as a transformer is usually written.

    Every position is a query and gets its logits; those of the masked words are picked at the end.
    """
    logits_BQV = apply(model, batch.tokens_BK, every_position(batch.tokens_BK)).logits_BQV
    masked_BV = jnp.take_along_axis(logits_BQV, batch.masked_B[:, None, None], axis=1)[:, 0]
    return cross_entropy(masked_BV, batch.target_B).mean()


def one_row_loss(model: Model, batch: Batch) -> jax.Array:
    """The same loss with the masked word as the only query, by the usual order of products."""
    logits_BQV = apply(model, batch.tokens_BK, batch.masked_B[:, None]).logits_BQV
    return cross_entropy(logits_BQV[:, 0], batch.target_B).mean()


def adamw(task: Task) -> optax.GradientTransformation:
    """The task's optimiser, as a user of optax writes it."""
    values = task.values
    return optax.adamw(
        lambda count: learning_rate(values, count), b2=task.spec.beta2, weight_decay=float(values.weight_decay)
    )


class _Loop:
    """What both loops share: batches on the first device, and the losses of the updates."""

    def __init__(self, task: Task, updates: int) -> None:
        self._task = task
        self._batches = jax.device_put(task.batches(updates))
        self._losses: list[jax.Array] = []

    def advance(self, updates: int) -> None:
        """Make so many updates, and wait until they are done."""
        for _ in range(updates):
            self._losses.append(self._step(self._batches[len(self._losses)]))
        jax.block_until_ready(self._losses)

    def losses(self) -> NDArray[np.float32]:
        """The loss of each update since the start [N]."""
        return np.asarray(jax.device_get(self._losses), np.float32)

    def _step(self, batch: Batch) -> jax.Array:
        raise NotImplementedError


class NnxLoop(_Loop):
    """`nnx.jit` of an update of a module and its `nnx.Optimizer`."""

    def __init__(self, task: Task, updates: int, every_row: bool) -> None:
        super().__init__(task, updates)
        scale = float(task.values.scale)

        def loss_of(model: Transformer, batch: Batch) -> jax.Array:
            tokens_BK, masked_B1 = batch.tokens_BK, batch.masked_B[:, None]
            query_BQ = every_position(tokens_BK) if every_row else masked_B1
            logits_BQV = model(tokens_BK, query_BQ, tokens_BK != PAD, scale, None).logits_BQV
            if every_row:
                logits_BQV = jnp.take_along_axis(logits_BQV, masked_B1[..., None], axis=1)
            return optax.softmax_cross_entropy_with_integer_labels(logits_BQV[:, 0], batch.target_B).mean()

        def update(model: Transformer, optimizer: Any, batch: Batch) -> jax.Array:
            loss, gradient = nnx.value_and_grad(loss_of)(model, batch)
            optimizer.update(model, gradient)
            return loss

        self._update: Callable[..., jax.Array] = nnx.jit(update)
        self._adamw = adamw(task)  # made once: nnx.jit would compile again for another
        self.begin()

    def begin(self) -> None:
        """Go back to the start."""
        model = Transformer(self._task.spec.model, nnx.Rngs(params=jax.random.key(0)))
        state = nnx.state(model)
        nnx.replace_by_pure_dict(state, jax.device_put(self._task.start))
        nnx.update(model, state)
        self._model, self._losses = model, []
        self._optimizer = nnx.Optimizer(model, self._adamw, wrt=nnx.Param)

    def _step(self, batch: Batch) -> jax.Array:
        return self._update(self._model, self._optimizer, batch)

    def params(self) -> Params:
        """The parameters, as catmat has them."""
        found: Params = jax.device_get(nnx.to_pure_dict(nnx.state(self._model, nnx.Param)))
        return found


class TrainStateLoop(_Loop):
    """`jax.jit` of an update of a `flax.training.train_state.TrainState`."""

    def __init__(self, task: Task, updates: int, loss: Loss) -> None:
        super().__init__(task, updates)
        config, scale = task.spec.model, float(task.values.scale)

        @jax.jit
        def update(state: Any, batch: Batch) -> tuple[Any, jax.Array]:
            value, gradient = jax.value_and_grad(lambda params: loss(Model(config, params, scale), batch))(state.params)
            return state.apply_gradients(grads=gradient), value

        self._update, self._optimizer = update, adamw(task)
        self.begin()

    def begin(self) -> None:
        """Go back to the start."""
        params = jax.device_put(self._task.start)
        self._state = train_state.TrainState.create(apply_fn=apply, params=params, tx=self._optimizer)
        self._losses = []

    def _step(self, batch: Batch) -> jax.Array:
        self._state, loss = self._update(self._state, batch)
        return loss

    def params(self) -> Params:
        """The parameters, as catmat has them."""
        found: Params = jax.device_get(self._state.params)
        return found
