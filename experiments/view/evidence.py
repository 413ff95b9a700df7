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
    along_SRM = direction_of(readout.unembedding_SMV) * readout.gain_SM[:, None]
    output_SRM = np.asarray(output_SRM, np.float64)
    if readout.norm == "layer":  # to centre a term is to centre what it is multiplied by
        along_SRM = along_SRM - along_SRM.mean(axis=-1, keepdims=True)
        output_SRM = output_SRM - output_SRM.mean(axis=-1, keepdims=True)
    if readout.norm != "none":
        along_SRM = along_SRM / np.sqrt(np.mean(output_SRM**2, axis=-1, keepdims=True) + EPSILON)
    along_SRHD = np.einsum("shdm,srm->srhd", readout.kernel_SHDM, along_SRM)
    return np.einsum("srhkd,srhd->srhk", np.asarray(weighted_SRHKD, np.float64), along_SRHD)


def against(masked_R: list[int], candidates: list[list[int]]) -> Callable[[Floats], Floats]:
    """The direction of each row's masked word, less the mean of the row's candidates; see `evidence`."""

    def direction_of(unembedding_SMV: Floats) -> Floats:
        rows = [
            unembedding_SMV[:, :, word] - unembedding_SMV[:, :, others].mean(axis=-1)
            for word, others in zip(masked_R, candidates, strict=True)
        ]
        return np.stack(rows, axis=1)

    return direction_of
