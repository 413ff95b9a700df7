"""Everything that was measured, as rows of numbers: the CSV files of the study, and what TensorBoard shows.

In TensorBoard there is one run for each scale, so that they lie on each other: scale-none/, scale-inverse_sqrt/ and
scale-inverse/. In parts a and b the step is d; in part c, whose tags begin with training_d16 and so on, the update.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from experiments.gradient_study.norm_statistics import ALL_STAGES, SCALES, STATISTICS, Floats, Norms
from experiments.gradient_study.results import Study
from experiments.statistics.claims import Claim
from experiments.statistics.intervals import mean_intervals
from experiments.studies.events import new_writer, remove_events
from experiments.tracking.event_writer import EventWriter

Row = list[Any]
HEADER = ["part", "d", "trained_under", "update", "scale", "stage", "statistic", "value", "low", "high"]


def tables(study: Study, claims: Sequence[Claim]) -> dict[str, tuple[list[str], list[Row]]]:
    """Header and rows of each CSV file, by its name."""
    sigmas = [f"sigma_{scale}" for scale in SCALES]
    return {
        "gradients": (HEADER, [*statistic_rows(study)]),
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


def statistic_rows(study: Study) -> Iterator[Row]:
    """One row for each setting, scale, stage and statistic, as HEADER says."""
    for place, norms in settings(study):
        numbers_KCS3 = mean_intervals(norms.table_KCSR)
        for k, c, s in np.ndindex(numbers_KCS3.shape[:3]):
            yield [*place, SCALES[c], ALL_STAGES[s], STATISTICS[k], *numbers_KCS3[k, c, s]]


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


_DESCRIPTIONS = {
    "rms": "Root mean square of the rows' gradient norms, mean over seeds.",
    "median": "Median of the rows' gradient norms, mean over seeds.",
    "dead": "Share of rows whose norm is below a thousandth of the median under 1/sqrt(d).",
}


def write_scale_events(folder: Path, study: Study) -> None:
    """Write the event files of every scale."""
    remove_events(folder, "d*-*")  # where earlier versions wrote part c
    with ExitStack() as stack:
        writers = [stack.enter_context(new_writer(folder / f"scale-{scale}")) for scale in SCALES]
        for c, step, part, norms in _measured(study):
            _write(writers[c], step, part, c, norms)
        for size in study.trained:
            for (p, c), sigma in np.ndenumerate(size.sigma_PAR.mean(axis=-1)):
                values = {"sigma": float(sigma), "excess": float(size.excess_PAR[p, c].mean())}
                part = f"training_d{size.d}"
                writers[c].scalars(size.steps[p], {f"{part}/{name}": value for name, value in values.items()})


def _measured(study: Study) -> Iterator[tuple[int, int, str, Norms]]:
    """Place of the scale, step, part, and norms; of trained models those under their own scale."""
    for (part, d, arm, update), norms in settings(study):
        for c, scale in enumerate(SCALES):
            if part != "training":
                yield c, d, part, norms
            elif scale == arm:
                yield c, update, f"training_d{d}", norms


def _write(writer: EventWriter, step: int, part: str, scale: int, norms: Norms) -> None:
    """One setting under one scale: every statistic of every stage, and the distribution of log10 of the norms."""
    mean_KS = norms.table_KCSR[:, scale].mean(axis=-1)
    for s, stage in enumerate(ALL_STAGES[: mean_KS.shape[1]]):
        values = {f"{part}/{stage}/{name}": float(mean_S[s]) for name, mean_S in zip(STATISTICS, mean_KS, strict=True)}
        writer.scalars(step, values, {f"{part}/{stage}/{name}": text for name, text in _DESCRIPTIONS.items()})
        write_histogram(writer, step, f"{part}/{stage}/log10_norm", norms.histogram_CSB[scale, s])


def write_histogram(writer: EventWriter, step: int, tag: str, histogram_B: Floats) -> None:
    """A histogram as it was counted, see `Norms.histogram_CSB`."""
    least, largest, *counts = histogram_B
    edges = np.linspace(least, largest, len(counts) + 1)
    if least == largest:  # one value: TensorBoard counts it in the last bucket
        counts = [*np.zeros(len(counts) - 1), sum(counts)]
    writer.buckets(step, tag, edges, counts, "log10 of the rows' gradient norms.")
