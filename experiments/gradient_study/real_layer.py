"""Parts b and c: gradients in the real model, before its first update and along training.

Part b: with LayerNorm in front of attention and without. With the norm, the input of attention has components of size 1
whatever the embeddings are, and unscaled scores have a std of about sqrt(d). Without it they are as small as the
embeddings make them. An answer from one of the two alone is wrong for the other.

Part c: models trained under each of the three scales from the same seeds. At each recorded step two questions are
asked. Of the trained model: how large are the gradients that it learns from? And of its parameters alone: how large
would they be under another scale? (The same parameters under another scale are another function; this separates the
direct effect of the factor from where training has led.)
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from data.drawing_tables import SamplerTables
from data.sampler import Batch, sample
from data.vocabulary import PAD
from data.world import World
from experiments.config.schema import Config, EvaluateConfig, TrainConfig
from experiments.gradient_study.config import GradientConfig, LayerConfig
from experiments.gradient_study.norm_statistics import SCALES, Floats, Norms, reduced, scale_factors, stacked
from experiments.gradient_study.results import NORMS, Layer, LayerMeasurement, TrainedSize
from experiments.gradient_study.stage_gradients import model_norms
from experiments.measuring.evaluation_set import EvaluationSet, make_evaluation_set
from experiments.measuring.excess import evaluate
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Ensemble
from experiments.training.hyperparameters import hyperparameters, training_spec
from experiments.training.record import record_steps
from experiments.training.trainer import Trainer
from model.config import ModelConfig, TransformerConfig
from model.functional import Model, Params, apply, init_params

Data = tuple[EvaluationSet, Batch]
"""Of part c: the evaluation set, and the rows on which gradients are measured."""
_ROWS_KEY = 30_000_000
"""Seed of the sentences on which gradients are measured: beyond those of training and evaluation."""


def layer_model(config: LayerConfig, d_head: int, norm: str = "layer", scale: str = "none") -> ModelConfig:
    """The model that is measured at its start, and that part c trains."""
    return ModelConfig(
        d_model=config.d_model,
        heads=config.heads,
        d_head=d_head,
        d_mlp=0,
        norm=norm,
        embedding_std=config.embedding_std,
        scale=scale,
    )


class LayerPrograms:
    """Every size and norm, ready to `run` once `compiler` is started.

    In float64, as part a and for the same reason.
    """

    def __init__(self, config: LayerConfig, world: World, tables: SamplerTables, seed: int, compiler: Compiler) -> None:
        self._sizes, self._ensemble = config.sizes, Ensemble(config.seeds, 1, compiler=compiler)
        seed_R = np.arange(seed, seed + config.seeds, dtype=np.uint32)
        models = {
            (norm, d): layer_model(config, d, norm).sized(len(world.vocabulary), world.max_length)
            for norm in NORMS
            for d in config.sizes
        }
        with jax.enable_x64(True):
            self._arguments = self._ensemble.replicate(tables), self._ensemble.place(seed_R)
            self._programs = {
                which: self._ensemble.compile(functools.partial(measure_start, model, config.rows), *self._arguments)
                for which, model in models.items()
            }

    def run(self, done: Callable[[str], None]) -> Layer:
        """Measure; `done` is called with the name of each piece."""
        found, keys = {}, []
        with jax.enable_x64(True):
            for (norm, d), program in self._programs.items():
                norms_RCST, square_R, expected_R, sigma_RC, count_R = self._ensemble.fetch(program(*self._arguments))
                found[norm, d] = reduced(np.moveaxis(norms_RCST, 0, 2)), square_R, expected_R, sigma_RC
                keys.append(count_R.mean())  # the same sentences under either norm
                done(f"real layer, norm {norm}, d {d}")
        by_norm = {norm: _stacked([found[norm, d] for d in self._sizes]) for norm in NORMS}
        return Layer(self._sizes, float(np.mean(keys[: len(self._sizes)])), by_norm)


def _stacked(parts: Sequence[tuple[Norms, Floats, Floats, Floats]]) -> LayerMeasurement:
    norms, square_NR, expected_NR, sigma_NRC = zip(*parts, strict=True)
    return LayerMeasurement(
        stacked(norms), np.stack(square_NR), np.stack(expected_NR), np.moveaxis(np.stack(sigma_NRC), 1, 2)
    )


def measure_start(
    config: TransformerConfig, rows: int, tables: SamplerTables, seed: jax.Array
) -> tuple[jax.Array, ...]:
    """Norms [C, S, T] of one seed's model before its first update, and `score_statistics`, on `rows` sentences."""
    params = init_params(config, jax.random.fold_in(jax.random.key(seed), 0))
    batch = sample(tables, jax.random.fold_in(jax.random.key(seed), 2), rows)
    params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
    norms_CST = jax.lax.map(
        lambda scale: model_norms(Model(config, params, scale), batch), jnp.asarray(scale_factors(config.d_head))
    )
    return norms_CST, *score_statistics(config, params, batch)


def score_statistics(
    config: TransformerConfig, params: Params, batch: Batch
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Mean square of q.k and what P1 expects of it; sigma under each scale [C]; mean number of words of a row."""
    forward = apply(Model(config, params, 1.0), batch.tokens_BK, batch.masked_B[:, None])
    word_B1K = (batch.tokens_BK != PAD)[:, None].astype(forward.dot_products_BHQK.dtype)
    dot_BHK = forward.dot_products_BHQK[:, :, 0]
    words = word_B1K.sum() * config.heads
    square = jnp.sum(dot_BHK**2 * word_B1K) / words
    query_square = jnp.mean(forward.query_BQHD**2)
    key_square = jnp.sum(jnp.mean(forward.key_BKHD**2, axis=-1) * word_B1K[:, 0, :, None]) / words
    count_B11 = word_B1K.sum(axis=-1, keepdims=True)
    mean_BH1 = jnp.sum(dot_BHK * word_B1K, axis=-1, keepdims=True) / count_B11
    variance_BH = jnp.sum((dot_BHK - mean_BH1) ** 2 * word_B1K, axis=-1) / count_B11[..., 0]
    factors_C = jnp.asarray(scale_factors(config.d_head), dot_BHK.dtype)
    sigma_C = factors_C * jnp.sqrt(variance_BH.mean())
    return square, config.d_head * query_square * key_square, sigma_C, count_B11.mean()


def train_config(config: GradientConfig, d: int, scale: str) -> Config:
    """The experiment of one arm."""
    training = config.training
    return Config(
        world=config.world,
        seed=config.seed,
        seeds=config.seeds,
        model=layer_model(config.layer, d, scale=scale),
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
