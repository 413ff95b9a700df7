"""All measurements that are put beside papers: rows of attention, here, and the trainings of `arms`.

The rows that are held against Zhai's theorem are extremal, random, and of real runs.

Letters: N rows, T logits of a row.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.vocabulary import PAD
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrackConfig, TrainConfig
from experiments.measuring.experiment import Experiment, prepare
from experiments.measuring.measurement import Measurement
from experiments.paper_results.arms import CHUNKS, measure_logit_size, measure_mup
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.results import (
    ENTROPY_SCALES,
    ROUNDING,
    WORTSMAN,
    YANG,
    ZHAI,
    EntropyResult,
    Results,
    Rows,
    entropy_bound,
)
from experiments.statistics.intervals import Floats
from experiments.training.trainer import Record
from model.attention import softmax
from model.config import ModelConfig

ROW_LENGTHS = (2, 4, 7, 16, 64)
_BLOCK = 50_000


def pieces(config: PapersConfig) -> int:
    """How often `measure` calls `done`."""
    own = {"entropy": 2 + 2 * len(ENTROPY_SCALES), "logit_size": CHUNKS, "mup": CHUNKS * len(config.mup.sizes)}
    return sum(own[paper] for paper in config.papers)


def measure(config: PapersConfig, world: World, done: Callable[[str], None]) -> Results:
    """Measure what `config.papers` names; `done` is called with the paper's name after each piece of work."""
    return Results(
        config,
        measure_entropy(config, world, lambda: done(ZHAI)) if "entropy" in config.papers else None,
        measure_logit_size(config, world, lambda: done(WORTSMAN)) if "logit_size" in config.papers else None,
        measure_mup(config, world, lambda: done(YANG)) if "mup" in config.papers else None,
    )


def measure_entropy(config: PapersConfig, world: World, done: Callable[[], None]) -> EntropyResult:
    """Extremal rows, random rows, and the rows of real runs; `done` is called after each, and before each training."""
    own, recorded = config.entropy, {}
    extremal = joined([_extremal(norm, keys) for keys in own.lengths for norm in own.norms])
    done()
    random = random_rows(own.rows, config.seed).distance(ROUNDING)
    done()
    for scale in ENTROPY_SCALES:
        experiment, trainer = prepare(_real_run(config, scale), world)
        done()
        recorded[scale] = joined([recorded_rows(experiment, record) for record in trainer.run(experiment.data)])
        done()
    return EntropyResult(extremal, random, recorded)


def _extremal(norm: float, keys: int) -> Rows:
    """The extremal row by the softmax that the model uses, in 32 bits."""
    row_1T = jnp.asarray(extremal_row(norm, keys), jnp.float32)[None]
    weights_1T = jax.device_get(softmax(row_1T[:, None, None], jnp.ones((1, keys), bool)))[:, 0, 0]
    keys_1, norm_1 = np.asarray([keys]), np.asarray([norm])
    return Rows(keys_1, norm_1, entropy(weights_1T), entropy_bound(norm_1, keys_1))


def extremal_row(norm: float, keys: int) -> Floats:
    """The row [T] of centred length `norm` that attains the bound."""
    row = np.full(keys, -1.0)
    row[0] = keys - 1.0
    return np.asarray(norm * row / np.sqrt(keys * (keys - 1.0)))


def random_rows(count: int, seed: int) -> Rows:
    """Rows of random length and direction, of each of ROW_LENGTHS; every other one is near an extremal row.

    Purely random directions stay far from the bound; what could cross it lies next to where it is attained.
    """
    rng, parts = np.random.default_rng(seed), []
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first)
        keys = ROW_LENGTHS[first // _BLOCK % len(ROW_LENGTHS)]
        direction_NT = rng.normal(size=(size, keys))
        near_NT = extremal_row(1.0, keys) + 10 ** rng.uniform(-5, 0, (size, 1)) * direction_NT
        direction_NT[::2] = near_NT[::2]
        direction_NT -= direction_NT.mean(axis=1, keepdims=True)
        norm_N = 10 ** rng.uniform(-1, 1.5, size)
        scores_NT = norm_N[:, None] * direction_NT / np.linalg.norm(direction_NT, axis=1, keepdims=True)
        weights_NT = np.exp(scores_NT - scores_NT.max(axis=1, keepdims=True))
        parts.append(_rows(scores_NT, weights_NT / weights_NT.sum(axis=1, keepdims=True)))
    return joined(parts)


def _rows(scores_NT: NDArray[np.floating], weights_NT: NDArray[np.floating]) -> Rows:
    """Rows of one length from their scores and weights."""
    scores_NT = np.asarray(scores_NT, np.float64)
    norm_N = np.linalg.norm(scores_NT - scores_NT.mean(axis=1, keepdims=True), axis=1)
    keys_N = np.full(len(norm_N), scores_NT.shape[1])
    return Rows(keys_N, norm_N, entropy(weights_NT), entropy_bound(norm_N, keys_N))


def entropy(weights_NT: NDArray[np.floating]) -> Floats:
    """Entropy of rows of weights, nats."""
    weights_NT = np.asarray(weights_NT, np.float64)
    return -np.sum(weights_NT * np.log(np.where(weights_NT > 0, weights_NT, 1.0)), axis=-1)


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts."""
    return Rows(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def _real_run(config: PapersConfig, scale: str) -> Config:
    own = config.entropy
    return Config(
        world=config.world,
        seed=config.seed,
        seeds=own.seeds,
        model=ModelConfig(d_head=own.d_head, d_mlp=0, scale=scale),
        train=TrainConfig(steps=own.steps, batch=own.batch),
        evaluate=EvaluateConfig(sentences=256),
        track=TrackConfig(records=own.records, images=0),
    )


def recorded_rows(experiment: Experiment, record: Record[Measurement]) -> Rows:
    """Every row of a record, of all runs and heads, without its padding."""
    forward, parts = record.measurement.observation.forward, []
    for g, words_K in enumerate(np.asarray(experiment.data.probes.tokens_GK) != PAD):
        scores_NT, weights_NT = (
            np.asarray(values)[:, g, :, 0][..., words_K].reshape(-1, words_K.sum())
            for values in (forward.scores_BHQK, forward.weights_BHQK)
        )
        parts.append(_rows(scores_NT, weights_NT))
    return joined(parts)
