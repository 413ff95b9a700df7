"""One guess, computed line by line with the numbers of a run: query, keys, dot products, scale, softmax, values, sum.

    told = ledger(load_run("runs/toy-001"), sentence=0, row=0, head=0)
    told.dot_products_K          q . k of the masked place with each word, as recorded
    told.lines()                 the same as seven lines for people

Nothing is computed here: every number is one of `record.npz`, which holds the fields of the forward pass. Dimension
letters as in `model`: K words of the sentence, D components of a head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.vocabulary import PAD
from experiments.run_directory.arrays import Arrays
from experiments.run_directory.saved_run import SavedRun
from experiments.view.word_forms import MASKED, blank_shown
from model.config import ModelConfig

Vector = NDArray[np.float32]
LOG_SCALE = "attention/log_scale"
"""The parameter of a learned scale."""
_AT_A_STEP = ("step", "query", "key", "value", "dot_products", "scores", "weights", "weighted_values", "context")
"""What is read of the arrays that `record.npz` has at each step."""


@dataclass(frozen=True)
class Line:
    """A line of the ledger: a vector, of the masked place or of one word, or a number for each word."""

    name: str
    meaning: str
    vector: Vector | None = None
    numbers: Vector | None = None
    word: int = -1
    """The position of the word that the vector belongs to; -1: of the masked place."""


@dataclass(frozen=True)
class Ledger:
    """What one head computes for one masked word at one recorded step."""

    step: int
    head: int
    words: tuple[str, ...]
    masked: int
    """The position of the masked word."""
    scale: str
    """What happens to the dot products before the softmax: "/ sqrt(16)"."""
    query_D: Vector
    key_KD: Vector
    dot_products_K: Vector
    scores_K: Vector
    weights_K: Vector
    value_KD: Vector
    weighted_values_KD: Vector
    context_D: Vector
    """The sum of the weighted values."""
    heads: int
    sink: bool = False
    """Whether a sink takes a part of the weights."""
    mlp: bool = False
    """Whether an MLP follows."""
    qk_norm: bool = False
    """Whether queries and keys are brought to one length."""
    softcap: float = 0.0
    """The bound of the scores; 0: none."""
    residual: bool = True
    """Whether the sums of all heads are added to the vector of the masked place, or take its place."""
    blank: str = MASKED
    """How the masked place is shown."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The words as the model sees them: the masked one is a blank."""
        return tuple(self.blank if k == self.masked else word for k, word in enumerate(self.words))

    @property
    def strongest(self) -> int:
        """The position of the word with the largest weight."""
        return int(np.nanargmax(self.weights_K)) if np.isfinite(self.weights_K).any() else self.masked

    def place(self, k: int) -> str:
        """The place of the word at position k, " (word 5)", if this word occurs more than once; else nothing."""
        return f" (word {k + 1})" if self.words.count(self.words[k]) > 1 else ""

    def name(self, k: int, quote: str = "") -> str:
        """What the word at position k is called in a sentence."""
        return "the masked place" if k == self.masked else f"{quote}{self.words[k]}{quote}{self.place(k)}"

    def lines(self) -> list[Line]:
        """The seven lines; where they show the vector of one word, it is the word with the largest weight."""
        j = self.strongest
        unchanged = np.array_equal(self.scores_K, self.dot_products_K, equal_nan=True)
        larger = (np.abs(self.scores_K) > np.abs(self.dot_products_K)).any()
        equal = not self.scores_K.any() and self.dot_products_K.any()
        scaled = "unchanged" if unchanged else "makes them larger" if larger else "makes them smaller"
        scaled = "makes all of them 0" if equal else scaled
        word = self.name(j, '"')
        return [
            Line("query", "what it looks for", vector=self.query_D),
            Line("key", f"what {word} is found by", vector=self.key_KD[j], word=j),
            Line("query . key", "large where both match", numbers=self.dot_products_K),
            Line(self.scale, scaled, numbers=self.scores_K),
            Line("softmax", "the weights" if self.sink else "the weights, sum 1", numbers=self.weights_K),
            Line("value", f"what {word} brings", self.value_KD[j], word=j),
            Line("sum", "of weight x value", vector=self.context_D),
        ]


def ledger(saved: SavedRun, sentence: int = 0, row: int = 0, head: int = 0, t: int = -1) -> Ledger:
    """The ledger of a masked word of a watched sentence.

    Args:
      saved: one run.
      sentence: number of the watched sentence, from 0.
      row: number of its masked word, from 0.
      head: number of the head, from 0.
      t: number of the recorded step; the last by default.

    Raises:
      InputError: the run has no such sentence, masked word, head or step.
    """
    record = saved.record
    steps, heads = len(record["step"]), record["weights"].shape[3]
    for name, number, count in (("sentence", sentence, len(record["tokens"])), ("head", head, heads)):
        require(0 <= number < count, f"{name} {number + 1}: this run has {count}")
    rows = int((record["row"][sentence] >= 0).sum())
    require(0 <= row < rows, f"masked word {row + 1}: this sentence has {rows}")
    require(-steps <= t < steps, f"recorded step {t}: this run has {steps}")
    now = {name: record[name][t] for name in _AT_A_STEP}
    if saved.config.model.scale == "learned":
        now[LOG_SCALE] = saved.all_params[LOG_SCALE][t]
    return row_ledger({**record, **now}, saved.config.model, sentence, row, head)


def forming(saved: SavedRun, sentence: int = 0, row: int = 0, head: int = 0) -> list[Ledger]:
    """Ledgers of the same at steps that tell how the weights came about; the arguments are those of `ledger`.

    They are of the first recorded step, of the one at which the word that has the largest weight in the end had half of
    it for the first time, and of the last.
    """
    last = ledger(saved, sentence, row, head)
    weights_T = saved.record["weights"][:, sentence, row, head, last.strongest]
    half = np.flatnonzero(weights_T >= weights_T[-1] / 2)[:1].tolist()  # none where the run diverged
    steps = {0, *half, len(weights_T) - 1}
    return [ledger(saved, sentence, row, head, t) for t in sorted(steps)]


def row_ledger(arrays: Arrays, config: ModelConfig, sentence: int = 0, row: int = 0, head: int = 0) -> Ledger:
    """The same, of the arrays at one step.

    Args:
      arrays: those of `tracking.recorded_arrays`, the fixed ones and those of the step; of a model that learns its
        scale also the parameter LOG_SCALE.
      config: the model's.
      sentence: as in `ledger`.
      row: as in `ledger`.
      head: as in `ledger`.
    """
    tokens = arrays["tokens"][sentence]
    words, masked = tuple(arrays["words"][tokens[tokens != PAD]].tolist()), int(arrays["row"][sentence][row])

    def at(name: str, *, of_words: bool = False) -> Vector:
        values = arrays[name][sentence, row]
        if name in ("key", "value"):  # [K, H, D]
            return values[: len(words), head]
        return values[head, : len(words)] if of_words else values[head]

    return Ledger(
        step=int(arrays["step"]),
        head=head,
        words=words,
        masked=masked,
        scale=scale_text(config, arrays.get(LOG_SCALE)),
        query_D=at("query"),
        key_KD=at("key"),
        dot_products_K=at("dot_products", of_words=True),
        scores_K=at("scores", of_words=True),
        weights_K=at("weights", of_words=True),
        value_KD=at("value"),
        weighted_values_KD=at("weighted_values", of_words=True),
        context_D=at("context"),
        heads=config.heads,
        sink=config.sink != "none",
        mlp=config.d_mlp > 0,
        qk_norm=config.qk_norm,
        softcap=config.softcap,
        residual=config.residual,
        blank=blank_shown(arrays, arrays["words"], int(tokens[masked])),
    )


def scale_text(config: ModelConfig, log_scale: Vector | None = None) -> str:
    """What is done to dot products before the softmax, in the signs of a formula; `log_scale` if it is learned."""
    named = {
        "inverse_sqrt": f"/ sqrt({config.d_head})",
        "inverse": f"/ {config.d_head}",
        "none": "x 1, no scale",
        "learned": "x learned scale" if log_scale is None else f"x {float(np.exp(log_scale)):.3g}, learned",
    }
    text = named[config.scale] if isinstance(config.scale, str) else f"x {config.scale:g}"
    return f"{text}, capped at {config.softcap:g}" if config.softcap else text
