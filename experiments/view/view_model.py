"""The arrays of a saved run as JSON, a sentence and a head at a time. Needs NumPy alone.

Numbers are those of `record.npz`, or follow from it and `params.npz`: guesses (softmax of the logits), evidence and the
plane of queries and keys. Letters as in `run_arrays`; C candidates for a masked word.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.view.packing import Json, packed
from experiments.view.plane import plane, share_held
from experiments.view.run_arrays import Array, RunArrays

_AT_ONCE = 64
"""Recorded steps whose vectors are in memory together."""


@dataclass(frozen=True)
class ViewModel:
    """One run, as pages show it."""

    arrays: RunArrays

    def run(self) -> Json:
        """What is known of the run as a whole."""
        record, config, every = self.arrays.record, self.arrays.config, range(len(self.arrays.record.steps))
        groups = record.fixed("excess_groups").tolist()
        relevance_NRK, exact_NRV = record.fixed("exact_relevance"), record.fixed("exact_posterior")
        return {
            "recorded": record.steps,
            "loss": packed(self.arrays.of_steps("loss", every, ())),
            "excess_groups": groups,
            "excess": packed(self.arrays.of_steps("excess", every, (len(groups),))),
            "heads": config.heads,
            "d_head": config.d_head,
            "learned_scale": None if (scale_T := self.arrays.learned_scale()) is None else packed(scale_T),
            "softcap": config.softcap or None,
            "mean_excess": {kind: packed(self.arrays.mean_excess(kind)) for kind in ("trained", "held_out")},
            "qk_norm": config.qk_norm,
            "sink": config.sink != "none",
            "mlp": config.d_mlp > 0,
            "norm": config.norm,
            "words": self.arrays.words,
            "word_groups": self.arrays.word_groups,
            "has_score_gradient": "score_gradient" in record,
            "sentences": [
                {
                    "words": [self.arrays.words[token] for token in sentence.tokens],
                    "tokens": sentence.tokens,
                    "masked": sentence.masked,
                    "relevant": [np.flatnonzero(row_K).tolist() for row_K in self.arrays.relevant(n)],
                    "exact_relevance": packed(relevance_NRK[n, : len(sentence.masked), : len(sentence.tokens)]),
                    "candidates": sentence.candidates,
                    "targets": sentence.targets,
                    "blanks": sentence.blanks,
                    "exact": [packed(exact_NRV[n, r, words]) for r, words in enumerate(sentence.candidates)],
                }
                for n, sentence in enumerate(self.arrays.sentences)
            ],
        }

    def sentence(self, n: int, first: int, end: int) -> Json:
        """What does not depend on a head, of sentence `n` at recorded steps number first to end - 1."""
        sentence, steps = self.arrays.sentences[n], range(first, end)
        rows, words, heads = len(sentence.masked), len(sentence.tokens), self.arrays.config.heads
        cut_SRHK = self.arrays.of_sentence("cut_cost", n, steps, (heads + 1, None))
        relevance_SRK = self.arrays.of_sentence("model_relevance", n, steps, (None,))
        guess_SRV = softmax(self.arrays.of_sentence("logits", n, steps, (len(self.arrays.words),)))
        best_SR = np.where(np.isfinite(guess_SRV).all(axis=-1), guess_SRV.argmax(axis=-1), -1)
        others = [np.where(np.isin(best_SR[:, r], sentence.candidates[r]), -1, best_SR[:, r]) for r in range(rows)]
        chances = [np.where(others[r] >= 0, guess_SRV[:, r].max(axis=-1), np.nan) for r in range(rows)]
        return {
            "from": first,
            "to": end,
            "cut_cost": packed(cut_SRHK[:, :, heads, :words]),
            "model_relevance": packed(relevance_SRK[..., :words]),
            "row_excess": packed(self.arrays.of_sentence("row_excess", n, steps, ())),
            "evidence": packed(self.arrays.evidence(n, steps).sum(axis=2)),
            "guess": [packed(guess_SRV[:, r, sentence.candidates[r]]) for r in range(rows)],
            "best_other": [[int(word) if word >= 0 else None for word in other] for other in others],
            "best_other_chance": [packed(chance) for chance in chances],
        }

    def head(self, n: int, h: int, first: int, end: int) -> Json:
        """What head `h` does with sentence `n` at recorded steps number first to end - 1."""
        steps, words, heads = range(first, end), len(self.arrays.sentences[n].tokens), self.arrays.config.heads

        def of_head(name: str, groups: int = heads) -> Json:
            return packed(self.arrays.of_sentence(name, n, steps, (groups, None))[:, :, h, :words])

        return {
            "from": first,
            "to": end,
            **{name: of_head(name) for name in ("weights", "scores", "dot_products")},
            "cut_cost": of_head("cut_cost", heads + 1),
            "evidence": packed(self.arrays.evidence(n, steps)[:, :, h]),
            "score_gradient": of_head("score_gradient") if "score_gradient" in self.arrays.record else None,
        }

    def cell(self, n: int, h: int, r: int, word: int) -> Json:
        """One cell of the map of head `h`, masked word `r` looking at the place `word`, at every recorded step."""
        steps, heads, size = range(self.arrays.count), self.arrays.config.heads, self.arrays.config.d_head

        def at(name: str, *shape: int | None) -> Array:
            return self.arrays.of_steps(name, steps, shape, n, r)

        cut_SHK, weighted_SKD = at("cut_cost", heads + 1, None), at("weighted_values", heads, None, size)[:, h]
        pieces = [steps[begin : begin + _AT_ONCE] for begin in range(0, max(len(steps), 1), _AT_ONCE)]
        evidence_SH = np.concatenate([self.arrays.evidence(n, piece)[:, r, :, word] for piece in pieces])
        known = "score_gradient" in self.arrays.record
        return {
            "from": 0,
            "to": self.arrays.count,
            **{name: packed(at(name, heads, None)[:, h, word]) for name in ("weights", "scores", "dot_products")},
            "cut_cost": packed(cut_SHK[:, h, word]),
            "all_cut_cost": packed(cut_SHK[:, heads, word]),
            "evidence": packed(evidence_SH[:, h]),
            "all_evidence": packed(evidence_SH.sum(axis=1)),
            "model_relevance": packed(at("model_relevance", None)[:, word]),
            "weighted_value_length": packed(np.linalg.norm(weighted_SKD[:, word].astype(np.float64), axis=-1)),
            "score_gradient": packed(at("score_gradient", heads, None)[:, h, word]) if known else None,
        }

    def vectors(self, n: int, h: int, r: int, first: int, end: int) -> Json:
        """The vectors of head `h` for masked word `r` of sentence `n` at recorded steps number first to end - 1."""
        steps, words = range(first, end), len(self.arrays.sentences[n].tokens)
        heads, size = self.arrays.config.heads, self.arrays.config.d_head

        def at(name: str, *shape: int | None) -> Array:
            return self.arrays.of_steps(name, steps, shape, n, r)

        return {
            "from": first,
            "to": end,
            "query": packed(at("query", heads, size)[:, h]),
            "key": packed(at("key", None, heads, size)[:, :words, h]),
            "value": packed(at("value", None, heads, size)[:, :words, h]),
            "weighted_values": packed(at("weighted_values", heads, None, size)[:, h, :words]),
            "context": packed(at("context", heads, size)[:, h]),
        }

    def plane(self, n: int, h: int) -> Json:
        """Queries and keys of a sentence in head `h` as points in one plane, at every recorded step.

        The plane is that of the last step whose numbers are finite.
        """
        count, vectors_of = self.arrays.count, self.arrays.queries_and_keys
        last = next((t for t in reversed(range(count)) if np.isfinite(vectors_of(n, h, [t])[0]).all()), None)
        axes_D2 = np.zeros((self.arrays.config.d_head, 2))
        if last is not None:
            query_SRD, key_SKD, _ = vectors_of(n, h, [last])
            axes_D2 = plane(query_SRD[0], key_SKD[0])
        pieces = []
        for begin in range(0, max(count, 1), _AT_ONCE):
            query_SRD, key_SKD, masked_SRD = vectors_of(n, h, range(count)[begin : begin + _AT_ONCE])
            points = [vectors @ axes_D2 for vectors in (query_SRD, key_SKD, masked_SRD)]
            pieces.append([*points, share_held(query_SRD, key_SKD, axes_D2)])
        names = ("queries", "keys", "masked_keys", "share")
        whole = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        return {name: packed(values) for name, values in zip(names, whole, strict=True)}


def softmax(logits: Array) -> NDArray[np.float64]:
    """Probabilities of logits [..., V], in float64."""
    shifted = np.asarray(logits, np.float64)
    powers = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
