"""Everything that was measured, as rows of numbers: the CSV files of the study, and what its figures draw."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import SCALES, STATISTICS, statistics
from experiments.gradient_study.predictions import Check
from experiments.gradient_study.stage_gradients import ALL_STAGES
from experiments.statistics.intervals import mean, resampled, tail

Floats = NDArray[np.floating]
Row = list[Any]
HEADER = ["part", "d", "trained_under", "update", "scale", "stage", "statistic", "value", "low", "high"]
_RESAMPLES = 1000


def intervals(values_MR: Floats) -> Floats:
    """Mean over seeds and its 95 % bootstrap interval, for many quantities at once, [M, 3]."""
    seeds = values_MR.shape[-1]
    # The resamples of each seed alone are its shares in them: one product then serves all quantities.
    share_RB = resampled(mean, np.eye(seeds), resamples=_RESAMPLES)
    low_M, high_M = np.quantile(values_MR @ share_RB, (tail(0.95, seeds), 1 - tail(0.95, seeds)), axis=1)
    return np.stack([values_MR.mean(axis=1), low_M, high_M], axis=1)


def settings(study: Study) -> Iterator[tuple[Row, Floats]]:
    """(part, d, scale trained under, update) of every setting, and its norms [C, S, R, T]."""
    simulated, layer = study.simulated, study.layer
    for name, parts in (("simulated", simulated.norms_NCSRT), ("simulated_small", simulated.small_NCSRT)):
        for d, norms in zip(simulated.sizes, parts, strict=True):
            yield [name, d, "", ""], norms
    for norm, measured in layer.by_norm.items():
        for d, norms in zip(layer.sizes, measured.norms_NCSRT, strict=True):
            yield [f"layer_norm_{norm}", d, "", ""], norms
    for size in study.trained:
        for p, step in enumerate(size.steps):
            for arm, scale in enumerate(SCALES):
                yield ["training", size.d, scale, step], size.norms_PACSRT[p, arm]


def statistic_rows(study: Study) -> list[Row]:
    """One row for each setting, scale, stage and statistic, as HEADER says."""
    heads: list[Row] = []
    values: list[Floats] = []
    for place, norms_CSRT in settings(study):
        found = statistics(norms_CSRT)
        for name in STATISTICS:
            for (c, s), value_R in zip(np.ndindex(norms_CSRT.shape[:2]), found[name].reshape(-1, norms_CSRT.shape[2]),
                                       strict=True):  # fmt: skip
                heads.append([*place, SCALES[c], ALL_STAGES[s], name])
                values.append(value_R)
    numbers_M3 = np.zeros((len(values), 3))
    for seeds in {len(value) for value in values}:  # parts may have different numbers of seeds
        here = [i for i, value in enumerate(values) if len(value) == seeds]
        numbers_M3[here] = intervals(np.stack([values[i] for i in here]))
    return [[*head, *map(float, numbers)] for head, numbers in zip(heads, numbers_M3, strict=True)]


def softmax_rows(study: Study) -> list[Row]:
    """n, sigma, then RMS, mean and median of ||J||_F and the mean of S2."""
    simulated = study.simulated
    rows = []
    for n, norm_SRT in simulated.jacobian.items():
        for i, sigma in enumerate(simulated.sigmas):
            x = norm_SRT[i].astype(np.float64)
            square = float(np.sqrt(np.mean(x**2)))
            rows.append([n, float(sigma), square, float(x.mean()), float(np.median(x)),
                         float(simulated.squared_weights[n][i].mean())])  # fmt: skip
    return rows


def training_rows(study: Study) -> list[Row]:
    """d, scale trained under, update, seed, sigma, excess."""
    rows = []
    for size in study.trained:
        for p, a, r in np.ndindex(size.sigma_PAR.shape):
            numbers = float(size.sigma_PAR[p, a, r]), float(size.excess_PAR[p, a, r])
            rows.append([size.d, SCALES[a], size.steps[p], study.config.seed + r, *numbers])
    return rows


def score_rows(study: Study) -> list[Row]:
    """Norm, d, seed, mean square of q.k, what P1 expects of it, and sigma under each scale."""
    rows = []
    for norm, measured in study.layer.by_norm.items():
        for i, r in np.ndindex(measured.dot_square_NR.shape):
            sigma_C = [float(value) for value in measured.score_std_NCR[i, :, r]]
            square, expected = float(measured.dot_square_NR[i, r]), float(measured.expected_NR[i, r])
            rows.append([norm, study.layer.sizes[i], study.config.seed + r, square, expected, *sigma_C])
    return rows


def escape_rows(study: Study) -> list[Row]:
    """Optimiser, margin, seed, updates (nan: not within the limit)."""
    margins, seed = study.config.escape.margins, study.config.seed
    return [
        [name, margins[m], seed + r, float(times_NR[m, r])]
        for name, times_NR in study.escape.items()
        for m, r in np.ndindex(times_NR.shape)
    ]


def check_rows(checks: list[Check]) -> list[Row]:
    """Prediction, what was measured, what was expected, value, interval, verdict."""
    return [
        [check.prediction, check.what, check.expected, check.estimate.value, check.estimate.low, check.estimate.high,
         check.verdict]
        for check in checks
    ]  # fmt: skip


CSV_HEADERS: dict[str, list[str]] = {
    "gradients": HEADER,
    "softmax": ["n", "sigma", "rms", "mean", "median", "squared_weights"],
    "training": ["d", "trained_under", "update", "seed", "sigma", "excess_nats"],
    "scores": ["norm", "d", "seed", "dot_mean_square", "expected", *(f"sigma_{scale}" for scale in SCALES)],
    "escape": ["optimizer", "margin", "seed", "updates"],
    "verdicts": ["prediction", "measured", "expected", "value", "low", "high", "verdict"],
}
