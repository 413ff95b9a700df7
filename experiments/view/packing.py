"""Arrays in JSON, exactly: the bytes of their 32-bit floats, so that a page shows the numbers that were recorded."""

import base64
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Json = dict[str, Any]


def packed(values: ArrayLike) -> Json:
    """An array of floats as `{"shape": [...], "float32": "..."}`: little-endian bytes in base64; nan stays nan."""
    array = np.asarray(values, dtype="<f4")
    return {"shape": list(array.shape), "float32": base64.b64encode(array.tobytes()).decode("ascii")}
