"""The sections of the gradient study's report, after the answer: parts a, b and c, P9 and P10, and the method."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments import gradient_figures as figures
from experiments import gradient_training_figures as training_figures
from experiments.gradient_comparisons import UNSCALED, ratio_at, table_of
from experiments.gradient_figures import NAMES
from experiments.gradient_statistics import DEAD, SCALES, mean_estimate, scale_factors, short
from experiments.gradient_study import Study
from experiments.gradient_theory import query_norms
from experiments.report_writer import Report

_FIGURES = {
    "simulated_query": (
        figures.simulated_query,
        "RMS, mean and median of the gradient of the query. Crosses: the exact law, drawn without a model.",
    ),
    "distributions": (
        figures.distributions,
        "How the tokens are spread. Unscaled, the mean stays where it is while the tokens leave it.",
    ),
    "simulated_stages": (
        figures.simulated_stages,
        "Unscaled over scaled at every stage. The curves of query and key lie on each other.",
    ),
    "softmax": (
        figures.softmax_peaks,
        "Softmax alone. The RMS of its Jacobian first rises for n > 4 and falls slowly; the median vanishes.",
    ),
    "layer_ratios": (
        figures.layer_ratios,
        "Unscaled over scaled in the real layer. W_Q and W_K lie on each other, and so do W_V and W_O.",
    ),
    "training": (training_figures.training_course, "Separately trained models. Each under its own scale."),
    "same_parameters": (
        training_figures.same_parameters,
        "The same parameters under both scales. What the factor does by itself, wherever training has led.",
    ),
    "escape_and_kurtosis": (
        figures.escape_and_kurtosis,
        "Left: updates until a query leaves the wrong key. Right: how unequal the tokens' gradients are.",
    ),
}
_DRAWS = 200_000
_METHOD = (
    "Gradients come from the model's own functions: the chain rule is taken through its weights, softmax and sum.",
    "A norm is that of one row (one hidden word), over all heads, keys and components of a stage.",
    "Statistics are over the rows of a seed; the seed is the unit, and every value is a mean over seeds.",
    "(a), (b) and P7 are in float64: float32 would show its rounding where a saturated row's gradient is smaller.",
    "P4 is about the norm of softmax's Jacobian J; at large sigma the gradient of the query follows it.",
    "Every setting, stage and statistic is in `gradients.csv`; the other numbers are in the CSV files beside it.",
    "TensorBoard shows the same, with distributions.",
)


def _statistics(report: Report, norms: list[figures.Floats], sizes: tuple[int, ...], stage: str) -> None:
    """Every statistic of one stage."""
    names = ("rms", "mean", "median", "q05", "q95", "dead")
    found = {name: table_of(norms, name, stage) for name in names}
    rows = []
    for i, d in enumerate(sizes):
        for c, scale in enumerate(SCALES):
            values = [mean_estimate(found[name][i, c]) for name in names]
            shown = [str(value) for value in values[:3]] + [short(value.value) for value in values[3:5]]
            rows.append([d, NAMES[scale], *shown, f"{100 * values[5].value:.1f} %"])
    report.table(["d", "scale", "RMS", "mean", "median", "5 %", "95 %", "dead rows"], rows)


def simulated(report: Report, study: Study) -> None:
    """Part a."""
    config = study.config.simulated
    report.heading("(a) The simulated layer")
    report.text(
        f"Independent normal queries, keys and values, {config.keys} keys to a query, {config.tokens:,} tokens for each"
        f" of {study.config.seeds} seeds, the same for the three scales. Here the formulas are exact. Gradient of the"
        " query:"
    )
    _statistics(report, study.simulated.norms_NCSRT, study.simulated.sizes, "query")
    report.text(_deviation(study))
    _figure(report, study, "simulated_query")
    _figure(report, study, "distributions")
    _figure(report, study, "simulated_stages")
    _figure(report, study, "softmax")


def _deviation(study: Study) -> str:
    """How far the simulated layer is from the exact law."""
    sizes, n, worst = study.simulated.sizes, study.config.simulated.keys, {}
    reduce: dict[str, Callable[[Any], Any]] = {
        "rms": lambda x: np.sqrt(np.mean(x**2)),
        "mean": np.mean,
        "median": np.median,
    }
    for name, function in reduce.items():
        found_NC = table_of(study.simulated.norms_NCSRT, name, "query").mean(axis=-1)
        law_NC = np.asarray([[function(query_norms(n, d, s, _DRAWS)) for s in scale_factors(d)] for d in sizes])
        used_NC = law_NC > (0.1 if name == "median" else 0)
        worst[name] = 100 * float(np.abs(found_NC / law_NC - 1)[used_NC].max(initial=0))
    return (
        f"Largest deviation from the exact law (drawn {_DRAWS:,} times, without a model): {worst['rms']:.1f} % of the"
        f" RMS, {worst['mean']:.1f} % of the mean, {worst['median']:.1f} % of medians above 0.1."
    )


def layer(report: Report, study: Study) -> None:
    """Part b."""
    layer, config = study.layer, study.config.layer
    report.heading("(b) The real layer before its first update")
    sigma = [mean_estimate(layer.by_norm[norm].score_std_NCR[-1, UNSCALED]) for norm in ("layer", "none")]
    report.text(
        f"{config.heads} heads, {config.d_model} components, {config.rows} masked sentences for each of {config.seeds}"
        f" seeds, {layer.keys:.1f} words in the mean. At d = {layer.sizes[-1]} the unscaled scores have a std of"
        f" {sigma[0]} with LayerNorm and {sigma[1]} without. Gradient of W_Q of single rows, with LayerNorm:"
    )
    _statistics(report, layer.by_norm["layer"].norms_NCSRT, layer.sizes, "W_Q")
    _figure(report, study, "layer_ratios")
    norms = layer.by_norm["layer"].norms_NCSRT
    value, kernel, weights = (ratio_at(norms, "rms", stage) for stage in ("value", "W_V", "weights"))
    own = ratio_at(study.simulated.norms_NCSRT, "rms", "value")
    report.text(
        f"The values are another matter here than in the simulated layer: their gradient is {value} times as large"
        f" unscaled (simulated: {own}), that of W_V {kernel} times. Sharper weights make a longer context, and the norm"
        " after attention divides what comes back by that length: the gradient of the weights, which saturation does"
        f" not touch in the simulated layer, is {weights} times as large."
    )


def training(report: Report, study: Study) -> None:
    """Part c."""
    training = study.config.training
    report.heading("(c) Along training")
    report.text(
        f"{study.config.seeds} seeds of each scale and d, {training.steps} updates of {training.batch} sentences"
        f" (AdamW, learning rate {training.learning_rate:g} for every arm: it is not tuned for each, so this compares"
        " gradients, not the best that a scale can do). The same seeds and sentences in every arm. In float32, as"
        f" models are trained: medians below about 1e-7 are rounding. A row is dead below {DEAD:g} of the median of the"
        " same parameters under 1/sqrt(d)."
    )
    rows = []
    for size in study.trained:
        for a, scale in enumerate(SCALES):
            sigma = [str(mean_estimate(size.sigma_PAR[p, a])) for p in (0, -1)]
            rows.append([size.d, NAMES[scale], *sigma, str(mean_estimate(size.excess_PAR[-1, a]))])
    report.table(["d", "trained under", "sigma, start", "sigma, end", "excess, nats"], rows)
    _figure(report, study, "training")
    _figure(report, study, "same_parameters")


def rest(report: Report, study: Study) -> None:
    """P9 and P10."""
    report.heading("Escape and kurtosis (P9, P10)")
    times = study.escape
    margins = study.config.escape.margins
    last = {name: mean_estimate(times[name][-1]) for name in times}
    first = {name: mean_estimate(times[name][0]) for name in times}
    report.text(
        f"A query that starts on the wrong key with margin M = {margins[-1]} needs {last['sgd']} updates of gradient"
        f" descent (M = {margins[0]}: {first['sgd']}) and {last['adam']} of Adam ({first['adam']}). Gradient descent"
        " pays exp(M); Adam divides by the gradient's size and so pays for M itself."
    )
    _figure(report, study, "escape_and_kurtosis")


def method(report: Report, study: Study, versions: Mapping[str, str]) -> None:
    """How it was measured, for who wants to check it."""
    report.heading("How it was measured")
    moved = short(float(study.control["moved"].min()))
    control = (
        f"P7 shows a range, not an interval: the worst of {len(study.control['sgd'])} seeds, from the best. Gradient"
        f" descent moved W_Q by {moved} of its largest entry or more."
    )
    shown = ", ".join(f"{name} {value}" for name, value in versions.items())
    report.items([*_METHOD, control, f"Versions: {shown}."])


def _figure(report: Report, study: Study, name: str) -> None:
    draw, caption = _FIGURES[name]
    report.figure(name, draw(study), caption)
