"""Fresh masked sentences of a world, by the world's own sampler, with what stands where in them.

A row is one masked word of one sentence. Letters as in `model`; G rows, K words of a sentence (padded).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from data.drawing_tables import training_tables
from data.errors import require
from data.grammar import Field
from data.inference import template_of
from data.sampler import sample
from data.vocabulary import PAD
from data.world import World

Done = Callable[[int, int], None]
"""Is told how many pieces of the work are done, and of how many."""
MOST_ROWS = 100_000
_KEY = 40_000_000
"""Folded into the seed: no training and no evaluation draws these sentences."""


def silent(_done: int, _of: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class DrawnRows:
    """Masked sentences; contexts are those that training draws from."""

    tokens_GK: NDArray[np.int32]
    """The whole sentences, 0 where they are padded."""
    masked_G: NDArray[np.int32]
    """The masked position."""
    blank_G: NDArray[np.int32]
    """What stands there for the model."""
    target_G: NDArray[np.int32]
    """What the model guesses: the base word, where words have forms."""
    fields: tuple[tuple[Field, ...], ...]
    """What stands at each position of each row: slot and clause."""

    @property
    def masked_GK(self) -> NDArray[np.int32]:
        """The sentences as the model gets them."""
        tokens_GK = self.tokens_GK.copy()
        tokens_GK[np.arange(len(self.masked_G)), self.masked_G] = self.blank_G
        return tokens_GK

    @property
    def cells_GK(self) -> NDArray[np.bool_]:
        """Which places hold a word that can be looked at: not padding, not the masked place itself."""
        places_K = np.arange(self.tokens_GK.shape[1])
        return (self.tokens_GK != PAD) & (places_K != self.masked_G[:, None])


def draw_rows(world: World, masked: Sequence[str], count: int, seed: int) -> DrawnRows:
    """`count` independent masked sentences.

    Args:
      world: the world.
      masked: the slots whose words are masked, `task.masked`.
      count: how many; each has one masked word.
      seed: of the draw.

    Raises:
      InputError: `count` is out of range.
    """
    require(1 <= count <= MOST_ROWS, f"sentences: must be from 1 to {MOST_ROWS:,}, not {count:,}")
    tables = training_tables(world, tuple(masked))
    key = jax.random.fold_in(jax.random.key(_KEY), seed)
    batch = jax.device_get(jax.jit(sample, static_argnums=2)(tables, key, count))
    tokens_GK, masked_G = np.array(batch.tokens_BK), np.asarray(batch.masked_B)
    at_G, forms = (np.arange(count), masked_G), world.word_forms
    blank_G = tokens_GK[at_G]
    tokens_GK[at_G] = forms.spelled_FW[forms.form_W[blank_G], batch.target_B]
    fields = tuple(template_of(world, row[row != PAD]).fields for row in tokens_GK)
    return DrawnRows(tokens_GK, masked_G, blank_G, np.asarray(batch.target_B), fields)
