"""Evidence: what attention to one word adds to the guess, in nats (direct logit attribution).

Word j adds to the logit of word w, through head h,

    e_j(w) = p_hj (v_hj W_O^h) * gain / size . W_U[:, w]

with the weights p, the values v, and the size that the final norm divides by, taken as it is: with RMS norm the root of
the mean square + 1e-6, with layer norm that of the variance + 1e-6 (each term is then centred first), without a norm 1.
The terms of all words and heads, with those of the masked place itself, of the MLP and of the biases, are the logits.

A term that a word adds to all logits alike changes no guess, so evidence is told for the masked word against the
candidates: e_j(masked word) - mean of e_j over the candidates. With an MLP this is the direct path alone.

Letters as in `model`; S recorded steps, R masked words of a sentence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
EPSILON = 1e-6
"""What flax's norms add under the root."""
KERNEL, GAIN, UNEMBEDDING = "attention/output/kernel", "output_norm/scale", "unembed/kernel"


@dataclass(frozen=True)
class Readout:
    """How a run reads guesses off the residual stream, at S recorded steps."""

    norm: str
    """As in `ModelConfig`: layer, rms or none."""
    kernel_SHDM: Floats
    """W_O."""
    gain_SM: Floats
    unembedding_SMV: Floats
    """W_U."""

    @staticmethod
    def names(norm: str) -> list[str]:
        """The parameters that are needed."""
        return [KERNEL, UNEMBEDDING, *([] if norm == "none" else [GAIN])]

    @classmethod
    def of(cls, norm: str, params: Mapping[str, NDArray[np.floating]]) -> "Readout":
        """From parameters by their names, stacked over the steps."""
        known = {name: np.asarray(params[name], np.float64) for name in cls.names(norm)}
        ones_SM = np.ones(known[UNEMBEDDING].shape[:2])
        return cls(norm, known[KERNEL], known.get(GAIN, ones_SM), known[UNEMBEDDING])


def evidence(
    readout: Readout,
    weighted_SRHKD: NDArray[np.floating],
    output_SRM: NDArray[np.floating],
    direction_of: Callable[[Floats], Floats],
) -> Floats:
    """What each word adds to the logits along a direction, through each head: [S, R, H, K], in nats.

    Args:
      readout: the parameters.
      weighted_SRHKD: weight * value of each word.
      output_SRM: the residual stream that the final norm gets, which decides its size.
      direction_of: gives directions [S, R, M] of the unembedding [S, M, V]: the column of a word, or `against`.
    """
    read_SRM = along(readout, output_SRM, direction_of(readout.unembedding_SMV))
    read_SRHD = np.einsum("shdm,srm->srhd", readout.kernel_SHDM, read_SRM)
    return np.einsum("srhkd,srhd->srhk", np.asarray(weighted_SRHKD, np.float64), read_SRHD)


def along(readout: Readout, output_SRM: NDArray[np.floating], direction_SRM: Floats) -> Floats:
    """Vectors [S, R, M]: a term x of the residual stream adds x . vector to the logits along the direction.

    Args:
      readout: the parameters.
      output_SRM: the whole residual stream, which decides the size that the final norm divides by.
      direction_SRM: a direction of the unembedding for each row.
    """
    read_SRM = direction_SRM * readout.gain_SM[:, None]
    output_SRM = np.asarray(output_SRM, np.float64)
    if readout.norm == "layer":  # to centre a term is to centre what it is multiplied by
        read_SRM = read_SRM - read_SRM.mean(axis=-1, keepdims=True)
        output_SRM = output_SRM - output_SRM.mean(axis=-1, keepdims=True)
    if readout.norm == "none":
        return read_SRM
    return np.asarray(read_SRM / np.sqrt(np.mean(output_SRM**2, axis=-1, keepdims=True) + EPSILON))


@dataclass(frozen=True)
class LogitTerms:
    """What each part of the computation adds to the logit of each word, in nats; together they are the logits."""

    words_RHKV: Floats
    """Evidence: the weighted value of each word, through each head."""
    place_RV: Floats
    """The masked place's own vector, token + position; 0 where the model has no `residual`."""
    mlp_RV: Floats
    bias_V: Floats
    """The biases of the final norm and of the unembedding."""

    @property
    def logits_RV(self) -> Floats:
        """The sum."""
        return np.asarray(self.words_RHKV.sum(axis=(1, 2)) + self.place_RV + self.mlp_RV + self.bias_V)


def logit_terms(
    norm: str,
    params: Mapping[str, NDArray[np.floating]],
    *,
    weighted_RHKD: NDArray[np.floating],
    place_RM: NDArray[np.floating],
    mlp_RM: NDArray[np.floating],
    output_RM: NDArray[np.floating],
) -> LogitTerms:
    """The logits of R rows, taken apart.

    Args:
      norm: as in `ModelConfig`.
      params: parameters of one step by their paths, `attention/output/kernel` and so on.
      weighted_RHKD: weight * value of each word.
      place_RM: token + position at the masked place; zeros where attention takes the place of it.
      mlp_RM: what the MLP adds.
      output_RM: what the final norm gets.
    """
    readout = Readout.of(norm, {name: np.asarray(params[name])[None] for name in Readout.names(norm)})
    unembedding_VM = readout.unembedding_SMV[0].T
    # The words of the vocabulary stand in for the rows of `along`, the rows for its steps.
    every_RVM = np.broadcast_to(unembedding_VM, (len(output_RM), *unembedding_VM.shape))
    read_RVM = along(readout, np.asarray(output_RM)[:, None], every_RVM)
    read_RVHD = np.einsum("hdm,rvm->rvhd", readout.kernel_SHDM[0], read_RVM)
    biases = params["unembed/bias"].astype(np.float64)
    if (own := params.get("output_norm/bias")) is not None:
        biases = biases + unembedding_VM @ own.astype(np.float64)
    return LogitTerms(
        words_RHKV=np.einsum("rhkd,rvhd->rhkv", np.asarray(weighted_RHKD, np.float64), read_RVHD),
        place_RV=np.einsum("rm,rvm->rv", np.asarray(place_RM, np.float64), read_RVM),
        mlp_RV=np.einsum("rm,rvm->rv", np.asarray(mlp_RM, np.float64), read_RVM),
        bias_V=biases,
    )


def against(masked_R: list[int], candidates: list[list[int]]) -> Callable[[Floats], Floats]:
    """The direction of each row's masked word, less the mean of the row's candidates; see `evidence`."""

    def direction_of(unembedding_SMV: Floats) -> Floats:
        rows = [
            unembedding_SMV[:, :, word] - unembedding_SMV[:, :, others].mean(axis=-1)
            for word, others in zip(masked_R, candidates, strict=True)
        ]
        return np.stack(rows, axis=1)

    return direction_of
