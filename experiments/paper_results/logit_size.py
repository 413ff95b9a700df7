"""Wortsman et al. 2023 (arXiv 2309.14322), figure 10: the loss of a model whose attention logits have a given size.

Queries and keys pass through g(z) = sqrt(kappa) z / RMS(z) before their product. Of d components g(z) has the length
sqrt(kappa d), so the score, under 1/sqrt(d), is kappa sqrt(d) cos(q, k): where they point is learned, how long they are
is not. Paper: "Loss deteriorates around kappa = 1e3, and by kappa = 1e4 the loss exceeds that of a zero-layer bigram
model" (section 3.3; 10 M parameters).

The model's own `qk_norm` learns a gain. Here it is held at 1 in loss and measurement alike, so that no gradient reaches
it, and the swept scale, kappa sqrt(d), is all that sets the size.

Letters: A sizes kappa, L learning rates, S seeds.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.sampler import Batch
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.measuring.excess import EvaluationSet, evaluate
from experiments.paper_results.arms import CHUNKS, Arms, of_clauses, sweep
from experiments.paper_results.config import LogitSizeConfig, PapersConfig
from experiments.statistics.claims import Claim, above, between
from experiments.statistics.intervals import Interval, bootstrap_interval, interquartile_mean, paired_ratio
from model.config import ModelConfig
from model.functional import Model, apply
from model.loss import cross_entropy

Floats = NDArray[np.float64]
NAME = "Wortsman 2023"
FLAT, WORSE = 2.0, 5.0
"""A loss that changes by less than the first factor is flat; one that rises by more than the second deteriorates."""
KNEE = 3.0
"""The knee is where the excess crosses this multiple of its value at the smallest kappa."""
PAPER_KNEE = 1e3
PIECES = CHUNKS


@dataclass(frozen=True)
class LogitSizeResult:
    """Excess on trained contexts, nats, by size, learning rate and seed."""

    kappas: tuple[float, ...]
    rates: tuple[float, ...]
    d_head: int
    excess_ALS: Floats
    blind: float
    """Excess of the best guess that does not attend to any word, but knows the place of the masked one."""
    diverged: int

    @property
    def best_A(self) -> NDArray[np.int64]:
        """Which learning rate counts: the one with the lowest interquartile mean, chosen on the same seeds."""
        return np.asarray(interquartile_mean(self.excess_ALS).argmin(axis=1))

    @property
    def best_AS(self) -> Floats:
        """The excess at the learning rate that counts."""
        return np.asarray(self.excess_ALS[np.arange(len(self.kappas)), self.best_A])

    def at(self, kappa: float) -> Floats:
        """The excess [S] of the size nearest to `kappa`."""
        return np.asarray(self.best_AS[np.abs(np.log(np.asarray(self.kappas) / kappa)).argmin()])

    def knee(self) -> Interval:
        """Where the excess leaves its flat part; see `knee`."""
        return bootstrap_interval(lambda *arms: knee(self.kappas, *arms), *self.best_AS)


def held(model: Model) -> Model:
    """The model with the gain of QK-norm at 1, whatever it is."""
    attention = model.params["attention"]
    params = {**model.params, "attention": {**attention, "gain": jnp.ones_like(attention["gain"])}}
    return dataclasses.replace(model, params=params)


def held_loss(model: Model, batch: Batch) -> jax.Array:
    """Mean cross-entropy of the masked words, for queries and keys of fixed length."""
    forward = apply(held(model), batch.tokens_BK, batch.masked_B[:, None])
    return cross_entropy(forward.logits_BQV[:, 0], batch.target_B).mean()


def held_excess(model: Model, examples: EvaluationSet) -> jax.Array:
    """Mean excess on trained contexts, nats."""
    excess_G = evaluate(held(model), examples).excess_G
    return excess_G[: len(excess_G) // 2].mean()


def blind_excess(examples: EvaluationSet) -> float:
    """Excess of the best guess from the place of the masked word alone: what a model without attention can reach.

    The guess for a place is the mean of the posteriors of the evaluation sentences that have it. Mean over the trained
    contexts, as `held_excess`.
    """
    slots = examples.share_EG.shape[1] // 2
    share_E = examples.share_EG[:, :slots].sum(axis=1) / slots
    total = 0.0
    for place in np.unique(examples.masked_E):
        here = (examples.masked_E == place) & (share_E > 0)
        share_N, posterior_NV = share_E[here].astype(float), examples.posterior_EV[here].astype(float)
        guess_V = share_N @ posterior_NV / max(share_N.sum(), 1e-300)
        ratio_NV = np.where(posterior_NV > 0, posterior_NV, 1.0) / np.where(posterior_NV > 0, guess_V, 1.0)
        total += float(share_N @ np.sum(posterior_NV * np.log(ratio_NV), axis=1))
    return total


def experiment(config: PapersConfig, own: LogitSizeConfig) -> Config:
    """What all arms share."""
    return Config(
        world=config.world,
        seed=config.seed,
        model=ModelConfig(d_head=own.d_head, d_mlp=0, qk_norm=True),
        train=TrainConfig(steps=own.steps, batch=own.batch),
        evaluate=EvaluateConfig(sentences=own.sentences),
    )


def arms_of(config: PapersConfig) -> list[tuple[int, float, float]]:
    """(seed, learning rate, scale) of every arm; the scale makes a cosine a score of size kappa."""
    own, seeds = config.logit_size, range(config.seed, config.seed + config.logit_size.seeds)
    scales = [kappa * own.d_head**0.5 for kappa in own.kappas]
    return [(seed, rate, scale) for scale in scales for rate in own.learning_rates for seed in seeds]


def prepare(config: PapersConfig, world: World) -> Arms:
    """All arms in one program, compiled in the background."""
    own, common = config.logit_size, experiment(config, config.logit_size)
    return Arms(common, of_clauses(world, own.clauses), sweep(common, arms_of(config)), held_excess, held_loss)


def measure(config: PapersConfig, arms: Arms, done: Callable[[], None]) -> LogitSizeResult:
    """Train every arm; `done` is called PIECES times."""
    own, trained = config.logit_size, arms.run(done)
    excess_ALS = trained.after.astype(float).reshape(len(own.kappas), len(own.learning_rates), own.seeds)
    blind = blind_excess(arms.examples)
    return LogitSizeResult(own.kappas, own.learning_rates, own.d_head, excess_ALS, blind, int(trained.diverged_R.sum()))


def knee(kappas: tuple[float, ...], *excess_AS: Floats) -> Floats:
    """The kappa at which the excess first crosses KNEE times its first value, between sizes on a log-log line.

    The largest kappa where it never does. Takes the excess of each size [..., S], gives [...].
    """
    log_kappa_A = np.log(kappas)
    log_A = np.log(np.stack([interquartile_mean(one) for one in excess_AS], axis=-1))
    over_A = log_A - log_A[..., :1] - np.log(KNEE)
    first = np.argmax(over_A > 0, axis=-1)[..., None]
    before = np.maximum(first - 1, 0)
    high, low = (np.take_along_axis(over_A, place, axis=-1)[..., 0] for place in (first, before))
    share = np.where(high > low, -low / np.where(high > low, high - low, 1.0), 0.0)
    left, right = log_kappa_A[before[..., 0]], log_kappa_A[first[..., 0]]
    crossed = np.exp(left + share * (right - left))
    return np.where((over_A > 0).any(axis=-1), crossed, kappas[-1])


def claims(result: LogitSizeResult) -> list[Claim]:
    """What the figure says, beside what was measured: a flat part, a knee, its place, and the end."""
    first_S, last_S = result.best_AS[0], result.best_AS[-1]
    before_S = result.at(1.0)
    blind = bootstrap_interval(lambda a: interquartile_mean(a) / result.blind, last_S)
    size, largest = result.kappas[0], result.kappas[-1]
    flat = f"flat at first: loss at kappa 1 over that at {size:g}"
    return [
        between(NAME, flat, f"1 (to a factor {FLAT:g})", paired_ratio(before_S, first_S), 1 / FLAT, FLAT),
        above(
            NAME,
            f"then a knee: loss at kappa {largest:g} over that at 1",
            f"more than {WORSE:g}",
            paired_ratio(last_S, before_S),
            WORSE,
        ),
        between(
            NAME,
            "place of the knee, in kappa",
            f"{PAPER_KNEE:g} (to a factor 3)",
            result.knee(),
            PAPER_KNEE / 3,
            PAPER_KNEE * 3,
        ),
        above(NAME, f"at kappa {largest:g}, loss over that of a model that does not attend", "more than 1", blind, 1.0),
    ]
