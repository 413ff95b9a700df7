"""An estimate of how long an ablation takes, made before anything of it was run.

It rests on speeds measured on 2 CPU cores (x86-64, jax 0.10.2, english, batch 256, d_model 32, 2 heads, d_head 4 to
256): right to a factor of two on other machines, and for other models.
"""

from collections.abc import Sequence

from experiments.ablation.plan import Group

_SENTENCE = 3.8e-6
"""Core seconds of an update for each sentence of the batch, whatever the size of a head."""
_PRODUCT = 4.8e-10
"""Further core seconds for each sentence and number in W_Q, W_K, W_V or W_O."""
_EVERY_VALUE = 2.0
"""Factor of both where keys and values are formed (QK-norm)."""
_ROW, _ROW_PRODUCT = 1.2e-5, 6.0e-9
"""The same two for each row that is measured at a recorded step."""
_COMPILING = 8.0
"""Seconds that the compilation of a program takes."""


def expected_seconds(groups: Sequence[Group], devices: int) -> float:
    """Seconds that these programs take on so many CPU cores, compilation included."""
    return sum(_group_seconds(group) for group in groups) / devices + _COMPILING * len(groups)


def _group_seconds(group: Group) -> float:
    """Core seconds of one program's runs."""
    config = group.config
    numbers = config.model.heads * config.model.d_head * config.model.d_model
    update = config.train.batch * (_SENTENCE + _PRODUCT * numbers) * (_EVERY_VALUE if config.model.qk_norm else 1.0)
    rows = 2 * config.evaluate.sentences * (config.track.records + 1) * len(group.runs)
    return group.updates * update + rows * (_ROW + _ROW_PRODUCT * numbers)


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours, as text."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
