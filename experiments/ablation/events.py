"""An ablation in TensorBoard: its variants, each at its best tuned value, as a few runs that sum up their seeds.

An arm is a variant at one x in one setting. Its run has the median of the seeds, a band from their lowest to their
highest value, what it was made with, and the maps of its median seed:

    scaling-001/                                the report and its figures
    scaling-001/variants/d_head-64_scale-none/  ...

Hundreds of runs would be too many for TensorBoard (see `experiments.studies.events`), so only the arms are listed that
differ most from the baseline, each beside the baseline that it is compared with.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import printable
from experiments.ablation.axes import short_name
from experiments.ablation.comparison import Setting
from experiments.ablation.config import SEED, Roles
from experiments.ablation.figures import Places
from experiments.ablation.findings import Findings
from experiments.ablation.plan import Plan, Run
from experiments.ablation.run_log import last_record, step_values
from experiments.measuring.metrics import TRAINED, meaning
from experiments.studies.events import MOST, new_writer, remove_events
from experiments.tracking.event_writer import EventWriter
from experiments.tracking.hparams import HParams, hparams
from experiments.tracking.recorded_arrays import by_sentence, sentence_arrays
from experiments.tracking.sentence_pictures import SentencePictures, write_drawings
from experiments.tracking.tags import metric_of, tagged
from experiments.training.record import pictured_steps

COMPARED = (
    TRAINED,
    "excess/held_out/all",
    "relation/weight/all",
    "attention_statistics/saturated_rows",
    "attention_statistics/score_std",
    "loss",
)
"""The metrics whose bands TensorBoard draws."""
_BAND: dict[str, Callable[[NDArray[np.float64]], np.floating]] = {
    "median": np.median,
    "lowest": np.min,
    "highest": np.max,
}
CHARTS = {name: (f"seeds/median/{name}", f"seeds/lowest/{name}", f"seeds/highest/{name}") for name in COMPARED}
"""The tags of each band. The median has one of its own beside that of the metric: trainings, which have no band, have
the metric too, and TensorBoard would report that the rest is missing."""
VARIANTS = "variants"
_PICTURED = 3
"""At how many steps an arm's maps are drawn: there are up to MOST arms."""


@dataclass(frozen=True)
class Arm:
    """A variant at one x in one setting, by their places."""

    setting: Setting
    variant: int
    x: int

    @property
    def runs(self) -> list[int]:
        """The numbers of its runs at the best tuned value, a run a seed."""
        best = self.setting.best_VX[self.variant, self.x]
        return [int(number) for number in self.setting.number_VXLS[self.variant, self.x, best]]

    def labels(self, roles: Roles) -> dict[str, str]:
        """Its values on the axes that it is a point of: setting, x, variant."""
        setting = self.setting
        labels = {**setting.labels, roles.x: setting.sizes[self.x], roles.variant: setting.variants[self.variant]}
        return {name: label for name, label in labels.items() if name}

    def name(self, plan: Plan) -> str:
        """Its values on the axes that have several: "d_head 64, scale none"."""
        labels = self.labels(plan.roles).items()
        return ", ".join(f"{short_name(one)} {label}" for one, label in labels if len(plan.labels[one]) > 1)


def all_arms(found: Findings) -> list[Arm]:
    """Every arm, in the order of the tables."""
    return [
        Arm(setting, v, x)
        for setting in found.settings
        for x, _ in enumerate(setting.sizes)
        for v, _ in enumerate(setting.variants)
    ]


def listed_arms(found: Findings) -> list[Arm]:
    """The arms in TensorBoard's list: all, or those whose excess differs most from the baseline's, each beside it."""
    arms = all_arms(found)
    if len(arms) <= MOST:
        return arms
    chosen: dict[Arm, None] = {}
    for one in sorted(found.comparisons, key=lambda one: -_difference(one.ratio.estimate)):
        baseline = one.setting.variants.index(found.plan.roles.baseline)
        pair = dict.fromkeys([Arm(one.setting, baseline, one.x), Arm(one.setting, one.variant, one.x)])
        if len(chosen | pair) <= MOST:
            chosen |= pair
    if not chosen:  # nothing is compared: over the whole range of x
        chosen = dict.fromkeys(arms[i] for i in np.linspace(0, len(arms) - 1, MOST).round().astype(int))
    return [arm for arm in arms if arm in chosen]


def _difference(ratio: float) -> float:
    """How far a ratio is from 1, the same for 2 and 1/2; no number counts as no difference."""
    return abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf if ratio in (0, math.inf) else 0.0


def listed_text(found: Findings) -> str:
    """Which arms TensorBoard shows, where it does not show all."""
    arms, listed = all_arms(found), listed_arms(found)
    names = "; ".join(arm.name(found.plan) for arm in listed)
    return (
        f"TensorBoard lists {len(listed)} of {len(arms)} arms, at their best, those that differ most from the baseline"
        f" and the baselines beside them: {names}. --resume with --events all adds every run."
        if len(listed) < len(arms)
        else f"TensorBoard lists each of the {len(arms)} arms, at its best; --resume with --events all adds every run."
    )


def write_arm_events(folder: Path, found: Findings, places: Places) -> None:
    """Write a run for TensorBoard of each listed arm, below `folder/variants`."""
    remove_events(folder / VARIANTS, "*")  # of an earlier report
    names: set[str] = set()
    for arm in listed_arms(found):
        own = arm.name(found.plan).replace(" ", "-").replace(",-", "_") or "all"
        name = re.sub(r"[^A-Za-z0-9_+.=-]", "-", own)[:100]
        name = f"{name}_{len(names)}" if name in names else name
        names.add(name)
        with new_writer(folder / VARIANTS / name) as writer:
            _write_arm(writer, folder / VARIANTS / name, found.plan, arm, places)


def _write_arm(writer: EventWriter, folder: Path, plan: Plan, arm: Arm, places: Places) -> None:
    first = plan.runs[arm.runs[0]]
    writer.hparams(_hparams(plan, first), printable(str(folder)))
    followed = [_followed(places, number) for number in arm.runs]
    for step, values in followed[0].items():
        seeds = [one[step] for one in followed]
        found = {name: np.asarray([one[name] for one in seeds]) for name in values}
        found = {name: array[np.isfinite(array)] for name, array in found.items() if np.isfinite(array).any()}
        medians = tagged(
            {name: float(np.median(array)) for name, array in found.items()}, first.config.track.diagnostics
        )
        about = {tag: f"median of {len(seeds)} seeds. {meaning(metric_of(tag))}" for tag in medians}
        writer.scalars(step, medians, about)
        for line, sums_up in _BAND.items():
            band = {f"seeds/{line}/{name}": float(sums_up(found[name])) for name in COMPARED if name in found}
            writer.scalars(step, band, {tag: f"{line} of {len(seeds)} seeds." for tag in band})
    _write_maps(writer, plan.runs[arm.setting.median_run(arm.variant, arm.x)], places)
    writer.hparams_end(all(places[number][1].diverged_at_R[places[number][2]] < 0 for number in arm.runs))


def _followed(places: Places, number: int) -> Mapping[int, dict[str, float]]:
    """The metrics of a run at each recorded step."""
    group, results, i = places[number]
    return {
        int(results.step_T[t]): step_values(group, results, i, t) for t in range(last_record(group, results, i) + 1)
    }


def _write_maps(writer: EventWriter, run: Run, places: Places) -> None:
    """The maps of one run, at a few steps."""
    group, results, i = places[run.number]
    shared, steps_T = group.shared, results.step_T[: last_record(group, results, i) + 1]
    pictures = SentencePictures(sentence_arrays(shared.world, shared.sentences, shared.probes))
    for step in pictured_steps(steps_T.tolist(), min(run.config.track.images, _PICTURED)):
        weights_GHK = results.weights_TRGHK[int(np.flatnonzero(steps_T == step)[0]), i]
        drawings = pictures.of_maps(
            step, by_sentence(weights_GHK, shared.probes.rows_NR), of=f"seed {run.labels[SEED]}"
        )
        write_drawings(writer, list(drawings))


def _hparams(plan: Plan, run: Run, seed: int | None = None) -> HParams:
    """What a run was made with: its labels on the user's own axes, and its config.

    TensorBoard sorts columns by name; the own axes come first, as `ablation.variant`.
    """
    own = {f"ablation.{axis.name}": run.labels[axis.name] for axis in plan.config.grid.axes if axis.named}
    return own | hparams(run.config, seed)


def write_run_events(folder: Path, plan: Plan, places: Places) -> None:
    """Write the event file of every run, in its own folder `folder/<run's name>/`."""
    for run in plan.runs:
        _, results, i = places[run.number]
        own = folder / run.name
        with new_writer(own) as writer:
            writer.hparams(_hparams(plan, run, run.config.seed), printable(str(own)))
            for step, values in _followed(places, run.number).items():
                scalars = tagged(values, run.config.track.diagnostics)
                writer.scalars(step, scalars, {tag: meaning(metric_of(tag)) for tag in scalars})
            writer.hparams_end(bool(results.diverged_at_R[i] < 0))
