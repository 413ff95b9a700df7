"""Compiles lowered programs in the background, two at a time, in the order in which they come.

Lowering is Python, and slows down tenfold while compilers keep every core busy; compiling is not, and overlaps. Where
many programs are lowered one after the other, a compiler that waits for `start` leaves them the cores.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import jax

Options = dict[str, str | bool] | None
_Waiting = tuple["jax.stages.Lowered", Options, "Future[jax.stages.Compiled]"]
_WORKERS = 2


class Compiler:
    """Compiles what is submitted: at once, or, if it is made with `wait`, from `start` on."""

    def __init__(self, wait: bool = False) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_WORKERS)
        self._waiting: list[_Waiting] = []
        self._submit: Callable[[_Waiting], object] = self._waiting.append if wait else self._begin

    def submit(self, lowered: "jax.stages.Lowered", options: Options) -> "Future[jax.stages.Compiled]":
        """The program, as soon as it is compiled; what the compiler raises is raised where the result is asked for."""
        future: Future[jax.stages.Compiled] = Future()
        self._submit((lowered, options, future))
        return future

    def start(self) -> None:
        """Compile what waits."""
        while self._waiting:
            self._begin(self._waiting.pop(0))

    def _begin(self, waiting: _Waiting) -> None:
        self._pool.submit(_compile, *waiting)


def _compile(lowered: "jax.stages.Lowered", options: Options, future: "Future[jax.stages.Compiled]") -> None:
    try:
        future.set_result(lowered.compile(options))
    except BaseException as error:  # raised where the program is called
        future.set_exception(error)
