"""Circuit tables: which blanks look for which words, and which guesses each word speaks for, read off the parameters.

After Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"
(https://transformer-circuits.pub/2021/framework): in each head

    W_Q W_K^T        the score of a blank with a word. Both are a word's vector + a place's vector, so it has four
                     parts: the blank's word, [MASK], with the word, [MASK] with the word's place, the
                     blank's place with the word, and place with place
    W_V W_O W_U      what a word adds to the logit of each word of the vocabulary, for a weight of 1

A norm divides each vector by its size, which depends on the whole of it, so there is no exact table. Assumed is that
every vector is divided by the same number: 1 over the mean of 1 / size over the drawn sentences, for queries, for keys
and values, and for the final norm each. How far that is from the truth is part of the result: how much the sizes vary,
and how well the sum of the parts follows the actual scores. What shifts all scores of a row alike (the bias of a layer
norm, in keys) is left out, since no weight changes by it; so is the softcap. An MLP is left out: the direct path.

Where words have forms, each form has its blank, and words of a slot are kinds of their own in each form.

Letters as in `model`; F blanks, S kinds of masked words, G rows. The first K or V of a table is the blank's or the word
that is looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.grammar import Field
from data.inference import relevance
from data.world import World
from experiments.explaining.drawn_rows import Done, DrawnRows, draw_rows, silent
from experiments.explaining.folded import Folded, fold
from experiments.explaining.preferences import Floats, content_preferences, double_centred
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun
from model.functional import Model, apply


class Kind(NamedTuple):
    """Words of one slot in one form."""

    form: str
    """Empty where words have no form."""
    slot: str

    def __str__(self) -> str:
        return f"{self.form} {self.slot}".lstrip()


@dataclass(frozen=True)
class Circuits:
    """The tables of a model at one step, in units of scores (as softmax gets them) and of nats."""

    run: str
    step: int
    vocabulary: tuple[str, ...]
    masked: tuple[Kind, ...]
    """The kinds of words that are masked."""
    words: dict[Kind, tuple[int, ...]]
    """The words of each kind that the world has."""
    guesses: dict[str, tuple[int, ...]]
    """The words of each slot without forms: what is guessed."""
    blanks: tuple[int, ...]
    """What stands for masked words: [MASK], or the blank of each form."""
    word_word_HFV: Floats
    """Part of the score: a blank's word with a word."""
    word_place_HFK: Floats
    """A blank's word with a word's place."""
    place_word_HKV: Floats
    """The blank's place with a word."""
    place_place_HKK: Floats
    """The blank's place with a word's place."""
    looks_for_HSV: Floats
    """What the blanks of each kind look for: the parts with a word, mean over the places of these blanks in the drawn
    rows, less the mean over the words of all kinds."""
    relevance_SV: Floats
    """The world's truth beside it: mean exact relevance of a word for a blank of the kind in its clause, in nats; nan
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

    def speaks(self, head: int, start: Kind, end: str) -> Floats:
        """Block of `speaks_for_HVV` from the words of a kind to what is guessed for a slot, centred over both."""
        block = np.ix_(self.words[start], self.guesses[end])
        return double_centred(self.speaks_for_HVV[head][block])

    @property
    def pairs(self) -> list[tuple[Kind, str, Floats]]:
        """Content words of each kind, the slots that they can speak for, and the world's preferences."""
        return [
            (kind, end, table)
            for (start, end), table in self.preferences.items()
            for kind in self.words
            if kind.slot == start
        ]


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
    masked, blanks = _masked_kinds(world, slots)
    folded = fold(model, rows, blanks, embedding_GKM, output_GM)
    progress(2, 3)
    place_word_HKV = np.einsum("hkd,hvd->hkv", folded.query_place_HKD, folded.key_word_HVD)
    word_word_HFV = np.einsum("hfd,hvd->hfv", folded.query_word_HFD, folded.key_word_HVD)
    word_place_HFK = np.einsum("hfd,hkd->hfk", folded.query_word_HFD, folded.key_place_HKD)
    place_place_HKK = np.einsum("hid,hjd->hij", folded.query_place_HKD, folded.key_place_HKD)
    blank_G = np.searchsorted(blanks, rows.blank_G)
    parts = word_word_HFV[:, blank_G], word_place_HFK[:, blank_G], place_word_HKV, place_place_HKK
    kind_G = np.asarray([masked.index(_kind(of[at])) for of, at in zip(rows.fields, rows.masked_G, strict=True)])
    relevance_SV, relevance_KK = _relevance(world, rows, kind_G, len(masked))
    progress(3, 3)
    return Circuits(
        run=saved.folder.name,
        step=steps[t],
        vocabulary=world.vocabulary.words,
        masked=masked,
        words={Kind(*kind): words for kind, words in world.words_by_kind.items()},
        guesses=world.slots,
        blanks=blanks,
        word_word_HFV=word_word_HFV,
        word_place_HFK=word_place_HFK,
        place_word_HKV=place_word_HKV,
        place_place_HKK=place_place_HKK,
        looks_for_HSV=_looks_for(world, rows, kind_G, len(masked), parts),
        relevance_SV=relevance_SV,
        relevance_KK=relevance_KK,
        speaks_for_HVV=np.einsum("hvm,wm->hvw", folded.brings_word_HVM, folded.read_VM),
        place_speaks_HKV=np.einsum("hkm,wm->hkw", folded.brings_place_HKM, folded.read_VM),
        preferences=content_preferences(world),
        fit_H=_fit(folded, rows, parts, dots_GHK),
        spread=folded.spread,
    )


@jax.jit
def _seen(model: Model, tokens_GK: jax.Array, masked_G: jax.Array) -> tuple[jax.Array, ...]:
    forward = apply(model, tokens_GK, masked_G[:, None])
    return forward.embedding_BKM, forward.output_BQM[:, 0], forward.dot_products_BHQK[:, :, 0]


def _kind(field: Field) -> Kind:
    return Kind(field.form, field.slot)


def _masked_kinds(world: World, slots: Sequence[str]) -> tuple[tuple[Kind, ...], tuple[int, ...]]:
    """The kinds of words of masked slots, form by form, and their blanks in rising order."""
    fields = {_kind(field) for template in world.templates for field in template.fields if not field.is_word}
    number = world.word_forms.number
    kinds = sorted((kind for kind in fields if kind.slot in slots), key=lambda k: (number[k.form], slots.index(k.slot)))
    blanks = {int(world.word_forms.blank_F[number[kind.form]]) for kind in kinds}
    return tuple(kinds), tuple(sorted(blanks))


def _looks_for(
    world: World, rows: DrawnRows, kind_G: NDArray[np.int64], kinds: int, parts: tuple[Floats, ...]
) -> Floats:
    word_HGV, _, place_word_HKV, _ = parts
    found = []
    for kind in range(kinds):
        own_G = kind_G == kind
        with_word_HGV = word_HGV[:, own_G] + place_word_HKV[:, rows.masked_G[own_G]]
        found.append(with_word_HGV.mean(axis=1) if own_G.any() else np.full_like(word_HGV[:, 0], np.nan))
    table_HSV = np.stack(found, axis=1)
    every = [word for words in world.words_by_kind.values() for word in words]
    return np.asarray(table_HSV - table_HSV[..., every].mean(axis=-1, keepdims=True))


def _relevance(world: World, rows: DrawnRows, kind_G: NDArray[np.int64], kinds: int) -> tuple[Floats, Floats]:
    """Mean exact relevance by kind of the blank and word in its clause [S, V], and by both places [K, K]."""
    exact_GK = relevance(world, rows.tokens_GK, rows.masked_G)
    keys = rows.tokens_GK.shape[1]
    total_SV, count_SV = np.zeros((2, kinds, len(world.vocabulary)))
    total_KK, count_KK = np.zeros((2, keys, keys))
    for g, k in zip(*rows.cells_GK.nonzero(), strict=True):
        at = rows.masked_G[g]
        total_KK[at, k] += exact_GK[g, k]
        count_KK[at, k] += 1
        if rows.fields[g][k].clause == rows.fields[g][at].clause:
            total_SV[kind_G[g], rows.tokens_GK[g, k]] += exact_GK[g, k]
            count_SV[kind_G[g], rows.tokens_GK[g, k]] += 1
    with np.errstate(invalid="ignore"):
        return total_SV / count_SV, total_KK / count_KK


def _fit(folded: Folded, rows: DrawnRows, parts: tuple[Floats, ...], dots_GHK: Floats) -> Floats:
    """How well the sum of the parts follows the scores; of the first two a row for each row that is asked."""
    word_word_HGV, word_place_HGK, place_word_HKV, place_place_HKK = parts
    cells_GK, tokens_GK, at_G = rows.cells_GK, rows.masked_GK, rows.masked_G
    summed_HGK = (
        np.take_along_axis(word_word_HGV, tokens_GK[None], axis=2)
        + word_place_HGK
        + place_word_HKV[:, at_G[:, None], tokens_GK]
        + place_place_HKK[:, at_G]
    )
    found = []
    for head, summed_GK in enumerate(summed_HGK):
        pair = []
        for values_GK in (summed_GK, dots_GHK[:, head] * folded.factor):
            mean_G = np.where(cells_GK, values_GK, 0).sum(axis=1) / cells_GK.sum(axis=1)
            pair.append((values_GK - mean_G[:, None])[cells_GK])
        found.append(np.corrcoef(*pair)[0, 1])
    return np.asarray(found)
