"""Zhai et al. 2023 (arXiv 2303.06296), theorem 3.1: the least entropy that a row of attention can have.

Let r be the length of a row of T logits after their mean is taken off (softmax does not see the mean), or any bound of
it. With b = exp(-r sqrt(T / (T - 1)))

    entropy >= ln(1 + (T - 1) b) + r sqrt(T (T - 1)) b / (1 + (T - 1) b)      nats

and one row attains it: one logit stands out and all others are equal. So entropy can fall exponentially in r, and no
faster. The paper bounds r by spectral norms, |W_K W_Q^T| |X X^T|; here r is the row's own length, the smallest bound
there is. As the bound falls with r, a row that keeps it here keeps the paper's.

Letters: N rows, T logits of a row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.vocabulary import PAD
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrackConfig, TrainConfig
from experiments.measuring.experiment import Experiment, prepare
from experiments.measuring.measurement import Measurement
from experiments.paper_results.config import EntropyConfig, PapersConfig
from experiments.statistics.claims import Claim, exact
from experiments.training.trainer import Record
from model.attention import softmax
from model.config import ModelConfig

Floats = NDArray[np.float64]
NAME = "Zhai 2023"
SCALES = ("inverse_sqrt", "none")
"""Scales of the real runs: without one, rows become sharp, and the bound small."""
SHOWN = {"inverse_sqrt": "scale 1/sqrt(d)", "none": "no scale"}
ROW_LENGTHS = (2, 4, 7, 16, 64)
DIGITS = 5e-6
"""Entropies that differ by less agree to 5 digits after the point."""
ROUNDING = 1e-12
"""What random rows, in 64 bits, may lie below the bound, nats."""
ROUNDING_32 = 1e-5
"""The same of recorded rows, whose scores and weights were computed in 32 bits."""
_BLOCK = 50_000
PIECES = 2 + 2 * len(SCALES)


@dataclass(frozen=True)
class Rows:
    """Rows of attention: their length r, entropy and bound, nats."""

    keys_N: NDArray[np.int64]
    norm_N: Floats
    entropy_N: Floats
    bound_N: Floats

    @property
    def slack(self) -> float:
        """The smallest distance of an entropy to its bound; negative where one lies below."""
        return float((self.entropy_N - self.bound_N).min())


@dataclass(frozen=True)
class EntropyResult:
    """What was measured."""

    extremal: list[tuple[int, float, float, float]]
    """T, r, the bound, and the entropy of the extremal row through the model's softmax."""
    random: Rows
    recorded: dict[str, Rows]
    """For each of SCALES: every row of every record of every seed."""


def entropy_bound(norm_N: Floats, keys_N: NDArray[np.int64]) -> Floats:
    """The least entropy, nats, of rows of `keys_N` logits whose centred length is at most `norm_N`."""
    others_N = keys_N - 1.0
    falling_N = np.exp(-norm_N * np.sqrt(keys_N / others_N))
    share_N = 1 + others_N * falling_N
    return np.log(share_N) + norm_N * np.sqrt(keys_N * others_N) * falling_N / share_N


def extremal_row(norm: float, keys: int) -> Floats:
    """The row [T] of centred length `norm` that attains the bound."""
    row = np.full(keys, -1.0)
    row[0] = keys - 1.0
    return np.asarray(norm * row / np.sqrt(keys * (keys - 1.0)))


def entropy(weights_NT: NDArray[np.floating]) -> Floats:
    """Entropy of rows of weights, nats."""
    weights_NT = np.asarray(weights_NT, np.float64)
    return -np.sum(weights_NT * np.log(np.where(weights_NT > 0, weights_NT, 1.0)), axis=-1)


def measure(config: PapersConfig, world: World, done: Callable[[], None]) -> EntropyResult:
    """Extremal rows, random rows, and the rows of real runs; `done` is called PIECES times."""
    own = config.entropy
    extremal = [(keys, norm, *_extremal(norm, keys)) for keys in own.lengths for norm in own.norms]
    done()
    random = random_rows(own.rows, config.seed)
    done()
    recorded = {}
    for scale in SCALES:
        experiment, trainer = prepare(_real_run(config, own, scale), world)
        done()
        recorded[scale] = joined([recorded_rows(experiment, record) for record in trainer.run(experiment.data)])
        done()
    return EntropyResult(extremal, random, recorded)


def _extremal(norm: float, keys: int) -> tuple[float, float]:
    """The bound, and the entropy of the extremal row by the softmax that the model uses, in 32 bits."""
    row_1T = jnp.asarray(extremal_row(norm, keys), jnp.float32)[None]
    weights = jax.device_get(softmax(row_1T[:, None, None], jnp.ones((1, keys), bool)))
    return float(entropy_bound(np.asarray(norm), np.asarray(keys))), float(entropy(weights).item())


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


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts."""
    return Rows(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))


def _real_run(config: PapersConfig, own: EntropyConfig, scale: str) -> Config:
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
    tokens_GK = np.asarray(experiment.data.probes.tokens_GK)
    forward = record.measurement.observation.forward
    parts = []
    for g, tokens_K in enumerate(tokens_GK):
        words_K = tokens_K != PAD
        scores_NT, weights_NT = (
            np.asarray(values)[:, g, :, 0][..., words_K].reshape(-1, words_K.sum())
            for values in (forward.scores_BHQK, forward.weights_BHQK)
        )
        parts.append(_rows(scores_NT, weights_NT))
    return joined(parts)


def claims(result: EntropyResult) -> list[Claim]:
    """The theorem's two statements beside what was measured."""
    error = max(abs(bound - found) for _, _, bound, found in result.extremal)
    tight = exact(
        NAME,
        "the extremal row attains the bound",
        "equal to 5 digits",
        f"largest difference {error:.1e} nats",
        error < DIGITS,
    )
    found = [tight]
    kinds = {"random rows": (result.random, ROUNDING)}
    kinds |= {f"recorded rows, {SHOWN[scale]}": (rows, ROUNDING_32) for scale, rows in result.recorded.items()}
    for kind, (rows, rounding) in kinds.items():
        below = int((rows.entropy_N < rows.bound_N - rounding).sum())
        statement = f"no row lies below the bound: {len(rows.norm_N):,} {kind}"
        nearest = "the nearest on it" if abs(rows.slack) < ROUNDING else f"the nearest {rows.slack:+.1e} nats from it"
        shown = f"{below} below; {nearest}"
        found.append(exact(NAME, statement, f"0 (rounding: {rounding:g})", shown, below == 0))
    return found
