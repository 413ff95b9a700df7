"""A model's vectors of words and of places, with the norms folded in at their mean size; see `circuits`.

Letters as there: F blanks, a row each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.explaining.drawn_rows import DrawnRows
from experiments.explaining.preferences import Floats
from experiments.measuring.row_gradients import flat_params
from experiments.view.evidence import EPSILON, Readout, along
from model.functional import Model

_ROWS = 16
"""Rows whose readout of the whole vocabulary is in memory together."""


@dataclass(frozen=True)
class Folded:
    """Vectors that are linear in the words' and places' embeddings."""

    query_word_HFD: Floats
    """Query of each blank, its own part; the factor of the dot products is in it."""
    query_place_HKD: Floats
    """The part of each place."""
    key_word_HVD: Floats
    key_place_HKD: Floats
    brings_word_HVM: Floats
    """Value times W_O: what each word adds to the residual stream for a weight of 1."""
    brings_place_HKM: Floats
    read_VM: Floats
    """How the logit of each word is read off the residual stream: unembedding and final norm."""
    factor: float
    """What dot products are multiplied by before the softmax."""
    spread: dict[str, float]
    """Standard deviation over mean of 1 / size, of the norm's input at blanks, at words and in the end."""


def fold(model: Model, rows: DrawnRows, blanks: tuple[int, ...], embedding_GKM: Floats, output_GM: Floats) -> Folded:
    """The vectors of a model, sizes being the means over some rows.

    Args:
      model: the model.
      rows: the rows.
      blanks: the words that stand for masked ones, in rising order: [MASK], or the blank of each form.
      embedding_GKM: token + position of their words, from the forward pass.
      output_GM: what the final norm gets there, from the forward pass.
    """
    config = model.config
    p = {name: np.asarray(leaf, np.float64) for name, leaf in flat_params(model.params).items()}
    learned = p.get("attention/log_scale")
    factor = float(np.asarray(model.scale) if learned is None else np.exp(learned))
    at_word_N = inverse_size(config.norm, embedding_GKM[rows.cells_GK])
    blank_GM = embedding_GKM[np.arange(len(rows.masked_G)), rows.masked_G]
    at_blank_G = inverse_size(config.norm, blank_GM)
    tokens_VM, places_KM = p["token/embedding"], p["position/embedding"]
    mean_word, mean_blank = at_word_N.mean(), at_blank_G.mean()
    words_VM, at_places_KM = (_normed(config.norm, p, one, mean_word) for one in (tokens_VM, places_KM))
    own_FM, blanks_KM = _blank_vectors(model, p, blanks, mean_blank)

    def heads(kind: str, vectors: Floats) -> Floats:
        matrix = "query" if kind == "key" and config.tied_query_key else kind
        return np.moveaxis(np.tensordot(vectors, p[f"attention/{matrix}/kernel"], 1), -2, 0)

    query_H11, key_H11 = np.full((config.heads, 1, 1), factor), np.ones((config.heads, 1, 1))
    if config.qk_norm:  # after the projections, each head has a size of its own
        bias_M = p.get("attention_norm/bias", np.zeros(config.d_model))
        inputs_NM = _normed(config.norm, p, embedding_GKM[rows.cells_GK], at_word_N[:, None]) + bias_M
        blank_HGD = heads("query", own_FM[np.searchsorted(blanks, rows.blank_G)] + blanks_KM[rows.masked_G])
        query_H11 = query_H11 * p["attention/gain"][:, None, None] * _mean_inverse_length(blank_HGD)
        key_H11 = _mean_inverse_length(heads("key", inputs_NM))
    kernel_HDM = p["attention/output/kernel"]
    read_VM, spread = _readout(config.norm, p, output_GM)
    return Folded(
        query_word_HFD=heads("query", own_FM) * query_H11,
        query_place_HKD=heads("query", blanks_KM) * query_H11,
        key_word_HVD=heads("key", words_VM) * key_H11,
        key_place_HKD=heads("key", at_places_KM) * key_H11,
        brings_word_HVM=heads("value", words_VM) @ kernel_HDM,
        brings_place_HKM=heads("value", at_places_KM) @ kernel_HDM,
        read_VM=read_VM,
        factor=factor,
        spread={"query": _variation(at_blank_G), "key": _variation(at_word_N), "output": spread},
    )


def _normed(norm: str, p: dict[str, Floats], vectors: Floats, inverse: Any) -> Floats:
    """What the norm before attention makes of vectors, divided by a given size, without its bias."""
    if norm == "none":
        return vectors
    centred = vectors - vectors.mean(axis=-1, keepdims=True) if norm == "layer" else vectors
    return np.asarray(centred * inverse * p["attention_norm/scale"])


def _blank_vectors(
    model: Model, p: dict[str, Floats], blanks: tuple[int, ...], inverse: float
) -> tuple[Floats, Floats]:
    """What W_Q gets of each blank, with the norm's bias [F, M], and of each place [K, M]."""
    norm, query = model.config.norm, model.config.query
    own_FM, places_KM = p["token/embedding"][list(blanks)], p["position/embedding"]
    bias_FM = np.zeros_like(own_FM) + p.get("attention_norm/bias", 0.0)
    if query == "full":
        return _normed(norm, p, own_FM, inverse) + bias_FM, _normed(norm, p, places_KM, inverse)
    if query == "position":  # of one part alone the size is known exactly
        return bias_FM, _normed(norm, p, places_KM, inverse_size(norm, places_KM)[:, None])
    content_FM = _normed(norm, p, own_FM, inverse_size(norm, own_FM)[:, None]) + bias_FM
    return np.zeros_like(own_FM) + p.get("constant_query", content_FM), np.zeros_like(places_KM)


def inverse_size(norm: str, vectors_NM: Floats) -> Floats:
    """1 over what the norm divides each vector by, [N]; 1 without a norm."""
    if norm == "none":
        return np.ones(vectors_NM.shape[:-1])
    if norm == "layer":
        vectors_NM = vectors_NM - vectors_NM.mean(axis=-1, keepdims=True)
    return np.asarray(1 / np.sqrt(np.mean(vectors_NM**2, axis=-1) + EPSILON))


def _mean_inverse_length(vectors_HND: Floats) -> Floats:
    return np.asarray((1 / np.linalg.norm(vectors_HND, axis=-1)).mean(axis=1)[:, None, None])


def _variation(values_N: Floats) -> float:
    return float(values_N.std() / values_N.mean())


def _readout(norm: str, p: dict[str, NDArray[np.float64]], output_GM: Floats) -> tuple[Floats, float]:
    """The mean over the rows of how each word's logit is read, [V, M], and how much its size varies."""
    readout = Readout.of(norm, {name: p[name][None] for name in Readout.names(norm)})
    unembedding_VM = readout.unembedding_SMV[0].T
    total_VM = np.zeros_like(unembedding_VM)
    for start in range(0, len(output_GM), _ROWS):
        some_GM = output_GM[start : start + _ROWS]
        every_GVM = np.broadcast_to(unembedding_VM, (len(some_GM), *unembedding_VM.shape))
        total_VM += along(readout, some_GM[:, None], every_GVM).sum(axis=0)
    return total_VM / len(output_GM), _variation(inverse_size(norm, output_GM))
