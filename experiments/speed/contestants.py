"""Who takes part: catmat, the usual Flax loops, and PyTorch where it is installed."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from experiments.speed.catmat_runs import EnsembleTraining
from experiments.speed.flax_loops import NnxLoop, TrainStateLoop, every_row_loss, one_row_loss
from experiments.speed.task import Task, Training
from experiments.speed.turns import Say
from experiments.training.update import masked_row_loss

INSTALL = "pip install -e '.[peers]'"
NO_TORCH = f"PyTorch is not installed, so it is left out; to have it beside catmat: {INSTALL}"
EVERY, MASKED, REORDERED = "every", "masked", "masked*"
"""Which rows of attention are computed; the last with catmat's order of products, see `Attention.reassociated`."""
STAR = "masked*: with catmat's order of products, which forms no key and no value"


@dataclass(frozen=True)
class Contestant:
    """One way to write the training."""

    engine: str
    rows: str
    make: Callable[[Task, int], Training]
    """Makes it ready for at most so many updates from the start."""

    @property
    def name(self) -> str:
        """What it is called: "PyTorch eager, every row"."""
        return f"{self.engine}, {self.rows} row"


def _torch(task: Task, updates: int, every_row: bool, compiled: bool) -> Training:
    from experiments.speed.torch_loop import TorchLoop  # noqa: PLC0415  torch, which need not be installed

    return TorchLoop(task, updates, every_row, compiled)


def _flax() -> list[Contestant]:
    def nnx(every_row: bool) -> Callable[[Task, int], Training]:
        return lambda task, updates: NnxLoop(task, updates, every_row)

    losses = {EVERY: every_row_loss, MASKED: one_row_loss, REORDERED: masked_row_loss}

    def state(rows: str) -> Callable[[Task, int], Training]:
        return lambda task, updates: TrainStateLoop(task, updates, losses[rows])

    return [
        *(Contestant("Flax nnx.jit loop", rows, nnx(rows == EVERY)) for rows in (EVERY, MASKED)),
        *(Contestant("Flax TrainState loop", rows, state(rows)) for rows in losses),
    ]


CATMAT = Contestant("catmat", REORDERED, lambda task, _: EnsembleTraining(task))
FLAX = _flax()
TORCH = [
    Contestant(f"PyTorch {how}", rows, functools.partial(_torch, every_row=rows == EVERY, compiled=how != "eager"))
    for how in ("eager", "torch.compile")
    for rows in (EVERY, MASKED)
]
"""In the order in which they are shown; the first is what others are compared with."""


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return find_spec("torch") is not None


def make_ready(
    contestants: list[Contestant], task: Task, updates: int, say: Say
) -> tuple[dict[Contestant, Training], list[str]]:
    """The contestants that can train here, compiled, and a line about each that cannot.

    Args:
      contestants: who is wanted; those of PyTorch are left out where it is not installed.
      task: what they train.
      updates: the most updates from one start.
      say: is told what is being done.
    """
    ready: dict[Contestant, Training] = {}
    told = [] if has_torch() or not set(contestants) & set(TORCH) else [NO_TORCH]
    for one in contestants:
        if one in TORCH and told[:1] == [NO_TORCH]:
            continue
        say(f"{one.name}: getting ready")
        try:
            training = one.make(task, updates)
            training.advance(1)
        except Exception as error:
            if one not in TORCH:
                raise
            told.append(f"{one.name} is left out: {type(error).__name__}: {_first_line(error)}")
            continue
        training.begin()
        ready[one] = training
    return ready, told


def _first_line(error: Exception) -> str:
    return next((line.strip()[:200] for line in str(error).splitlines() if line.strip()), "no reason is given")


def by_name(trainings: Mapping[Contestant, Training]) -> dict[str, Training]:
    """The same with the contestants' names as keys."""
    return {one.name: training for one, training in trainings.items()}
