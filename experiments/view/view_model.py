"""The arrays of a saved run as JSON, a sentence and a head at a time. Needs NumPy alone.

Numbers are those of `record.npz`, or follow from it and `params.npz`: guesses (softmax of the logits), evidence and the
plane of queries and keys. Letters: T recorded steps, S those asked for, R masked words of a sentence, K its words, C
candidates for a masked word; the others as in `model`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.vocabulary import PAD
from experiments.view.evidence import Readout, against, evidence
from experiments.view.packing import Json, packed
from experiments.view.plane import plane, share_held
from model.config import ModelConfig

LEAST_CHANCE, MOST_CANDIDATES = 0.001, 12
"""Which words are candidates for a masked word: those with more exact probability, and at most so many."""
_AT_ONCE = 64
"""Recorded steps whose queries and keys are in memory together."""
Array = NDArray[Any]


class Steps(Protocol):
    """What is read: `experiments.run_directory.step_reader.StepReader` is one."""

    steps: list[int]

    def __contains__(self, name: str, /) -> bool: ...

    def fixed(self, name: str, /) -> Array: ...

    def at(self, name: str, numbers: Sequence[int], /, *place: int) -> Array: ...


@dataclass(frozen=True)
class Sentence:
    """A watched sentence, without padding."""

    tokens: list[int]
    masked: list[int]
    """Its masked positions."""
    candidates: list[list[int]]
    """Word numbers for each of them, the most probable first."""

    @property
    def targets(self) -> list[int]:
        """The masked words' numbers."""
        return [self.tokens[place] for place in self.masked]


class ViewModel:
    """One run, as pages show it."""

    def __init__(self, record: Steps, params: Steps | None, config: ModelConfig) -> None:
        """Look at a run.

        Args:
          record: its `record.npz`.
          params: its `params.npz`, or None where there is none: evidence is then nan.
          config: its model.
        """
        self._record, self._params, self._config = record, params, config

    @property
    def count(self) -> int:
        """How many steps are recorded."""
        return len(self._record.steps)

    @cached_property
    def words(self) -> list[str]:
        """The vocabulary."""
        return [str(word) for word in self._record.fixed("words").tolist()]

    @cached_property
    def _tokens_NK(self) -> Array:
        return self._record.fixed("tokens")

    @cached_property
    def _row_NR(self) -> Array:
        return self._record.fixed("row")

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The watched sentences.

        Raises:
          InputError: the record does not fit the run's config.
        """
        tokens_NK, row_NR = self._tokens_NK, self._row_NR
        exact_NRV = self._record.fixed("exact_posterior")
        fits = tokens_NK.ndim == row_NR.ndim == 2 and exact_NRV.shape == (*row_NR.shape, len(self.words))
        require(
            fits
            and len(tokens_NK) == len(row_NR)
            and ((tokens_NK >= 0) & (tokens_NK < len(self.words))).all()
            and (row_NR < (tokens_NK != PAD).sum(axis=1, keepdims=True)).all(),
            "record: its sentences do not fit together; restore it, or start a new run",
        )
        return [self._sentence(*of_one) for of_one in zip(tokens_NK, row_NR, exact_NRV, strict=True)]

    @staticmethod
    def _sentence(tokens_K: Array, row_R: Array, exact_RV: Array) -> Sentence:
        masked = row_R[row_R >= 0].tolist()
        orders = np.argsort(-exact_RV[: len(masked)], axis=1, kind="stable")
        candidates = [
            [int(word) for word in order[:MOST_CANDIDATES] if exact_V[word] > LEAST_CHANCE]
            for order, exact_V in zip(orders, exact_RV, strict=False)
        ]
        return Sentence(tokens_K[tokens_K != PAD].tolist(), masked, candidates)

    def run(self) -> Json:
        """What is known of the run as a whole."""
        record, config, every = self._record, self._config, range(len(self._record.steps))
        groups = record.fixed("excess_groups").tolist()
        relevance_NRK, exact_NRV = record.fixed("exact_relevance"), record.fixed("exact_posterior")
        return {
            "recorded": record.steps,
            "loss": packed(self._of_steps("loss", every, ())),
            "excess_groups": groups,
            "excess": packed(self._of_steps("excess", every, (len(groups),))),
            "heads": config.heads,
            "d_head": config.d_head,
            "softcap": config.softcap or None,
            "sink": config.sink != "none",
            "mlp": config.d_mlp > 0,
            "norm": config.norm,
            "words": self.words,
            "has_score_gradient": "score_gradient" in record,
            "sentences": [
                {
                    "words": [self.words[token] for token in sentence.tokens],
                    "masked": sentence.masked,
                    "exact_relevance": packed(relevance_RK[: len(sentence.masked), : len(sentence.tokens)]),
                    "candidates": sentence.candidates,
                    "exact": [packed(exact_V[c]) for exact_V, c in zip(exact_RV, sentence.candidates, strict=False)],
                }
                for sentence, relevance_RK, exact_RV in zip(self.sentences, relevance_NRK, exact_NRV, strict=True)
            ],
        }

    def sentence(self, n: int, first: int, end: int) -> Json:
        """What does not depend on a head, of sentence `n` at recorded steps number first to end - 1."""
        sentence, steps = self.sentences[n], range(first, end)
        rows, words, heads = len(sentence.masked), len(sentence.tokens), self._config.heads
        cut_SRHK = self._of_sentence("cut_cost", n, steps, (heads + 1, None))
        relevance_SRK = self._of_sentence("model_relevance", n, steps, (None,))
        guess_SRV = softmax(self._of_sentence("logits", n, steps, (len(self.words),)))
        best_SR = np.where(np.isfinite(guess_SRV).all(axis=-1), guess_SRV.argmax(axis=-1), -1)
        others = [np.where(np.isin(best_SR[:, r], sentence.candidates[r]), -1, best_SR[:, r]) for r in range(rows)]
        chances = [np.where(others[r] >= 0, guess_SRV[:, r].max(axis=-1), np.nan) for r in range(rows)]
        return {
            "from": first,
            "to": end,
            "cut_cost": packed(cut_SRHK[:, :, heads, :words]),
            "model_relevance": packed(relevance_SRK[..., :words]),
            "row_excess": packed(self._of_sentence("row_excess", n, steps, ())),
            "evidence": packed(self._evidence(n, steps).sum(axis=2)),
            "guess": [packed(guess_SRV[:, r, sentence.candidates[r]]) for r in range(rows)],
            "best_other": [[int(word) if word >= 0 else None for word in other] for other in others],
            "best_other_chance": [packed(chance) for chance in chances],
        }

    def head(self, n: int, h: int, first: int, end: int) -> Json:
        """What head `h` does with sentence `n` at recorded steps number first to end - 1."""
        steps, words, heads = range(first, end), len(self.sentences[n].tokens), self._config.heads

        def of_head(name: str, groups: int = heads) -> Json:
            return packed(self._of_sentence(name, n, steps, (groups, None))[:, :, h, :words])

        return {
            "from": first,
            "to": end,
            **{name: of_head(name) for name in ("weights", "scores", "dot_products")},
            "cut_cost": of_head("cut_cost", heads + 1),
            "evidence": packed(self._evidence(n, steps)[:, :, h]),
            "score_gradient": of_head("score_gradient") if "score_gradient" in self._record else None,
        }

    def cell(self, n: int, h: int, r: int, word: int) -> Json:
        """One cell of the map of head `h`, masked word `r` looking at the place `word`, at every recorded step."""
        steps, heads, size = range(self.count), self._config.heads, self._config.d_head

        def at(name: str, *shape: int | None) -> Array:
            return self._of_steps(name, steps, shape, n, r)

        cut_SHK, weighted_SKD = at("cut_cost", heads + 1, None), at("weighted_values", heads, None, size)[:, h]
        pieces = [steps[begin : begin + _AT_ONCE] for begin in range(0, self.count, _AT_ONCE)]
        evidence_SH = np.concatenate([np.zeros((0, heads)), *(self._evidence(n, p)[:, r, :, word] for p in pieces)])
        known = "score_gradient" in self._record
        return {
            "from": 0,
            "to": self.count,
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
        steps, words = range(first, end), len(self.sentences[n].tokens)
        heads, size = self._config.heads, self._config.d_head

        def at(name: str, *shape: int | None) -> Array:
            return self._of_steps(name, steps, shape, n, r)

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
        """Queries and keys of a sentence in head `h` as points in one plane, at every recorded step."""
        count = len(self._record.steps)
        last = next((t for t in reversed(range(count)) if np.isfinite(self._queries_and_keys(n, h, [t])[0]).all()), -1)
        axes_D2 = np.zeros((self._config.d_head, 2))
        if last >= 0:
            query_SRD, key_SKD, _ = self._queries_and_keys(n, h, [last])
            axes_D2 = plane(query_SRD[0], key_SKD[0])
        pieces = [] if count else [[np.zeros((0, 0, 2))] * 3 + [np.zeros(0)]]
        for begin in range(0, count, _AT_ONCE):
            steps = range(begin, min(begin + _AT_ONCE, count))
            query_SRD, key_SKD, masked_SRD = self._queries_and_keys(n, h, steps)
            points = [vectors @ axes_D2 for vectors in (query_SRD, key_SKD, masked_SRD)]
            pieces.append([*points, share_held(query_SRD, key_SKD, axes_D2)])
        names = ("queries", "keys", "masked_keys", "share")
        return {
            name: packed(np.concatenate(parts)) for name, parts in zip(names, zip(*pieces, strict=True), strict=True)
        }

    def _queries_and_keys(self, n: int, h: int, steps: Sequence[int]) -> tuple[Array, Array, Array]:
        """Queries [S, R, D], keys of words [S, K, D] (nan where one is masked in every row) and of masks [S, R, D]."""
        sentence, heads, size = self.sentences[n], self._config.heads, self._config.d_head
        query_SRD = self._of_sentence("query", n, steps, (heads, size))[:, :, h]
        key_SRKD = self._of_sentence("key", n, steps, (None, heads, size))[:, :, : len(sentence.tokens), h]
        seen_in = [next((r for r, at in enumerate(sentence.masked) if at != k), -1) for k in range(key_SRKD.shape[2])]
        key_SKD = np.stack([key_SRKD[:, r, k] for k, r in enumerate(seen_in)], axis=1).astype(np.float64)
        key_SKD[:, [r < 0 for r in seen_in]] = np.nan
        masked_SRD = np.stack([key_SRKD[:, r, k] for r, k in enumerate(sentence.masked)], axis=1)
        return query_SRD.astype(np.float64), key_SKD, masked_SRD.astype(np.float64)

    def _evidence(self, n: int, steps: Sequence[int]) -> Array:
        """Evidence [S, R, H, K] for each masked word against its candidates; nan at a step without parameters."""
        sentence, config = self.sentences[n], self._config
        shape = len(sentence.masked), config.heads, len(sentence.tokens)
        found = np.full((len(steps), *shape), np.nan)
        if self._params is None:
            return found
        numbers = {step: number for number, step in enumerate(self._params.steps)}
        known = [i for i, t in enumerate(steps) if self._record.steps[t] in numbers]
        if known:
            at_steps = [numbers[self._record.steps[steps[i]]] for i in known]
            params = {name: self._params.at(name, at_steps) for name in Readout.names(config.norm)}
            of_record = [steps[i] for i in known]
            weighted = self._of_sentence("weighted_values", n, of_record, (config.heads, None, config.d_head))
            output = self._of_sentence("output", n, of_record, (config.d_model,))
            toward = against(sentence.targets, sentence.candidates)
            readout = Readout.of(config.norm, params)
            found[known] = evidence(readout, weighted[:, :, :, : shape[2]], output, toward)
        return found

    def _of_sentence(self, name: str, n: int, steps: Sequence[int], shape: tuple[int | None, ...]) -> Array:
        """An array of a sentence's own rows [S, R, ...]; `shape` is that of a row, None for the places of words."""
        rows = self._of_steps(name, steps, (self._row_NR.shape[1], *shape), n)
        return rows[:, : len(self.sentences[n].masked)]

    def _of_steps(self, name: str, steps: Sequence[int], shape: tuple[int | None, ...], *place: int) -> Array:
        """An array at `place` at some steps [S, ...]; raises InputError if its shape is another than the record's."""
        wanted = tuple(self._tokens_NK.shape[1] if size is None else size for size in shape)
        if not steps:
            return np.zeros((0, *wanted), np.float32)
        found = self._record.at(name, steps, *place)
        require(
            found.shape[1:] == wanted and found.dtype.kind == "f",
            f"record: {name} does not fit the run's config; restore it, or start a new run",
        )
        return found


def softmax(logits: Array) -> NDArray[np.float64]:
    """Probabilities of logits [..., V], in float64."""
    shifted = np.asarray(logits, np.float64)
    powers = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
