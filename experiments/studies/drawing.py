"""Figures that are drawn while the rest of a report is written: drawing takes longer than everything else."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.reports.plots import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PROCESSES = 2


@contextmanager
def drawn(
    folder: Path, figures: Mapping[str, tuple[Callable[..., "Figure"], object]]
) -> Iterator[dict[str, Future[bytes]]]:
    """Within it, figures are drawn in other processes and saved as `save_figure` does; gives the PNG of each.

    Args:
      folder: where they are saved.
      figures: by name, a function that draws (of a module, so that another process finds it) and its argument. Give
        those that take longest first.
    """
    # A forked process would inherit locks of JAX's threads.
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        yield {name: pool.submit(_save, folder, name, draw, shown) for name, (draw, shown) in figures.items()}


def _save(folder: Path, name: str, draw: Callable[..., "Figure"], shown: object) -> bytes:
    return save_figure(folder, name, draw(shown))
