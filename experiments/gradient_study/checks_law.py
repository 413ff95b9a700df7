"""Verdicts on the exact law: what was simulated beside the tables that theory gives, `QUERY_TABLE`, `JACOBIAN_TABLE`.

The two tables check each other: at a large d the unscaled gradient is sigma times as large as the Jacobian, so its RMS
at d = 1024, 3.62 by 2,000,000 draws of the law (see `gradient_theory`), is close to 32 * 0.1135 = 3.63.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from experiments.gradient_study.comparisons import Floats, table_of
from experiments.gradient_study.measurements import Study
from experiments.gradient_study.norm_statistics import NAMES, SCALES, Estimate, mean_estimate
from experiments.gradient_study.predictions import Check, near
from experiments.gradient_study.theory import JACOBIAN_TABLE, QUERY_KEYS, QUERY_TABLE

_TOLERANCES = {"rms": 0.03, "mean": 0.03, "median": 0.1}
"""By statistic, in the order of the tables."""
_SMALLEST_MEDIAN = 0.1
"""Smaller medians fall so steeply with sigma that a share of them says nothing."""
_SHOWN = {"rms": "RMS", "mean": "mean", "median": f"median above {_SMALLEST_MEDIAN:g}"}
Cell = tuple[str, str, float, Floats]
"""Statistic, place in the table, what the law says, what was measured [R]."""


def law(study: Study) -> list[Check]:
    """One check for each table and statistic: the value that decides it."""
    found = []
    for shown, cells in (("simulated |dL/dq|", [*_query(study)]), ("softmax alone ||J||", [*_jacobian(study)])):
        for name in _TOLERANCES:
            of_one = [cell for cell in cells if cell[0] == name and (name != "median" or cell[2] > _SMALLEST_MEDIAN)]
            if of_one:
                found.append(_furthest(f"{shown}: {_SHOWN[name]} over the law's", of_one))
    return found


def _query(study: Study) -> Iterator[Cell]:
    """|dL/dq| at those d of the table that were measured; none if the number of keys is another."""
    simulated = study.simulated
    if study.config.simulated.keys != QUERY_KEYS:
        return
    for i, d in enumerate(simulated.sizes):
        for k, name in enumerate(_TOLERANCES if d in QUERY_TABLE else ()):
            unscaled, scaled, inverse = QUERY_TABLE[d]
            table_CR = table_of([simulated.norms_NCSRT[i]], name, "query")[0]
            expected = (unscaled[k], scaled[k], *([inverse] if name == "rms" else []))
            for scale, value, found_R in zip(SCALES, expected, table_CR, strict=False):
                yield name, f"d = {d}, {NAMES[scale]}", value, found_R


def _jacobian(study: Study) -> Iterator[Cell]:
    """||J|| at the sigmas of the table."""
    for (n, sigma), expected in JACOBIAN_TABLE.items():
        norm_RT = study.simulated.jacobian[n][int(np.argmin(np.abs(study.simulated.sigmas - sigma)))]
        found: list[Any] = [
            np.sqrt(np.mean(norm_RT**2, axis=-1)), norm_RT.mean(axis=-1), np.median(norm_RT, axis=-1)
        ]  # fmt: skip
        for name, value, found_R in zip(_TOLERANCES, expected, found, strict=True):
            yield name, f"n = {n}, sigma = {sigma}", value, found_R


def _furthest(what: str, cells: list[Cell]) -> Check:
    """All cells are to agree, so one that is refuted decides, or else one that is undecided; of equals the furthest."""
    checks = [
        near("law", f"{what}, {len(cells)} values, here {place}", 1.0, mean_estimate(found_R / value),
             _TOLERANCES[name])
        for name, place, value, found_R in cells
    ]  # fmt: skip

    def weight(check: Check) -> tuple[int, float]:
        return ("confirmed", "undecided", "refuted").index(check.verdict), _reach(check.estimate)

    return max(checks, key=weight)


def _reach(estimate: Estimate) -> float:
    return max(abs(estimate.low - 1), abs(estimate.high - 1))
