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

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.measuring.excess import EvaluationSet, evaluate
from experiments.paper_results.arms import CHUNKS, Arms, of_clauses, sweep
from experiments.paper_results.config import LogitSizeConfig, PapersConfig
from experiments.paper_results.logit_knee import LogitSizeResult
from model.config import ModelConfig
from model.functional import Model, apply, cross_entropy

PIECES = CHUNKS


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
