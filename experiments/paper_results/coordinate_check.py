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
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.measuring.attention_statistics import attention_statistics
from experiments.measuring.excess import EvaluationSet
from experiments.paper_results.arms import CHUNKS, Arms, of_clauses, sweep
from experiments.paper_results.config import MupConfig, PapersConfig
from experiments.statistics.claims import Claim, above, between
from experiments.statistics.intervals import Interval, bootstrap_interval, interquartile_mean, paired_ratio
from experiments.statistics.significance import holm, sign_flip_p
from model.config import ModelConfig
from model.functional import Model, apply

Floats = NDArray[np.float64]
NAME = "Yang 2022 (muP)"
SCALES = ("inverse", "inverse_sqrt")
SHOWN = {"inverse": "1/d", "inverse_sqrt": "1/sqrt(d)"}
MARGIN = 0.1
"""An exponent that differs by less from the predicted one agrees with it: a factor 1.5 from d = 4 to 256."""


@dataclass(frozen=True)
class MupResult:
    """Sigma of the scores by size, scale and seed."""

    sizes: tuple[int, ...]
    before_DCS: Floats
    after_DCS: Floats
    diverged: int

    def exponent(self, sigma_DCS: Floats, scale: str) -> Interval:
        """The exponent of sigma's growth with d: slope of log sigma against log d, by least squares."""
        offset_D = np.log(self.sizes) - np.mean(np.log(self.sizes))
        weight_D = offset_D / np.sum(offset_D**2)

        def slope(*arms: Floats) -> Floats:
            return np.asarray(sum(w * np.log(interquartile_mean(arm)) for w, arm in zip(weight_D, arms, strict=True)))

        return bootstrap_interval(slope, *sigma_DCS[:, SCALES.index(scale)])


def sigma(model: Model, examples: EvaluationSet, *, trained: int) -> jax.Array:
    """Std of a row's scores, over all heads and the first `trained` rows, those of trained contexts."""
    tokens_EK, masked_E = examples.tokens_EK[:trained], examples.masked_E[:trained]
    forward = apply(model, tokens_EK, masked_E[:, None])
    return jnp.sqrt(jnp.mean(attention_statistics(tokens_EK, forward).score_std_H ** 2))


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


def differences(result: MupResult) -> tuple[list[Interval], Floats]:
    """After training, sigma under 1/sqrt(d) over that under 1/d, for each size, and Holm-corrected p-values."""
    pairs = [(sigma_CS[1], sigma_CS[0]) for sigma_CS in result.after_DCS]
    return [paired_ratio(*pair) for pair in pairs], holm([sign_flip_p(*np.log(pair)) for pair in pairs])


def claims(result: MupResult) -> list[Claim]:
    """The four exponents that theory gives, beside those measured."""
    found = []
    for when, sigma_DCS, predicted in (
        ("at the start", result.before_DCS, {"inverse": -0.5, "inverse_sqrt": 0.0}),
        ("after training", result.after_DCS, {"inverse": 0.0}),
    ):
        for scale, exponent in predicted.items():
            statement = f"exponent of sigma in d {when}, under {SHOWN[scale]}"
            shown = f"{exponent:g} (to {MARGIN:g})"
            slope = result.exponent(sigma_DCS, scale)
            found.append(between(NAME, statement, shown, slope, exponent - MARGIN, exponent + MARGIN))
    grown = result.exponent(result.after_DCS, "inverse_sqrt")
    statement = "exponent of sigma in d after training, under 1/sqrt(d)"
    return [*found, above(NAME, statement, "more than 0 (at most 0.5)", grown, 0.0)]
