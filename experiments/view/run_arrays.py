"""The arrays of a saved run, checked, a sentence and some steps at a time; and what follows from them.

Letters: T recorded steps, S those asked for, R masked words of a sentence, K its words; the others as in `model`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data.errors import require
from data.inference import relevant_words
from data.vocabulary import PAD
from experiments.view.evidence import Readout, against, evidence
from experiments.view.word_forms import FORM_ARRAYS, base_word, blank_shown
from experiments.view.word_groups import COLOURINGS
from model.config import ModelConfig

LEAST_CHANCE, MOST_CANDIDATES = 0.001, 12
"""Which words are candidates for a masked word: those with more exact probability, and at most so many."""
_LOG_SCALE = "attention/log_scale"
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
    targets: list[int]
    """The number of what is guessed for each of them: the masked word, where words have forms without its form."""
    blanks: list[str]
    """How the place of each of them is shown."""


class RunArrays:
    """What `record.npz` and `params.npz` of one run hold."""

    def __init__(self, record: Steps, params: Steps | None, config: ModelConfig) -> None:
        """Look at a run.

        Args:
          record: its `record.npz`.
          params: its `params.npz`, or None where there is none: evidence is then nan.
          config: its model.
        """
        self.record, self.config, self._params = record, config, params

    @property
    def count(self) -> int:
        """How many steps are recorded."""
        return len(self.record.steps)

    @cached_property
    def words(self) -> list[str]:
        """The vocabulary."""
        return [str(word) for word in self.record.fixed("words").tolist()]

    @cached_property
    def _tokens_NK(self) -> Array:
        return self.record.fixed("tokens")

    @cached_property
    def _row_NR(self) -> Array:
        return self.record.fixed("row")

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The watched sentences.

        Raises:
          InputError: the record does not fit the run's config.
        """
        tokens_NK, row_NR = self._tokens_NK, self._row_NR
        exact_NRV = self.record.fixed("exact_posterior")
        fits = tokens_NK.ndim == row_NR.ndim == 2 and exact_NRV.shape == (*row_NR.shape, len(self.words))
        require(
            fits
            and len(tokens_NK) == len(row_NR)
            and ((tokens_NK >= 0) & (tokens_NK < len(self.words))).all()
            and (row_NR < (tokens_NK != PAD).sum(axis=1, keepdims=True)).all(),
            "record: its sentences do not fit together; restore it, or start a new run",
        )
        return [self._sentence(*of_one) for of_one in zip(tokens_NK, row_NR, exact_NRV, strict=True)]

    @cached_property
    def _forms(self) -> dict[str, Array]:
        """What is guessed of each word and what stands for it, where words have forms."""
        found = {name: self.record.fixed(name) for name in FORM_ARRAYS if name in self.record}
        for array in found.values():
            fits = array.shape == (len(self.words),) and array.dtype.kind == "i"
            require(
                fits and ((array >= 0) & (array < len(self.words))).all(),
                "record: its words do not fit together; restore it, or start a new run",
            )
        return found

    def _sentence(self, tokens_K: Array, row_R: Array, exact_RV: Array) -> Sentence:
        masked = row_R[row_R >= 0].tolist()
        candidates = [candidates_of(exact_V) for exact_V in exact_RV[: len(masked)]]
        hidden = [int(tokens_K[place]) for place in masked]
        return Sentence(
            tokens_K[tokens_K != PAD].tolist(),
            masked,
            candidates,
            targets=[base_word(self._forms, word) for word in hidden],
            blanks=[blank_shown(self._forms, self.words, word) for word in hidden],
        )

    def relevant(self, n: int) -> NDArray[np.bool_]:
        """The relevant words of each row of sentence `n`, [R, K]."""
        sentence, relevance_RK = self.sentences[n], self.record.fixed("exact_relevance")[n]
        return relevant_words(relevance_RK[: len(sentence.masked), : len(sentence.tokens)].astype(np.float64))

    @cached_property
    def word_groups(self) -> dict[str, list[str]]:
        """The form, class and slot of each word, as far as words have any; older records have none.

        Raises:
          InputError: the record does not fit the run's config.
        """
        found = {}
        for name in COLOURINGS:
            if (stored := f"word_groups/{name}") in self.record:
                groups_V = self.record.fixed(stored)
                fits = groups_V.shape == (len(self.words),) and groups_V.dtype.kind == "U"
                require(fits, f"record: {stored} does not fit its words; restore it, or start a new run")
                if (groups_V != "").any():
                    found[name] = [str(group) for group in groups_V.tolist()]
        return found

    def mean_excess(self, kind: str) -> NDArray[np.float64]:
        """Excess at each step [T], mean over the slots, of the contexts of one kind; nan where there are none."""
        groups = self.record.fixed("excess_groups").tolist()
        excess_TG = self.of_steps("excess", range(self.count), (len(groups),)).astype(np.float64)
        columns = [g for g, name in enumerate(groups) if name.startswith(f"{kind}/")]
        known_TG = np.isfinite(excess_TG[:, columns])
        total_T = np.where(known_TG, excess_TG[:, columns], 0.0).sum(axis=1)
        return np.divide(total_T, known_TG.sum(axis=1), out=np.full(self.count, np.nan), where=known_TG.any(axis=1))

    def of_sentence(self, name: str, n: int, steps: Sequence[int], shape: tuple[int | None, ...]) -> Array:
        """An array of a sentence's own rows [S, R, ...]; `shape` is that of a row, None for the places of words."""
        rows = self.of_steps(name, steps, (self._row_NR.shape[1], *shape), n)
        return rows[:, : len(self.sentences[n].masked)]

    def of_steps(self, name: str, steps: Sequence[int], shape: tuple[int | None, ...], *place: int) -> Array:
        """An array at `place` at some steps [S, ...]; raises InputError if its shape is another than the record's."""
        wanted = tuple(self._tokens_NK.shape[1] if size is None else size for size in shape)
        if not steps:
            return np.zeros((0, *wanted), np.float32)
        found = self.record.at(name, steps, *place)
        require(
            found.shape[1:] == wanted and found.dtype.kind == "f",
            f"record: {name} does not fit the run's config; restore it, or start a new run",
        )
        return found

    def queries_and_keys(self, n: int, h: int, steps: Sequence[int]) -> tuple[Array, Array, Array]:
        """Queries [S, R, D], keys of words [S, K, D] (nan where one is masked in every row) and of masks [S, R, D]."""
        sentence, heads, size = self.sentences[n], self.config.heads, self.config.d_head
        query_SRD = self.of_sentence("query", n, steps, (heads, size))[:, :, h]
        key_SRKD = self.of_sentence("key", n, steps, (None, heads, size))[:, :, : len(sentence.tokens), h]
        seen_in = [next((r for r, at in enumerate(sentence.masked) if at != k), -1) for k in range(key_SRKD.shape[2])]
        key_SKD = np.stack([key_SRKD[:, r, k] for k, r in enumerate(seen_in)], axis=1).astype(np.float64)
        key_SKD[:, [r < 0 for r in seen_in]] = np.nan
        masked_SRD = np.stack([key_SRKD[:, r, k] for r, k in enumerate(sentence.masked)], axis=1)
        return query_SRD.astype(np.float64), key_SKD, masked_SRD.astype(np.float64)

    def evidence(self, n: int, steps: Sequence[int]) -> Array:
        """Evidence [S, R, H, K] for each masked word against its candidates; nan at a step without parameters."""
        sentence, config = self.sentences[n], self.config
        shape = len(sentence.masked), config.heads, len(sentence.tokens)
        found = np.full((len(steps), *shape), np.nan)
        known, params = self._parameters(Readout.names(config.norm), steps)
        if known:
            of_record = [steps[i] for i in known]
            weighted = self.of_sentence("weighted_values", n, of_record, (config.heads, None, config.d_head))
            output = self.of_sentence("output", n, of_record, (config.d_model,))
            toward = against(sentence.targets, sentence.candidates)
            readout = Readout.of(config.norm, params)
            found[known] = evidence(readout, weighted[:, :, :, : shape[2]], output, toward)
        return found

    def learned_scale(self) -> Array | None:
        """The factor of the dot products [T], where it is learned; nan at a step without parameters."""
        if self.config.scale != "learned":
            return None
        found = np.full(self.count, np.nan)
        known, params = self._parameters([_LOG_SCALE], range(self.count))
        if known:
            found[known] = np.exp(params[_LOG_SCALE].astype(np.float64))
        return found

    def _parameters(self, names: Sequence[str], steps: Sequence[int]) -> tuple[list[int], dict[str, Array]]:
        """Which of the steps have parameters (they are written just after the record), and these parameters there."""
        numbers = {} if self._params is None else {step: number for number, step in enumerate(self._params.steps)}
        known = [i for i, t in enumerate(steps) if self.record.steps[t] in numbers]
        if self._params is None or not known:
            return [], {}
        there = [numbers[self.record.steps[steps[i]]] for i in known]
        return known, {name: self._params.at(name, there) for name in names}


def candidates_of(chance_V: Array) -> list[int]:
    """The words that a masked word is told against, by their (exact) probabilities, the most probable first."""
    order = np.argsort(-chance_V, kind="stable")[:MOST_CANDIDATES].tolist()
    return [word for word in order if chance_V[word] > LEAST_CHANCE] or order[:1]
