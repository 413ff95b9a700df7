"""The report of `experiments.papers`: every paper's numbers beside ours. All of ours come from the measurement."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.paper_results import entropy_theorem, logit_knee, sigma_growth
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.entropy_theorem import EntropyResult, Rows
from experiments.paper_results.figures import entropy_figure, interval, logit_size_figure, mup_figure
from experiments.paper_results.logit_knee import LogitSizeResult
from experiments.paper_results.results import PREDICTIONS, TITLE, Results
from experiments.paper_results.sigma_growth import SCALES, SHOWN, MupResult
from experiments.reports.report import Report, escaped
from experiments.statistics.claims import Claim
from experiments.statistics.intervals import paired_ratio
from experiments.studies.drawing import drawn
from experiments.studies.verdicts import HOW, verdict_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(folder: Path, results: Results, versions: Mapping[str, str]) -> list[Claim]:
    """Write `report.md`, its figures and its CSV files; gives the claims."""
    report, claims, config = Report(folder, TITLE), results.claims(), results.config
    report.text(
        "Below each paper: what it predicts for our model, and what was measured. What counts as agreement stands in"
        f" the program. {HOW}. What was tried before the settings were fixed is in docs/history.md of catmat's sources."
    )
    verdict_table(report, PREDICTIONS, claims)
    rows = [[one.subject, one.statement, one.predicted, *vars(one.found).values(), one.verdict] for one in claims]
    report.csv("claims", ["paper", "statement", "predicted", "value", "low", "high", "verdict"], rows)
    figures: dict[str, tuple[Callable[..., Figure], object]] = {
        "entropy": (entropy_figure, results.entropy),
        "logit_size": (logit_size_figure, results.logit_size),
        "mup": (mup_figure, results.mup),
    }
    with drawn(folder, {name: (draw, one) for name, (draw, one) in figures.items() if one is not None}):
        if results.entropy is not None:
            _entropy(report, results.entropy)
        if results.logit_size is not None:
            _logit_size(report, config, results.logit_size)
        if results.mup is not None:
            _mup(report, config, results.mup)
        _method(report, config, versions)
        report.save()
    return claims


def _entropy(report: Report, result: EntropyResult) -> None:
    report.heading("Zhai 2023, theorem 3.1: the least entropy of a row")
    report.text(
        "A row of T scores whose centred length is r has at least the entropy ln(1 + (T-1) b) + r sqrt(T(T-1)) b /"
        " (1 + (T-1) b), with b = exp(-r sqrt(T/(T-1))). The row in which one score stands out and the others are equal"
        " attains it. Below: the theorem, and the entropy of that row through the softmax of our model."
    )
    rows = [[keys, norm, bound, found] for keys, norm, found, bound in _rows(result.extremal)]
    header = ["T", "r", "theorem", "measured"]
    report.table(header, [[keys, f"{norm:g}", f"{bound:.5f}", f"{found:.5f}"] for keys, norm, bound, found in rows])
    report.csv("entropy_extremal", header, rows)
    report.figure("entropy", None, _entropy_caption(result))
    lines = [[scale, *row] for scale, rows in result.recorded.items() for row in _rows(rows)]
    report.csv("entropy_rows", ["scale", "T", "r", "entropy", "bound"], lines)


def _rows(rows: Rows) -> Iterator[tuple[int, float, float, float]]:
    """T, r, entropy and bound of each row."""
    return zip(*(column.tolist() for column in vars(rows).values()), strict=True)


def _entropy_caption(result: EntropyResult) -> str:
    longest = {scale: float(rows.norm_N.max()) for scale, rows in result.recorded.items()}
    shown = " and ".join(f"{norm:.0f} ({entropy_theorem.SHOWN[scale]})" for scale, norm in longest.items())
    return f"Rows of real runs, from before the first update to after the last. The longest rows have r = {shown}."


def _logit_size(report: Report, config: PapersConfig, result: LogitSizeResult) -> None:
    own = config.logit_size
    report.heading("Wortsman 2023, figure 10: loss against the size of the logits")
    report.text(
        'Queries and keys pass through g(z) = sqrt(kappa) z / RMS(z). The paper: "Loss deteriorates around kappa = 1e3,'
        ' and by kappa = 1e4 the loss exceeds that of a zero-layer bigram model" (a 10 M parameter language model). A'
        " score is then kappa sqrt(d) times a cosine, so the largest there can be is kappa sqrt(d)."
        f" Ours: one layer, d = {result.d_head}, {own.steps} updates{_sentences(own.clauses)}, {own.seeds} seeds;"
        " excess is loss above the best possible. The counterpart of the zero-layer model, the best guess from the"
        f" place of the masked word alone, has {result.blind:.3f} nats.",
        f"The knee (where the excess is {logit_knee.KNEE:g} times that of the smallest kappa) lies at kappa"
        f" {result.knee()}, where the largest score is {result.knee().estimate * result.d_head**0.5:.3g}. What sets"
        " its place is not answered by this measurement.",
    )
    header = ["kappa", "largest score", "best learning rate", "excess, nats"]
    rows = [
        [f"{kappa:g}", f"{kappa * result.d_head**0.5:g}", f"{result.rates[best]:g}", str(interval(excess_S))]
        for kappa, best, excess_S in zip(result.kappas, result.best_A, result.best_AS, strict=True)
    ]
    report.table(header, rows)
    if result.diverged:
        report.text(f"{result.diverged} runs diverged; each counts with what it was before that update.")
    report.figure(
        "logit_size",
        None,
        "Excess against the size of the logits. Left: at the best of the learning rates; right: at each of them.",
    )
    lines = [
        [kappa, rate, config.seed + s, float(excess)]
        for kappa, excess_LS in zip(result.kappas, result.excess_ALS, strict=True)
        for rate, excess_S in zip(result.rates, excess_LS, strict=True)
        for s, excess in enumerate(excess_S)
    ]
    report.csv("logit_size", ["kappa", "learning_rate", "seed", "excess"], lines)


def _mup(report: Report, config: PapersConfig, result: MupResult) -> None:
    own = config.mup
    growth = [paired_ratio(last_S, first_S) for first_S, last_S in zip(*result.after_DCS[[0, -1]], strict=True)]
    report.heading("Yang 2022: muP's coordinate check of the logits")
    report.text(
        "Theory: under 1/d the logits shrink like d^(-1/2) at the start and do not depend on d after training; under"
        " 1/sqrt(d) they do not depend on d at the start and grow after it. Sigma is the std of a row's scores, over"
        f" {own.seeds} seeds, before and after {own.steps} updates{_sentences(own.clauses)}, at one learning rate"
        f" ({own.learning_rate:g}). The last two columns compare the scales after training: the paired ratio, and"
        " p (sign flips of the seeds' differences of log sigma; Holm's correction over the sizes).",
        f"From d = {result.sizes[0]} to {result.sizes[-1]}, sigma after training changes by a factor {growth[0]} under"
        f" {SHOWN[SCALES[0]]}, and by {growth[1]} under {SHOWN[SCALES[1]]}.",
    )
    columns = [f"{when}, {SHOWN[scale]}" for when in ("start", "trained") for scale in SCALES]
    ratios, p_D = sigma_growth.differences(result)
    rows = [
        [d, *(str(interval(sigma_S)) for sigma_S in (*before_CS, *after_CS)), str(ratio), f"{p:.2g}"]
        for d, before_CS, after_CS, ratio, p in zip(
            result.sizes, result.before_DCS, result.after_DCS, ratios, p_D, strict=True
        )
    ]
    report.table(["d", *columns, "1/sqrt(d) over 1/d", "p"], rows)
    if result.diverged:
        report.text(f"{result.diverged} runs diverged; each counts with what it was before that update.")
    report.figure("mup", None, "Sigma of the scores against the size of a head. At the start and after training.")
    lines = [
        [d, scale, config.seed + s, float(result.before_DCS[i, c, s]), float(result.after_DCS[i, c, s])]
        for i, d in enumerate(result.sizes)
        for c, scale in enumerate(SCALES)
        for s in range(own.seeds)
    ]
    report.csv("mup", ["d", "scale", "seed", "sigma_start", "sigma_trained"], lines)


def _method(report: Report, config: PapersConfig, versions: Mapping[str, str]) -> None:
    report.heading("How it was measured")
    report.text(
        f"World: {escaped(config.world)}. Numbers over seeds are interquartile means; intervals are 95 % bootstrap"
        " intervals over seeds (expanded percentiles), which are paired between arms. All settings are in config.yaml"
        " beside this file, all single numbers in the CSV files.",
        f"Made with {', '.join(f'{name} {value}' for name, value in versions.items())}.",
    )


def _sentences(clauses: int) -> str:
    return f" on sentences of {clauses} {'clause' if clauses == 1 else 'clauses'}" if clauses else ""
