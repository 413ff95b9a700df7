"""What a record of training holds, as plain arrays under stable names: the format of `record.npz`, version 2.

Rows are arranged by sentence, [N, R]: sentence n, its r-th masked word. Sentences with fewer masked words than others
have rows of nan (floats), -1 (`row`) or 0. The same at every step:

    tokens [N, K], words [V], row [N, R]       the sentences, the vocabulary, the masked positions (-1: no row)
    base, blank [V]                            in worlds whose words have forms, see `view.word_forms`
    world                                      a digest of its probabilities and of what it holds out
    exact_relevance [N, R, K], exact_posterior [N, R, V]
    word_groups/form, /class and /slot [V]     of each word, "" for none; what points are coloured by
    excess_groups [G], parameter_groups [P]    names of the last axes below: `trained/subject`, ..., `attention/key`

and at each recorded step, stacked [T, ...]:

    step, loss, excess [G]                     loss: mean since the record before; excess in nats, nan for no such group
    embedding [N, R, K, M], query [N, R, H, D], key and value [N, R, K, H, D], dot_products, scores and
    weights [N, R, H, K], weighted_values [N, R, H, K, D], context [N, R, H, D], attention, residual, mlp and
    output [N, R, M], logits [N, R, V]         every field of the forward pass
    cut_cost [N, R, H + 1, K]                  rise of the excess without key K in one head; the last: in all heads
    model_relevance [N, R, K], row_excess [N, R]
    score_gradient [N, R, H, K]                dL/ds, L the row's excess, s the scores
    position_map [K, H, K]                     mean attention by position alone: blank at, head, key at
    attention_statistics/... [H]                             see `attention_statistics`
    gradient_norm [E, P]                       of the sample's rows, see `row_norms`
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.world import World
from experiments.measuring.evaluation_set import KINDS
from experiments.measuring.experiment import Experiment, Sentences
from experiments.measuring.measurement import Measurement
from experiments.measuring.probes import Probes
from experiments.measuring.row_gradients import groups
from experiments.run_directory.arrays import Arrays
from experiments.training.trainer import RunRecord
from experiments.view.word_forms import form_arrays
from experiments.view.word_groups import word_groups
from model.functional import Params
from model.transformer import ForwardOutput


def by_sentence(array_G: NDArray[Any], rows_NR: NDArray[np.int64], missing: float = np.nan) -> NDArray[Any]:
    """An array over rows [G, ...] as [N, R, ...], with `missing` where no row is; see `Probes.rows_NR`."""
    taken = array_G[rows_NR]
    taken[rows_NR < 0] = missing
    return taken


def sentence_arrays(world: World, sentences: Sentences, probes: Probes) -> Arrays:
    """The watched sentences and their exact answers."""
    rows_NR = probes.rows_NR
    tokens_NK = [np.pad(tokens, (0, world.max_length - len(tokens))) for tokens, _ in sentences]
    return {
        "tokens": np.asarray(tokens_NK, np.int32),
        "world": np.asarray(world.training_fingerprint),
        "words": np.asarray(world.vocabulary.words),
        **form_arrays(world),
        "row": by_sentence(probes.masked_G, rows_NR, -1),
        "exact_relevance": by_sentence(probes.relevance_GK, rows_NR),
        "exact_posterior": by_sentence(probes.posterior_GV, rows_NR),
    }


def fixed_arrays(experiment: Experiment, params: Params) -> Arrays:
    """What is the same at every step."""
    return sentence_arrays(experiment.world, experiment.sentences, experiment.data.probes) | {
        "excess_groups": np.asarray([f"{kind}/{slot}" for kind in KINDS for slot in experiment.config.task.masked]),
        "parameter_groups": np.asarray(groups(params)),
    }


def word_group_arrays(world: World) -> Arrays:
    """The form, class and slot of each word [V]; they change no number, so a resumed run may have others."""
    return {f"word_groups/{name}": np.asarray(groups) for name, groups in word_groups(world).items()}


def step_arrays(experiment: Experiment, record: RunRecord[Measurement]) -> Arrays:
    """What was measured of one run at one step."""
    measurement, observation = record.measurement, record.measurement.observation
    rows_NR = experiment.data.probes.rows_NR
    forward = {
        field.name.rpartition("_")[0]: by_sentence(_without_query_axis(field.name, observation.forward), rows_NR)
        for field in dataclasses.fields(ForwardOutput)
    }
    return {
        "loss": np.asarray(record.loss, np.float32),
        "excess": np.where(experiment.data.examples.used_G, measurement.evaluation.excess_G, np.float32(np.nan)),
        **forward,
        "cut_cost": by_sentence(observation.cut_cost_GJK, rows_NR),
        "model_relevance": by_sentence(observation.model_relevance_GK, rows_NR),
        "row_excess": by_sentence(observation.excess_G, rows_NR),
        "score_gradient": by_sentence(observation.score_gradient_GHK, rows_NR),
        "position_map": measurement.evaluation.position_map_PHK,
        **{f"attention_statistics/{name}": value_H for name, value_H in measurement.attention_statistics.items()},
        "gradient_norm": measurement.gradient_norm_EG,
    }


def _without_query_axis(name: str, forward: ForwardOutput) -> NDArray[Any]:
    """A field of the probes' forward pass, in which each row asks one query, without the axis Q."""
    array, letters = getattr(forward, name), name.rpartition("_")[2]
    return np.asarray(array.squeeze(letters.index("Q")) if "Q" in letters else array)
