"""Seconds until a model is good: until its excess is 0.02 nats on the contexts that training shows."""

from collections.abc import Callable
from typing import Any

import jax

from data.world import load_world
from experiments.config.schema import Config
from experiments.measuring.evaluation_set import make_evaluation_set
from experiments.measuring.excess import evaluate, excess_values
from experiments.speed.contestants import CATMAT, FLAX, TORCH, by_name, make_ready
from experiments.speed.settings import Settings
from experiments.speed.task import Task, Training, task_of
from experiments.speed.turns import ratio, seconds_in_turns, spread
from model.functional import Model, Params

GOAL = 0.02
"""Nats: mean excess of all slots on trained contexts."""
_EVERY = 20
"""Updates between two looks at the excess."""
Excess = Callable[[Params], float]


def measure(settings: Settings) -> dict[str, Any]:
    """How many updates catmat's run needs; then every contestant makes so many, and its excess is measured."""
    task = task_of(settings.config)
    excess = excess_of(task, settings.config)
    settings.say("how many updates are needed")
    training = CATMAT.make(task, settings.config.train.steps)
    updates, reached = _updates_needed(training, excess, settings.config.train.steps)
    if settings.quick:
        updates = min(updates, settings.updates)
    ready, left_out = make_ready([*TORCH, *FLAX, CATMAT], task, updates, settings.say)
    trainings = by_name(ready)
    repeats = (settings.repeats + 1) // 3 or 1  # these turns are long
    seconds = seconds_in_turns(trainings, updates, repeats, settings.say, least=0)
    return {
        "goal": GOAL,
        "updates": updates,
        "reached": reached,
        "contestants": {
            name: {
                "seconds": spread(times),
                "excess": excess(trainings[name].params()),
                "to_catmat": ratio(times, seconds[CATMAT.name]),
            }
            for name, times in seconds.items()
        },
        "left_out": left_out,
    }


def excess_of(task: Task, config: Config) -> Excess:
    """A function that gives the mean excess on trained contexts of a task's parameters, in nats."""
    examples = make_evaluation_set(config, load_world(config.world))
    placed, scale, model = jax.device_put(examples), task.values.scale, task.spec.model
    program = jax.jit(lambda params, rows: evaluate(Model(model, params, scale), rows).excess_G)

    def excess(params: Params) -> float:
        found = jax.device_get(program(jax.device_put(params), placed))
        return excess_values(config.task.masked, examples, found)["excess/trained/all"]

    return excess


def _updates_needed(training: Training, excess: Excess, most: int) -> tuple[int, bool]:
    """Updates after which the excess is at most the goal, looked at now and then; and whether it is ever."""
    training.begin()
    for done in range(0, most, _EVERY):
        count = min(_EVERY, most - done)
        training.advance(count)
        if excess(training.params()) <= GOAL:
            return done + count, True
    return most, False


def lines(found: dict[str, Any]) -> list[str]:
    """The section as it is printed."""
    needed = f"excess of {found['goal']} nats, which catmat's run has after {found['updates']:,} updates"
    never = f"the whole training, {found['updates']:,} updates, which does not come to {found['goal']} nats"
    shown = [f"seconds to an {needed}" if found["reached"] else f"seconds of {never}"]
    shown.append(f"  {'contestant':<36}{'seconds':>7}  {'range':<14}{'ratio':>7}  {'excess':>7}")
    for name, one in found["contestants"].items():
        seconds = one["seconds"]
        between = f"{seconds['lowest']:.1f} to {seconds['highest']:.1f}"
        shown.append(
            f"  {name:<36}{seconds['median']:>7.1f}  {between:<14}{one['to_catmat']['median']:>5.1f} x"
            f"  {one['excess']:>7.4f}"
        )
    shown.append("  ratio: to catmat; compiling is left out")
    return [*shown, *(f"  {line}" for line in found["left_out"])]
