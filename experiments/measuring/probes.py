"""The sentences that are watched: their exact answers, and what a model does with each masked word.

A row is one masked word of one sentence: the attention of that position in the copy of the sentence whose word is
masked. Every row that is shown carries loss in training. Dimension letters beside those of `model`: N sentences, G rows
of all of them, C substitutions (see `Probes.tokens_CK`).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.errors import InputError, require
from data.inference import posterior, read_sentence, relevance, relevant_words
from data.vocabulary import PAD
from data.world import World
from experiments.measuring.score_gradients import score_gradient
from experiments.measuring.shared_rows import among_all, own_rows
from experiments.training.hyperparameters import Array
from model.functional import Model, apply, cut_logits, divergence, excess
from model.transformer import ForwardOutput


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Probes:
    """Rows to watch and their exact answers."""

    tokens_GK: Array
    """The masked copies."""
    masked_G: Array
    sentence_G: Array
    posterior_GV: Array
    relevance_GK: Array
    tokens_CK: Array
    """Masked copies with one further word replaced by a word that could stand there."""
    row_C: Array
    key_C: Array
    weight_C: Array
    """P(that word there | all words but the two)."""

    @functools.cached_property
    def relevant_GK(self) -> NDArray[np.bool_]:
        """Which words of each row are relevant; of NumPy arrays."""
        return relevant_words(self.relevance_GK.astype(np.float64))

    @functools.cached_property
    def rows_NR(self) -> NDArray[np.int64]:
        """The number g of each row by sentence; -1 where a sentence has fewer rows than others; of NumPy arrays."""
        counts = np.bincount(self.sentence_G)
        rows = (np.flatnonzero(self.sentence_G == n) for n in range(len(counts)))
        return np.asarray([np.pad(row, (0, counts.max() - len(row)), constant_values=-1) for row in rows])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Observation:
    """What a model does with each row."""

    forward: ForwardOutput
    """The forward pass of the masked copies; B is G, Q is 1."""
    excess_G: Array
    """KL(posterior || guess), nats."""
    cut_cost_GJK: Array
    """Rise of the excess when the edge to key K is cut, in head J (the last J: in all heads)."""
    model_relevance_GK: Array
    """KL(guess || guess without word K), the word averaged out over the exact P(word | the others)."""
    score_gradient_GHK: Array
    """dL/ds of the excess L by each score s, as softmax gets it; nats."""


def probe_tokens(world: World, sentence: str, masked: Sequence[str], place: str = "") -> tuple[list[int], list[int]]:
    """The sentence's tokens, and the positions to mask: every word of a slot in `masked`, perhaps none.

    Raises:
      InputError: an unknown word, or a sentence that this world cannot say or can read in two ways; `place` is where
        the sentence stands.
    """
    try:
        tokens, template = read_sentence(world, sentence)
    except InputError as error:
        raise InputError(f"{place}{error}") from None
    return tokens, [i for i, field in enumerate(template.fields) if not field.is_word and field.slot in masked]


def masked_probe(world: World, sentence: str, masked: Sequence[str], place: str = "") -> tuple[list[int], list[int]]:
    """The same of a sentence in which a word must be masked; raises InputError where none is."""
    tokens, positions = probe_tokens(world, sentence, masked, place)
    require(positions, f"{place}'{sentence}' has no word of {', '.join(masked)}, so nothing in it is masked")
    return tokens, positions


def make_probes(world: World, rows: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Probes:
    """The rows of (tokens, positions to mask), with their exact answers."""
    pairs = [(n, tokens, place) for n, (tokens, places) in enumerate(rows) for place in places]
    padded = [[*tokens, *[PAD] * (world.max_length - len(tokens))] for _, tokens, _ in pairs]
    tokens_GK = np.asarray(padded, np.int32)
    sentence_G = np.asarray([n for n, _, _ in pairs], np.int32)
    masked_G = np.asarray([place for _, _, place in pairs], np.int32)
    exact_GV = posterior(world, tokens_GK, masked_G).astype(np.float32)
    relevance_GK = relevance(world, tokens_GK, masked_G).astype(np.float32)
    at_G = np.arange(len(pairs)), masked_G
    tokens_GK[at_G] = world.blank_W[tokens_GK[at_G]]
    return Probes(tokens_GK, masked_G, sentence_G, exact_GV, relevance_GK, *_substitutions(world, tokens_GK, masked_G))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OtherRows:
    """Rows beside the probes: on them the best head is chosen, so that it is reported on other rows than chosen on."""

    tokens_OK: Array
    masked_O: Array
    relevant_OK: Array
    """Which words are relevant."""


def _substitutions(
    world: World, tokens_GK: NDArray[np.int32], masked_G: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Every visible word of every row replaced by every word that could stand there, with its probability."""
    parts = []
    for key in range(tokens_GK.shape[1]):
        here = np.flatnonzero((tokens_GK[:, key] != PAD) & (masked_G != key))
        if len(here):
            word_GV = posterior(world, tokens_GK[here], masked_G[here], np.full(len(here), key)).sum(axis=1)
            g_C, word_C = np.nonzero(word_GV)
            changed_CK = tokens_GK[here[g_C]]
            changed_CK[:, key] = word_C
            parts.append((changed_CK, here[g_C], np.full(len(g_C), key), word_GV[g_C, word_C]))
    tokens_CK, row_C, key_C, weight_C = (np.concatenate(values) for values in zip(*parts, strict=True))
    return tokens_CK, row_C.astype(np.int32), key_C.astype(np.int32), weight_C.astype(np.float32)


def observe(
    probes: Probes, forward: ForwardOutput, without_GKV: jax.Array, effects: tuple[jax.Array, jax.Array]
) -> Observation:
    """What a run's model does with every row of `probes`.

    Args:
      probes: the rows.
      forward: the model's forward pass of them (Q is 1).
      without_GKV: from `guesses_without`.
      effects: from `edge_effects`.
    """
    excess_G = excess(probes.posterior_GV, forward.logits_BQV[:, 0])
    some_GK = without_GKV.sum(axis=-1) > 0  # not the masked place, not padding
    guess_GV = jax.nn.softmax(forward.logits_BQV[:, 0])
    relevance_GK = jnp.where(some_GK, divergence(guess_GV[:, None], without_GKV), 0.0)
    cost_GJK, gradient_GHK = effects
    return Observation(forward, excess_G, cost_GJK, relevance_GK, gradient_GHK)


def edge_effects(model: Model, probes: Probes, forward: ForwardOutput, shards: int = 1) -> tuple[jax.Array, jax.Array]:
    """`Observation.cut_cost_GJK` and `Observation.score_gradient_GHK`, of the model's forward pass of the probes.

    Of several devices, those of this one's rows, and 0 in the others; `shards` as in `own_rows`.
    """
    rows = probes.tokens_GK, probes.masked_G, probes.posterior_GV, forward
    (tokens_GK, masked_G, posterior_GV, forward), _ = own_rows(rows, shards)
    cut_GJKV = cut_logits(model, tokens_GK, masked_G[:, None])[:, 0]
    uncut_G = excess(posterior_GV, forward.logits_BQV[:, 0])
    cost_GJK = excess(posterior_GV[:, None, None], cut_GJKV) - uncut_G[:, None, None]
    gradient_GHK = score_gradient(
        model, tokens_GK, masked_G, forward, lambda logits_GV: excess(posterior_GV, logits_GV)
    )
    count = len(probes.masked_G)
    return among_all(cost_GJK, count, shards), among_all(gradient_GHK, count, shards)


def guesses_without(model: Model, probes: Probes, shards: int = 1) -> jax.Array:
    """The model's guesses in each row without the word K, which is averaged out [G, K, V]; 0 where no word is.

    Of several devices, what this one's part of the substitutions adds to them; `shards` as in `own_rows`.
    """
    rows, keys = probes.tokens_GK.shape
    substitutions = (probes.tokens_CK, probes.row_C, probes.key_C, probes.weight_C)
    (tokens_CK, row_C, key_C, weight_C), own_C = own_rows(substitutions, shards)
    guess_CV = jax.nn.softmax(apply(model, tokens_CK, probes.masked_G[row_C][:, None]).logits_BQV[:, 0])
    share_C = jnp.where(own_C, weight_C, 0.0)
    without_SV = jax.ops.segment_sum(guess_CV * share_C[:, None], row_C * keys + key_C, rows * keys)
    return without_SV.reshape(rows, keys, -1)
