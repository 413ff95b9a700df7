"""A gradient study in which every prediction is true: its numbers are made, or drawn from the law; no model is run."""

import numpy as np

from experiments.gradient_study.config import GradientConfig, LayerConfig, SimulatedConfig, TrainingConfig
from experiments.gradient_study.measurements import law
from experiments.gradient_study.norm_statistics import ALL_STAGES, SCALES, STAGES, reduced, scale_factors, stacked
from experiments.gradient_study.results import Layer, LayerMeasurement, Simulated, Study, TrainedSize
from experiments.gradient_study.simulated_layer import SIGMAS, SOFTMAX_KEYS, spread, summary
from experiments.gradient_study.theory import JACOBIAN_TABLE, jacobian_norm, query_crossing, query_norms

SPREAD_R = np.asarray([0.999, 1.0, 1.001])
"""Three seeds that hardly differ, so that what is true is also sure."""
PLACE = {stage: place for place, stage in enumerate(ALL_STAGES)}
LAYER = (4, 16, 64, 256, 1024)  # those beside a crossing show how the curve bends
TRAINED = (16, 64, 256)


def of_seeds(values):
    """The same tokens for each seed, [..., R, T], times SPREAD_R."""
    return np.asarray(values)[..., None, :] * SPREAD_R[:, None]


def norms_of(stages, **changed):
    """Norms [C, S, R, T]: ones, but for some stages [C, T]."""
    tokens = max((np.shape(value)[-1] for value in changed.values()), default=16)
    norms = np.ones((len(SCALES), len(stages), tokens))
    for stage, values in changed.items():
        norms[:, stages.index(stage)] = values
    return of_seeds(norms)


def weights(score_TK):
    weight_TK = np.exp(score_TK - score_TK.max(axis=-1, keepdims=True))
    return weight_TK / weight_TK.sum(axis=-1, keepdims=True)


def simulated_part(config, draws):
    """The query by the exact law, values that grow by half; small scores with ratios of sqrt(d)."""
    rng, sigmas = np.random.default_rng(0), SIGMAS
    large, small, softmax = [], [], {}
    for d in config.sizes:
        query_CT = np.stack([query_norms(config.keys, d, scale, draws) for scale in scale_factors(d)])
        large.append(norms_of(STAGES, query=query_CT, key=query_CT, value=[[1.5], [1.0], [1.0]]))
        factors_C1 = np.sqrt(d) * np.asarray(scale_factors(d))[:, None]
        small.append(norms_of(STAGES, query=factors_C1 * np.linspace(1, 3, 64)))
    for n in SOFTMAX_KEYS:
        tabled = any(n == keys for keys, _ in JACOBIAN_TABLE)  # 3 % needs more draws than a peak
        score_TK = rng.standard_normal((2 * draws if tabled else draws // 5, n))
        norm_SRT = of_seeds([jacobian_norm(weights(sigma * score_TK)) for sigma in sigmas])
        softmax[n] = summary(norm_SRT, np.ones((len(sigmas), 3, 1)))
    counts = np.asarray([[spread(norms_RT) for norms_RT in norms[:, PLACE["query"]]] for norms in large])
    norms, small = (stacked([reduced(one) for one in parts]) for parts in (large, small))
    return Simulated(config.sizes, norms, small, counts, np.asarray(config.sizes)[:, None] * SPREAD_R, sigmas, softmax)


def query_tokens(i, d, keys):
    """W_Q of the real layer [C, T]: few tokens, ever fewer with d, have a growing RMS; the median falls with d."""
    crossing = np.sqrt(query_crossing(keys) * query_crossing(keys, 2))
    share, rms, median = 0.25 / 2**i, 3 * d**0.1, (d / crossing) ** -0.3
    unscaled_T = np.full(64, median)
    unscaled_T[: int(share * 64)] = np.sqrt((rms**2 - (1 - share) * median**2) / share)
    return np.stack([unscaled_T, np.ones(64), np.ones(64)])


def layer_part(keys=6):
    """With a norm large scores, without one small ones."""
    sizes = np.asarray(LAYER, float)
    rises, sigma_NCR = [[1.2], [1.0], [1.0]], np.ones((len(LAYER), 3, 1)) * SPREAD_R
    with_norm = [
        norms_of(ALL_STAGES, W_Q=tokens, W_K=tokens, value=rises, W_V=rises)
        for tokens in (query_tokens(i, d, keys) for i, d in enumerate(LAYER))
    ]
    factors = [np.asarray(scale_factors(d))[:, None] * np.sqrt(d) * np.linspace(1, 3, 64) for d in LAYER]
    without = [norms_of(ALL_STAGES, W_Q=tokens, W_K=tokens) for tokens in factors]
    square_NR = sizes[:, None] * SPREAD_R
    parts = {"layer": with_norm, "none": without}
    return Layer(
        LAYER,
        float(keys),
        {
            norm: LayerMeasurement(stacked([reduced(n) for n in part]), square_NR.copy(), square_NR.copy(), sigma_NCR)
            for norm, part in parts.items()
        },
    )


def trained_part():
    """Two records; under 1/d a sigma of d^(-1/2) at the start and of 1 at the end. Norms spread over many powers."""
    rng, found = np.random.default_rng(1), []
    for d in TRAINED:
        sigma_PAR = np.ones((2, 3, 3)) * SPREAD_R
        sigma_PAR[0, SCALES.index("inverse")] *= d**-0.5
        norms = rng.lognormal(0, 4, (2, 3, 3, len(ALL_STAGES), 3, 16))
        kept = stacked([stacked([reduced(one) for one in step]) for step in norms])
        found.append(TrainedSize(d, (0, 9), kept, sigma_PAR, np.ones((2, 3, 3)) * SPREAD_R))
    return tuple(found)


def make_study(draws):
    """The whole study, `draws` tokens where the law is drawn."""
    config = GradientConfig(
        seeds=3,
        simulated=SimulatedConfig(sizes=(4, 16, 32, 48, 64, 256, 1024)),
        layer=LayerConfig(sizes=LAYER),
        training=TrainingConfig(sizes=TRAINED),
    )
    control = {"sgd": 1e-15, "adam": 1e-14, "unadapted": 0.1, "moved": 0.1}
    margins_N1 = np.asarray(config.escape.margins, float)[:, None]
    escape = {"sgd": 100 * np.exp(margins_N1) * SPREAD_R, "adam": 100 * (1 + margins_N1) * SPREAD_R}
    simulated = simulated_part(config.simulated, draws)
    control_R = {name: value * SPREAD_R for name, value in control.items()}
    layer = layer_part()
    return Study(config, law(config, round(layer.keys)), simulated, layer, control_R, escape, trained_part())
