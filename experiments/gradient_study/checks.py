"""From what was measured to the verdicts: the exact law, then the predictions P1 to P10.

The two tables of the law, `QUERY_TABLE` and `JACOBIAN_TABLE`, check each other: at a large d the unscaled gradient is
sigma times as large as the Jacobian, so its RMS at d = 1024, 3.62 by 2,000,000 draws of the law (see `theory`), is
close to 32 * 0.1135 = 3.63.
"""

import numpy as np

from experiments.gradient_study.config import CONTROL_STEPS
from experiments.gradient_study.norm_statistics import (
    INVERSE,
    NAMES,
    SCALES,
    UNSCALED,
    Floats,
    bootstrap,
    escape_rise,
    mean_estimate,
    median_crossing,
    peak_sigma,
    ratio_at,
    ratio_estimate,
    ratio_slope,
)
from experiments.gradient_study.results import Study
from experiments.gradient_study.theory import JACOBIAN_TABLE, PEAKS, QUERY_KEYS, QUERY_TABLE, VALUE_SIZE, carrying_share
from experiments.statistics.claims import Claim, above, below, between, near
from experiments.statistics.intervals import Interval, mean, power_law

_TOLERANCES = {"rms": 0.03, "mean": 0.03, "median": 0.1}
"""By statistic, in the order of the law's tables."""
_SMALLEST_MEDIAN = 0.1
"""Smaller medians fall so steeply with sigma that a share of them says nothing."""
_SHOWN = {"rms": "RMS", "mean": "mean", "median": f"median above {_SMALLEST_MEDIAN:g}"}
_RISE = 1.05
"""What counts as a rise in the real layer: more than the heads' and seeds' small differences."""
_VANISHING = 1e-12
_Cell = tuple[str, str, float, Floats]
"""Statistic, place in the table, what the law says, what was measured [R]."""


def all_checks(study: Study) -> list[Claim]:
    """Every claim, the law's first, then P1."""
    parts = (
        law, variance, small_scores, large_scores_simulated, large_scores_layer, carrying, values, peaks, control,
        inverse, escape, kurtosis,
    )  # fmt: skip
    return [claim for part in parts for claim in part(study)]


def law(study: Study) -> list[Claim]:
    """One claim for each table and statistic: the value that decides it."""
    claims = []
    for shown, cells in {"simulated |dL/dq|": _query(study), "softmax alone ||J||": _jacobian(study)}.items():
        for name in _TOLERANCES:
            own = [cell for cell in cells if cell[0] == name and (name != "median" or cell[2] > _SMALLEST_MEDIAN)]
            if own:
                claims.append(_furthest(f"{shown}: {_SHOWN[name]} over the law's", own))
    return claims


def _query(study: Study) -> list[_Cell]:
    """|dL/dq| at those d of the table that were measured; none if the number of keys or a value's size is another."""
    own = study.config.simulated
    if (own.keys, own.value_size) != (QUERY_KEYS, VALUE_SIZE):
        return []
    return [
        (name, f"d = {d}, {NAMES[scale]}", own.output_gradient * value, study.simulated.norms.of(name, "query")[i, c])
        for i, d in enumerate(study.simulated.sizes)
        for c, (scale, row) in enumerate(zip(SCALES, QUERY_TABLE.get(d, ()), strict=False))
        for name, value in zip(_TOLERANCES, row, strict=False)  # of 1/d the table has the RMS alone
    ]


def _jacobian(study: Study) -> list[_Cell]:
    """||J|| at the sigmas of the table."""
    cells: list[_Cell] = []
    for (n, sigma), expected in JACOBIAN_TABLE.items():
        one, s, place = study.simulated.softmax[n], study.simulated.place(sigma), f"n = {n}, sigma = {sigma}"
        found = (np.sqrt(one.square_SR[s]), one.mean_SR[s], one.median_SR[s])
        cells += [
            (name, place, value, found_R) for name, value, found_R in zip(_TOLERANCES, expected, found, strict=True)
        ]
    return cells


def _furthest(what: str, cells: list[_Cell]) -> Claim:
    """All cells are to agree, so one that is refuted decides, or else one that is undecided; of equals the furthest."""
    what = f"{what}, {len(cells)} values, here"
    claims = [
        near("law", f"{what} {place}", mean_estimate(found_R / value), 1.0, _TOLERANCES[name])
        for name, place, value, found_R in cells
    ]

    def weight(claim: Claim) -> tuple[int, float]:
        reach = max(abs(claim.found.low - 1), abs(claim.found.high - 1))
        return ("confirmed", "undecided", "refuted").index(claim.verdict), reach

    return max(claims, key=weight)


def variance(study: Study) -> list[Claim]:
    """P1."""
    simulated, layer = study.simulated, study.layer.by_norm["layer"]
    relative_R = (simulated.dot_variance_NR / np.asarray(simulated.sizes)[:, None]).mean(axis=0)
    share = bootstrap(
        lambda square, expected: (mean(square) / mean(expected)).mean(axis=0), layer.dot_square_NR, layer.expected_NR
    )
    return [
        near("P1", "simulated: Var(q.k) / d, mean over d", mean_estimate(relative_R), 1.0, 0.02),
        near("P1", "real layer with norm: mean square of q.k / (d c_q^2 c_k^2), mean over d", share, 1.0, 0.15),
    ]


def small_scores(study: Study) -> list[Claim]:
    """P2."""
    bare, here = study.layer.by_norm["none"].norms, "real layer without norm"
    d, e = study.layer.sizes[-1], study.simulated.sizes[-1]
    simulated = ratio_at(study.simulated.small, "rms", "query").times(e**-0.5)
    kernels = [
        near("P2", f"{here}: {shown} ratio of dL/d{stage} / sqrt(d), d = {d}", ratio.times(d**-0.5), 1.0, 0.02)
        for stage in ("W_Q", "W_K")
        for shown, ratio in (("RMS", ratio_at(bare, "rms", stage)), ("median", ratio_at(bare, "median", stage)))
    ]
    return [
        near("P2", f"simulated, small components: RMS ratio of dL/dq / sqrt(d), d = {e}", simulated, 1.0, 0.03),
        *kernels,
        near("P2", f"{here}: RMS ratio of dL/dW_V, d = {d}", ratio_at(bare, "rms", "W_V"), 1.0, 0.02),
    ]


def large_scores_simulated(study: Study) -> list[Claim]:
    """P3 where the formulas are exact."""
    norms, sizes, d = study.simulated.norms, study.simulated.sizes, study.simulated.sizes[-1]
    slope, crossed = ratio_slope(norms, sizes, "query", 16), median_crossing(norms, sizes, "query")
    what = f"simulated: d* of the median of dL/dq, n = {study.config.simulated.keys}"
    return [
        above("P3", f"simulated: RMS ratio of dL/dq, d = {d}", ratio_at(norms, "rms", "query"), 1.0),
        near("P3", "simulated: exponent of that ratio in d, d >= 16 (1/4 in the limit)", slope, 0.25, 0.05, False),
        below("P3", f"simulated: median ratio of dL/dq, d = {d}", ratio_at(norms, "median", "query"), 1.0),
        near("P3", what, crossed, study.law.crossing, 0.1),
    ]


def large_scores_layer(study: Study) -> list[Claim]:
    """P3 in the real layer; keys depend on each other there, and d* has a range."""
    norms, sizes, heads = study.layer.by_norm["layer"].norms, study.layer.sizes, study.config.layer.heads
    here, (one, all_heads), d = "real layer with norm", study.law.layer_crossings, sizes[-1]
    what = f"{here}: d* of the median of dL/dW_Q, n = {round(study.layer.keys)}, {heads} heads"
    predicted = f"{one:.0f} (one head) to {all_heads:.0f} ({heads} independent heads)"
    return [
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {sizes[0]}", ratio_at(norms, "rms", "W_Q", 0), 1.0),
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {d}", ratio_at(norms, "rms", "W_Q"), 1.0),
        above("P3", f"{here}: exponent of that ratio in d", ratio_slope(norms, sizes, "W_Q", 1), 0.0),
        below("P3", f"{here}: median ratio of dL/dW_Q, d = {d}", ratio_at(norms, "median", "W_Q"), 1.0),
        between("P3", what, median_crossing(norms, sizes, "W_Q"), one, all_heads, predicted),
    ]


def carrying(study: Study) -> list[Claim]:
    """P4."""
    sigma, found = float(study.simulated.sigma_S[-1]), []
    for n in (6, 16):
        one = study.simulated.softmax[n]
        share = bootstrap(lambda square, fourth: mean(square) ** 2 / mean(fourth), one.square_SR[-1], one.fourth_SR[-1])
        what = f"softmax alone, n = {n}, sigma = {sigma:g}: carrying share of the Jacobian's norm"
        found.append(near("P4", what, share, carrying_share(n, sigma), 0.1))
    return found


def values(study: Study) -> list[Claim]:
    """P5."""
    simulated, normed, d = study.simulated, study.layer.by_norm["layer"].norms, study.layer.sizes[-1]
    n, e = study.config.simulated.keys, simulated.sizes[-1]
    flat_R = simulated.small.of("rms", "value")[-1, INVERSE]
    rise = ratio_estimate(simulated.norms.of("rms", "value")[-1, UNSCALED], flat_R)
    what = f"simulated: RMS of dL/dv, most saturated over uniform weights, n = {n}"
    most = f"more than 1, at most sqrt(n) = {n**0.5:.2f}"
    return [
        above("P5", f"simulated: RMS ratio of dL/dv, d = {e}", ratio_at(simulated.norms, "rms", "value"), 1.0),
        between("P5", what, rise, 1.0, n**0.5, most),
        above("P5", f"real layer with norm: RMS ratio of dL/dv, d = {d}", ratio_at(normed, "rms", "value"), _RISE),
        above("P5", f"real layer with norm: RMS ratio of dL/dW_V, d = {d}", ratio_at(normed, "rms", "W_V"), _RISE),
    ]


def peaks(study: Study) -> list[Claim]:
    """P6."""
    simulated, sigma_S = study.simulated, study.simulated.sigma_S
    square_SR = {n: one.square_SR for n, one in simulated.softmax.items()}
    tops = {n: peak_sigma(sigma_S, square_SR[n]) for n in PEAKS}
    falls = {
        n: bootstrap(lambda at, first: np.sqrt(mean(at) / mean(first)), *square_SR[n][[simulated.place(1), 0]])
        for n in (2, 4)
    }
    what = f"RMS at sigma 1 over that at {sigma_S[0]:g}"
    return [
        *(near("P6", f"softmax alone, n = {n}: sigma of the largest RMS", tops[n], PEAKS[n], 0.1) for n in PEAKS),
        *(below("P6", f"softmax alone, n = {n}: {what}", fall, 1.0) for n, fall in falls.items()),
    ]


def control(study: Study) -> list[Claim]:
    """P7. An identity holds in every seed or not at all, so the worst seed decides, and there is no interval."""
    sgd, adam = (Interval.exact(float(study.control[name].max())) for name in ("sgd", "adam"))
    unadapted = Interval.exact(float(study.control["unadapted"].min()))
    what = f"largest relative difference after {CONTROL_STEPS} updates, gradient descent, worst seed"
    return [
        below("P7", what, sgd, _VANISHING),
        below("P7", "the same under Adam (rate times sqrt(s), epsilon / sqrt(s))", adam, _VANISHING),
        above("P7", "gradient descent with the learning rate not adapted, least of the seeds", unadapted, 1e-3),
    ]


def inverse(study: Study) -> list[Claim]:
    """P8."""
    sizes, what = [one.d for one in study.trained], "under 1/d: exponent of the scores' std in d"
    start, end = (
        bootstrap(power_law(sizes), *(one.sigma_PAR[record, INVERSE] for one in study.trained)) for record in (0, -1)
    )
    return [
        near("P8", f"{what}, at the start", start, -0.5, 0.2, relative=False),
        near("P8", f"{what}, after training", end, 0.0, 0.2, relative=False),
    ]


def escape(study: Study) -> list[Claim]:
    """P9."""
    sgd, adam = (
        bootstrap(lambda t: (mean(t[1:]) / mean(t[:-1])).min(axis=0), study.escape[name]) for name in ("sgd", "adam")
    )
    rise = escape_rise(study.config.escape.margins, study.escape["sgd"])
    what = "smallest growth of the time from one margin to the next"
    return [
        above("P9", f"gradient descent: {what}", sgd, 1.0),
        above("P9", f"Adam: {what}", adam, 1.0),
        near("P9", "gradient descent: rise of log(time) for each unit of M, last margins (exp(M): 1)", rise, 1.0, 0.1),
    ]


def kurtosis(study: Study) -> list[Claim]:
    """P10."""
    simulated, layer = study.simulated, study.layer
    parts = (
        ("simulated, unscaled: kurtosis of dL/dq", simulated.norms, "query", simulated.sizes),
        ("real layer with norm, unscaled: kurtosis of dL/dW_Q", layer.by_norm["layer"].norms, "W_Q", layer.sizes),
    )
    return [
        above(
            "P10",
            f"{what}, d = {sizes[-1]} over d = {sizes[0]}",
            ratio_estimate(*norms.of("kurtosis", stage)[[-1, 0], UNSCALED]),
            1.0,
        )
        for what, norms, stage, sizes in parts
    ]
