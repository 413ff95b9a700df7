"""How time and memory grow: with the number of runs, the batch, d_head and the length of sentences."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from data.sampler import Batch
from data.vocabulary import PAD
from experiments.speed.catmat_runs import EnsembleTraining, sweep
from experiments.speed.contestants import CATMAT
from experiments.speed.memory_use import in_a_process, megabytes, of_updates
from experiments.speed.settings import Settings
from experiments.speed.task import Task, shape_line, task_of
from experiments.speed.turns import Way, seconds_in_turns, spread
from experiments.training.update import masked_row_loss
from model.functional import Model

RUNS = (1, 4, 16, 64, 256, 1024)
_MANY_RUNS = 8192
"""On an accelerator, which trains all runs at once."""
_FACTORS = (1, 2, 4, 8)
"""Of the config's own batch, d_head and places."""
_FEW_UPDATES = 2
"""Of each run where they are many."""


def measure(settings: Settings) -> dict[str, Any]:
    """For each thing that grows: seconds per update of a run at each size, in turns; for runs peak memory too."""
    task = task_of(settings.config)
    counts = (1, 4) if settings.quick else (*RUNS, *((_MANY_RUNS,) if jax.default_backend() != "cpu" else ()))
    factors = _FACTORS[: 2 if settings.quick else None]
    found = {"number of runs": _runs(settings, task, counts)}
    kinds: dict[str, tuple[int, Callable[[int], EnsembleTraining]]] = {
        "batch": (task.spec.batch, lambda size: _with_batch(task, size)),
        "d_head": (task.spec.model.d_head, lambda size: _with_d_head(task, size)),
        "places in a sentence": (task.spec.model.max_length, lambda size: _with_places(task, size)),
    }
    for name, (smallest, make) in kinds.items():
        sizes = [smallest * factor for factor in factors]
        ways: dict[str, Way] = {}
        for size in sizes:
            settings.say(f"growth, {name} {size:,}: compiling")
            ways[f"{name} {size:,}"] = make(size)
        times = seconds_in_turns(ways, settings.updates, settings.repeats, settings.say, settings.least)
        per_update = [[s / settings.updates for s in seconds] for seconds in times.values()]
        found[name] = _rows(sizes, per_update)
    return {"shape": shape_line(task.spec), "tables": found, **_many_to_few(found["number of runs"])}


def _runs(settings: Settings, task: Task, counts: tuple[int, ...]) -> list[dict[str, Any]]:
    ways: dict[str, Way] = {}
    for runs in counts:
        settings.say(f"growth, {runs:,} runs: compiling")
        if (training := sweep(task, runs)) is not None:  # None: more than fit, and so are all that follow
            ways[f"growth, {runs:,} runs"] = training
    counts = counts[: len(ways)]
    updates = {name: max(_FEW_UPDATES, settings.updates // runs) for name, runs in zip(ways, counts, strict=True)}
    times = seconds_in_turns(ways, updates, settings.repeats, settings.say, settings.least)
    per_update = [[s / updates[name] for s in seconds] for name, seconds in times.items()]
    rows = _rows(list(counts), per_update)
    for row in rows:
        work = of_updates(settings, CATMAT.name, row["size"], _FEW_UPDATES)
        row["peak"] = in_a_process(settings, f"{row['size']:,} runs", work)
        row["seconds_per_run"] = spread(seconds / row["size"] for seconds in row["seconds"]["all"])
    return rows


def _rows(sizes: list[int], per_update: list[list[float]]) -> list[dict[str, Any]]:
    """For each size the seconds of an update, what they are of the smallest's, and that for each unit of the size."""
    first, found = per_update[0], []
    for size, seconds in zip(sizes, per_update, strict=True):
        times = [one / other for one, other in zip(seconds, first, strict=True)]
        per_unit = spread(one * sizes[0] / size for one in times)
        found.append({"size": size, "seconds": spread(seconds), "times": spread(times), "times_per_unit": per_unit})
    return found


def _many_to_few(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What 1,024 runs take, each, of what 16 take, and the memory that a further run takes; empty without them."""
    by_size = {row["size"]: row for row in rows}
    if not {16, 1024} <= set(by_size):
        return {}
    few, many = by_size[16], by_size[1024]
    seconds = zip(many["seconds_per_run"]["all"], few["seconds_per_run"]["all"], strict=True)
    peaks = [row["peak"]["device_memory"] or row["peak"]["memory"] for row in (few, many)]
    return {
        "1024_runs_to_16": spread(one / two for one, two in seconds),
        "bytes_per_run": (peaks[1] - peaks[0]) / (1024 - 16) if all(peaks) else None,
    }


def _with_batch(task: Task, batch: int) -> EnsembleTraining:
    return EnsembleTraining(dataclasses.replace(task, spec=dataclasses.replace(task.spec, batch=batch)))


def _with_d_head(task: Task, d_head: int) -> EnsembleTraining:
    model = dataclasses.replace(task.spec.model, d_head=d_head)
    return EnsembleTraining(dataclasses.replace(task, spec=dataclasses.replace(task.spec, model=model)))


def _with_places(task: Task, places: int) -> EnsembleTraining:
    """A training on the same sentences, padded to so many places.

    Padding costs an update what words cost, since nothing of it is left out; that the sentences themselves are not
    longer shows in the drawing of them alone.
    """
    model = dataclasses.replace(task.spec.model, max_length=places)

    def padded_loss(model: Model, batch: Batch) -> jax.Array:
        more = places - batch.tokens_BK.shape[1]
        tokens_BK = jnp.pad(batch.tokens_BK, ((0, 0), (0, more)), constant_values=PAD)
        return masked_row_loss(model, dataclasses.replace(batch, tokens_BK=tokens_BK))

    longer = dataclasses.replace(task, spec=dataclasses.replace(task.spec, model=model))
    return EnsembleTraining(longer, loss=padded_loss)


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    shown = [f"growth, from {found['shape']}"]
    for name, rows in found["tables"].items():
        head = "ms per update" if name != "number of runs" else "ms per run"
        memory = "" if name != "number of runs" else "  peak memory"
        shown.append(f"  {name:<21}{head:>14}{'of smallest':>13}{'per unit':>10}{memory}")
        for row in rows:
            seconds = row.get("seconds_per_run", row["seconds"])["median"]
            peak = f"  {megabytes(row['peak'])}" if "peak" in row else ""
            shown.append(
                f"  {row['size']:>20,} {seconds * 1e3:>14.2f}{row['times']['median']:>11.2f} x"
                f"{row['times_per_unit']['median']:>8.2f} x{peak}"
            )
    if "1024_runs_to_16" in found:
        one = found["1024_runs_to_16"]
        shown.append(
            f"  1,024 runs take {one['median']:.2f} times as long per run as 16"
            f" ({one['lowest']:.2f} to {one['highest']:.2f})"
        )
        if found["bytes_per_run"] is not None:
            shown.append(f"  and {found['bytes_per_run'] / 1e3:,.0f} kB of memory for each further run")
    shown.append("  per unit: above 1, it grows faster than the size")
    return shown
