"""Queries and keys of a sentence as points in one plane, the same at all steps: points move, axes do not.

The plane is spanned by the two leading right singular vectors of the queries and keys of the last recorded step, taken
through the origin (a dot product is measured from there), each group divided by its root mean square length, so that
neither outweighs the other.

Coordinates are those of the vectors themselves: the dot product of two points is what the plane holds of theirs.

Letters: S recorded steps, R masked words of a sentence, K its words, D components of a head.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def plane(query_RD: Floats, key_KD: Floats) -> NDArray[np.float64]:
    """The two axes [D, 2]; the largest component of each is positive. A vector with nan is left out.

    Where heads have one component, or nothing is there to look at, an axis is 0.
    """
    rows = np.concatenate([_level(query_RD), _level(key_KD)])
    rows = rows[np.isfinite(rows).all(axis=-1)]
    axes_2D = np.zeros((2, rows.shape[1]))
    if len(rows):
        leading = np.linalg.svd(rows, full_matrices=False)[2][:2]
        signs = np.sign(np.take_along_axis(leading, np.abs(leading).argmax(axis=1)[:, None], axis=1))
        axes_2D[: len(leading)] = leading * signs
    return axes_2D.T


def share_held(query_SRD: Floats, key_SKD: Floats, axes_D2: Floats) -> NDArray[np.float64]:
    """The share [S] of the sum of squares that the plane holds, of both groups levelled as for the plane; nan for 0."""
    whole, held = 0.0, 0.0
    for vectors in (query_SRD, key_SKD):
        levelled = _level(vectors)
        whole = whole + np.nansum(levelled**2, axis=(1, 2))
        held = held + np.nansum((levelled @ axes_D2) ** 2, axis=(1, 2))
    return np.divide(held, whole, out=np.full(len(query_SRD), np.nan), where=np.asarray(whole) > 0)


def balance(query_RD: Floats, key_KD: Floats) -> float:
    """A number by which queries are multiplied and keys divided, so that both have one root mean square length.

    Dot products stay as they are. It is 1 where one of the groups has no length.
    """
    lengths = [_mean_square(vectors) for vectors in (query_RD, key_KD)]
    return float((lengths[1] / lengths[0]) ** 0.25) if min(lengths) > 0 else 1.0


def _level(vectors: Floats) -> NDArray[np.float64]:
    """Vectors [..., n, D] divided by their root mean square length; those of length 0 stay."""
    vectors = np.asarray(vectors, np.float64)
    mean = _mean_square(vectors)
    return np.asarray(vectors / np.sqrt(np.where(mean > 0, mean, 1.0))[..., None, None])


def _mean_square(vectors: Floats) -> NDArray[np.float64]:
    """The mean square length of vectors [..., n, D], those with nan left out."""
    squares = np.sum(np.asarray(vectors, np.float64) ** 2, axis=-1)
    known = np.isfinite(squares)
    return np.asarray(np.where(known, squares, 0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1))
