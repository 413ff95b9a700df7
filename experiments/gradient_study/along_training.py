"""Part c: gradients along training, for models trained under each of the three scales from the same seeds.

At each recorded step two questions are asked. Of the trained model: how large are the gradients that it learns from?
And of its parameters alone: how large would they be under another scale? (The same parameters under another scale are
another function; this separates the direct effect of the factor from where training has led.)
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch, SamplerTables, sample
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.norm_statistics import SCALES, reduced, scale_factors, stacked
from experiments.gradient_study.real_layer import score_statistics
from experiments.gradient_study.results import TrainedSize
from experiments.gradient_study.stage_gradients import model_norms
from experiments.measuring.excess import EvaluationSet, evaluate, make_evaluation_set
from experiments.training.ensemble import Compiler
from experiments.training.hyperparameters import hyperparameters, training_spec
from experiments.training.record import record_steps
from experiments.training.trainer import Trainer
from model.config import ModelConfig
from model.functional import Model

Data = tuple[EvaluationSet, Batch]
"""The evaluation set, and the rows on which gradients are measured."""
_ROWS_KEY = 30_000_000
"""Seed of the sentences on which gradients are measured: beyond those of training and evaluation."""


def train_config(config: GradientConfig, d: int, scale: str) -> Config:
    """The experiment of one arm."""
    layer, training = config.layer, config.training
    return Config(
        world=config.world,
        seed=config.seed,
        seeds=config.seeds,
        model=ModelConfig(
            d_model=layer.d_model,
            heads=layer.heads,
            d_head=d,
            d_mlp=0,
            embedding_std=layer.embedding_std,
            scale=scale,
        ),
        train=TrainConfig(steps=training.steps, batch=training.batch, learning_rate=training.learning_rate),
        evaluate=EvaluateConfig(sentences=training.sentences),
    )


class Arms:
    """All seeds of the three arms of one d, as one ensemble: the scale is a swept value, so there is one program."""

    def __init__(
        self, config: GradientConfig, d: int, world: World, tables: SamplerTables, data: Data, compiler: Compiler
    ) -> None:
        """Begin to compile; `data` is what `prepare_training` measures on."""
        arms = [train_config(config, d, scale) for scale in SCALES]
        steps = record_steps(config.training.steps, config.training.records)
        spec, values = training_spec(arms[0], world), hyperparameters(*arms)
        self._trainer = Trainer(spec, values, tables, steps, measure_arm, data, compiler=compiler)
        self._d, self._data, self._seeds = d, data, config.seeds

    def run(self, done: Callable[[str], None]) -> TrainedSize:
        """Train and measure; `done` is called with the name of each piece."""
        norms, sigma, excess = [], [], []
        for record in self._trainer.run(self._data):
            norms_RCST, sigma_R, excess_R = record.measurement
            # Runs are the arms' seeds, arm by arm.
            arms = [np.moveaxis(norms_RCST, 0, 2) for norms_RCST in np.split(norms_RCST, len(SCALES))]
            norms.append(stacked([reduced(norms_CSRT) for norms_CSRT in arms]))
            sigma.append(sigma_R.reshape(len(SCALES), self._seeds))
            excess.append(excess_R.reshape(len(SCALES), self._seeds))
            done(f"training, d {self._d}, update {record.step}")
        return TrainedSize(self._d, tuple(self._trainer.steps), stacked(norms), np.stack(sigma), np.stack(excess))


def prepare_training(config: GradientConfig, world: World, tables: SamplerTables, compiler: Compiler) -> list[Arms]:
    """Every size, ready to `run` once `compiler` is started."""
    examples = make_evaluation_set(train_config(config, config.training.sizes[0], SCALES[0]), world)
    rows = jax.device_get(jax.jit(sample, static_argnums=2)(tables, jax.random.key(_ROWS_KEY), config.training.rows))
    return [Arms(config, d, world, tables, (examples, rows), compiler) for d in config.training.sizes]


def measure_arm(model: Model, data: Data, _shards: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Norms [C, S, T] of one run's parameters under every scale, its own sigma, and its excess on trained contexts."""
    examples, rows = data
    factors_C = jnp.asarray(scale_factors(model.config.d_head), jnp.float32)
    norms_CST = jax.lax.map(lambda scale: model_norms(dataclasses.replace(model, scale=scale), rows), factors_C)
    sigma_C = score_statistics(model.config, model.params, rows)[2]
    slots = examples.share_EG.shape[1] // 2
    return norms_CST, sigma_C[0] * model.scale, evaluate(model, examples).excess_G[:slots].mean()
