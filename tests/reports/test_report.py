"""Reports: what is written is what was said, and figures are readable by anyone."""

import csv
import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from experiments.pictures import fonts
from experiments.pictures.fonts import typeface
from experiments.reports.plots import colour_bar, label, legend, line, log_axes, panels, save_figure
from experiments.reports.report import Report, escaped


def test_a_report(tmp_path):
    report = Report(tmp_path, "A question")
    report.heading("Part", "One.")
    report.text("Two.")
    report.items(["a", "b"])
    report.table(["x", "y"], [[1, "p | q"], [2, "two\nlines"]])
    report.csv("numbers", ["d", "value"], [[4, 1 / 3], [16, "none"]])
    report.save()
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == (
        "# A question\n\n## Part\n\nOne.\n\nTwo.\n\n* a\n* b\n\n"
        "| x | y |\n| --- | --- |\n| 1 | p \\| q |\n| 2 | two lines |\n"
    )
    with (tmp_path / "numbers.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["d", "value"], ["4", "0.3333333"], ["16", "none"]]


def drawn():
    figure, axes = panels(1, 2)
    for number in range(2):
        line(axes[0, 0], [1, 2], [number, 3], number, f"curve {number}", [number - 1, 2], [number + 1, 4])
    label(axes[0, 0], "title", "d", "norm")
    legend(figure, axes[0, 0])
    return figure


def test_a_figure_is_saved_twice_and_the_same_each_time(tmp_path):
    report = Report(tmp_path, "A question")
    report.figure("both", drawn(), "What it [shows]. More.")
    report.save()
    assert "![What it (shows)](both.png)" in (tmp_path / "report.md").read_text(encoding="utf-8")
    first = (tmp_path / "both.svg").read_bytes()
    assert report.images["both"] == (tmp_path / "both.png").read_bytes()
    Report(tmp_path, "").figure("both", drawn(), "")
    assert (tmp_path / "both.svg").read_bytes() == first
    pixels = np.asarray(Image.open(tmp_path / "both.png").convert("L"))
    assert np.mean(pixels == 255) > 0.7  # a light background


def test_words_are_no_formulas(tmp_path):
    figure, axes = panels(1, 1)
    word = r"$\x$"
    line(axes[0, 0], [1, 2], [1, 2], 0, word)
    label(axes[0, 0], word, word, word)
    legend(figure, axes[0, 0])
    save_figure(tmp_path, "words", figure)
    assert (tmp_path / "words.svg").read_text(encoding="utf-8").count(f"<!-- {word} -->") == 4


def test_words_of_another_script_are_drawn_in_its_font_without_warnings(tmp_path, monkeypatch):
    """Matplotlib's own DejaVu Serif stands for a font that is installed; no font has the last character."""
    serif, word = typeface().with_name("DejaVuSerif.ttf"), "\u1d24\u1d24"
    monkeypatch.setattr(fonts, "installed_fonts", lambda: (serif,))
    fonts.font_path.cache_clear()
    figure, axes = panels(1, 1)
    label(axes[0, 0], f"a {word}", "\u0915")
    save_figure(tmp_path, "words", figure)
    fonts.font_path.cache_clear()
    svg = (tmp_path / "words.svg").read_text(encoding="utf-8")
    assert "DejaVuSerif-" in svg
    assert "DejaVuSans-" in svg


def test_words_are_no_markdown():
    assert escaped("d_head 0.5, a-b (c); größer") == "d_head 0.5, a-b (c); größer"
    assert escaped("_a_ *b* `c`\n<i>|\\") == "&#95;a&#95; &#42;b&#42; &#96;c&#96;&#10;&#60;i&#62;&#124;&#92;"
    assert escaped("http://x [y](z)") == "http&#58;//x &#91;y&#93;(z)"


def test_curves_differ_in_more_than_colour():
    """Of 20 curves no two have the same mark and dash, and those of one colour have neither in common."""
    _, axes = panels(1, 1)
    for number in range(20):
        line(axes[0, 0], [1, 2], [number, 3], number)
    styles = [(one.get_color(), one.get_marker(), str(one._unscaled_dash_pattern)) for one in axes[0, 0].lines]
    assert len({one[1:] for one in styles}) == 20
    for (colour, mark, dash), (other, other_mark, other_dash) in itertools.combinations(styles, 2):
        assert colour != other or (mark != other_mark and dash != other_dash)
    first = list(zip(*styles[:6], strict=True))  # alone each of the three is enough
    assert [len(set(values)) for values in first] == [6, 6, 6]


def test_a_legend_of_many_names_lies_inside_a_narrow_figure():
    figure, axes = panels(1, 1)
    for number in range(10):
        line(axes[0, 0], [1, 2], [number, 3], number, f"a_long_name_{number}")
    legend(figure, axes[0, 0])
    FigureCanvasAgg(figure).draw()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_the_interval_of_a_single_point_is_a_bar():
    """A band of no width would show nothing."""
    _, axes = panels(1, 1)
    line(axes[0, 0], [3], [2.0], 0, "one", [1.0], [4.0])
    (bar,) = axes[0, 0].collections
    assert bar.get_segments()[0].tolist() == [[3, 1], [3, 4]]


def test_a_log_axis_has_plain_numbers_on_it_however_short_it_is():
    for low, high in ((2.45, 2.6), (0.011, 0.29), (1e-6, 1.0)):
        figure, axes = panels(1, 1)
        axes[0, 0].plot([1, 2], [low, high])
        log_axes(axes[0, 0], x=False)
        FigureCanvasAgg(figure).draw()
        ticks = axes[0, 0].yaxis
        inside = [tick for minor in (False, True) for tick in ticks.get_ticklabels(minor=minor) if tick.get_text()]
        shown = [float(tick.get_text()) for tick in inside if low <= tick.get_position()[1] <= high]
        assert 2 <= len(shown) <= 12


def test_maps_share_a_colour_bar():
    figure, axes = panels(2, 2)
    images = [one.imshow([[0, 1]], vmin=0, vmax=1) for one in axes.flat]
    colour_bar(figure, images[-1], axes, "weight")
    FigureCanvasAgg(figure).draw()
    bar = figure.axes[-1]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("weight", (0, 1))
    assert bar.get_position().x0 > axes[0, 1].get_position().x1
