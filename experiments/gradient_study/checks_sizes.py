"""Verdicts on how large gradients are before the first update: P1, P2, P3 and P5."""

import numpy as np

from experiments.gradient_study.comparisons import median_crossing, ratio_at, ratio_slope
from experiments.gradient_study.norm_statistics import INVERSE, UNSCALED, bootstrap, mean_estimate, ratio_estimate
from experiments.gradient_study.results import Study
from experiments.statistics.claims import Claim, above, below, between, near
from experiments.statistics.intervals import mean

_RISE = 1.05
"""What counts as a rise in the real layer: more than the heads' and seeds' small differences."""


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
    simulated, layer, bare = study.simulated, study.layer, study.layer.by_norm["none"].norms
    here, d, e = "real layer without norm", layer.sizes[-1], simulated.sizes[-1]
    ratio = ratio_at(simulated.small, "rms", "query").times(e**-0.5)
    found = [near("P2", f"simulated, small components: RMS ratio of dL/dq / sqrt(d), d = {e}", ratio, 1.0, 0.03)]
    for stage in ("W_Q", "W_K"):
        for statistic, shown in (("rms", "RMS"), ("median", "median")):
            ratio = ratio_at(bare, statistic, stage).times(d**-0.5)
            found.append(near("P2", f"{here}: {shown} ratio of dL/d{stage} / sqrt(d), d = {d}", ratio, 1.0, 0.02))
    return [*found, near("P2", f"{here}: RMS ratio of dL/dW_V, d = {d}", ratio_at(bare, "rms", "W_V"), 1.0, 0.02)]


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
    crossed, predicted = (
        median_crossing(norms, sizes, "W_Q"),
        f"{one:.0f} (one head) to {all_heads:.0f} ({heads} independent heads)",
    )
    return [
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {sizes[0]}", ratio_at(norms, "rms", "W_Q", 0), 1.0),
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {d}", ratio_at(norms, "rms", "W_Q"), 1.0),
        above("P3", f"{here}: exponent of that ratio in d", ratio_slope(norms, sizes, "W_Q", 1), 0.0),
        below("P3", f"{here}: median ratio of dL/dW_Q, d = {d}", ratio_at(norms, "median", "W_Q"), 1.0),
        between("P3", what, crossed, one, all_heads, predicted),
    ]


def values(study: Study) -> list[Claim]:
    """P5."""
    simulated, normed, d = study.simulated, study.layer.by_norm["layer"].norms, study.layer.sizes[-1]
    flat_R = simulated.small.of("rms", "value")[-1, INVERSE]
    sharp_R = simulated.norms.of("rms", "value")[-1, UNSCALED]
    ratio, n, e = ratio_at(simulated.norms, "rms", "value"), study.config.simulated.keys, simulated.sizes[-1]
    what = f"simulated: RMS of dL/dv, most saturated over uniform weights, n = {n}"
    most = f"more than 1, at most sqrt(n) = {n**0.5:.2f}"
    return [
        above("P5", f"simulated: RMS ratio of dL/dv, d = {e}", ratio, 1.0),
        between("P5", what, ratio_estimate(sharp_R, flat_R), 1.0, n**0.5, most),
        above("P5", f"real layer with norm: RMS ratio of dL/dv, d = {d}", ratio_at(normed, "rms", "value"), _RISE),
        above("P5", f"real layer with norm: RMS ratio of dL/dW_V, d = {d}", ratio_at(normed, "rms", "W_V"), _RISE),
    ]
