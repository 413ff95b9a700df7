"""Verdicts on how large gradients are before the first update: P1, P2, P3 and P5."""

import numpy as np

from experiments.gradient_study.comparisons import INVERSE, UNSCALED, median_crossing, ratio_at, ratio_slope, table_of
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import Estimate, bootstrap, mean_estimate, ratio_estimate
from experiments.gradient_study.predictions import Check, above, below, between, near
from experiments.gradient_study.theory import query_crossing

_RISE = 1.05
"""What counts as a rise in the real layer: more than the heads' and seeds' small differences."""


def variance(study: Study) -> list[Check]:
    """P1."""
    simulated, layer = study.simulated, study.layer.by_norm["layer"]
    relative_R = (simulated.dot_variance_NR / np.asarray(simulated.sizes)[:, None]).mean(axis=0)
    return [
        near("P1", "simulated: Var(q.k) / d, mean over d", 1.0, mean_estimate(relative_R), 0.02),
        near(
            "P1",
            "real layer with norm: mean square of q.k / (d c_q^2 c_k^2), mean over d",
            1.0,
            bootstrap(
                lambda square, expected: (square.mean(axis=-1) / expected.mean(axis=-1)).mean(axis=0),
                layer.dot_square_NR,
                layer.expected_NR,
            ),
            0.15,
        ),
    ]


def small_scores(study: Study) -> list[Check]:
    """P2."""
    bare, d = study.layer.by_norm["none"].norms_NCSRT, study.layer.sizes[-1]
    small, e = study.simulated.small_NCSRT, study.simulated.sizes[-1]
    root = f"/ sqrt(d), d = {d}"
    found = [near("P2", f"simulated, small components: RMS ratio of dL/dq / sqrt(d), d = {e}", 1.0,
                  _times(ratio_at(small, "rms", "query"), e**-0.5), 0.03)]  # fmt: skip
    for stage in ("W_Q", "W_K"):
        for statistic, shown in (("rms", "RMS"), ("median", "median")):
            ratio = _times(ratio_at(bare, statistic, stage), d**-0.5)
            found.append(near("P2", f"real layer without norm: {shown} ratio of dL/d{stage} {root}", 1.0, ratio, 0.02))
    ratio = ratio_at(bare, "rms", "W_V")
    return [*found, near("P2", f"real layer without norm: RMS ratio of dL/dW_V, d = {d}", 1.0, ratio, 0.02)]


def large_scores_simulated(study: Study) -> list[Check]:
    """P3 where the formulas are exact."""
    norms, sizes, n = study.simulated.norms_NCSRT, study.simulated.sizes, study.config.simulated.keys
    return [
        above("P3", f"simulated: RMS ratio of dL/dq, d = {sizes[-1]}", 1.0, ratio_at(norms, "rms", "query")),
        near(
            "P3",
            "simulated: exponent of that ratio in d, d >= 16 (1/4 in the limit)",
            0.25,
            ratio_slope(norms, sizes, "query", 16),
            0.05,
            relative=False,
        ),
        below("P3", f"simulated: median ratio of dL/dq, d = {sizes[-1]}", 1.0, ratio_at(norms, "median", "query")),
        near(
            "P3",
            f"simulated: d* of the median of dL/dq, n = {n}",
            query_crossing(n),
            median_crossing(norms, sizes, "query"),
            0.1,
        ),
    ]


def large_scores_layer(study: Study) -> list[Check]:
    """P3 in the real layer; keys depend on each other there, and d* has a range."""
    layer, config = study.layer, study.config.layer
    norms, sizes, n = layer.by_norm["layer"].norms_NCSRT, layer.sizes, round(layer.keys)
    one, all_heads = query_crossing(n), query_crossing(n, config.heads)
    here = "real layer with norm"
    crossed = between(
        "P3",
        f"{here}: d* of the median of dL/dW_Q, n = {n}, {config.heads} heads",
        one,
        all_heads,
        median_crossing(norms, sizes, "W_Q"),
        f"{one:.0f} (one head) to {all_heads:.0f} ({config.heads} independent heads)",
    )
    largest = sizes[-1]
    return [
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {sizes[0]}", 1.0, ratio_at(norms, "rms", "W_Q", 0)),
        above("P3", f"{here}: RMS ratio of dL/dW_Q, d = {largest}", 1.0, ratio_at(norms, "rms", "W_Q")),
        above("P3", f"{here}: exponent of that ratio in d", 0.0, ratio_slope(norms, sizes, "W_Q", 1)),
        below("P3", f"{here}: median ratio of dL/dW_Q, d = {largest}", 1.0, ratio_at(norms, "median", "W_Q")),
        crossed,
    ]


def values(study: Study) -> list[Check]:
    """P5."""
    simulated, layer = study.simulated, study.layer
    n, d = study.config.simulated.keys, layer.sizes[-1]
    flat = table_of(simulated.small_NCSRT, "rms", "value")[-1, INVERSE]
    sharp = table_of(simulated.norms_NCSRT, "rms", "value")[-1, UNSCALED]
    normed = layer.by_norm["layer"].norms_NCSRT
    return [
        above("P5", f"simulated: RMS ratio of dL/dv, d = {simulated.sizes[-1]}", 1.0,
              ratio_at(simulated.norms_NCSRT, "rms", "value")),
        between("P5", f"simulated: RMS of dL/dv, most saturated over uniform weights, n = {n}", 1.0, n**0.5,
                ratio_estimate(sharp, flat), f"more than 1, at most sqrt(n) = {n**0.5:.2f}"),
        above("P5", f"real layer with norm: RMS ratio of dL/dv, d = {d}", _RISE, ratio_at(normed, "rms", "value")),
        above("P5", f"real layer with norm: RMS ratio of dL/dW_V, d = {d}", _RISE, ratio_at(normed, "rms", "W_V")),
    ]  # fmt: skip


def _times(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)
