"""Many small trainings that differ in seed, learning rate and scale alone: two papers' measurements.

**Wortsman et al. 2023 (arXiv 2309.14322), figure 10: the loss of a model whose attention logits have a given size.**
Queries and keys pass through g(z) = sqrt(kappa) z / RMS(z) before their product. Of d components g(z) has the length
sqrt(kappa d), so the score, under 1/sqrt(d), is kappa sqrt(d) cos(q, k): where they point is learned, how long they are
is not. Paper: "Loss deteriorates around kappa = 1e3, and by kappa = 1e4 the loss exceeds that of a zero-layer bigram
model" (section 3.3; 10 M parameters). The model's own `qk_norm` learns a gain. Here it is held at 1 in loss and
measurement alike, so that no gradient reaches it, and the swept scale, kappa sqrt(d), is all that sets the size.

**Yang et al. 2022 (Tensor Programs V, arXiv 2203.03466): the coordinate check of attention's logits.** Queries and keys
are independent at first, so q.k is a sum of d random terms, about sqrt(d); once trained they are not, and it is a sum
of d terms that agree, about d. Hence muP's factor 1/d: the logits then shrink like d^(-1/2) at the start, but are
independent of d after training. Under 1/sqrt(d) it is the other way round. Measurement: sigma, the std of a row's
scores (root of the mean variance over rows and heads), for ever larger heads, at the start and after training,
everything else being equal, the learning rate too.

Letters: R runs; A sizes kappa, L learning rates; D sizes of a head, C scales; S seeds.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import training_tables
from data.errors import require
from data.sampler import Batch
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.measuring.attention_statistics import row_statistics
from experiments.measuring.evaluation_set import EvaluationSet, make_evaluation_set
from experiments.measuring.excess import evaluate
from experiments.paper_results.config import LogitSizeConfig, MupConfig, PapersConfig
from experiments.paper_results.results import MUP_SCALES, LogitSizeResult, MupResult
from experiments.statistics.intervals import Floats
from experiments.training.hyperparameters import Hyperparameters, hyperparameters, training_spec
from experiments.training.trainer import Trainer
from experiments.training.update import Loss, masked_row_loss
from model.config import ModelConfig
from model.functional import Model, apply, cross_entropy

CHUNKS = 10
"""In how many pieces the progress of a training is told."""
Arm = tuple[int, float, float]
"""(seed, learning rate, scale) of one run."""


class Arms:
    """The runs of one program, which differ in what an `Arm` holds; it compiles in the background from the start on."""

    def __init__(
        self,
        config: PapersConfig,
        own: LogitSizeConfig | MupConfig,
        model: ModelConfig,
        world: World,
        arms: list[Arm],
        measure: Callable[[Model, EvaluationSet], jax.Array],
        loss: Loss = masked_row_loss,
    ) -> None:
        """Begin to compile the training and its measurement.

        Args:
          config: the world and the seed of the evaluation.
          own: the part of it that is about this paper.
          model: the model of all runs, whose scale the arms replace.
          world: the world, of which sentences of `own.clauses` clauses are taken.
          arms: the runs.
          measure: what is measured of a run, from its model and the evaluation set: one number.
          loss: what is minimised.

        Raises:
          InputError: the world has no sentence of so many clauses.
        """
        common, world = experiment(config, own, model), of_clauses(world, own.clauses)
        self.examples, self._steps = make_evaluation_set(common, world), own.steps
        self._trainer = Trainer(
            training_spec(common, world),
            sweep(common, arms),
            training_tables(world, common.task.masked),
            [0, own.steps],
            lambda model, examples, _: measure(model, examples),
            self.examples,
            loss=loss,
        )

    def run(self, done: Callable[[], None]) -> tuple[Floats, Floats, int]:
        """Train; `done` is called CHUNKS times on the way.

        Returns:
          What was measured [R], in 64 bits, before the first update and after the last (of a run that diverged: before
          it did), and how many runs diverged.
        """
        told = 0

        def tell(step: int) -> bool:
            nonlocal told
            for _ in range(told, CHUNKS * step // self._steps):
                done()
                told += 1
            return False

        before, after = self._trainer.run(self.examples, lambda progress: tell(progress.step))
        tell(self._steps)  # where every run diverged, training ended early
        before_R, after_R = (np.asarray(record.measurement, float) for record in (before, after))
        return before_R, after_R, int((after.diverged_at_R >= 0).sum())


def experiment(config: PapersConfig, own: LogitSizeConfig | MupConfig, model: ModelConfig) -> Config:
    """What all arms of one program share."""
    return Config(
        world=config.world,
        seed=config.seed,
        model=model,
        train=TrainConfig(steps=own.steps, batch=own.batch),
        evaluate=EvaluateConfig(sentences=own.sentences),
    )


def sweep(config: Config, arms: list[Arm]) -> Hyperparameters:
    """The hyperparameters of one run for each arm; the rest is the config's."""
    seeds, rates, scales = zip(*arms, strict=True)
    return dataclasses.replace(
        hyperparameters(dataclasses.replace(config, seeds=len(arms))),
        seed=np.asarray(seeds, np.uint32),
        learning_rate=np.asarray(rates, np.float32),
        scale=np.asarray(scales, np.float32),
    )


def of_clauses(world: World, clauses: int) -> World:
    """The world with those of its sentences alone that have so many clauses; all of them for 0.

    Raises:
      InputError: it has none.
    """
    if not clauses:
        return world
    kept = [template for template in world.templates if template.clauses == clauses]
    require(kept, f"clauses: the world '{world.name}' has no sentence of {clauses} clauses; 0 takes all")
    total = sum(template.probability for template in kept)
    templates = tuple(dataclasses.replace(t, probability=t.probability / total) for t in kept)
    return dataclasses.replace(world, templates=templates)


def measure_logit_size(config: PapersConfig, world: World, done: Callable[[], None]) -> LogitSizeResult:
    """Train every arm, all in one program; `done` is called CHUNKS times."""
    own = config.logit_size
    model = ModelConfig(d_head=own.d_head, d_mlp=0, qk_norm=True)
    arms = Arms(config, own, model, world, logit_size_arms(config), held_excess, held_loss)
    _, excess_R, diverged = arms.run(done)
    excess_ALS = excess_R.reshape(len(own.kappas), len(own.learning_rates), own.seeds)
    return LogitSizeResult(
        own.kappas, own.learning_rates, own.d_head, excess_ALS, blind_excess(arms.examples), diverged
    )


def logit_size_arms(config: PapersConfig) -> list[Arm]:
    """Every arm, in the order A, L, S; the scale makes a cosine a score of size kappa."""
    own, seeds = config.logit_size, range(config.seed, config.seed + config.logit_size.seeds)
    scales = [kappa * own.d_head**0.5 for kappa in own.kappas]
    return [(seed, rate, scale) for scale in scales for rate in own.learning_rates for seed in seeds]


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


def measure_mup(config: PapersConfig, world: World, done: Callable[[], None]) -> MupResult:
    """Train every size; `done` is called CHUNKS times for each."""
    trained, following = [], mup_arms(config, world, config.mup.sizes[0])
    for d in config.mup.sizes[1:]:
        # The next size is compiled while this one trains; all of them at once would take 3 GB.
        arms, following = following, mup_arms(config, world, d)
        trained.append(arms.run(done))
    trained.append(following.run(done))
    before, after, diverged = zip(*trained, strict=True)
    shape = (len(trained), len(MUP_SCALES), config.mup.seeds)
    return MupResult(config.mup.sizes, np.reshape(before, shape), np.reshape(after, shape), sum(diverged))


def mup_arms(config: PapersConfig, world: World, d: int) -> Arms:
    """The program of one size, compiled in the background; its arms are in the order C, S."""
    own, factors = config.mup, {"inverse": 1 / d, "inverse_sqrt": d**-0.5}
    seeds = range(config.seed, config.seed + own.seeds)
    arms = [(seed, own.learning_rate, factors[scale]) for scale in MUP_SCALES for seed in seeds]
    measure = functools.partial(sigma, trained=own.sentences)
    return Arms(config, own, ModelConfig(d_head=d, d_mlp=0), world, arms, measure)


def sigma(model: Model, examples: EvaluationSet, *, trained: int) -> jax.Array:
    """Std of a row's scores, over all heads and the first `trained` rows, those of trained contexts."""
    tokens_EK, masked_E = examples.tokens_EK[:trained], examples.masked_E[:trained]
    forward = apply(model, tokens_EK, masked_E[:, None])
    return jnp.sqrt(row_statistics(tokens_EK, forward)["score_variance"].mean())
