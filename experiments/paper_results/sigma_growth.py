"""What Yang et al. 2022 say of the growth of the scores with d, and the verdicts: see `coordinate_check`.

Imports no jax. Letters: D sizes, C scales, S seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.statistics.claims import Claim, above, near
from experiments.statistics.intervals import Interval, bootstrap_interval, interquartile_mean, paired_ratio, power_law
from experiments.statistics.significance import holm, sign_flip_p

Floats = NDArray[np.float64]
NAME = "Yang 2022 (muP)"
SCALES = ("inverse", "inverse_sqrt")
SHOWN = {"inverse": "1/d", "inverse_sqrt": "1/sqrt(d)"}
MARGIN = 0.1
"""An exponent that differs by less from the predicted one agrees with it: a factor 1.5 from d = 4 to 256."""


@dataclass(frozen=True)
class MupResult:
    """Sigma of the scores by size, scale and seed."""

    sizes: tuple[int, ...]
    before_DCS: Floats
    after_DCS: Floats
    diverged: int

    def exponent(self, sigma_DCS: Floats, scale: str) -> Interval:
        """The exponent of sigma's growth with d."""
        arms_DS = sigma_DCS[:, SCALES.index(scale)]
        return bootstrap_interval(power_law(self.sizes, interquartile_mean), *arms_DS)


def differences(result: MupResult) -> tuple[list[Interval], Floats]:
    """After training, sigma under 1/sqrt(d) over that under 1/d, for each size, and Holm-corrected p-values."""
    pairs = [(sigma_CS[1], sigma_CS[0]) for sigma_CS in result.after_DCS]
    return [paired_ratio(*pair) for pair in pairs], holm([sign_flip_p(*np.log(pair)) for pair in pairs])


def claims(result: MupResult) -> list[Claim]:
    """The four exponents that theory gives, beside those measured."""
    start, end = (f"exponent of sigma in d {when}, under " for when in ("at the start", "after training"))
    found = [
        near(NAME, what + SHOWN[scale], result.exponent(sigma_DCS, scale), exponent, MARGIN, relative=False)
        for what, sigma_DCS, scale, exponent in (
            (start, result.before_DCS, "inverse", -0.5),
            (start, result.before_DCS, "inverse_sqrt", 0.0),
            (end, result.after_DCS, "inverse", 0.0),
        )
    ]
    grown = result.exponent(result.after_DCS, "inverse_sqrt")
    return [*found, above(NAME, f"{end}1/sqrt(d)", grown, 0.0, "more than 0 (at most 0.5)")]
