"""Names for what JAX has no type for."""

from typing import Any

Array = Any
"""An array: NumPy's on the host, `jax.Array` on the device, a shape where a program is compiled for it."""
Tree = Any
"""A pytree of such arrays."""
