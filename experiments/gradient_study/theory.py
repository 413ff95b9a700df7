"""What theory says of the gradients of attention, before anything is measured. Arrays alone; no model is run here.

One query q, n keys k_j, values v_j; g the gradient of the loss with respect to the context. With

    z_j = s q.k_j     p = softmax(z)     a_j = g.v_j     abar = sum p_j a_j     J = diag(p) - p p^T

the chain rule gives

    (1) dL/dz = J a, that is p_j (a_j - abar), which sums to 0
    (3) dL/dq = s sum_j dL/dz_j k_j      dL/dk_j = s dL/dz_j q      dL/dv_j = p_j g
    (4) ||J||_F^2 = S2 - 2 S3 + S2^2     S_k = sum_j p_j^k
    (5) sigma = s sqrt(d) c_q c_k        standard deviation of the scores, components of q and k of std c_q and c_k

For scores that are independent normals of std sigma, with mu_n the mean of the largest of n standard normals:

    sigma -> 0        ||J||_F -> sqrt(n - 1) / n
    sigma -> infinity E||J||_F^2 ~ mu_n / (3 sigma)    E||J||_F ~ mu_n / sigma    E S2 ~ 1 - mu_n / sigma
                      (E J^2)^2 / E J^4 ~ (35/18) mu_n / sigma, the share of tokens that carry the gradient
                      the median of ||J||_F falls exponentially

Of ||J||_F there are 400,000 draws behind the table below, of |dL/dq| 2,000,000 by `query_norms`; NumPy, no model.
Letters: n keys, d components; a trailing axis is that of the keys.
"""

import functools
import math

import numpy as np

from experiments.statistics.crossings import crossing
from experiments.statistics.intervals import Floats

JACOBIAN_TABLE: dict[tuple[int, int], tuple[float, float, float]] = {
    (6, 1): (0.3875, 0.3859, 0.393),
    (6, 4): (0.2890, 0.2345, 0.236),
    (6, 8): (0.2177, 0.1376, 0.041),
    (6, 16): (0.1583, 0.0741, 8.3e-4),
    (6, 32): (0.1135, 0.0384, 3.2e-7),
    (16, 1): (0.3058, 0.3052, 0.304),
    (16, 8): (0.2468, 0.1754, 0.109),
    (16, 32): (0.1332, 0.0525, 1.7e-5),
}
"""(n, sigma) -> RMS, mean and median of ||J||_F."""

QUERY_TABLE: dict[int, tuple[tuple[float, ...], tuple[float, ...], tuple[float]]] = {
    4: ((0.6588, 0.5102, 0.4066), (0.3692, 0.3097, 0.2642), (0.1893,)),
    16: ((1.138, 0.7569, 0.4727), (0.3829, 0.3345, 0.2982), (0.09404,)),
    64: ((1.735, 0.8827, 0.1685), (0.3864, 0.341, 0.3077), (0.0467,)),
    256: ((2.531, 0.9397, 0.006882), (0.3873, 0.3427, 0.3102), (0.02331,)),
    1024: ((3.62, 0.9647, 5.234e-06), (0.3873, 0.343, 0.3108), (0.01165,)),
}
"""d -> |dL/dq| for unit variances: (RMS, mean, median) at s = 1, the same at 1/sqrt(d), RMS at 1/d."""
QUERY_KEYS = 6
"""The number of keys of QUERY_TABLE."""
VALUE_SIZE = 16
"""The components of a value in QUERY_TABLE."""

PEAKS = {6: 0.85, 8: 1.22, 12: 1.74, 16: 2.03, 32: 2.77}
"""n -> the sigma at which the RMS of ||J||_F is largest."""


def mean_of_largest(n: int) -> float:
    """mu_n: the mean of the largest of n independent standard normals, by numerical integration."""
    from scipy import special  # imported late: 0.2 s

    x = np.linspace(-12.0, 12.0, 48_001)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return float(np.trapezoid(x * n * density * special.ndtr(x) ** (n - 1), x))


def power_sum(weights: Floats, power: int) -> Floats:
    """S_k = sum of p_j^k over the keys."""
    return np.sum(weights**power, axis=-1)


def jacobian_norm(weights: Floats) -> Floats:
    """||J||_F of each row of weights, by formula (4)."""
    s2 = power_sum(weights, 2)
    return np.sqrt(np.maximum(s2 - 2 * power_sum(weights, 3) + s2**2, 0.0))


def score_gradient(weights: Floats, gains: Floats) -> Floats:
    """dL/dz by formula (1), for a_j = g.v_j, the gain of each key."""
    mean = np.sum(weights * gains, axis=-1, keepdims=True)
    return weights * (gains - mean)


def carrying_share(n: int, sigma: float) -> float:
    """(E J^2)^2 / E J^4 at large sigma: the share of tokens that carry the gradient (P4)."""
    return 35 / 18 * mean_of_largest(n) / sigma


def query_norms(n: int, d: int, scale: float, draws: int, seed: int = 1, value_size: int = VALUE_SIZE) -> Floats:
    """Draws of |dL/dq| for unit normal queries and keys, from formula (3), in time that does not grow with d.

    Seen along q, a key is a standard normal x_j, so z_j = s |q| x_j with |q|^2 chi-squared of d degrees. Across q the
    keys are n normal vectors of d - 1 components, of which only the products matter: these are L L^T with L lower
    triangular, normals below the diagonal and chi of d - 1, d - 2, ... degrees on it (Bartlett 1933). Hence
    |dL/dq|^2 = s^2 ((z'.x)^2 + |L^T z'|^2) with z' = dL/dz.

    Args:
      n: keys.
      d: components of query and key.
      scale: s.
      draws: how many.
      seed: of the draws.
      value_size: components of value and context; those of dL/dcontext are normal with an RMS length of 1.
    """
    rng = np.random.default_rng(seed)
    length = np.sqrt(rng.chisquare(d, (draws, 1)))
    x = rng.standard_normal((draws, n))
    z = scale * length * x
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    g_length = np.sqrt(rng.chisquare(value_size, (draws, 1)) / value_size)
    dz = score_gradient(p, g_length * rng.standard_normal((draws, n)))
    across = np.zeros((draws, n))
    for j in range(n):  # row j of L: normals, then the chi; there are d - 1 columns at most
        normals = min(j, d - 1)
        across[:, :normals] += dz[:, j : j + 1] * rng.standard_normal((draws, normals))
        if d - 1 - j > 0:
            across[:, j] += dz[:, j] * np.sqrt(rng.chisquare(d - 1 - j, draws))
    return scale * np.sqrt(np.sum(dz * x, axis=1) ** 2 + np.sum(across**2, axis=1))


@functools.lru_cache(maxsize=16)
def query_crossing(n: int, heads: int = 1, draws: int = 30_000, value_size: int = VALUE_SIZE) -> float:
    """The d beyond which the median of |dL/dq| is smaller unscaled than scaled, for n independent unit normal keys.

    With several heads a row's norm is that of all of them, and small only if all are saturated: d* is larger.
    """
    sizes = np.unique(np.round(np.geomspace(8, 1024, 12)))

    def median(d: float, scale: float) -> float:
        seeds = range(heads * int(d), heads * int(d) + heads)
        squares = [query_norms(n, int(d), scale, draws, seed, value_size) ** 2 for seed in seeds]
        return float(np.median(np.sqrt(sum(squares, np.zeros(draws)))))

    return float(crossing(sizes, np.asarray([math.log(median(d, 1.0) / median(d, d**-0.5)) for d in sizes])))
