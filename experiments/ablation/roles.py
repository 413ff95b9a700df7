"""What the report of an ablation does with each axis, and whether the grid has what is predicted about it."""

import dataclasses
from dataclasses import dataclass

from data.errors import InputError, suggestion
from experiments.ablation.config import AblationConfig, Prediction, Predictions

SEED = "seed"
LEARNING_RATE, D_HEAD = "train.learning_rate", "model.d_head"


@dataclass(frozen=True)
class Roles:
    """Names of the axes by what the report does with them; empty where there is none."""

    variant: str
    tuned: str
    x: str
    others: tuple[str, ...]
    """Each combination of their values is a setting of its own."""
    baseline: str


def roles_of(config: AblationConfig, labels: dict[str, list[str]]) -> Roles:
    """The part of every axis, as the config says or, failing that, as is usual.

    Raises:
      InputError: it names an axis or a value that is not in the grid (`labels`).
    """
    report, axes = config.report, [name for name in labels if name != SEED]
    given = {"variant": report.variant, "tuned": report.tuned, "x": report.x}
    for role, name in given.items():
        if name and name not in axes:
            raise InputError(f"report.{role}: there is no axis {name} in the grid{suggestion(name, axes)}")
    if len({name for name in given.values() if name}) < len([name for name in given.values() if name]):
        raise InputError("report: variant, tuned and x must be three different axes; leave one out")
    taken = {name for name in given.values() if name}
    tuned = report.tuned or (LEARNING_RATE if LEARNING_RATE in axes and LEARNING_RATE not in taken else "")
    x = report.x or (D_HEAD if D_HEAD in axes and D_HEAD not in taken else "")
    variant = report.variant or next((name for name in axes if name not in (tuned, x)), "")
    own = labels.get(variant, [])
    if report.baseline and report.baseline not in own:
        raise InputError(f"report.baseline: {variant or 'the report'} has no value {report.baseline}"
                         f"{suggestion(report.baseline, own)}")  # fmt: skip
    others = tuple(name for name in axes if name not in (variant, tuned, x))
    return Roles(variant, tuned, x, others, report.baseline or (own[0] if own else ""))


def check_prediction(one: Prediction, roles: Roles, labels: dict[str, list[str]]) -> None:
    """Refuse a prediction about what is not in the grid."""
    known, sizes = labels.get(roles.variant, []), labels.get(roles.x, [])
    for label in (one.of, one.over):
        if label not in known:
            raise _wrong(one, f"{roles.variant or 'the grid'} has no value {label}{suggestion(label, known)}")
    if one.at and one.at not in sizes:
        raise _wrong(one, f"{roles.x or 'the grid'} has no value {one.at}{suggestion(one.at, sizes)}")
    if sizes and not one.at and not one.grows:
        raise _wrong(one, f"at is missing; say at which {roles.x} the ratio is meant")
    if one.grows and len(sizes) < 2:
        raise _wrong(one, "grows needs an axis x with at least two values; leave the prediction out")
    for axis, label in one.where:
        if axis not in roles.others or label not in labels[axis]:
            raise _wrong(one, f"where: there is no {axis} {label}; name one of {', '.join(roles.others) or 'none'}")


def _wrong(prediction: Prediction, message: str) -> Exception:
    assert prediction.place is not None  # noqa: S101  only tests make one without a file
    return prediction.place.fail(message)


def without_unmeasured(config: AblationConfig) -> AblationConfig:
    """`config` without the predictions about values that its grid has no longer."""
    labels = {axis.name: axis.labels for axis in config.grid.axes}
    roles, kept = roles_of(config, labels), []
    for one in config.predictions.items:
        try:
            check_prediction(one, roles, labels)
        except InputError:
            continue
        kept.append(one)
    return dataclasses.replace(config, predictions=Predictions(tuple(kept)))
