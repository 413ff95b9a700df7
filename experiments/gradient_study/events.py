"""The gradient study in TensorBoard: scalars and histograms, one run for each scale, so that they lie on each other.

scale-none/, scale-inverse_sqrt/, scale-inverse/    parts a and b; the step is d
d16-none/, ...                                      part c; the step is the update
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import SCALES, STATISTICS, statistics
from experiments.gradient_study.stage_gradients import ALL_STAGES
from experiments.gradient_study.tables import settings
from experiments.tracking.event_writer import EventWriter, png_size

_DESCRIPTIONS = {
    "rms": "Root mean square of the rows' gradient norms, mean over seeds.",
    "median": "Median of the rows' gradient norms, mean over seeds.",
    "dead": "Share of rows whose norm is below a thousandth of the median under 1/sqrt(d).",
}


def write_events(folder: Path, study: Study, images: dict[str, bytes]) -> None:
    """Write the event files of the whole study, the figures and the report among them."""
    with EventWriter(folder) as writer:
        writer.text(0, "report", (folder / "report.md").read_text(encoding="utf-8"))
        for name, png in images.items():
            writer.image(0, f"figures/{name}", png, png_size(png))
    with ExitStack() as stack:
        writers: dict[str, EventWriter] = {}

        def writer_of(run: str) -> EventWriter:
            if run not in writers:
                (folder / run).mkdir()
                writers[run] = stack.enter_context(EventWriter(folder / run))
            return writers[run]

        for (part, d, arm, update), norms_CSRT in settings(study):
            found = statistics(norms_CSRT)
            for c, scale in enumerate(SCALES):
                if part != "training":
                    _write(writer_of(f"scale-{scale}"), d, part, c, norms_CSRT, found)
                elif scale == arm:
                    _write(writer_of(f"d{d}-{scale}"), update, part, c, norms_CSRT, found)
        for size in study.trained:
            for a, scale in enumerate(SCALES):
                for p, step in enumerate(size.steps):
                    values = {"training/sigma": size.sigma_PAR[p, a], "training/excess": size.excess_PAR[p, a]}
                    means = {tag: float(value_R.mean()) for tag, value_R in values.items()}
                    writer_of(f"d{size.d}-{scale}").scalars(step, means)


def _write(
    writer: EventWriter,
    step: int,
    part: str,
    scale: int,
    norms_CSRT: NDArray[np.floating],
    found: dict[str, NDArray[np.floating]],
) -> None:
    """One setting under one scale: every statistic of every stage, and the distribution of log10 of the norms."""
    for s, stage in enumerate(ALL_STAGES[: norms_CSRT.shape[1]]):
        tags = {name: f"{part}/{stage}/{name}" for name in STATISTICS}
        values = {tag: float(found[name][scale, s].mean()) for name, tag in tags.items()}
        writer.scalars(step, values, {tags[name]: text for name, text in _DESCRIPTIONS.items()})
        x = norms_CSRT[scale, s].ravel()
        kept = x[x > 0][:20_000]  # more would not be seen
        writer.histogram(step, f"{part}/{stage}/log10_norm", np.log10(kept), "log10 of the rows' gradient norms.")
