"""The values that a run was made with, as TensorBoard's HParams compares them: one type for each name over all runs.

Where a name has words in one run and numbers in another (`model.scale`: none, 0.25), HParams can neither sort nor
filter. So the type follows from what the config declares, not from the value that a run has.
"""

import typing
from functools import cache

from experiments.config.schema import Config, config_fields, value_of

HParams = dict[str, bool | float | str]
_LEFT_OUT = ("seed", "seeds", "probes", "evaluate.", "track.")
"""The seed is given beside the config; the others say how a run is measured and recorded, not what it is."""


def hparams(config: Config, seed: int | None = None) -> HParams:
    """The values of one run, under the names of the command line's options.

    Args:
      config: its config.
      seed: its seed; None for a line that sums up several.
    """
    names = [name for name, _ in config_fields() if not name.startswith(_LEFT_OUT)]
    seeds: HParams = {} if seed is None else {"seed": float(seed)}
    return seeds | {name: _typed(_declared(name), value_of(config, name)) for name in names}


def _typed(declared: object, value: object) -> bool | float | str:
    """A value as its declared type has it: true or false, a number, or else a text."""
    if declared is bool:
        return bool(value)
    if declared in (int, float) and isinstance(value, int | float):
        return float(value)
    if isinstance(value, tuple):
        return "+".join(value)
    return f"{value:.12g}" if isinstance(value, int | float) else str(value)


@cache
def _declared(name: str) -> object:
    """The declared type of a config value by its dotted name."""
    kind: object = Config
    for part in name.split("."):
        kind = typing.get_type_hints(kind)[part]
    return kind
