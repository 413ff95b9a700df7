"""The report of `experiments.papers`: every paper's numbers beside ours. All of ours come from the measurement.

Figures stand on the axes of `reports.plots`; bands are 95 % intervals.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.paper_results.config import PAPERS, PapersConfig
from experiments.paper_results.results import (
    ENTROPY_SCALES,
    KNEE,
    MUP_SCALES,
    PREDICTIONS,
    TITLE,
    EntropyResult,
    LogitSizeResult,
    MupResult,
    Results,
    Rows,
    entropy_bound,
)
from experiments.reports.plots import COLOURS, MARKS, drawn, label, legend, line, log_axes, panels
from experiments.reports.report import Report, escaped
from experiments.statistics.claims import Claim
from experiments.statistics.intervals import (
    Floats,
    Interval,
    bootstrap_interval,
    interquartile_mean,
    paired_ratio,
    rough,
)
from experiments.studies.command import HOW, StudyCommand, verdict_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARK = "#5b6b78"
_DRAWN = 1500
"""Recorded rows that are drawn of each run and length; the claims are about all of them."""


def write_report(folder: Path, results: Results, versions: Mapping[str, str]) -> list[Claim]:
    """Write `report.md`, its figures and its CSV files; gives the claims."""
    report, claims, config = Report(folder, TITLE), results.claims(), results.config
    report.text(
        "Below each paper: what it predicts for our model, and what was measured. What counts as agreement stands in"
        f" the program. {HOW}. What was tried before the settings were fixed is in docs/history.md of catmat's sources."
    )
    verdict_table(report, PREDICTIONS, claims)
    report.csv(
        "claims",
        ["paper", "statement", "predicted", "value", "low", "high", "verdict"],
        [[one.subject, one.statement, one.predicted, *vars(one.found).values(), one.verdict] for one in claims],
    )
    sections: dict[str, tuple[Callable[..., None], Callable[..., Figure], object]] = {
        "entropy": (_entropy, entropy_figure, results.entropy),
        "logit_size": (_logit_size, logit_size_figure, results.logit_size),
        "mup": (_mup, mup_figure, results.mup),
    }
    measured = {name: section for name, section in sections.items() if section[-1] is not None}
    with drawn(folder, {name: (draw, result) for name, (_, draw, result) in measured.items()}):
        for write, _, result in measured.values():
            write(report, config, result)
        _method(report, config, versions)
        report.save()
    return claims


def _entropy(report: Report, _: PapersConfig, result: EntropyResult) -> None:
    report.heading(
        "Zhai 2023, theorem 3.1: the least entropy of a row",
        "A row of T scores whose centred length is r has at least the entropy ln(1 + (T-1) b) + r sqrt(T(T-1)) b /"
        " (1 + (T-1) b), with b = exp(-r sqrt(T/(T-1))). The row in which one score stands out and the others are equal"
        " attains it. Below: the theorem, and the entropy of that row through the softmax of our model.",
    )
    rows = [[keys, norm, bound, found] for keys, norm, found, bound in _rows(result.extremal)]
    header = ["T", "r", "theorem", "measured"]
    report.table(header, [[keys, f"{norm:g}", f"{bound:.5f}", f"{found:.5f}"] for keys, norm, bound, found in rows])
    report.csv("entropy_extremal", header, rows)
    longest = {ENTROPY_SCALES[scale]: float(recorded.norm_N.max()) for scale, recorded in result.recorded.items()}
    report.figure(
        "entropy",
        None,
        "Rows of real runs, from before the first update to after the last. The longest rows have r ="
        f" {' and '.join(f'{norm:.0f} ({scale})' for scale, norm in longest.items())}.",
    )
    report.csv(
        "entropy_rows",
        ["scale", "T", "r", "entropy", "bound"],
        [[scale, *row] for scale, recorded in result.recorded.items() for row in _rows(recorded)],
    )


def _rows(rows: Rows) -> Iterator[tuple[int, float, float, float]]:
    """T, r, entropy and bound of each row."""
    return zip(*(column.tolist() for column in vars(rows).values()), strict=True)


def entropy_figure(result: EntropyResult) -> "Figure":
    """Entropy of recorded rows against their length r, above the bound; a panel for each number of words."""
    lengths = sorted({int(keys) for rows in result.recorded.values() for keys in np.unique(rows.keys_N)})[:4]
    figure, axes = panels(1, len(lengths), width=4.4)
    for one, keys in zip(axes[0], lengths, strict=True):
        for number, (scale, rows) in enumerate(result.recorded.items()):
            here_N = np.flatnonzero(rows.keys_N == keys)
            some_N = here_N[:: max(1, len(here_N) // _DRAWN)]
            style = {"color": COLOURS[number], "marker": MARKS[number], "s": 6, "alpha": 0.4, "linewidths": 0}
            one.scatter(
                rows.norm_N[some_N], rows.entropy_N[some_N], **style, label=f"row of a run, {ENTROPY_SCALES[scale]}"
            )
        norm_N = np.geomspace(1e-2, 1e3, 400)
        one.plot(norm_N, entropy_bound(norm_N, np.asarray(keys)), color="black", linewidth=1.4, label="theorem 3.1")
        one.set(xscale="log", xlim=(0.01, 500))
        label(one, f"sentences of {keys} words", "r: length of the centred row of scores", "entropy, nats")
    legend(figure, axes[0, 0])
    return figure


def _logit_size(report: Report, config: PapersConfig, result: LogitSizeResult) -> None:
    own, knee = config.logit_size, result.knee()
    report.heading(
        "Wortsman 2023, figure 10: loss against the size of the logits",
        'Queries and keys pass through g(z) = sqrt(kappa) z / RMS(z). The paper: "Loss deteriorates around kappa = 1e3,'
        ' and by kappa = 1e4 the loss exceeds that of a zero-layer bigram model" (a 10 M parameter language model). A'
        " score is then kappa sqrt(d) times a cosine, so the largest there can be is kappa sqrt(d)."
        f" Ours: one layer, d = {result.d_head}, {own.steps} updates{_sentences(own.clauses)}, {own.seeds} seeds;"
        " excess is loss above the best possible. The counterpart of the zero-layer model, the best guess from the"
        f" place of the masked word alone, has {result.blind:.3f} nats.",
        f"The knee (where the excess is {KNEE:g} times that of the smallest kappa) lies at kappa {knee}, where the"
        f" largest score is {knee.times(result.d_head**0.5)}. The interval covers seeds and interpolation between the"
        " kappas. What sets its place is not answered by this measurement.",
    )
    rows = [
        [f"{kappa:g}", f"{kappa * result.d_head**0.5:g}", f"{result.rates[best]:g}", _interval(excess_S)]
        for kappa, best, excess_S in zip(result.kappas, result.best_A, result.best_AS, strict=True)
    ]
    report.table(["kappa", "largest score", "best learning rate", "excess, nats"], rows)
    if result.diverged:
        report.text(
            f"Diverged runs: {result.diverged}. Each counts with its value before the update at which it diverged."
        )
    report.figure(
        "logit_size",
        None,
        "Excess against the size of the logits. Left: at the best of the learning rates; right: at each of them.",
    )
    report.csv(
        "logit_size",
        ["kappa", "learning_rate", "seed", "excess"],
        [
            [result.kappas[a], result.rates[rate], config.seed + s, float(excess)]
            for (a, rate, s), excess in np.ndenumerate(result.excess_ALS)
        ],
    )


def logit_size_figure(result: LogitSizeResult) -> "Figure":
    """Excess against kappa: at the learning rate that counts, and at each of them."""
    figure, axes = panels(1, 2, width=4.4, sharey=True)
    _band(axes[0, 0], result.kappas, result.best_AS, 0, "ours, best learning rate")
    for number, rate in enumerate(result.rates):
        _band(axes[0, 1], result.kappas, result.excess_ALS[:, number], number + 1, f"learning rate {rate:g}")
    for one in axes[0]:
        one.axhline(result.blind, color=_MARK, linewidth=1, linestyle=":", label="a model that does not attend")
        one.set(xscale="log", yscale="log")
    axes[0, 0].axvline(1e3, color=_MARK, linewidth=1, linestyle="--", label="where the paper's loss deteriorates")
    for one, title in zip(axes[0], ("best learning rate", "every learning rate"), strict=True):
        label(one, title, "kappa: size of the logits", "excess, nats" if one is axes[0, 0] else "")
        one.legend(fontsize=8, facecolor="white", edgecolor="none", loc="lower right")
    return figure


def _mup(report: Report, config: PapersConfig, result: MupResult) -> None:
    own = config.mup
    growth = [paired_ratio(last_S, first_S) for first_S, last_S in zip(*result.after_DCS[[0, -1]], strict=True)]
    report.heading(
        "Yang 2022: muP's coordinate check of the logits",
        "Theory: under 1/d the logits shrink like d^(-1/2) at the start and do not depend on d after training; under"
        " 1/sqrt(d) they do not depend on d at the start and grow after it. Sigma is the std of a row's scores, over"
        f" {own.seeds} seeds, before and after {own.steps} updates{_sentences(own.clauses)}, at one learning rate"
        f" ({own.learning_rate:g}). The last two columns compare the scales after training: the paired ratio, and"
        " p (sign flips of the seeds' differences of log sigma; Holm's correction over the sizes).",
        f"From d = {result.sizes[0]} to {result.sizes[-1]}, sigma after training changes by a factor {growth[0]} under"
        f" 1/d, and by {growth[1]} under 1/sqrt(d).",
    )
    columns = [f"{when}, {scale}" for when in ("start", "trained") for scale in MUP_SCALES.values()]
    ratios, p_D = result.differences()
    rows = [
        [d, *map(_interval, (*before_CS, *after_CS)), ratio, f"{p:.2g}"]
        for d, before_CS, after_CS, ratio, p in zip(
            result.sizes, result.before_DCS, result.after_DCS, ratios, p_D, strict=True
        )
    ]
    report.table(["d", *columns, "1/sqrt(d) over 1/d", "p"], rows)
    if result.diverged:
        report.text(
            f"Diverged runs: {result.diverged}. Each counts with its value before the update at which it diverged."
        )
    report.figure("mup", None, "Sigma of the scores against the size of a head. At the start and after training.")
    report.csv(
        "mup",
        ["d", "scale", "seed", "sigma_start", "sigma_trained"],
        [
            [d, scale, config.seed + s, float(result.before_DCS[i, c, s]), float(result.after_DCS[i, c, s])]
            for i, d in enumerate(result.sizes)
            for c, scale in enumerate(MUP_SCALES)
            for s in range(own.seeds)
        ],
    )


def mup_figure(result: MupResult) -> "Figure":
    """Sigma of the scores against d, at the start and after training, under both scales."""
    figure, axes = panels(1, 2, width=4.4, sharey=True)
    for one, title, sigma_DCS in zip(
        axes[0], ("at the start", "after training"), (result.before_DCS, result.after_DCS), strict=True
    ):
        for number, scale in enumerate(MUP_SCALES.values()):
            _band(one, result.sizes, sigma_DCS[:, number], number, f"scale {scale}")
        log_axes(one, y=False)
        one.set_yscale("log")
        label(one, title, "d (components of a head)", "sigma (std of a row's scores)" if one is axes[0, 0] else "")
    falling_D = interquartile_mean(result.before_DCS[0, 0]) * np.sqrt(result.sizes[0] / np.asarray(result.sizes))
    axes[0, 0].plot(result.sizes, falling_D, color=_MARK, linestyle=":", label="falling like d^(-1/2)")
    legend(figure, axes[0, 0])
    return figure


def _method(report: Report, config: PapersConfig, versions: Mapping[str, str]) -> None:
    report.heading(
        "How it was measured",
        f"World: {escaped(config.world)}. Numbers over seeds are interquartile means; intervals are 95 % bootstrap"
        " intervals over seeds (expanded percentiles), which are paired between arms. All settings are in config.yaml"
        " beside this file, all single numbers in the CSV files.",
        rough(config.entropy.seeds, config.logit_size.seeds, config.mup.seeds),
        f"Made with {', '.join(f'{name} {value}' for name, value in versions.items())}.",
    )


def _sentences(clauses: int) -> str:
    return f" on sentences of {clauses} {'clause' if clauses == 1 else 'clauses'}" if clauses else ""


def _interval(values_S: Floats) -> Interval:
    """Interquartile mean over seeds, with its interval."""
    return bootstrap_interval(interquartile_mean, values_S)


def _band(axes: "Axes", x: Sequence[float], values_NS: Floats, number: int, name: str) -> None:
    found = [_interval(values_S) for values_S in values_NS]
    line(axes, x, [f.estimate for f in found], number, name, [f.low for f in found], [f.high for f in found])


def _repeated(config: PapersConfig) -> list[str]:
    return [name for paper, name in zip(PAPERS, PREDICTIONS, strict=True) if paper in config.papers]


STUDY = StudyCommand(
    "papers",
    TITLE,
    PREDICTIONS,
    "experiments.paper_results.measurements",
    Results,
    write_report,
    print_confirmed=True,
    part=_repeated,
)
"""What `experiments.papers` runs once its options are read."""
