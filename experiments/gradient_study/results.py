"""What the gradient study measured, by the parts that measured it: all that its report is made of. Imports no jax.

Letters: N sizes, C scales, R seeds; S the sigmas of softmax alone; A arms (the scale trained under), P recorded steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.norm_statistics import SCALES, Floats, Norms

NORMS = ("layer", "none")
"""Kinds of norm in front of attention that the real layer is measured with."""


@dataclass(frozen=True)
class Softmax:
    """||J||_F of rows of n normal scores of std sigma, at each sigma."""

    square_SR: Floats
    """Mean square, of each seed."""
    fourth_SR: Floats
    """Mean fourth power."""
    mean_SR: Floats
    median_SR: Floats
    overall_median_S: Floats
    """Median over the rows of all seeds."""
    squared_weights_S: Floats
    """Mean of S2, the sum of a row's squared weights."""

    @property
    def rms_S(self) -> Floats:
        """RMS over the rows of all seeds."""
        return np.asarray(np.sqrt(self.square_SR.mean(axis=-1)))


@dataclass(frozen=True)
class Simulated:
    """What was measured of the simulated layer; N sizes."""

    sizes: tuple[int, ...]
    norms: Norms
    """Of STAGES for each size; unit components."""
    small: Norms
    """The same with small components."""
    spread_NCB: NDArray[np.int64]
    """How many norms of the query lie between SPREAD_EDGES, of all seeds together."""
    dot_variance_NR: Floats
    """Var(q.k) at unit components."""
    sigma_S: Floats
    """The standard deviations of the scores that softmax was measured at, rising."""
    softmax: dict[int, Softmax]
    """By the number of keys n."""

    def place(self, sigma: float) -> int:
        """The place of a sigma in `sigma_S`."""
        return int(np.argmin(np.abs(self.sigma_S - sigma)))


SPREAD_EDGES = np.linspace(-12, 2, 71)
"""Of log10 of a norm."""


@dataclass(frozen=True)
class LayerMeasurement:
    """What was measured of the real layer under one norm; N sizes."""

    norms: Norms
    """Of ALL_STAGES for each size."""
    dot_square_NR: Floats
    """Mean square of q.k."""
    expected_NR: Floats
    """d c_q^2 c_k^2, with the mean squares of the components of queries and keys as c_q^2 and c_k^2."""
    score_std_NCR: Floats
    """Sigma: root of the mean variance of a row's scores."""


@dataclass(frozen=True)
class Layer:
    """What was measured of the real layer."""

    sizes: tuple[int, ...]
    keys: float
    """Mean number of words that a query can look at."""
    by_norm: dict[str, LayerMeasurement]
    """By NORMS."""


@dataclass(frozen=True)
class TrainedSize:
    """What was measured of one d."""

    d: int
    steps: tuple[int, ...]
    norms: Norms
    """Of ALL_STAGES, [P, A] first: of the parameters of arm A under scale C."""
    sigma_PAR: Floats
    """Root of the mean variance of a row's scores, under the arm's own scale."""
    excess_PAR: Floats
    """Mean excess on trained contexts, nats."""

    def own_PAR(self, statistic: str, stage: str) -> Floats:
        """One statistic of one stage, of each arm under its own scale.

        A row is dead beside the same parameters under 1/sqrt(d), not beside the arm that was trained under it.
        """
        arms = range(len(SCALES))
        return self.norms.of(statistic, stage)[:, arms, arms]


@dataclass(frozen=True)
class Law:
    """What theory says of this study's settings, drawn without a model; see `theory`."""

    query_NCM: Floats
    """|dL/dq| of the simulated layer; M: RMS, mean and median, the first of STATISTICS."""
    crossing: float
    """The d* of its median."""
    layer_crossings: tuple[float, float]
    """The range of d* in the real layer: that of one head, and that of all heads if they were independent."""


@dataclass(frozen=True)
class Study:
    """Everything that was measured, and what theory says of it."""

    config: GradientConfig
    law: Law
    simulated: Simulated
    layer: Layer
    control: dict[str, Floats]
    """P7: what `control_differences` gives."""
    escape: dict[str, Floats]
    """P9: updates by optimiser, [margins, R]."""
    trained: tuple[TrainedSize, ...]
