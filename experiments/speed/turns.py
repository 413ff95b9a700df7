"""Ways to do the same work, timed in turns, so that a machine that slows down meanwhile slows all of them down."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

LEAST_SECONDS = 1.0
"""A turn that is shorter is made again until so much time has passed, so that short hiccups weigh less."""
_FIRST = 2
"""Updates made once before anything is timed: the first compiles, the second shows whether it compiles again."""
Say = Callable[[str], None]
"""Shows what is being measured at the moment."""


class Way(Protocol):
    """One way to make updates."""

    def begin(self) -> None:
        """Go back to the start; not timed."""

    def advance(self, updates: int) -> None:
        """Make so many updates, and wait until they are done."""


def seconds_in_turns(
    ways: Mapping[str, Way], updates: int | Mapping[str, int], repeats: int, say: Say, least: float = LEAST_SECONDS
) -> dict[str, list[float]]:
    """Seconds that each way takes for its updates, `repeats` times; compiling and going back to the start left out.

    Args:
      ways: what is timed, by name.
      updates: how many updates, of all or of each.
      repeats: how many turns each way has.
      say: is told what is being measured.
      least: a turn lasts at least so many seconds, in which the updates are made several times; their mean counts.
    """
    counts = {name: updates if isinstance(updates, int) else updates[name] for name in ways}
    for name, way in ways.items():
        say(f"{name}: compiling")
        way.begin()
        way.advance(min(_FIRST, counts[name]))
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name, way in ways.items():
            say(f"{name}: {repeat + 1} of {repeats}")
            seconds[name].append(_one_turn(way, counts[name], least))
    return seconds


def _one_turn(way: Way, updates: int, least: float) -> float:
    spent, times = 0.0, 0
    while not times or spent < least:
        way.begin()
        began = time.perf_counter()
        way.advance(updates)
        spent, times = spent + time.perf_counter() - began, times + 1
    return spent / times


def spread(values: Iterable[float]) -> dict[str, Any]:
    """Median, lowest and highest of repetitions, and all of them: how a figure stands in the JSON."""
    every = [float(value) for value in values]
    return {"median": statistics.median(every), "lowest": min(every), "highest": max(every), "all": every}


def ratio(ones: Iterable[float], others: Iterable[float]) -> dict[str, Any]:
    """What one is of the other, turn by turn."""
    return spread(one / other for one, other in zip(ones, others, strict=True))


def ranged(found: Mapping[str, Any], form: str = ",.0f") -> str:
    """A spread as text: "383 (350 to 390)"; a width in `form` is that of the median."""
    lowest, highest = (f"{found[name]:{form}}".strip() for name in ("lowest", "highest"))
    return f"{found['median']:{form}} ({lowest} to {highest})"
