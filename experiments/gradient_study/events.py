"""The gradient study in TensorBoard: scalars and histograms, one run for each scale, so that they lie on each other.

scale-none/, scale-inverse_sqrt/, scale-inverse/    parts a and b; the step is d
d16-none/, ...                                      part c; the step is the update
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from experiments.gradient_study.norm_statistics import ALL_STAGES, BUCKETS, SCALES, STATISTICS, Floats, Norms
from experiments.gradient_study.results import Study
from experiments.gradient_study.tables import settings
from experiments.studies.events import new_writer
from experiments.tracking.event_writer import EventWriter

_DESCRIPTIONS = {
    "rms": "Root mean square of the rows' gradient norms, mean over seeds.",
    "median": "Median of the rows' gradient norms, mean over seeds.",
    "dead": "Share of rows whose norm is below a thousandth of the median under 1/sqrt(d).",
}


def write_scale_events(folder: Path, study: Study) -> None:
    """Write the event files of every scale."""
    runs = dict.fromkeys(run for run, *_ in _measured(study))
    with ExitStack() as stack:
        writers = {run: stack.enter_context(new_writer(folder / run)) for run in runs}
        for run, step, part, scale, norms in _measured(study):
            _write(writers[run], step, part, scale, norms)
        for size in study.trained:
            for (p, a), sigma in np.ndenumerate(size.sigma_PAR.mean(axis=-1)):
                values = {"training/sigma": float(sigma), "training/excess": float(size.excess_PAR[p, a].mean())}
                writers[f"d{size.d}-{SCALES[a]}"].scalars(size.steps[p], values)


def _measured(study: Study) -> Iterator[tuple[str, int, str, int, Norms]]:
    """Run, step, part, place of the scale, and norms; of trained models those under their own scale."""
    for (part, d, arm, update), norms in settings(study):
        for c, scale in enumerate(SCALES):
            if part != "training":
                yield f"scale-{scale}", d, part, c, norms
            elif scale == arm:
                yield f"d{d}-{scale}", update, part, c, norms


def _write(writer: EventWriter, step: int, part: str, scale: int, norms: Norms) -> None:
    """One setting under one scale: every statistic of every stage, and the distribution of log10 of the norms."""
    mean_KS = norms.table_KCSR[:, scale].mean(axis=-1)
    for s, stage in enumerate(ALL_STAGES[: mean_KS.shape[1]]):
        tags = {name: f"{part}/{stage}/{name}" for name in STATISTICS}
        values = {tag: float(value) for tag, value in zip(tags.values(), mean_KS[:, s], strict=True)}
        writer.scalars(step, values, {tags[name]: text for name, text in _DESCRIPTIONS.items()})
        shown = spread_out(norms.histogram_CSB[scale, s])
        writer.histogram(step, f"{part}/{stage}/log10_norm", shown, "log10 of the rows' gradient norms.")


def spread_out(histogram_B: Floats) -> Floats:
    """Numbers that have this histogram (see `Norms.histogram_CSB`): the least, the largest, else bucket centres."""
    least, largest, counts = histogram_B[0], histogram_B[1], histogram_B[2:].astype(int)
    centres = least + (np.arange(BUCKETS) + 0.5) * (largest - least) / BUCKETS
    numbers = np.repeat(centres, counts)
    numbers[:1], numbers[-1:] = least, largest
    return numbers
