"""Verdicts on the exact law: what was simulated beside the tables that theory gives, `QUERY_TABLE`, `JACOBIAN_TABLE`.

The two tables check each other: at a large d the unscaled gradient is sigma times as large as the Jacobian, so its RMS
at d = 1024, 3.62 by 2,000,000 draws of the law (see `theory`), is close to 32 * 0.1135 = 3.63.
"""

import numpy as np

from experiments.gradient_study.norm_statistics import NAMES, SCALES, Floats, mean_estimate
from experiments.gradient_study.results import Study
from experiments.gradient_study.theory import JACOBIAN_TABLE, QUERY_KEYS, QUERY_TABLE
from experiments.statistics.claims import Claim, near

_TOLERANCES = {"rms": 0.03, "mean": 0.03, "median": 0.1}
"""By statistic, in the order of the tables."""
_SMALLEST_MEDIAN = 0.1
"""Smaller medians fall so steeply with sigma that a share of them says nothing."""
_SHOWN = {"rms": "RMS", "mean": "mean", "median": f"median above {_SMALLEST_MEDIAN:g}"}
Cell = tuple[str, str, float, Floats]
"""Statistic, place in the table, what the law says, what was measured [R]."""


def law(study: Study) -> list[Claim]:
    """One claim for each table and statistic: the value that decides it."""
    found = []
    for shown, cells in (("simulated |dL/dq|", _query(study)), ("softmax alone ||J||", _jacobian(study))):
        for name in _TOLERANCES:
            own = [cell for cell in cells if cell[0] == name and (name != "median" or cell[2] > _SMALLEST_MEDIAN)]
            if own:
                found.append(_furthest(f"{shown}: {_SHOWN[name]} over the law's", own))
    return found


def _query(study: Study) -> list[Cell]:
    """|dL/dq| at those d of the table that were measured; none if the number of keys is another."""
    if study.config.simulated.keys != QUERY_KEYS:
        return []
    return [
        (name, f"d = {d}, {NAMES[scale]}", value, study.simulated.norms.of(name, "query")[i, c])
        for i, d in enumerate(study.simulated.sizes)
        for c, (scale, row) in enumerate(zip(SCALES, QUERY_TABLE.get(d, ()), strict=False))
        for name, value in zip(_TOLERANCES, row, strict=False)  # of 1/d the table has the RMS alone
    ]


def _jacobian(study: Study) -> list[Cell]:
    """||J|| at the sigmas of the table."""
    cells = []
    for (n, sigma), expected in JACOBIAN_TABLE.items():
        one, s = study.simulated.softmax[n], study.simulated.place(sigma)
        found = (np.sqrt(one.square_SR[s]), one.mean_SR[s], one.median_SR[s])
        for name, value, found_R in zip(_TOLERANCES, expected, found, strict=True):
            cells.append((name, f"n = {n}, sigma = {sigma}", value, found_R))
    return cells


def _furthest(what: str, cells: list[Cell]) -> Claim:
    """All cells are to agree, so one that is refuted decides, or else one that is undecided; of equals the furthest."""
    claims = [
        near(
            "law", f"{what}, {len(cells)} values, here {place}", mean_estimate(found_R / value), 1.0, _TOLERANCES[name]
        )
        for name, place, value, found_R in cells
    ]

    def weight(claim: Claim) -> tuple[int, float]:
        reach = max(abs(claim.found.low - 1), abs(claim.found.high - 1))
        return ("confirmed", "undecided", "refuted").index(claim.verdict), reach

    return max(claims, key=weight)
