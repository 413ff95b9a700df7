"""Part a: one layer of attention on independent normal queries, keys and values, where the formulas are exact.

Each token has a query, n keys and n values of its own. The components of queries and keys have std c (1, or small);
those of the values have std 1, and those of the loss's gradient with respect to the context are normal with an RMS
length of `output_gradient`: by default 1, so that a_j = g.v_j has variance 1. The three scales see the same draws.
Softmax is also looked at by itself, on independent normal scores of std sigma.

Everything runs in float64: a saturated row's gradient is a difference of nearly equal numbers, and float32 would show
its rounding (about 1e-7) in place of medians below it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gradient_study.config import SimulatedConfig
from experiments.gradient_study.norm_statistics import STAGES, Floats, Norms, reduced, scale_factors, stacked
from experiments.gradient_study.results import SPREAD_EDGES, Simulated, Softmax
from experiments.gradient_study.stage_gradients import stage_gradients
from experiments.training.ensemble import Ensemble
from model.attention import softmax

SOFTMAX_KEYS = (2, 4, 6, 8, 12, 16, 32)
SIGMAS = np.asarray(sorted([*(round(float(sigma), 4) for sigma in np.geomspace(0.25, 32, 22)), 1.0, 4.0, 8.0, 16.0]))
_FLOATS_AT_ONCE = 2**21


def simulate(config: SimulatedConfig, seed: int, seeds: int, done: Callable[[str], None]) -> Simulated:
    """Measure; `done` is called with the name of each piece."""
    with jax.enable_x64(True):
        ensemble = Ensemble(seeds, 1)
        seed_R = ensemble.place(np.arange(seed, seed + seeds, dtype=np.uint32))
        parts = []
        for d in config.sizes:
            parts.append(_layer(ensemble, seed_R, config, d))
            done(f"simulated layer, d {d}")
        alone = {n: _softmax(ensemble, seed_R, config, n) for n in SOFTMAX_KEYS}
        done("softmax alone")
    norms, small, counts, variance = zip(*parts, strict=True)
    return Simulated(
        config.sizes, stacked(norms), stacked(small), np.asarray(counts), np.asarray(variance), SIGMAS, alone
    )


def spread(norms: Floats) -> Floats:
    """How many of the norms lie between SPREAD_EDGES."""
    return np.histogram(np.log10(np.maximum(norms, 1e-12)), SPREAD_EDGES)[0]


def summary(norm_SRT: Floats, squared_weights_SRT: Floats) -> Softmax:
    """What is kept of ||J||_F and S2."""
    return Softmax(
        np.mean(norm_SRT**2, axis=-1),
        np.mean(norm_SRT**4, axis=-1),
        norm_SRT.mean(axis=-1),
        np.median(norm_SRT, axis=-1),
        np.median(norm_SRT, axis=(1, 2)),
        squared_weights_SRT.mean(axis=(1, 2)),
    )


def _layer(
    ensemble: Ensemble, seed_R: jax.Array, config: SimulatedConfig, d: int
) -> tuple[Norms, Norms, list[Floats], Floats]:
    """Norms at unit and at small components; at unit ones how the query's are spread, and the variance of q.k [R]."""
    block = max(1, min(config.tokens, _FLOATS_AT_ONCE // ((config.keys + 1) * d)))
    large = -(-config.tokens // block)
    blocks = large + max(1, large // 16)  # few tokens are enough where every token tells the same

    def one_seed(small: jax.Array, seed: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), d), blocks)
        std_N = jnp.where(jnp.arange(blocks) < large, 1.0, small)
        norms_NCST, square_N = jax.lax.map(lambda one: simulated_block(one[0], block, config, d, one[1]), (keys, std_N))
        flat = [jnp.moveaxis(part, 0, 2).reshape(*part.shape[1:3], -1) for part in jnp.split(norms_NCST, [large])]
        return flat[0][..., : config.tokens], flat[1], square_N[:large].mean()

    shared = ensemble.replicate(np.float64(config.small))
    norms_RCST, small_RCST, variance_R = ensemble.fetch(ensemble.each(one_seed)(shared, seed_R))
    norms_CSRT, small_CSRT = np.moveaxis(norms_RCST, 0, 2), np.moveaxis(small_RCST, 0, 2)
    counts = [spread(norms_RT / config.output_gradient) for norms_RT in norms_CSRT[:, STAGES.index("query")]]
    return reduced(norms_CSRT), reduced(small_CSRT), counts, variance_R


def simulated_block(
    key: jax.Array, tokens: int, config: SimulatedConfig, d: int, std: jax.Array | float
) -> tuple[jax.Array, jax.Array]:
    """Norms [C, S, T] of some tokens under every scale, and the mean square of q.k."""
    query_key, key_key, value_key, loss_key = jax.random.split(key, 4)

    def normal(key: jax.Array, *shape: int) -> jax.Array:  # 32 random bits are enough, and twice as quick
        return jax.random.normal(key, shape, jnp.float32).astype(jnp.float64)

    keys, size = config.keys, config.value_size
    query_BQHD, key_BKHD = std * normal(query_key, tokens, 1, 1, d), std * normal(key_key, tokens, keys, 1, d)
    value_BKHD, loss_BQHD = normal(value_key, tokens, keys, 1, size), normal(loss_key, tokens, 1, 1, size)
    loss_BQHD *= config.output_gradient / size**0.5
    allowed_BK = jnp.ones((tokens, keys), bool)
    norms_CSB = [
        stage_gradients(query_BQHD, key_BKHD, value_BKHD, allowed_BK, loss_BQHD, scale).norms_SB()
        for scale in scale_factors(d)
    ]
    return jnp.stack(norms_CSB), jnp.mean(jnp.einsum("BQHD,BKHD->BHQK", query_BQHD, key_BKHD) ** 2)


def _softmax(ensemble: Ensemble, seed_R: jax.Array, config: SimulatedConfig, n: int) -> Softmax:
    """||J||_F and S2 of rows of n normal scores; all sigmas see the same draws. The more keys, the fewer rows."""
    rows = max(64, min(config.softmax_rows, config.softmax_rows * 8 // n))

    def one_seed(sigma_S: jax.Array, seed: jax.Array) -> tuple[jax.Array, jax.Array]:
        key = jax.random.fold_in(jax.random.key(seed), 1_000_000 + n)
        score_TK = jax.random.normal(key, (rows, n), jnp.float32).astype(jnp.float64)
        return jax.lax.map(lambda sigma: softmax_rows(sigma * score_TK), sigma_S)

    parts_RST = ensemble.fetch(ensemble.each(one_seed)(ensemble.replicate(SIGMAS), seed_R))
    return summary(*(np.moveaxis(part_RST, 0, 1) for part_RST in parts_RST))


def softmax_rows(score_TK: jax.Array) -> tuple[jax.Array, jax.Array]:
    """||J||_F of the model's softmax, row by row [T], and S2 [T]. J is made of one backward pass for each key."""
    score_BHQK = score_TK[:, None, None, :]
    weight_BHQK, back = jax.vjp(lambda score: softmax(score, jnp.ones(score_TK.shape, bool)), score_BHQK)

    def column(j: jax.Array) -> jax.Array:
        one_hot_BHQK = jnp.broadcast_to(jnp.arange(score_TK.shape[1]) == j, score_BHQK.shape).astype(score_TK.dtype)
        return jnp.sum(back(one_hot_BHQK)[0] ** 2, axis=(1, 2, 3))

    squares_KT = jax.lax.map(column, jnp.arange(score_TK.shape[1]))
    return jnp.sqrt(squares_KT.sum(axis=0)), jnp.sum(weight_BHQK**2, axis=(1, 2, 3))
