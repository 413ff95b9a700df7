"""The sections of the gradient study's report, after the answer: parts a, b and c, P9 and P10, and the method."""

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.gradient_study import figures
from experiments.gradient_study.norm_statistics import (
    DEAD,
    NAMES,
    SCALES,
    UNSCALED,
    Norms,
    escape_rise,
    mean_estimate,
    ratio_at,
    ratios,
)
from experiments.gradient_study.results import Study
from experiments.reports.report import Report
from experiments.statistics.intervals import mean, rough, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[Study], "Figure"]] = {
    "training": figures.training_course,
    "layer_ratios": figures.layer_ratios,
    "same_parameters": figures.same_parameters,
    "simulated_query": figures.simulated_query,
    "escape_and_kurtosis": figures.escape_and_kurtosis,
    "simulated_stages": figures.simulated_stages,
    "softmax": figures.softmax_peaks,
    "distributions": figures.distributions,
}
"""By name, those that take longest first: they are drawn in this order."""
_METHOD = (
    "(a): queries, keys and values have independent normal components of variance 1.",
    "Gradients come from the model's own functions: the chain rule is taken through its weights, softmax and sum.",
    "A norm is that of one row (one masked word), over all heads, keys and components of a stage.",
    "Statistics are over the rows of a seed; the seed is the unit, and every value is a mean over seeds.",
    "(a), (b) and P7 are in float64: float32 would show its rounding where a saturated row's gradient is smaller.",
    "P4 is about the norm of softmax's Jacobian J; at large sigma the gradient of the query follows it.",
    "Every setting, stage and statistic is in `gradients.csv`; the other numbers are in the CSV files beside it.",
    "TensorBoard shows the same, with distributions.",
)


def _statistics(report: Report, norms: Norms, sizes: tuple[int, ...], stage: str) -> None:
    """Every statistic of one stage."""
    rows = []
    for (i, d), (c, scale) in itertools.product(enumerate(sizes), enumerate(SCALES)):
        of = {name: norms.of(name, stage)[i, c] for name in ("rms", "mean", "median", "q05", "q95", "dead")}
        sure = [mean_estimate(of[name]) for name in ("rms", "mean", "median")]
        ends = short(mean(of["q05"])), short(mean(of["q95"]))
        rows.append([d, NAMES[scale], *sure, *ends, f"{100 * mean(of['dead']):.1f} %"])
    report.table(["d", "scale", "RMS", "mean", "median", "5 %", "95 %", "dead rows"], rows)


def simulated(report: Report, study: Study) -> None:
    """Part a."""
    config = study.config.simulated
    report.heading(
        "(a) The simulated layer",
        f"Independent normal queries, keys and values, {config.keys} keys to a query, {config.tokens:,} tokens for each"
        f" of {study.config.seeds} seeds, the same for the three scales. Here the formulas are exact (the verdicts on"
        " the law say how closely they are met). Gradient of the query:",
    )
    _statistics(report, study.simulated.norms, study.simulated.sizes, "query")
    report.figure(
        "simulated_query",
        None,
        "RMS, mean and median of the gradient of the query. Crosses: the exact law, drawn without a model.",
    )
    report.figure("distributions", None, "How the tokens are spread. Upright lines: the means.")
    report.figure(
        "simulated_stages",
        None,
        "Unscaled over scaled at every stage. In the RMS, the curves of query and key differ by up to"
        f" {_apart([study.simulated.norms], 'query', 'key')}.",
    )
    report.figure("softmax", None, "Softmax alone. RMS and median of its Jacobian's norm, for n keys.")


def layer(report: Report, study: Study) -> None:
    """Part b."""
    layer, config = study.layer, study.config.layer
    sigma = [mean_estimate(layer.by_norm[norm].score_std_NCR[-1, UNSCALED]) for norm in ("layer", "none")]
    report.heading(
        "(b) The real layer before its first update",
        f"{config.heads} heads, {config.d_model} components, {config.rows} masked sentences for each of {config.seeds}"
        f" seeds, {layer.keys:.1f} words in the mean. At d = {layer.sizes[-1]} the unscaled scores have a std of"
        f" {sigma[0]} with LayerNorm and {sigma[1]} without. Gradient of W_Q of single rows, with LayerNorm:",
    )
    _statistics(report, layer.by_norm["layer"].norms, layer.sizes, "W_Q")
    both = [measured.norms for measured in layer.by_norm.values()]
    apart = [_apart(both, *pair) for pair in (("W_Q", "W_K"), ("W_V", "W_O"))]
    report.figure(
        "layer_ratios",
        None,
        "Unscaled over scaled in the real layer. In the RMS, the curves of W_Q and W_K differ by up to"
        f" {apart[0]}, those of W_V and W_O by {apart[1]}.",
    )
    report.text(_values(study))


def _values(study: Study) -> str:
    """The values in the real layer, and where the simulated one differs from it."""
    norms = study.layer.by_norm["layer"].norms
    value, kernel, weights = (ratio_at(norms, "rms", stage) for stage in ("value", "W_V", "weights"))
    own = ratio_at(study.simulated.norms, "rms", "value")
    cause = (
        " Presumably the norm after attention is the cause: sharper weights make a longer context, and what comes back"
        " is divided by that length. No arm here measures it."
    )
    return (
        f"The gradient of the values is {value} times as large unscaled (simulated layer: {own}), that of W_V {kernel}"
        " times. The gradient of the weights, which no scale touches in the simulated layer, is"
        f" {weights} times as large." + (cause if weights.high < 1 else "")
    )


def _apart(parts: list[Norms], one: str, other: str) -> str:
    """How far two stages' curves of unscaled over scaled are from each other, at most, in the RMS."""
    apart = [np.abs(ratios(norms, "rms", one) / ratios(norms, "rms", other) - 1).max() for norms in parts]
    return f"{100 * max(apart):.1f} %"


def training(report: Report, study: Study) -> None:
    """Part c."""
    training = study.config.training
    report.heading(
        "(c) Along training",
        f"{study.config.seeds} seeds of each scale and d, {training.steps} updates of {training.batch} sentences"
        f" (AdamW, learning rate {training.learning_rate:g} for every arm: it is not tuned for each, so this compares"
        " gradients, not the best that a scale can do). The same seeds and sentences in every arm. In float32, as"
        f" models are trained: medians below about 1e-7 are rounding. A row is dead below {DEAD:g} of the median of the"
        " same parameters under 1/sqrt(d).",
    )
    rows = [
        [
            size.d,
            NAMES[scale],
            mean_estimate(size.sigma_PAR[0, a]),
            mean_estimate(size.sigma_PAR[-1, a]),
            mean_estimate(size.excess_PAR[-1, a]),
        ]
        for size in study.trained
        for a, scale in enumerate(SCALES)
    ]
    report.table(["d", "trained under", "sigma, start", "sigma, end", "excess, nats"], rows)
    report.figure("training", None, "Separately trained models. Each under its own scale.")
    report.figure(
        "same_parameters",
        None,
        "The same parameters under both scales. What the factor does by itself, wherever training has led.",
    )


def rest(report: Report, study: Study) -> None:
    """P9 and P10."""
    report.heading("Escape and kurtosis (P9, P10)", _escapes(study))
    report.figure(
        "escape_and_kurtosis",
        None,
        "Left: updates until a query leaves the wrong key. Right: how unequal the tokens' gradients are.",
    )


def _escapes(study: Study) -> str:
    """What a margin costs under either optimiser."""
    times, margins = study.escape, study.config.escape.margins
    last = {name: mean_estimate(times[name][-1]) for name in times}
    first = {name: mean_estimate(times[name][0]) for name in times}
    rise = {name: escape_rise(margins, times[name]) for name in times}
    return (
        f"A query that starts on the wrong key with margin M = {margins[-1]} needs {last['sgd']} updates of gradient"
        f" descent (M = {margins[0]}: {first['sgd']}) and {last['adam']} of Adam ({first['adam']}). Over the last"
        f" margins log(time) rises by {rise['sgd']} for each unit of M under gradient descent (exp(M): 1) and by"
        f" {rise['adam']} under Adam"
        + (", which divides by the gradient's size." if rise["adam"].high < rise["sgd"].low else ".")
    )


def method(report: Report, study: Study, versions: Mapping[str, str]) -> None:
    """How it was measured, for who wants to check it."""
    report.heading("How it was measured")
    moved = short(float(study.control["moved"].min()))
    control = (
        f"P7 shows no interval: an identity holds in each of the {len(study.control['sgd'])} seeds or not at all, so"
        f" the worst of them decides. Gradient descent moved W_Q by {moved} of its largest entry or more."
    )
    shown = ", ".join(f"{name} {value}" for name, value in versions.items())
    few = rough(study.config.seeds, study.config.layer.seeds)
    own = study.config.simulated
    values = (
        f"(a): a value has {own.value_size} components; so has the output's gradient, normal ones whose norm has RMS"
        f" {own.output_gradient:g}."
    )
    report.items([_METHOD[0], values, *_METHOD[1:], control, *([few] if few else []), f"Versions: {shown}."])
