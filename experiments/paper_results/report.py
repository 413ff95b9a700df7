"""The report of `experiments.papers`: every paper's numbers beside ours. All of ours come from the measurement."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.paper_results import coordinate_check, entropy_bound, logit_size
from experiments.paper_results.config import PapersConfig
from experiments.paper_results.coordinate_check import SCALES, SHOWN, MupResult
from experiments.paper_results.entropy_bound import EntropyResult
from experiments.paper_results.figures import entropy_figure, interval, logit_size_figure, mup_figure
from experiments.paper_results.logit_size import LogitSizeResult
from experiments.reports.report import Report, escaped
from experiments.statistics.claims import Claim
from experiments.statistics.intervals import paired_ratio

TITLE = "Results from papers, beside ours"


@dataclass(frozen=True)
class Results:
    """What was measured; None for a paper that was not asked for."""

    entropy: EntropyResult | None = None
    logit_size: LogitSizeResult | None = None
    mup: MupResult | None = None

    def claims(self) -> list[Claim]:
        """Every statement and its verdict."""
        found = [] if self.entropy is None else entropy_bound.claims(self.entropy)
        found += [] if self.logit_size is None else logit_size.claims(self.logit_size)
        return found + ([] if self.mup is None else coordinate_check.claims(self.mup))


def write_report(
    folder: Path, config: PapersConfig, results: Results, claims: list[Claim], versions: Mapping[str, str]
) -> None:
    """Write `report.md`, its figures and its CSV files."""
    report = Report(folder, TITLE)
    report.text(
        "Each line is a statement of a paper, what it predicts for our model, and what was measured. What counts as"
        " agreement stands in the program. Confirmed: the whole 95 % interval agrees (in brackets; bootstrap over"
        " seeds). Refuted: the whole interval contradicts. Undecided: it does both."
    )
    report.text(
        "**What was tried when this was written.** The exponent under 1/d after training was measured with 10, 12 and"
        " 20 seeds and was undecided each time, so weak growth may remain. The trainings"
        " use sentences of one clause, because with two the flat part of Wortsman's curve becomes a slope. Whether a"
        " model at kappa 10000 is worse than one that does not attend was refuted once (jax 0.10.2) and undecided"
        " twice (the same with XLA's older code generator, and jax 0.12)."
    )
    rows = [[claim.paper, claim.statement, claim.predicted, claim.found, f"**{claim.verdict}**"] for claim in claims]
    report.table(["paper", "statement", "predicted", "measured", "verdict"], rows)
    report.csv(
        "claims", ["paper", "statement", "predicted", "measured", "verdict"], [[*vars(c).values()] for c in claims]
    )
    if results.entropy is not None:
        _entropy(report, results.entropy)
    if results.logit_size is not None:
        _logit_size(report, config, results.logit_size)
    if results.mup is not None:
        _mup(report, config, results.mup)
    _method(report, config, versions)
    report.save()


def _entropy(report: Report, result: EntropyResult) -> None:
    report.heading("Zhai 2023, theorem 3.1: the least entropy of a row")
    report.text(
        "A row of T scores whose centred length is r has at least the entropy ln(1 + (T-1) b) + r sqrt(T(T-1)) b /"
        " (1 + (T-1) b), with b = exp(-r sqrt(T/(T-1))). The row in which one score stands out and the others are equal"
        " attains it. Below: the theorem, and the entropy of that row through the softmax of our model."
    )
    rows = [[keys, f"{norm:g}", f"{bound:.5f}", f"{found:.5f}"] for keys, norm, bound, found in result.extremal]
    report.table(["T", "r", "theorem", "measured"], rows)
    report.csv("entropy_extremal", ["T", "r", "theorem", "measured"], result.extremal)
    report.figure("entropy", entropy_figure(result), _entropy_caption(result))
    lines = [
        [scale, int(keys), float(norm), float(found), float(bound)]
        for scale, rows in result.recorded.items()
        for keys, norm, found, bound in zip(*vars(rows).values(), strict=True)
    ]
    report.csv("entropy_rows", ["scale", "T", "r", "entropy", "bound"], lines)


def _entropy_caption(result: EntropyResult) -> str:
    longest = {scale: float(rows.norm_N.max()) for scale, rows in result.recorded.items()}
    shown = " and ".join(f"{norm:.0f} ({entropy_bound.SHOWN[scale]})" for scale, norm in longest.items())
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
        f"The knee (where the excess is {logit_size.KNEE:g} times that of the smallest kappa) lies at kappa"
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
        logit_size_figure(result),
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
    ratios, p_D = coordinate_check.differences(result)
    rows = [
        [d, *(str(interval(sigma_S)) for sigma_S in (*before_CS, *after_CS)), str(ratio), f"{p:.2g}"]
        for d, before_CS, after_CS, ratio, p in zip(
            result.sizes, result.before_DCS, result.after_DCS, ratios, p_D, strict=True
        )
    ]
    report.table(["d", *columns, "1/sqrt(d) over 1/d", "p"], rows)
    if result.diverged:
        report.text(f"{result.diverged} runs diverged; each counts with what it was before that update.")
    report.figure(
        "mup", mup_figure(result), "Sigma of the scores against the size of a head. At the start and after training."
    )
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
