"""Circuit tables: which blanks look for which words, and which guesses each word speaks for, read off the parameters.

After Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"
(https://transformer-circuits.pub/2021/framework): in each head

    W_Q W_K^T        the score of a blank with a word. Both are a word's vector + a place's vector, so it has four
                     parts: [MASK] with the word, [MASK] with the word's place, the blank's place with the word, and
                     place with place
    W_V W_O W_U      what a word adds to the logit of each word of the vocabulary, for a weight of 1

A norm divides each vector by its size, which depends on the whole of it, so there is no exact table. Assumed is that
every vector is divided by the same number: 1 over the mean of 1 / size over the drawn sentences, for queries, for keys
and values, and for the final norm each. How far that is from the truth is part of the result: how much the sizes vary,
and how well the sum of the parts follows the actual scores. What shifts all scores of a row alike (the bias of a layer
norm, in keys) is left out, since no weight changes by it; so is the softcap. An MLP is left out: the direct path.

Letters as in `model`; S masked slots, G rows. The first K or V of a table is the blank's or the word that is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.inference import relevance
from data.vocabulary import MASK
from data.world import World
from experiments.explaining.drawn_rows import Done, DrawnRows, draw_rows, silent
from experiments.explaining.folded import Folded, fold
from experiments.explaining.preferences import Floats, content_preferences, double_centred
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun
from model.functional import Model, apply


@dataclass(frozen=True)
class Circuits:
    """The tables of a model at one step, in units of scores (as softmax gets them) and of nats."""

    run: str
    step: int
    vocabulary: tuple[str, ...]
    slots: tuple[str, ...]
    """The masked slots."""
    slot_words: dict[str, tuple[int, ...]]
    """The words of each slot of the world."""
    word_word_HV: Floats
    """Part of the score: [MASK] with a word."""
    word_place_HK: Floats
    """[MASK] with a word's place."""
    place_word_HKV: Floats
    """The blank's place with a word."""
    place_place_HKK: Floats
    """The blank's place with a word's place."""
    looks_for_HSV: Floats
    """What the blanks of each slot look for: the parts with a word, mean over the places of these blanks in the drawn
    rows, less the mean over the words of all slots."""
    relevance_SV: Floats
    """The world's truth beside it: mean exact relevance of a word for a blank of the slot in its clause, in nats; nan
    where the two never met."""
    relevance_KK: Floats
    """The same by place: of the word at the second place for a blank at the first; nan where there was none."""
    speaks_for_HVV: Floats
    """What a word, the first, adds to the logit of each word for a weight of 1, nats."""
    place_speaks_HKV: Floats
    """What its place adds."""
    preferences: dict[tuple[str, str], Floats]
    """The world's log-preferences, see `preferences`."""
    fit_H: Floats
    """Pearson's r of the sum of the parts with the actual scores of the drawn rows, each less its row's mean."""
    spread: dict[str, float]
    """How much 1 / size varies (standard deviation over mean) for `query`, `key` and `output`; 0 without a norm."""

    def speaks(self, head: int, start: str, end: str) -> Floats:
        """Block of `speaks_for_HVV` from the words of one slot to those of another, centred over both."""
        block = np.ix_(self.slot_words[start], self.slot_words[end])
        return double_centred(self.speaks_for_HVV[head][block])

    def looks_at_HKK(self) -> Floats:
        """What the blank at each place looks for at each place, whatever word stands there."""
        return self.word_place_HK[:, None] + self.place_place_HKK


def measure_circuits(
    saved: SavedRun, world: World, t: int = -1, sentences: int = 300, seed: int = 0, progress: Done = silent
) -> Circuits:
    """The circuit tables of a run at one recorded step.

    Args:
      saved: one run.
      world: its world.
      t: number of the recorded step; the last by default.
      sentences: how many are drawn: sizes, places of blanks and exact relevance are means over them.
      seed: of the draw.
      progress: is told how many of three pieces are done.

    Raises:
      InputError: the run does not fit its world, or its attention is uniform.
    """
    require(
        saved.config.model.scale_factor > 0,
        f"{saved.folder}: its scores are all 0 (model.scale 0), so its attention looks for nothing that a circuit table"
        " could show; choose another run",
    )
    steps, slots = recorded_steps(saved, world), saved.config.task.masked
    rows, model = draw_rows(world, slots, sentences, seed), saved_model(saved, world, t)
    embedding_GKM, output_GM, dots_GHK = (
        np.asarray(array, np.float64) for array in jax.device_get(_seen(model, rows.masked_GK, rows.masked_G))
    )
    progress(1, 3)
    folded = fold(model, rows, embedding_GKM, output_GM)
    progress(2, 3)
    place_word_HKV = np.einsum("hkd,hvd->hkv", folded.query_place_HKD, folded.key_word_HVD)
    word_word_HV = np.einsum("hd,hvd->hv", folded.query_word_HD, folded.key_word_HVD)
    word_place_HK = np.einsum("hd,hkd->hk", folded.query_word_HD, folded.key_place_HKD)
    place_place_HKK = np.einsum("hid,hjd->hij", folded.query_place_HKD, folded.key_place_HKD)
    relevance_SV, relevance_KK = _relevance(world, rows, slots)
    progress(3, 3)
    return Circuits(
        run=saved.folder.name,
        step=steps[t],
        vocabulary=world.vocabulary.words,
        slots=slots,
        slot_words=world.slots,
        word_word_HV=word_word_HV,
        word_place_HK=word_place_HK,
        place_word_HKV=place_word_HKV,
        place_place_HKK=place_place_HKK,
        looks_for_HSV=_looks_for(world, rows, slots, word_word_HV, place_word_HKV),
        relevance_SV=relevance_SV,
        relevance_KK=relevance_KK,
        speaks_for_HVV=np.einsum("hvm,wm->hvw", folded.brings_word_HVM, folded.read_VM),
        place_speaks_HKV=np.einsum("hkm,wm->hkw", folded.brings_place_HKM, folded.read_VM),
        preferences=content_preferences(world),
        fit_H=_fit(folded, rows, (word_word_HV, word_place_HK, place_word_HKV, place_place_HKK), dots_GHK),
        spread=folded.spread,
    )


@jax.jit
def _seen(model: Model, tokens_GK: jax.Array, masked_G: jax.Array) -> tuple[jax.Array, ...]:
    forward = apply(model, tokens_GK, masked_G[:, None])
    return forward.embedding_BKM, forward.output_BQM[:, 0], forward.dot_products_BHQK[:, :, 0]


def _blank_slots(rows: DrawnRows, slots: Sequence[str]) -> NDArray[np.int64]:
    """The number of each row's masked slot."""
    return np.asarray([slots.index(of[at].slot) for of, at in zip(rows.fields, rows.masked_G, strict=True)])


def _looks_for(
    world: World, rows: DrawnRows, slots: Sequence[str], word_word_HV: Floats, place_word_HKV: Floats
) -> Floats:
    slot_G = _blank_slots(rows, slots)
    parts = [
        word_word_HV + place_word_HKV[:, rows.masked_G[slot_G == s]].mean(axis=1)
        if (slot_G == s).any()
        else np.full_like(word_word_HV, np.nan)
        for s in range(len(slots))
    ]
    table_HSV = np.stack(parts, axis=1)
    every = [word for words in world.slots.values() for word in words]
    return np.asarray(table_HSV - table_HSV[..., every].mean(axis=-1, keepdims=True))


def _relevance(world: World, rows: DrawnRows, slots: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean exact relevance by slot of the blank and word in its clause [S, V], and by both places [K, K]."""
    exact_GK = relevance(world, rows.tokens_GK, rows.masked_G)
    slot_G, keys = _blank_slots(rows, slots), rows.tokens_GK.shape[1]
    total_SV, count_SV = np.zeros((2, len(slots), len(world.vocabulary)))
    total_KK, count_KK = np.zeros((2, keys, keys))
    for g, k in zip(*rows.cells_GK.nonzero(), strict=True):
        at = rows.masked_G[g]
        total_KK[at, k] += exact_GK[g, k]
        count_KK[at, k] += 1
        if rows.fields[g][k].clause == rows.fields[g][at].clause:
            total_SV[slot_G[g], rows.tokens_GK[g, k]] += exact_GK[g, k]
            count_SV[slot_G[g], rows.tokens_GK[g, k]] += 1
    with np.errstate(invalid="ignore"):
        return total_SV / count_SV, total_KK / count_KK


def _fit(folded: Folded, rows: DrawnRows, parts: tuple[Floats, ...], dots_GHK: Floats) -> Floats:
    word_word_HV, word_place_HK, place_word_HKV, place_place_HKK = parts
    cells_GK, tokens_GK, at_G = rows.cells_GK, rows.masked_GK, rows.masked_G
    assert (tokens_GK[np.arange(len(at_G)), at_G] == MASK).all()  # noqa: S101  the parts are those of blanks
    summed_GHK = (
        np.moveaxis(word_word_HV[:, tokens_GK], 0, 1)
        + word_place_HK
        + np.moveaxis(place_word_HKV[:, at_G[:, None], tokens_GK], 0, 1)
        + np.moveaxis(place_place_HKK[:, at_G], 0, 1)
    )
    found = []
    for head in range(len(word_word_HV)):
        pair = []
        for values_GK in (summed_GHK[:, head], dots_GHK[:, head] * folded.factor):
            mean_G = np.where(cells_GK, values_GK, 0).sum(axis=1) / cells_GK.sum(axis=1)
            pair.append((values_GK - mean_G[:, None])[cells_GK])
        found.append(np.corrcoef(*pair)[0, 1])
    return np.asarray(found)
