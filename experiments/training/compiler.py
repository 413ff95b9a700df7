"""Programs that are all lowered first and compiled afterwards, two at a time, while something else is measured.

Lowering is Python, and slows down tenfold while compilers keep every core busy; compiling is not, and overlaps.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax

from experiments.training.ensemble import Compiled, Ensemble

_Waiting = tuple["jax.stages.Lowered", dict[str, str | bool] | None, "Future[jax.stages.Compiled]"]
_WORKERS = 2


class Compiler:
    """Collects programs, and compiles them once `start` is called."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def add(self, ensemble: Ensemble, function: Callable[[Any, Any], Any], shared: Any, stacked: Any) -> Compiled:
        """`ensemble.each(function)` for such arguments; the first call waits until it is compiled."""
        lowered = ensemble.each(function).lower(shared, stacked)
        options = ensemble.compiler_options(optimization_level=1)
        future: Future[jax.stages.Compiled] = Future()
        self._waiting.append((lowered, options, future))
        return Compiled(future, lowered.out_info, ensemble.by_run)

    def start(self) -> None:
        """Compile, in the order of `add`."""
        pool = ThreadPoolExecutor(max_workers=_WORKERS)
        for program in self._waiting:
            pool.submit(_compile, *program)
        self._waiting = []
        pool.shutdown(wait=False)


def _compile(
    lowered: "jax.stages.Lowered", options: dict[str, str | bool] | None, future: "Future[jax.stages.Compiled]"
) -> None:
    try:
        future.set_result(lowered.compile(options))
    except BaseException as error:  # told where the program is called
        future.set_exception(error)
