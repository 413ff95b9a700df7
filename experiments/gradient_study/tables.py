"""Everything that was measured, as rows of numbers: the CSV files of the study."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from experiments.gradient_study.norm_statistics import ALL_STAGES, SCALES, STATISTICS, Norms
from experiments.gradient_study.results import Study
from experiments.statistics.claims import Claim
from experiments.statistics.intervals import mean_intervals

Row = list[Any]
HEADER = ["part", "d", "trained_under", "update", "scale", "stage", "statistic", "value", "low", "high"]


def tables(study: Study, claims: Sequence[Claim]) -> dict[str, tuple[list[str], list[Row]]]:
    """Header and rows of each CSV file, by its name."""
    sigmas = [f"sigma_{scale}" for scale in SCALES]
    return {
        "gradients": (HEADER, statistic_rows(study)),
        "softmax": (["n", "sigma", "rms", "mean", "median", "squared_weights"], softmax_rows(study)),
        "training": (["d", "trained_under", "update", "seed", "sigma", "excess_nats"], training_rows(study)),
        "scores": (["norm", "d", "seed", "dot_mean_square", "expected", *sigmas], score_rows(study)),
        "escape": (["optimizer", "margin", "seed", "updates"], escape_rows(study)),
        "verdicts": (
            ["prediction", "measured", "expected", "value", "low", "high", "verdict"],
            [[one.subject, one.statement, one.predicted, *vars(one.found).values(), one.verdict] for one in claims],
        ),
    }


def settings(study: Study) -> Iterator[tuple[Row, Norms]]:
    """(part, d, scale trained under, update) of every setting, and its norms [C, S, R]."""
    simulated, layer = study.simulated, study.layer
    parts = [("simulated", simulated.sizes, simulated.norms), ("simulated_small", simulated.sizes, simulated.small)]
    parts += [(f"layer_norm_{norm}", layer.sizes, measured.norms) for norm, measured in layer.by_norm.items()]
    for name, sizes, norms in parts:
        for i, d in enumerate(sizes):
            yield [name, d, "", ""], norms.at(i)
    for size in study.trained:
        for p, step in enumerate(size.steps):
            for arm, scale in enumerate(SCALES):
                yield ["training", size.d, scale, step], size.norms.at(p, arm)


def statistic_rows(study: Study) -> list[Row]:
    """One row for each setting, scale, stage and statistic, as HEADER says."""
    rows = []
    for place, norms in settings(study):
        numbers_KCS3 = mean_intervals(norms.table_KCSR)
        for k, c, s in np.ndindex(numbers_KCS3.shape[:3]):
            rows.append([*place, SCALES[c], ALL_STAGES[s], STATISTICS[k], *numbers_KCS3[k, c, s]])
    return rows


def softmax_rows(study: Study) -> list[Row]:
    """n, sigma, then RMS, mean and median of ||J||_F and the mean of S2."""
    return [
        [n, *numbers]
        for n, one in study.simulated.softmax.items()
        for numbers in zip(study.simulated.sigma_S, one.rms_S, one.mean_SR.mean(axis=-1), one.overall_median_S,
                           one.squared_weights_S, strict=True)
    ]  # fmt: skip


def training_rows(study: Study) -> list[Row]:
    """d, scale trained under, update, seed, sigma, excess."""
    return [
        [size.d, SCALES[a], size.steps[p], study.config.seed + r, float(sigma), float(size.excess_PAR[p, a, r])]
        for size in study.trained
        for (p, a, r), sigma in np.ndenumerate(size.sigma_PAR)
    ]


def score_rows(study: Study) -> list[Row]:
    """Norm, d, seed, mean square of q.k, what P1 expects of it, and sigma under each scale."""
    return [
        [norm, study.layer.sizes[i], study.config.seed + r, square, one.expected_NR[i, r], *one.score_std_NCR[i, :, r]]
        for norm, one in study.layer.by_norm.items()
        for (i, r), square in np.ndenumerate(one.dot_square_NR)
    ]


def escape_rows(study: Study) -> list[Row]:
    """Optimiser, margin, seed, updates (nan: not within the limit)."""
    return [
        [name, study.config.escape.margins[m], study.config.seed + r, updates]
        for name, times_NR in study.escape.items()
        for (m, r), updates in np.ndenumerate(times_NR)
    ]
