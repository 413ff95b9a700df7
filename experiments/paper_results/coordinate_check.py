"""Yang et al. 2022 (Tensor Programs V, arXiv 2203.03466): the coordinate check of attention's logits.

Queries and keys are independent at first, so q.k is a sum of d random terms, about sqrt(d); once trained they are not,
and it is a sum of d terms that agree, about d. Hence muP's factor 1/d: the logits then shrink like d^(-1/2) at the
start, but are independent of d after training. Under 1/sqrt(d) it is the other way round.

Measurement: sigma, the std of a row's scores (root of the mean variance over rows and heads), for ever larger heads, at
the start and after training, everything else being equal, the learning rate too.

Letters: D sizes, C scales, S seeds.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.measuring.attention_statistics import attention_statistics
from experiments.measuring.excess import EvaluationSet
from experiments.paper_results.arms import CHUNKS, Arms, of_clauses, sweep
from experiments.paper_results.config import MupConfig, PapersConfig
from experiments.paper_results.sigma_growth import SCALES, MupResult
from model.config import ModelConfig
from model.functional import Model, apply


def sigma(model: Model, examples: EvaluationSet, *, trained: int) -> jax.Array:
    """Std of a row's scores, over all heads and the first `trained` rows, those of trained contexts."""
    tokens_EK, masked_E = examples.tokens_EK[:trained], examples.masked_E[:trained]
    forward = apply(model, tokens_EK, masked_E[:, None])
    return jnp.sqrt(jnp.mean(attention_statistics(tokens_EK, forward)["score_std"] ** 2))


def experiment(config: PapersConfig, own: MupConfig, d: int) -> Config:
    """What both scales of one size share."""
    return Config(
        world=config.world,
        seed=config.seed,
        model=ModelConfig(d_head=d, d_mlp=0),
        train=TrainConfig(steps=own.steps, batch=own.batch, learning_rate=own.learning_rate),
        evaluate=EvaluateConfig(sentences=own.sentences),
    )


def pieces(config: PapersConfig) -> int:
    """How often `measure` calls `done`."""
    return CHUNKS * len(config.mup.sizes)


def prepare(config: PapersConfig, world: World, d: int) -> Arms:
    """The program of one size, compiled in the background; the scale is a swept value."""
    own, common = config.mup, experiment(config, config.mup, d)
    factors = {"inverse": 1 / d, "inverse_sqrt": d**-0.5}
    seeds = range(config.seed, config.seed + own.seeds)
    arms = [(seed, own.learning_rate, factors[scale]) for scale in SCALES for seed in seeds]
    measured = functools.partial(sigma, trained=own.sentences)
    return Arms(common, of_clauses(world, own.clauses), sweep(common, arms), measured)


def measure(config: PapersConfig, world: World, done: Callable[[], None]) -> MupResult:
    """Train every size; `done` is called `pieces` times."""
    trained, following = [], prepare(config, world, config.mup.sizes[0])
    for after_it in [*config.mup.sizes[1:], None]:
        # The next size is compiled while this one trains; all of them at once would take 3 GB.
        arms, following = following, following if after_it is None else prepare(config, world, after_it)
        trained.append(arms.run(done))
    shape = (len(trained), len(SCALES), config.mup.seeds)
    before, after = (
        np.stack([getattr(one, when) for one in trained]).astype(float).reshape(shape) for when in ("before", "after")
    )
    return MupResult(config.mup.sizes, before, after, int(sum(one.diverged_R.sum() for one in trained)))
