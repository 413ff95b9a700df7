"""Compiling in the background, and how hard a CPU's compiler is to try."""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import jax
import jaxlib.version

_COMPILERS = 2
Options = dict[str, str | bool] | None
"""What a compiler is told beside the program; None where it is not a CPU's."""
_HARD: dict[str, str | bool] = {}
_QUICK: dict[str, str | bool] = {}
"""A CPU's compiler, for what runs long and for all else. From jaxlib 0.11.2 on its own choices are as good."""
if jaxlib.version.__version_info__ < (0, 11):
    # YNNPACK for products, and not for sums as well: measuring takes .85 of the time.
    _HARD = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    # XLA's older code generator compiles in half of the time; with the newer one an update takes .9 of it.
    _QUICK = {**_HARD, "xla_cpu_use_fusion_emitters": False}


def cpu_options(level: int, runs_long: bool) -> Options:
    """What a CPU's compiler is told.

    Args:
      level: how hard it tries, 0 to 3. At 1 our programs run as fast as at 3 and compile in 85 % of the time; at 0 they
        compile in half of it and run five times slower, which suits what runs once. It is 0 where JAX is told to
        optimise nothing.
      runs_long: whether it is worth to compile twice as long for code that takes less time.
    """
    level = 0 if jax.config.values["jax_disable_most_optimizations"] else level
    return {"xla_backend_optimization_level": str(level), **(_HARD if runs_long else _QUICK)}


class Compiler:
    """Compiles what is submitted, two programs at a time in the order in which they come, in the background.

    It begins at once; or, if it is made with `wait`, when `start` is called. Lowering is Python, and slows down tenfold
    while compilers keep every core busy; compiling is not, and overlaps. Where many programs are lowered one after the
    other, a compiler that waits leaves them the cores.
    """

    def __init__(self, wait: bool = False) -> None:
        self._pool, self._wait = ThreadPoolExecutor(max_workers=_COMPILERS), wait
        self._waiting: list[tuple[Callable[[], jax.stages.Compiled], Future[jax.stages.Compiled]]] = []

    def submit(self, lowered: jax.stages.Lowered, options: Options) -> Future[jax.stages.Compiled]:
        """The program, as soon as it is compiled; what the compiler raises is raised where the result is asked for."""
        return self.run(functools.partial(lowered.compile, options))

    def run(self, work: Callable[[], jax.stages.Compiled]) -> Future[jax.stages.Compiled]:
        """What `work` gives, which compiles or loads a program; else as `submit`."""
        future: Future[jax.stages.Compiled] = Future()
        self._waiting.append((work, future))
        if not self._wait:
            self.start()
        return future

    def start(self) -> None:
        """Compile what waits."""
        while self._waiting:
            self._pool.submit(_compile, *self._waiting.pop(0))


def _compile(work: Callable[[], jax.stages.Compiled], future: Future[jax.stages.Compiled]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # raised where the program is called
        future.set_exception(error)
