"""The figures of reports in one style: light axes with plain labels, curves that differ in colour, mark and dash.

The colours are those of Okabe and Ito, which people with any colour vision can tell apart. Up to 42 curves, no two of
one colour have the same mark and dash. Matplotlib is imported where it is used. Figures that take long are drawn in
other processes, see `drawn`.
"""

import gc
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import forkserver, get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from experiments.pictures.fonts import font_path, typeface

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<")
DASHES = ("-", (0, (5, 2)), (0, (2, 1)), "-.", (0, (1, 1.5)), (0, (6, 1, 1, 1)))
"""7 colours, 8 marks, 6 dashes: curves of one colour lie a multiple of 7 apart, and 7 shares no divisor with 8 or 6."""
INK, _SOFT, _GRID = "#22303c", "#5b6b78", "#e3e8ec"
_DPI = 130
_BELOW_LEFT, _ABOVE_RIGHT = np.asarray([0.68, 0.46]), np.asarray([0.06, 0.5])
"""Margins of a figure without a layout engine, inches."""
_PROCESSES = 2
"""That draw while a report is written."""
_LOADED = ["matplotlib.figure", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "scipy.special"]
Sharing = bool | Literal["none", "all", "row", "col"]


def save_figure(folder: Path, name: str, figure: "Figure") -> bytes:
    """Save a figure as PNG and SVG; gives the PNG."""
    pictures = figure_files(figure, name)
    for ending, data in pictures.items():
        (folder / f"{name}{ending}").write_bytes(data)
    return pictures[".png"]


def figure_files(figure: "Figure", name: str) -> dict[str, bytes]:
    """A figure as `.png` and `.svg`; the same numbers and `name` give the same bytes."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    _choose_fonts(figure)
    # The canvases are printed directly: `Figure.savefig` draws twice for each file, to find the layout first.
    figure.set(dpi=_DPI, facecolor="white")
    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # `missing_fonts` says it once
        FigureCanvasAgg(figure).print_png(png)
        figure.set_layout_engine("none")  # the places found once serve both: finding them takes longer than drawing
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return {".png": png.getvalue(), ".svg": svg.getvalue()}


def _choose_fonts(figure: "Figure") -> None:
    """Words that the usual typeface lacks get, beside it, the fonts that pictures of attention draw them in."""
    from matplotlib.font_manager import FontProperties, fontManager
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        paths = {str(font_path(word)) for word in text.get_text().split()} - {str(typeface())}
        if paths:
            for path in paths - {entry.fname for entry in fontManager.ttflist}:
                fontManager.addfont(path)
            text.set_fontfamily(["DejaVu Sans", *sorted(FontProperties(fname=path).get_name() for path in paths)])


@contextmanager
def drawn(
    folder: Path, figures: Mapping[str, tuple[Callable[..., "Figure"], object]]
) -> Iterator[dict[str, Future[bytes]]]:
    """Within it, figures are drawn in other processes and saved as `save_figure` does; gives the PNG of each.

    Drawing takes longer than everything else that a report needs, which is done meanwhile.

    Args:
      folder: where they are saved.
      figures: by name, a function that draws (of a module, so that another process finds it) and its argument. Give
        those that take longest first.
    """
    # They end before there is much garbage; looking for it took a sixth of the time.
    with ProcessPoolExecutor(_PROCESSES, mp_context=_server(), initializer=gc.disable) as pool:
        yield {name: pool.submit(_draw, folder, name, draw, shown) for name, (draw, shown) in figures.items()}


def _server() -> BaseContext:
    """Starts processes that draw; forks of this one would inherit locks of JAX's threads."""
    if "forkserver" not in get_all_start_methods():  # on Windows
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(_LOADED)  # once for all; not what draws, which a notebook may reload
    try:
        forkserver.ensure_running()
    except OSError:  # its socket lies in the folder for temporary files, which need not take one
        return get_context("spawn")
    return context


def _draw(folder: Path, name: str, draw: Callable[..., "Figure"], shown: object) -> bytes:
    return save_figure(folder, name, draw(shown))


def panels(
    rows: int,
    columns: int,
    width: float = 3.6,
    height: float = 2.9,
    sharex: Sharing = False,
    sharey: Sharing = False,
    gaps: tuple[float, float] | None = None,
) -> tuple["Figure", Any]:
    """A figure of `rows` x `columns` axes (an array [rows, columns]), light and plainly labelled.

    Args:
      rows: rows of axes.
      columns: columns of axes.
      width: of one of the axes, inches.
      height: likewise.
      sharex: which axes share their x axis, as for `Figure.subplots`.
      sharey: likewise.
      gaps: from axes to axes, across and down, inches, beside margins that have room for tick labels of eight letters
        and a legend above. By default places are found by what is drawn, which takes as long as drawing it.
    """
    from matplotlib.figure import Figure

    inches = np.asarray([width * columns, height * rows + 0.35])
    figure = Figure(figsize=tuple(inches), layout="constrained" if gaps is None else None)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    if gaps is not None:
        _place(figure, axes, gaps)
    for one in axes.flat:
        one.grid(color=_GRID, linewidth=0.8)
        one.set_axisbelow(True)
        one.tick_params(which="both", labelsize=8, colors=INK)
        one.spines[:].set_color("#c7d0d8")
    return figure, axes


def _place(figure: "Figure", axes: Any, gaps: tuple[float, float]) -> None:
    """Axes and their labels in fixed places: looking for places takes as long as drawing."""
    inches, (rows, columns) = np.asarray(figure.get_size_inches()), axes.shape
    (left, bottom), (right, top) = _BELOW_LEFT / inches, 1 - _ABOVE_RIGHT / inches
    across, down = (inches - _BELOW_LEFT - _ABOVE_RIGHT + gaps) / (columns, rows) - gaps  # of one of the axes
    figure.subplots_adjust(left, bottom, right, top, gaps[0] / across, gaps[1] / down)
    for one in axes.flat:
        one.xaxis.set_label_coords(0.5, -0.25 / down)
        one.yaxis.set_label_coords(-0.53 / across, 0.5)


def log_axes(axes: "Axes", x: bool = True, y: bool = True) -> None:
    """Logarithmic axes with plain numbers, which are quicker drawn than powers. Call it when the limits are set."""
    if x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if y:
        from matplotlib.ticker import LogLocator, NullLocator

        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        # Ticks between powers of ten, and powers in mathematical type, take half of the time to draw.
        if high > 200 * low:
            axes.yaxis.set_minor_locator(NullLocator())
            return
        if high > 8 * low:
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
        axes.tick_params(axis="y", which="minor", labelsize=8)


def as_text(text: str) -> str:
    """`text` for matplotlib, which would read the part between two $ as a formula, and raise if it is none."""
    return text.replace("$", r"\$")


def label(axes: "Axes", title: str = "", x: str = "", y: str = "") -> None:
    """Title and axis labels in the common style."""
    axes.set_title(as_text(title), fontsize=9, color=INK, y=1.0)  # where it is, but not looked for in each drawing
    axes.set_xlabel(as_text(x), fontsize=8.5, color=_SOFT)
    axes.set_ylabel(as_text(y), fontsize=8.5, color=_SOFT)


def style(number: int) -> tuple[str, str, Any]:
    """Colour, mark and dash of curve number `number`."""
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)], DASHES[number % len(DASHES)]


def line(
    axes: "Axes",
    x: ArrayLike,
    y: ArrayLike,
    number: int,
    name: str = "",
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> None:
    """Curve number `number`, in its own colour, mark and dash, with its interval as a band (of one point, a bar)."""
    colour, mark, dash = style(number)
    axes.plot(x, y, color=colour, marker=mark, linestyle=dash, markersize=4, linewidth=1.5, label=name or None)
    if low is not None and high is not None and np.size(x) == 1:
        axes.vlines(x, low, high, color=colour, linewidth=1.5)
    elif low is not None and high is not None:
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def colour_bar(figure: "Figure", image: Any, axes: Any, name: str) -> None:
    """What the colours of `image` mean, beside all axes, which share them."""
    bar = figure.colorbar(image, ax=axes, fraction=0.06, pad=0.02, aspect=18)
    bar.set_label(name, fontsize=8.5, color=_SOFT)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_edgecolor("#c7d0d8")


def legend(figure: "Figure", axes: "Axes") -> None:
    """One legend for all axes, above them."""
    handles, names = axes.get_legend_handles_labels()
    widest = 0.7 + 0.07 * max(map(len, names))  # inches: the line with its mark, and letters of this size
    columns = max(1, min(len(names), 7, int(figure.get_figwidth() / widest)))
    figure.legend(handles, [as_text(name) for name in names], loc="outside upper center", ncols=columns, fontsize=8.5,
                  frameon=False, handlelength=3)  # fmt: skip  # so long that a dash shows beside the mark
