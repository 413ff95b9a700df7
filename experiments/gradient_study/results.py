"""What the gradient study predicts, and what it measured, by the parts that measured it. Imports no jax.

The exact law and ten predictions stand here as they were stated before they were measured; `checks` makes claims of
them. Letters: N sizes, C scales, R seeds; S the sigmas of softmax alone; A arms (the scale trained under), P recorded
steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.gradient_study.config import GradientConfig
from experiments.gradient_study.norm_statistics import SCALES, Floats, Norms

TITLE = "Does dividing by sqrt(d) keep attention's gradients from becoming too large?"
PREDICTIONS: dict[str, str] = {
    "law": "In the simulated layer the gradient of the query, and in softmax alone its Jacobian, have the norms that"
    " the formulas give without a model: RMS and mean to 3 %, medians above 0.1 to 10 %.",
    "P1": "At initialisation Var(q.k) = d c_q^2 c_k^2, with c_q and c_k the size of a component of q and k.",
    "P2": "Where scores are small, the gradients of W_Q and W_K are sqrt(d) times larger unscaled than under 1/sqrt(d),"
    " in every statistic; that of W_V is the same.",
    "P3": "Where scores have a std of sqrt(d) (LayerNorm in front), the RMS of the gradient is larger unscaled, and"
    " ever more so as d grows; its median is smaller unscaled beyond some d*.",
    "P4": "The share of tokens that carry the gradient, (E x^2)^2 / E x^4, is (35/18) mu_n / sigma for large sigma.",
    "P5": "The gradient of the values rises with saturation, by at most sqrt(n); so does that of W_V.",
    "P6": "The RMS of softmax's Jacobian is not monotone in sigma for n >= 5 keys: it peaks at sigma .85 (n = 6), 1.22"
    " (8), 1.74 (12), 2.03 (16), 2.77 (32). For n <= 4 it falls from the start.",
    "P7": "A scale s is the same as scale 1 with W_Q and W_K times sqrt(s), all along training, if the learning rate of"
    " W_Q and W_K is multiplied by s (gradient descent): equal to 1e-12 after 200 updates in float64.",
    "P8": "Under 1/d the std of the scores is proportional to d^(-1/2) at the start, and independent of d after"
    " training.",
    "P9": "A query that starts saturated on a wrong key, with margin M, escapes ever more slowly as M grows.",
    "P10": "The kurtosis of the tokens' gradient norms rises with sigma.",
}

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
    """How many norms of the query, over the RMS of the output's gradient, lie between SPREAD_EDGES, of all seeds."""
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
