"""Part c: gradients along training, for models trained under each of the three scales from the same seeds.

At each recorded step two questions are asked. Of the trained model: how large are the gradients that it learns from?
And of its parameters alone: how large would they be under another scale? (The same parameters under another scale are
another function; this separates the direct effect of the factor from where training has led.)
"""

from collections.abc import Callable
from typing import Any

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
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import Hyperparameters, TrainingSpec, hyperparameters, training_spec
from experiments.training.schedule import record_steps
from experiments.training.state import TrainState, init_state
from experiments.training.update import train_steps
from model.config import ModelConfig
from model.functional import Model

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


def prepare_training(config: GradientConfig, world: World, tables: SamplerTables, compiler: Compiler) -> "list[Arms]":
    """Every size, ready to `run` once `compiler` is started."""
    masked = train_config(config, config.training.sizes[0], SCALES[0])
    examples = make_evaluation_set(masked, world)
    rows = jax.device_get(jax.jit(sample, static_argnums=2)(tables, jax.random.key(_ROWS_KEY), config.training.rows))
    return [Arms(config, d, world, tables, examples, rows, compiler) for d in config.training.sizes]


class Arms:
    """All seeds of the three arms of one d, as one ensemble: the scale is a swept value, so there is one program."""

    def __init__(
        self,
        config: GradientConfig,
        d: int,
        world: World,
        tables: SamplerTables,
        examples: EvaluationSet,
        rows: Batch,
        compiler: Compiler,
    ) -> None:
        arms = [train_config(config, d, scale) for scale in SCALES]
        self._config, self._d, self._program = config, d, training_spec(arms[0], world)
        self._ensemble = Ensemble(len(SCALES) * config.seeds, 1, compiler=compiler)
        stacked = jax.tree.map(lambda *parts: np.concatenate(parts), *(hyperparameters(arm) for arm in arms))
        self._hyperparameters = self._ensemble.place(stacked)
        self._tables, self._data = self._ensemble.replicate(tables), self._ensemble.replicate((examples, rows))
        self._init = self._ensemble.compile(lambda _, v: init_state(self._program, v), (), self._hyperparameters)
        bounds = self._bounds(0, 0)
        both = (self._hyperparameters, self._init.shapes)
        self._advance = self._ensemble.compile(self._train, (self._tables, bounds), both)
        self._measure = self._ensemble.compile(self._measured, self._data, both)

    def _bounds(self, start: int, stop: int) -> Any:
        return self._ensemble.replicate((np.int32(start), np.int32(stop)))

    def _train(self, shared: Any, one: tuple[Hyperparameters, TrainState]) -> TrainState:
        tables, (start, stop) = shared
        return train_steps(self._program, tables, *one, start, stop)[0]

    def _measured(
        self, shared: tuple[EvaluationSet, Batch], one: tuple[Hyperparameters, TrainState]
    ) -> tuple[Any, Any, Any]:
        (examples, rows), (values, state) = shared, one
        factors_C = jnp.asarray(scale_factors(self._d), jnp.float32)
        return measure_arm(self._program, examples, rows, values, state, factors_C)

    def run(self, done: Callable[[str], None]) -> TrainedSize:
        """Train and measure; `done` is told the name of each piece."""
        steps = record_steps(self._config.training.steps, self._config.training.records)
        states, found = self._init((), self._hyperparameters), []
        for before, step in zip([0, *steps], steps, strict=False):
            if step > before:
                states = self._advance((self._tables, self._bounds(before, step)), (self._hyperparameters, states))
            found.append(self._ensemble.fetch(self._measure(self._data, (self._hyperparameters, states))))
            done(f"training, d {self._d}, update {step}")
        norms_PRCST, sigma_PR, excess_PR = (np.stack(parts) for parts in zip(*found, strict=True))
        arms = (len(steps), len(SCALES), self._config.seeds)
        norms_PACSRT = np.moveaxis(norms_PRCST.reshape(*arms, *norms_PRCST.shape[2:]), 2, 4)
        norms = stacked([stacked([reduced(norms_CSRT) for norms_CSRT in step]) for step in norms_PACSRT])
        return TrainedSize(self._d, tuple(steps), norms, sigma_PR.reshape(arms), excess_PR.reshape(arms))


def measure_arm(
    spec: TrainingSpec,
    examples: EvaluationSet,
    rows: Batch,
    hyperparameters: Hyperparameters,
    state: TrainState,
    factors_C: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Norms [C, S, T] of one run's parameters under every scale, its own sigma, and its excess on trained contexts."""
    norms_CST = jax.lax.map(lambda scale: model_norms(Model(spec.model, state.params, scale), rows), factors_C)
    sigma_C = score_statistics(spec.model, state.params, rows)[2]
    slots = examples.share_EG.shape[1] // 2
    excess_G = evaluate(Model(spec.model, state.params, hyperparameters.scale), examples).excess_G
    return norms_CST, sigma_C[0] * hyperparameters.scale, excess_G[:slots].mean()
