"""Part b: the real model before its first update, with LayerNorm in front of attention and without.

With the norm, the input of attention has components of size 1 whatever the embeddings are, and unscaled scores have a
std of about sqrt(d). Without it they are as small as the embeddings make them. An answer from one of the two alone is
wrong for the other.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch, SamplerTables, sample
from data.vocabulary import PAD
from data.world import World
from experiments.gradient_study.config import LayerConfig
from experiments.gradient_study.norm_statistics import reduced, scale_factors, stacked
from experiments.gradient_study.results import NORMS, Layer, LayerMeasurement
from experiments.gradient_study.stage_gradients import model_norms
from experiments.training.compiler import Compiler
from experiments.training.ensemble import Compiled, Ensemble
from model.config import ModelConfig, TransformerConfig
from model.functional import Model, Params, apply, init_params


def layer_model(config: LayerConfig, d_head: int, norm: str, world: World) -> TransformerConfig:
    """The model that is measured, and that part c trains."""
    model = ModelConfig(
        d_model=config.d_model,
        heads=config.heads,
        d_head=d_head,
        d_mlp=0,
        norm=norm,
        embedding_std=config.embedding_std,
        scale="none",
    )
    return model.sized(len(world.vocabulary), world.max_length)


class LayerPrograms:
    """Every size and norm, ready to `run` once `compiler` is started.

    In float64, as part a and for the same reason.
    """

    def __init__(self, config: LayerConfig, world: World, tables: SamplerTables, seed: int, compiler: Compiler) -> None:
        self._sizes, self._ensemble = config.sizes, Ensemble(config.seeds, 1, compiler=compiler)
        with jax.enable_x64(True):
            self._seed_R = self._ensemble.place(np.arange(seed, seed + config.seeds, dtype=np.uint32))
            self._tables = self._ensemble.replicate(tables)
            models = {(norm, d): layer_model(config, d, norm, world) for norm in NORMS for d in config.sizes}
            self._programs = {
                which: _add(self._ensemble, model, config.rows, self._tables, self._seed_R)
                for which, model in models.items()
            }

    def run(self, done: Callable[[str], None]) -> Layer:
        """Measure; `done` is told the name of each piece."""
        measured: dict[str, list[Any]] = {norm: [] for norm in NORMS}
        with jax.enable_x64(True):
            for (norm, d), program in self._programs.items():
                norms_RCST, *others = self._ensemble.fetch(program(self._tables, self._seed_R))
                measured[norm].append((reduced(np.moveaxis(norms_RCST, 0, 2)), *others))
                done(f"real layer, norm {norm}, d {d}")
        keys = float(np.mean([count_R.mean() for *_, count_R in measured["layer"]]))
        return Layer(self._sizes, keys, {norm: _stacked(parts) for norm, parts in measured.items()})


def _stacked(parts: list[Any]) -> LayerMeasurement:
    norms, square, expected, sigma, _ = zip(*parts, strict=True)
    return LayerMeasurement(
        stacked(norms),
        np.stack(square),
        np.stack(expected),
        np.stack([sigma_RC.T for sigma_RC in sigma]),
    )


def _add(
    ensemble: Ensemble,
    config: TransformerConfig,
    rows: int,
    tables: SamplerTables,
    seed_R: jax.Array,
) -> Compiled:
    def one_seed(tables: SamplerTables, seed: jax.Array) -> tuple[jax.Array, ...]:
        params = init_params(config, jax.random.fold_in(jax.random.key(seed), 0))
        batch = sample(tables, jax.random.fold_in(jax.random.key(seed), 2), rows)
        params = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), params)
        norms_CST = jax.lax.map(
            lambda scale: model_norms(Model(config, params, scale), batch), jnp.asarray(scale_factors(config.d_head))
        )
        return norms_CST, *score_statistics(config, params, batch)

    return ensemble.compile(one_seed, tables, seed_R)


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
