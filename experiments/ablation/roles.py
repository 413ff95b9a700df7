"""What the report of an ablation does with each axis, and whether the grid has what is predicted about it."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.errors import InputError, suggestion
from experiments.ablation.config import AblationConfig, Prediction

SEED = "seed"
LEARNING_RATE, D_HEAD = "train.learning_rate", "model.d_head"
Labels = Mapping[str, Sequence[str]]
"""The labels of the values of each axis."""


@dataclass(frozen=True)
class Roles:
    """Names of the axes by what the report does with them; empty where there is none."""

    variant: str
    tuned: str
    x: str
    others: tuple[str, ...]
    """Each combination of their values is a setting of its own."""
    baseline: str


def roles_of(config: AblationConfig, labels: Labels) -> Roles:
    """The role of every axis: as the config says, else as documented in `ReportConfig`.

    Raises:
      InputError: the config names an axis or a value that is not in the grid (`labels`).
    """
    report, axes = config.report, [name for name in labels if name != SEED]
    given = {"variant": report.variant, "tuned": report.tuned, "x": report.x}
    named = [name for name in given.values() if name]
    for role, name in given.items():
        if name and name not in axes:
            raise InputError(f"report.{role}: there is no axis {name} in the grid{suggestion(name, axes)}")
    if len(set(named)) < len(named):
        raise InputError("report: variant, tuned and x must be three different axes; leave one out")
    free = set(axes) - set(named)
    tuned = report.tuned or (LEARNING_RATE if LEARNING_RATE in free else "")
    x = report.x or (D_HEAD if D_HEAD in free else "")
    variant = report.variant or next((name for name in axes if name not in (tuned, x)), "")
    own = labels.get(variant, [])
    if report.baseline and report.baseline not in own:
        raise InputError(f"report.baseline: {variant or 'the report'} has no value {report.baseline}"
                         f"{suggestion(report.baseline, own)}")  # fmt: skip
    others = tuple(name for name in axes if name not in (variant, tuned, x))
    return Roles(variant, tuned, x, others, report.baseline or (own[0] if own else ""))


def check_predictions(predictions: Sequence[Prediction], roles: Roles, labels: Labels) -> None:
    """Refuse a prediction about something that is not in the grid.

    Raises:
      InputError: there is one; the message names its place in the file.
    """
    for one in predictions:
        problem = _problem(one, roles, labels)
        if problem:
            assert one.place is not None  # noqa: S101  only tests make one without a file
            raise one.place.fail(problem)


def _problem(one: Prediction, roles: Roles, labels: Labels) -> str:
    """Why the grid does not have what a prediction is about; empty if it does."""
    known, sizes = labels.get(roles.variant, []), labels.get(roles.x, [])
    for label in (one.of, one.over):
        if label not in known:
            return f"{roles.variant or 'the grid'} has no value {label}{suggestion(label, known)}"
    if one.at and one.at not in sizes:
        return f"{roles.x or 'the grid'} has no value {one.at}{suggestion(one.at, sizes)}"
    if sizes and not one.at and not one.grows:
        return f"at is missing; say at which {roles.x} the ratio is meant"
    if one.grows and len(sizes) < 2:
        return "grows needs an axis x with at least two values; leave the prediction out"
    for axis, label in one.where:
        if axis not in roles.others or label not in labels[axis]:
            return f"where: there is no {axis} {label}; name one of {', '.join(roles.others) or 'none'}"
    return ""


def without_unmeasured(config: AblationConfig) -> AblationConfig:
    """`config` without the predictions about values that its grid does not have any more."""
    labels = {axis.name: axis.labels for axis in config.grid.axes}
    roles = roles_of(config, labels)
    kept = tuple(one for one in config.predictions if not _problem(one, roles, labels))
    return dataclasses.replace(config, predictions=kept)
