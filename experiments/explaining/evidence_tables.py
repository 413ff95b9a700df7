"""Evidence beside the world's own log-preferences: whether attention brings what the world holds, word by word.

    found = measure_evidence(load_run("runs/lab-001/seed-0"), world)
    found.tables["verb", "object"].r          Pearson's r of evidence and log-preference, verb -> masked object

What is computed. For every ordered pair of content slots (from, to) a table with a row for each word j of the slot
`from` and a column for each word w of the slot `to`: the mean, over the drawn rows whose masked word is of the slot
`to` and whose clause has the word j in the slot `from`, of the evidence e_j(w) that j adds to the logit of w, all heads
together (`view.evidence.logit_terms`; exact given the final norm's size, and with an MLP the direct path alone). Every
word of the slot is a column, whatever the other words of the sentence are. The mean takes in all forms of sentences,
with one clause and with two, and all places.

Beside it stands the world's own table a(j, w), see `preferences`. Evidence is defined up to terms in j alone (which
change no guess) and in w alone (which another word, or the bias, can take over), so both tables are centred over both.
r is Pearson's over the cells, the slope that of the least-squares line evidence = slope * preference: 1 where attention
brings all that the world holds. r says nothing where a word of `from` never occurs, so its row is left out.

Letters as in `model`; G rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.grammar import CONTENT, Field
from data.world import World
from experiments.explaining.drawn_rows import Done, DrawnRows, draw_rows, silent
from experiments.explaining.preferences import Floats, content_preferences, double_centred
from experiments.measuring.row_gradients import flat_params
from experiments.replay.saved_model import recorded_steps, saved_model
from experiments.run_directory.saved_run import SavedRun
from experiments.view.evidence import LogitTerms, logit_terms
from model.functional import Model, apply

Slots = tuple[str, str]
"""From, to."""
BLOCK = 128
"""Rows whose evidence for every word of the vocabulary is in memory together."""


@dataclass(frozen=True)
class EvidenceTable:
    """Evidence of the words of one slot for the words of another, both tables centred over both."""

    words: tuple[int, ...]
    """The rows: the words of the slot `from` that occurred."""
    candidates: tuple[int, ...]
    """The columns: all words of the slot `to`."""
    evidence: Floats
    """[words, candidates], nats."""
    preference: Floats
    """[words, candidates], nats."""
    counts: NDArray[np.int64]
    """In how many rows each word occurred."""

    @property
    def r(self) -> float:
        """Pearson's r of the cells; nan where one of the tables is constant."""
        size = float(np.sqrt((self.evidence**2).sum() * (self.preference**2).sum()))
        return float((self.evidence * self.preference).sum()) / size if size else float("nan")

    @property
    def slope(self) -> float:
        """Nats of evidence for each nat of preference."""
        size = float((self.preference**2).sum())
        return float((self.evidence * self.preference).sum()) / size if size else float("nan")


@dataclass(frozen=True)
class EvidenceTables:
    """What `measure_evidence` found at one step."""

    run: str
    step: int
    vocabulary: tuple[str, ...]
    tables: dict[Slots, EvidenceTable]
    mlp_share: float
    """RMS of what the MLP adds to the logits of the slot's words over that of attention, each centred over the words:
    how much the direct path leaves out. 0 without an MLP."""


def measure_evidence(
    saved: SavedRun, world: World, t: int = -1, sentences: int = 2048, seed: int = 0, progress: Done = silent
) -> EvidenceTables:
    """The tables of a run at one recorded step.

    Args:
      saved: one run.
      world: its world.
      t: number of the recorded step; the last by default.
      sentences: how many are drawn, one word of each masked; only masked content words count.
      seed: of the draw.
      progress: is told how many blocks are done, and of how many.

    Raises:
      InputError: the run does not fit its world, or it masks no content word, or its model diverged.
    """
    steps, slots = recorded_steps(saved, world), saved.config.task.masked
    require(set(slots) & set(CONTENT), f"task.masked: has none of {', '.join(CONTENT)}, whose preferences are known")
    rows, model = draw_rows(world, slots, sentences, seed), saved_model(saved, world, t)
    params = flat_params(saved.params(t))
    pairs = {pair: table for pair, table in content_preferences(world).items() if pair[1] in slots}
    sums = {pair: np.zeros(table.shape) for pair, table in pairs.items()}
    counts = {pair: np.zeros(len(table), np.int64) for pair, table in pairs.items()}
    squares = np.zeros(2)
    blocks = range(0, sentences, BLOCK)
    for n, start in enumerate(blocks, start=1):
        here = np.arange(start, min(start + BLOCK, sentences))
        terms = row_terms(saved.config.model.norm, params, model, rows, here)
        words_RKV = terms.words_RHKV.sum(axis=1)
        for r, k, pair, word, candidates in _pairs(world, rows, here):
            sums[pair][world.index_W[word]] += words_RKV[r, k, candidates]
            counts[pair][world.index_W[word]] += 1
        squares += _squares(world, rows, here, terms)
        progress(n, len(blocks))
    require(np.isfinite(squares).all(), f"{saved.folder}: its model is not finite at step {steps[t]} (it diverged)")
    tables = {pair: _table(world, pair, sums[pair], counts[pair], pairs[pair]) for pair in pairs}
    share = float(np.sqrt(squares[1] / squares[0])) if squares[0] else 0.0
    return EvidenceTables(saved.folder.name, steps[t], world.vocabulary.words, tables, share)


def row_terms(
    norm: str, params: dict[str, NDArray[np.floating]], model: Model, rows: DrawnRows, here: NDArray[np.int64]
) -> LogitTerms:
    """The logits of the rows `here`, taken apart, from one forward pass."""
    # One shape for all blocks: the last one is filled up.
    filled = np.resize(here, BLOCK)
    found = jax.device_get(_parts(model, rows.masked_GK[filled], rows.masked_G[filled]))
    weighted_RHKD, embedding_RM, mlp_RM, output_RM = (array[: len(here)] for array in found)
    return logit_terms(
        norm, params, weighted_RHKD=weighted_RHKD, place_RM=embedding_RM, mlp_RM=mlp_RM, output_RM=output_RM
    )


@jax.jit
def _parts(model: Model, tokens_GK: jax.Array, masked_G: jax.Array) -> tuple[jax.Array, ...]:
    forward = apply(model, tokens_GK, masked_G[:, None])
    embedding_GM = jax.numpy.take_along_axis(forward.embedding_BKM, masked_G[:, None, None], axis=1)[:, 0]
    embedding_GM = embedding_GM if model.config.residual else jax.numpy.zeros_like(embedding_GM)
    return forward.weighted_values_BHQKD[:, :, 0], embedding_GM, forward.mlp_BQM[:, 0], forward.output_BQM[:, 0]


def _pairs(world: World, rows: DrawnRows, here: NDArray[np.int64]) -> Iterator[tuple[int, int, Slots, int, list[int]]]:
    """Each content word in the clause of a masked one: row of the block, place, slots, word, and the candidates."""
    for r, g in enumerate(here.tolist()):
        masked: Field = rows.fields[g][rows.masked_G[g]]
        for k, field in enumerate(rows.fields[g]):
            if masked.is_content and field.is_content and field.clause == masked.clause and field.slot != masked.slot:
                yield r, k, (field.slot, masked.slot), int(rows.tokens_GK[g, k]), list(world.slots[masked.slot])


def _squares(world: World, rows: DrawnRows, here: NDArray[np.int64], terms: LogitTerms) -> Floats:
    """Sums of squares of what attention and the MLP add to the logits of the masked slot's words, less their mean."""
    total = np.zeros(2)
    for r, g in enumerate(here.tolist()):
        slot = rows.fields[g][rows.masked_G[g]].slot
        words = list(world.slots.get(slot, range(len(world.vocabulary))))
        for n, added_V in enumerate((terms.words_RHKV[r].sum(axis=(0, 1)), terms.mlp_RV[r])):
            total[n] += ((added_V[words] - added_V[words].mean()) ** 2).sum()
    return total


def _table(world: World, pair: Slots, total: Floats, counts: NDArray[np.int64], preference: Floats) -> EvidenceTable:
    seen = np.flatnonzero(counts)
    words = np.asarray(world.slots[pair[0]])[seen]
    return EvidenceTable(
        words=tuple(words.tolist()),
        candidates=world.slots[pair[1]],
        evidence=double_centred(total[seen] / counts[seen, None]) if len(seen) else total[seen],
        preference=double_centred(preference[seen]) if len(seen) else preference[seen],
        counts=counts[seen],
    )
