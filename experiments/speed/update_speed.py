"""Updates a second of all contestants, and which part of catmat's lead is the algorithm's and which the engine's."""

from typing import Any

import jax

from experiments.speed.catmat_runs import sweep
from experiments.speed.contestants import (
    CATMAT,
    EVERY,
    FLAX,
    MASKED,
    REORDERED,
    STAR,
    TORCH,
    Contestant,
    by_name,
    make_ready,
)
from experiments.speed.settings import Settings
from experiments.speed.task import shape_line, task_of
from experiments.speed.turns import Way, ranged, ratio, seconds_in_turns, spread

SWEEP = 64
"""Runs of the sweep that is compared with one run."""
_WIDE_SWEEPS = (SWEEP, 1024, 8192)
"""On an accelerator."""
_QUICK_SWEEP = 4


def measure(settings: Settings) -> dict[str, Any]:
    """Updates a second of each contestant in turns, with ratios; see `lines`."""
    task = task_of(settings.config)
    ready, left_out = make_ready([*TORCH, *FLAX, CATMAT], task, settings.updates, settings.say)
    sweeps: tuple[int, ...] = _WIDE_SWEEPS if jax.default_backend() != "cpu" else (SWEEP,)
    if settings.quick:
        sweeps = (_QUICK_SWEEP,)
    ways: dict[str, Way] = {**by_name(ready)}
    runs = dict.fromkeys(ways, 1)
    for count in sweeps:
        settings.say(f"catmat, {count:,} runs: getting ready")
        if (training := sweep(task, count)) is None:
            left_out.append(f"{sweep_name(count)}: left out, since the devices have too little memory")
            continue
        ways[sweep_name(count)] = training
        runs[sweep_name(count)] = count
    sweeps = tuple(count for count in sweeps if sweep_name(count) in ways)
    seconds = seconds_in_turns(ways, settings.updates, settings.repeats, settings.say, settings.least)
    per_update = {name: [s / settings.updates / runs[name] for s in times] for name, times in seconds.items()}
    baseline = next(iter(ready)).name
    rows = {one.name: one.rows for one in ready} | {sweep_name(count): REORDERED for count in sweeps}
    return {
        "shape": shape_line(task.spec),
        "updates": settings.updates,
        "baseline": baseline,
        "contestants": {
            name: {
                "rows": rows[name],
                "runs": runs[name],
                "updates_a_second": spread(1 / s for s in times),
                "to_baseline": ratio(per_update[baseline], times),
            }
            for name, times in per_update.items()
        },
        **_ratios(list(ready), per_update, sweeps),
        "left_out": left_out,
    }


def sweep_name(runs: int) -> str:
    """What a sweep of so many runs is called."""
    return f"catmat, {runs:,} runs at once"


def _ratios(ready: list[Contestant], per_update: dict[str, list[float]], sweeps: tuple[int, ...]) -> dict[str, Any]:
    """What catmat is of others, and what the algorithm and the engine give, turn by turn."""
    lone, many = per_update[CATMAT.name], per_update[sweep_name(sweeps[0])]
    found: dict[str, Any] = {"sweep": sweeps[0], "sweep_to_lone": ratio(lone, many)}
    times = {one: per_update[one.name] for one in ready}
    peers = {one: times[one] for one in ready if one in TORCH}
    if peers:
        best = min(peers, key=lambda one: spread(peers[one])["median"])
        found["best_torch"] = best.name
        usual = next(iter(peers))
        ours = {"one run": lone} | {f"{count:,} runs at once": per_update[sweep_name(count)] for count in sweeps}
        found["usual_torch"] = usual.name
        found["to_torch"] = {
            name: {"usual": ratio(peers[usual], mine), "best": ratio(peers[best], mine)} for name, mine in ours.items()
        }
    gains = {}
    for engine in dict.fromkeys(one.engine for one in ready):
        of_rows = {one.rows: times[one] for one in ready if one.engine == engine}
        if EVERY in of_rows and MASKED in of_rows:
            gains[f"masked row, {engine}"] = ratio(of_rows[EVERY], of_rows[MASKED])
        if MASKED in of_rows and REORDERED in of_rows:
            gains[f"order of products, {engine}"] = ratio(of_rows[MASKED], of_rows[REORDERED])
    same_rows = next(times[one] for one in ready if one in FLAX and one.rows == REORDERED)
    gains["engine: catmat to the TrainState loop, same rows"] = ratio(same_rows, lone)
    return {**found, "gains": gains}


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    shown = [
        f"updates a second ({found['shape']}; {found['updates']:,} updates)",
        f"  {'contestant':<26}{'rows computed':<15}{'median':>7}  {'range':<16}{'ratio':>7}",
    ]
    for name, one in found["contestants"].items():
        rate = one["updates_a_second"]
        engine = name.removesuffix(f", {one['rows']} row")
        between = f"{rate['lowest']:,.0f} to {rate['highest']:,.0f}"
        shown.append(
            f"  {engine:<26}{one['rows']:<15}{rate['median']:>7,.0f}  {between:<16}"
            f"{one['to_baseline']['median']:>5.1f} x"
        )
    shown.append(f"  ratio: to {found['baseline']}. All but catmat find batches drawn.")
    shown.append(f"  {STAR}")
    if "best_torch" in found:
        usual, best = found["usual_torch"], found["best_torch"]
        shown.append(f"catmat, times {usual}, and times its best,")
        shown.append(f"{best.removeprefix('PyTorch ')}")
        for name, one in found["to_torch"].items():
            shown.append(f"  {name:<26}{ranged(one['usual'], '5.1f'):<26}{ranged(one['best'], '5.1f')}")
    shown.append(
        f"  {found['sweep']} runs make {ranged(found['sweep_to_lone'], '.2f')} times one run's updates a second"
    )
    shown.append("what makes the difference, as factors")
    shown += [f"  {name:<51}{ranged(gain, '.2f')}" for name, gain in found["gains"].items()]
    return [*shown, *(f"  {line}" for line in found["left_out"])]
