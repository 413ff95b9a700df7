"""What measuring and tracking take of a training: trainings with few recorded steps and with many, in turns.

Beside a training with as many as the config has there is one with about four times as many, from which it is known what
a record takes: less than a hundredth of a training, and one training differs from the next by several hundredths.

And where the time goes when nothing overlaps: a trainer that waits after each piece of work.
"""

import dataclasses
import gc
import io
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import jax
from rich.console import Console

from experiments.config.schema import MOST_RECORDS, Config
from experiments.session.session import train
from experiments.speed.settings import Settings
from experiments.speed.turns import ranged, spread
from experiments.training.programs import Programs, Reached
from experiments.training.record import Record, record_steps
from experiments.training.trainer import Trainer

_TITLE = "share of measuring and tracking in a training"
_FEWEST = 2
_DENSER = 4
_TURNS = 5
"""Turns for each repetition of the benchmark: the times that are compared differ by little more than each varies."""


class _SplitPrograms(Programs[Any, Any]):
    """Programs that are waited for after each call, and know the seconds of each kind of work."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seconds = {"updates": 0.0, "measuring": 0.0, "tracking": 0.0}
        self.first = True
        """Whether nothing was recorded yet: what comes before waits for the compiler, and does not count."""

    def advance(self, *arguments: Any) -> Reached:
        return self._waited("updates", super().advance, *arguments)

    def measure(self, *arguments: Any) -> Reached:
        return self._waited("measuring", super().measure, *arguments)

    def _waited(self, kind: str, work: Callable[..., Reached], *arguments: Any) -> Reached:
        began = time.perf_counter()
        found = work(*arguments)
        jax.block_until_ready((found.states, found.measured))
        if not self.first:
            self.seconds[kind] += time.perf_counter() - began
        return found


class SplitTrainer(Trainer[Any, Any]):
    """A trainer that waits after each chunk and each measurement, and knows the seconds of each kind of work."""

    _make_programs: ClassVar[type[Programs[Any, Any]]] = _SplitPrograms
    _programs: _SplitPrograms

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of updates, measuring and tracking."""
        return self._programs.seconds

    def run(self, *arguments: Any, **options: Any) -> Iterator[Record[Any]]:
        """As a trainer's; what the caller does with a record is its tracking."""
        for record in super().run(*arguments, **options):
            self._programs.first = False
            began = time.perf_counter()
            yield record
            self.seconds["tracking"] += time.perf_counter() - began


class _TimedTrainer(Trainer[Any, Any]):
    """A trainer that knows how long it took from its first record until its last one, and all before, was written."""

    took = 0.0

    def run(self, *arguments: Any, **options: Any) -> Iterator[Record[Any]]:
        """As a trainer's; who asks for a further record has written the last one."""
        began = None
        for record in super().run(*arguments, **options):
            began = began or time.perf_counter()
            yield record
        self.took = time.perf_counter() - (began or 0.0)


def measure(settings: Settings) -> dict[str, Any]:
    """Seconds of trainings with few and with many records, and of the parts of one with many.

    From the first record until all is written, without pictures; `added_in_all` is of the whole, from the config to the
    report, with pictures.
    """
    config, kinds = settings.config, {"pictured": settings.config}
    steps = {name: record_steps(config.train.steps, records) for name, records in _records(config).items()}
    if len(steps["dense"]) == len(steps["few"]):
        return {"left_out": "not measured: between the first and the last step there is none to be recorded"}
    for name, records in _records(config).items():
        kinds[name] = dataclasses.replace(config, track=dataclasses.replace(config.track, records=records, images=0))
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    whole: dict[str, list[float]] = {name: [] for name in kinds}
    turns = 1 if settings.quick else _TURNS * settings.repeats
    for number in range(turns + 1):  # the first traces and compiles, and does not count
        for name, one in kinds.items():
            settings.say(f"trainings with {one.track.records} records: {number} of {turns}")
            began = time.perf_counter()
            took = _training(one, settings, f"share-{number}-{name}", _TimedTrainer).took
            if number:
                seconds[name].append(took)
                whole[name].append(time.perf_counter() - began)
    settings.say("a training whose work does not overlap")
    parts = _training(config, settings, "share-parts", SplitTrainer).seconds
    return {
        "records": {name: len(recorded) for name, recorded in steps.items()},
        "seconds": {name: spread(seconds[name]) for name in steps},
        **_of_records(steps, seconds),
        "added_in_all": spread(many - few for few, many in zip(whole["few"], whole["pictured"], strict=True)),
        "parts": parts,
    }


def _records(config: Config) -> dict[str, int]:
    """How many records the kinds of trainings that are compared may have."""
    return {"few": _FEWEST, "many": config.track.records, "dense": min(_DENSER * config.track.records, MOST_RECORDS)}


def _of_records(steps: dict[str, list[int]], seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Seconds that a record takes, and what share of a training those take that "many" has and "few" has not."""
    few, many, dense = (len(recorded) for recorded in steps.values())
    pairs = zip(seconds["few"], seconds["dense"], strict=True)
    record = [(longer - shorter) / (dense - few) for shorter, longer in pairs]
    added = [(many - few) * one for one in record]
    share = [more / (base + more) for base, more in zip(seconds["few"], added, strict=True)]
    return {"record": spread(record), "share": spread(share)}


def _training(config: Config, settings: Settings, name: str, kind: type[Any]) -> Any:
    """A whole training, as the command makes it, by a trainer of this kind, which is given back."""
    made: list[Any] = []

    def make(*arguments: Any, **options: Any) -> Any:
        made.append(kind(*arguments, **options))
        return made[0]

    gc.collect()  # else the collector looks at all of the benchmark's libraries in some of the trainings
    train(config, "benchmark", str(settings.folder / name), Console(file=io.StringIO()), make)
    return made[0]


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    if "left_out" in found:
        return [_TITLE, f"  {found['left_out']}"]
    parts, records = found["parts"], found["records"]
    whole = max(sum(parts.values()), 1e-9)
    split = [f"    {name:<12}{seconds:6.2f} s  {seconds / whole:6.1%}" for name, seconds in parts.items()]
    times = [f"  {f'{count} records':<34}{ranged(found['seconds'][name], '5.2f')} s" for name, count in records.items()]
    in_ms = {name: 1e3 * found["record"][name] for name in ("median", "lowest", "highest")}
    further = f"share of {records['many'] - records['few']} further ones"
    return [
        _TITLE,
        *times,
        f"  {'a further record':<34}{ranged(in_ms, '5.1f')} ms",
        f"  {further:<34}{ranged(found['share'], '5.1%')}",
        f"  with pictures, drawn at the end   {ranged(found['added_in_all'], '5.2f')} s more in all",
        f"  {records['many']} records, nothing overlapping; tracking is the host's work, saving included",
        *split,
    ]
