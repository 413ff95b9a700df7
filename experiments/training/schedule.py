"""At which steps a training is recorded, and which of them become pictures."""

import numpy as np


def pictured_steps(steps: list[int], count: int) -> list[int]:
    """At most `count` of `steps`, spread evenly over them, the first and the last among them."""
    if count < 2 or not steps:
        return steps[-1:] if count else []
    chosen = np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int)
    return [steps[i] for i in dict.fromkeys(chosen.tolist())]


def record_steps(steps: int, records: int) -> list[int]:
    """At most `records` steps from 0 to `steps`, both among them, spaced ever wider."""
    spaced = np.geomspace(1, steps + 1, records) - 1
    return sorted({0, steps, *(round(float(step)) for step in spaced)})
