"""The same training in PyTorch, as people write it there: modules, `scaled_dot_product_attention`, `optim.AdamW`.

The only module that imports torch; it is itself imported where torch is installed (the extra `peers`), and late.
"""

import functools
import logging
from typing import Any

import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  PyTorch's own habit
from numpy.typing import NDArray
from torch import nn

from data.vocabulary import PAD
from experiments.speed.task import Task
from experiments.training.hyperparameters import learning_rate
from model.config import TransformerConfig
from model.functional import Params

torch._dynamo.config.recompile_limit = 64  # else the 9th model, of another scale, would run without being compiled
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where there is no GPU
_EPSILON = 1e-6
"""Of flax's normalisations."""


class TorchTransformer(nn.Module):
    """catmat's plain model; `every_row`: whether all positions are queries, or the masked one alone."""

    def __init__(self, config: TransformerConfig, scale: float, every_row: bool) -> None:
        super().__init__()
        self.config, self.scale, self.every_row = config, scale, every_row
        inner, width = config.heads * config.d_head, config.d_model
        norms = {"layer": nn.LayerNorm, "rms": nn.RMSNorm}
        norm = functools.partial(norms[config.norm], width, eps=_EPSILON) if config.norm in norms else nn.Identity
        self.token = nn.Embedding(config.vocabulary_size, width)
        self.position = nn.Embedding(config.max_length, width)
        self.attention_norm = norm()
        self.query, self.key, self.value = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.output = nn.Linear(inner, width, bias=False)
        if config.d_mlp:
            self.mlp_norm = norm()
            self.mlp_in, self.mlp_out = nn.Linear(width, config.d_mlp), nn.Linear(config.d_mlp, width)
        self.output_norm = norm()
        self.unembed = nn.Linear(width, config.vocabulary_size)

    def forward(self, tokens_BK: Any, masked_B: Any, target_B: Any) -> Any:
        """The mean cross-entropy of the masked words."""
        batch, words = tokens_BK.shape
        rows = torch.arange(batch, device=tokens_BK.device)
        embedding_BKM = self.token(tokens_BK) + self.position.weight[:words]
        input_BKM = self.attention_norm(embedding_BKM)
        if self.every_row:
            residual_BQM, looking_BQM = embedding_BKM, input_BKM
        else:
            residual_BQM, looking_BQM = embedding_BKM[rows, masked_B][:, None], input_BKM[rows, masked_B][:, None]
        query, key, value = self.query(looking_BQM), self.key(input_BKM), self.value(input_BKM)
        context_BHQD = F.scaled_dot_product_attention(
            *(self._by_head(vector) for vector in (query, key, value)),
            attn_mask=(tokens_BK != PAD)[:, None, None, :],
            scale=self.scale,
        )
        residual_BQM = residual_BQM + self.output(context_BHQD.transpose(1, 2).flatten(2))
        if self.config.d_mlp:
            residual_BQM = residual_BQM + self.mlp_out(F.relu(self.mlp_in(self.mlp_norm(residual_BQM))))
        logits_BQV = self.unembed(self.output_norm(residual_BQM))
        return F.cross_entropy(logits_BQV[rows, masked_B] if self.every_row else logits_BQV[:, 0], target_B)

    def _by_head(self, vector: Any) -> Any:
        return vector.unflatten(-1, (self.config.heads, self.config.d_head)).transpose(1, 2)


class TorchLoop:
    """A Python loop: loss, `backward`, one step of `AdamW`; a `Training`.

    Args:
      task: what is trained.
      updates: the most updates from one start.
      every_row: as for `TorchTransformer`.
      compiled: whether `torch.compile` compiles the model, which needs a C++ compiler on a CPU.
    """

    def __init__(self, task: Task, updates: int, every_row: bool, compiled: bool) -> None:
        self._task, self._device = task, torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = TorchTransformer(task.spec.model, float(task.values.scale), every_row).to(self._device)
        self._loss = torch.compile(self._model, dynamic=False) if compiled else self._model
        self._batches = [
            tuple(
                torch.tensor(array, dtype=torch.int64, device=self._device)
                for array in (batch.tokens_BK, batch.masked_B, batch.target_B)
            )
            for batch in task.batches(updates)
        ]
        rates = [float(learning_rate(task.values, jnp.int32(step))) for step in range(updates + 1)]
        self._factor = [rate / max(float(task.values.learning_rate), 1e-30) for rate in rates]
        self.begin()

    def begin(self) -> None:
        """Go back to the start."""
        self._model.load_state_dict({name: torch.tensor(array) for name, array in to_torch(self._task.start).items()})
        values = self._task.values
        self._losses: list[Any] = []
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(),
            lr=float(values.learning_rate),
            betas=(0.9, self._task.spec.beta2),
            eps=1e-8,
            weight_decay=float(values.weight_decay),
            fused=True,
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._factor.__getitem__)

    def advance(self, updates: int) -> None:
        """Make so many updates, and wait until they are done."""
        for _ in range(updates):
            loss = self._loss(*self._batches[len(self._losses)])
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            self._schedule.step()
            self._losses.append(loss.detach())
        if self._device.type == "cuda":
            torch.cuda.synchronize()

    def losses(self) -> NDArray[np.float32]:
        """The loss of each update since the start [N]."""
        return np.asarray([loss.item() for loss in self._losses], np.float32)

    def params(self) -> Params:
        """The parameters, as catmat has them."""
        state = {name: tensor.detach().cpu().numpy() for name, tensor in self._model.state_dict().items()}
        return from_torch(state, self._task.start)


def to_torch(params: Params) -> dict[str, NDArray[np.float32]]:
    """Catmat's parameters (NumPy) as a state dict: matrices are transposed, heads and their components one axis."""
    found = {}
    for name, group in {**params, **params["attention"]}.items():
        for kind, array in group.items() if name != "attention" else ():
            if kind == "kernel":  # [M, H, D], [H, D, M] or [in, out]
                matrix = array.reshape(-1, array.shape[-1]) if name == "output" else array.reshape(len(array), -1)
                found[f"{name}.weight"] = np.ascontiguousarray(matrix.T)
            else:
                found[f"{name}.{'bias' if kind == 'bias' else 'weight'}"] = array
    return found


def from_torch(state: dict[str, NDArray[np.float32]], like: Params) -> Params:
    """A state dict (NumPy) as catmat's parameters, of the shapes of `like`."""

    def group_of(name: str, group: Params) -> Params:
        return {
            kind: state[f"{name}.{'bias' if kind == 'bias' else 'weight'}"].T.reshape(array.shape)
            if kind == "kernel"
            else state[f"{name}.{'bias' if kind == 'bias' else 'weight'}"]
            for kind, array in group.items()
        }

    return {
        name: {part: group_of(part, inner) for part, inner in group.items()}
        if name == "attention"
        else group_of(name, group)
        for name, group in like.items()
    }


def peak_memory() -> int | None:
    """The most bytes that torch has used on a GPU; None without one."""
    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else None
