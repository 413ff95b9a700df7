"""What a model says of each watched row, beside the exact answer."""

from dataclasses import dataclass

import numpy as np

from experiments.measuring.experiment import Experiment
from experiments.measuring.measurement import Measurement
from experiments.training.arrays import Array
from experiments.training.trainer import RunRecord


@dataclass(frozen=True)
class RowResult:
    """What a run does with one masked word of a watched sentence, beside the exact answer."""

    sentence: int
    masked: int
    """Position of the masked word."""
    words: tuple[str, ...]
    weights_HK: Array
    guess: tuple[str, float]
    """The most probable word and its probability, by the model."""
    exact: tuple[str, float]
    """The same, by the exact posterior."""


def row_results(experiment: Experiment, record: RunRecord[Measurement]) -> list[RowResult]:
    """The rows of all watched sentences, for one run at one step."""
    probes, words = experiment.data.probes, experiment.world.vocabulary.words
    observation = record.measurement.observation
    logits_GV = observation.forward.logits_BQV[:, 0].astype(np.float64)
    with np.errstate(invalid="ignore"):  # a diverged run's logits can be infinite
        guess_GV = np.exp(logits_GV - logits_GV.max(axis=1, keepdims=True))
        guess_GV /= guess_GV.sum(axis=1, keepdims=True)
    results = []
    for g, sentence in enumerate(probes.sentence_G):
        tokens = experiment.sentences[sentence][0]
        length = len(tokens)
        best, true = int(guess_GV[g].argmax()), int(probes.posterior_GV[g].argmax())
        results.append(
            RowResult(
                sentence=int(sentence),
                masked=int(probes.masked_G[g]),
                words=tuple(words[token] for token in tokens),
                weights_HK=observation.forward.weights_BHQK[g, :, 0, :length],
                guess=(words[best], float(guess_GV[g, best])),
                exact=(words[true], float(probes.posterior_GV[g, true])),
            )
        )
    return results
