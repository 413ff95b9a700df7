"""What one model does with every cell of some rows: a cell is one word that one masked place can look at.

Letters as in `model`: A is the heads one by one, and then all of them at once. Beside those: G rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from numpy.typing import NDArray

from experiments.explaining.drawn_rows import Done
from experiments.measuring.probes import Probes, edge_effects, guesses_without, observe
from experiments.measuring.row_gradients import flat_params
from experiments.view.evidence import Readout, against, evidence
from model.functional import Model, apply, cut_logits, excess

Floats = NDArray[np.float64]
BLOCK = 50
"""Rows that are measured at a time."""


@dataclass(frozen=True)
class CellMeasures:
    """One model's measures of every cell; places without a word have whatever comes out (see `DrawnRows.cells_GK`)."""

    weight_GAK: Floats
    """Weight; of all heads the mean."""
    cut_cost_GAK: Floats
    """Rise of the excess, in nats, if the edge is cut and the other weights grow (`renormalise`)."""
    zero_cost_GAK: Floats
    """The same if the term leaves the sum and the other weights stay (`zero`)."""
    change_GAK: Floats
    """KL(guess || guess with the edge cut), in nats, the other weights growing: an effect, whether good or bad."""
    model_relevance_GK: Floats
    """KL(guess || guess without the word), in nats."""
    length_GAK: Floats
    """Length of weight * value * W_O, what the word adds to the residual stream; of all heads that of the sum
    (Kobayashi et al. 2020, arXiv 2004.10102)."""
    evidence_GAK: Floats
    """What the word adds to the masked word's logit, less the mean over the row's candidates, in nats; of all heads the
    sum."""
    excess_G: Floats
    """KL(posterior || guess), in nats."""


def pieces(rows: int) -> int:
    """How many pieces of work `measure_cells` tells of."""
    return -(-rows // BLOCK)


def measure_cells(
    model: Model, probes: Probes, targets: Sequence[int], candidates: Sequence[Sequence[int]], done: Done
) -> CellMeasures:
    """Measure every cell of the rows of `probes`.

    Args:
      model: the model.
      probes: the rows with their exact answers.
      targets: each row's masked word.
      candidates: what the evidence for it is held against, see `view.evidence.against`.
      done: is told of each piece.
    """
    blocks = []
    for n, block in enumerate(_blocks(probes), start=1):
        blocks.append(jax.device_get(_measured(model, block)))
        done(n, pieces(len(probes.masked_G)))
    rows = len(probes.masked_G)
    weight_GHK, weighted_GHKD, output_GM, excess_G, cut_GAK, zero_GAK, change_GAK, relevance_GK = (
        np.concatenate(parts)[:rows].astype(np.float64) for parts in zip(*blocks, strict=True)
    )
    params = {name: np.asarray(leaf)[None] for name, leaf in flat_params(model.params).items()}
    readout = Readout.of(model.config.norm, params)
    toward = against(list(targets), [list(words) for words in candidates])
    evidence_GHK = evidence(readout, weighted_GHKD[None], output_GM[None], toward)[0]
    brought_GHKM = np.einsum("ghkd,hdm->ghkm", weighted_GHKD, readout.kernel_SHDM[0])
    return CellMeasures(
        weight_GAK=_with_all(weight_GHK, weight_GHK.mean(axis=1)),
        cut_cost_GAK=cut_GAK,
        zero_cost_GAK=zero_GAK,
        change_GAK=change_GAK,
        model_relevance_GK=relevance_GK,
        length_GAK=np.linalg.norm(_with_all(brought_GHKM, brought_GHKM.sum(axis=1)), axis=-1),
        evidence_GAK=_with_all(evidence_GHK, evidence_GHK.sum(axis=1)),
        excess_G=excess_G,
    )


def _with_all(each_GHK: Floats, all_GK: Floats) -> Floats:
    """The heads one by one, and then all of them."""
    return np.concatenate([each_GHK, all_GK[:, None]], axis=1)


@jax.jit
def _measured(model: Model, probes: Probes) -> tuple[jax.Array, ...]:
    query_G1 = probes.masked_G[:, None]
    forward = apply(model, probes.tokens_GK, query_G1)
    effects = edge_effects(model, probes, forward)
    seen = observe(probes, forward, guesses_without(model, probes), effects)
    zero_GAKV = cut_logits(model, probes.tokens_GK, query_G1, "zero")[:, 0]
    zero_GAK = excess(probes.posterior_GV[:, None, None], zero_GAKV) - seen.excess_G[:, None, None]
    guess_G11V = jax.nn.softmax(forward.logits_BQV[:, 0])[:, None, None]
    change_GAK = excess(guess_G11V, cut_logits(model, probes.tokens_GK, query_G1)[:, 0])
    return (
        forward.weights_BHQK[:, :, 0],
        forward.weighted_values_BHQKD[:, :, 0],
        forward.output_BQM[:, 0],
        seen.excess_G,
        seen.cut_cost_GJK,
        zero_GAK,
        change_GAK,
        seen.model_relevance_GK,
    )


def _blocks(probes: Probes) -> Iterator[Probes]:
    """The rows in blocks of one shape, so that they are one program: the last one is filled up with copies of a row."""
    starts = range(0, len(probes.masked_G), BLOCK)
    mine = [np.flatnonzero(probes.row_C // BLOCK == start // BLOCK) for start in starts]
    most = max(map(len, mine))
    for start, own in zip(starts, mine, strict=True):
        here = np.minimum(np.arange(start, start + BLOCK), len(probes.masked_G) - 1)
        # What fills up the substitutions has no weight, so that it adds nothing.
        filled = np.pad(own, (0, most - len(own)), mode="edge")
        yield Probes(
            probes.tokens_GK[here],
            probes.masked_G[here],
            probes.sentence_G[here],
            probes.posterior_GV[here],
            probes.relevance_GK[here],
            probes.tokens_CK[filled],
            probes.row_C[filled] - np.int32(start),
            probes.key_C[filled],
            np.where(np.arange(most) < len(own), probes.weight_C[filled], np.float32(0)),
        )
