"""Part b: the real model before its first update, with LayerNorm in front of attention and without.

With the norm, the input of attention has components of size 1 whatever the embeddings are, and unscaled scores have a
std of about sqrt(d). Without it they are as small as the embeddings make them. An answer from one of the two alone is
wrong for the other.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from data.sampler import Batch, SamplerTables, sample
from data.vocabulary import PAD
from data.world import World
from experiments.gradient_study.config import LayerConfig
from experiments.gradient_study.norm_statistics import Floats, Norms, reduced, scale_factors, stacked
from experiments.gradient_study.results import NORMS, Layer, LayerMeasurement
from experiments.gradient_study.stage_gradients import model_norms
from experiments.training.ensemble import Compiled, Compiler, Ensemble
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
        """Measure; `done` is called with the name of each piece."""
        found, keys = {}, []
        with jax.enable_x64(True):
            for (norm, d), program in self._programs.items():
                norms_RCST, square_R, expected_R, sigma_RC, count_R = self._ensemble.fetch(
                    program(self._tables, self._seed_R)
                )
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
