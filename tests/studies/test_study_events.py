"""A report as TensorBoard's text dashboard shows it, which breaks the cells of tables in a narrow page."""

from html import unescape

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugin_util import markdown_to_safe_html
from tensorboard.util import tensor_util

from experiments.reports.report import Report, escaped
from experiments.studies.events import write_report_events

LONG = "the ratio |a|/|b| at the largest size that was measured"


@pytest.fixture
def shown(tmp_path):
    """The report as it is shown."""
    report = Report(tmp_path, "Sizes")
    report.table(["d", "**arm**", "excess"], [[4, escaped("*`|<b>|"), "0.95 [0.86, 1.05]"], [16, "", "**1.5**"]])
    report.text("| no table |")
    report.table(["", "what", "measured", "verdict"], [["**P1**", LONG, "1.67", ""], ["", "short", "2", "**refuted**"]])
    report.save()
    write_report_events(tmp_path, {})
    (path,) = tmp_path.glob("*tfevents*")
    (text,) = (value for event in EventFileLoader(str(path)).Load() for value in event.summary.value)
    return markdown_to_safe_html(tensor_util.make_ndarray(text.tensor).item().decode())


def test_numbers_stand_in_columns_of_a_fixed_width(shown):
    table = unescape(shown.partition("<pre><code>")[2].partition("</code></pre>")[0])
    assert table.splitlines() == ["d   arm      excess", "4   *`|<b>|  0.95 [0.86, 1.05]", "16           1.5"]
    assert "<table>" not in shown


def test_sentences_become_a_list(shown):
    assert f"<li><strong>P1</strong>; {LONG}; measured: 1.67</li>" in shown
    assert "<li>short; measured: 2; verdict: <strong>refuted</strong></li>" in shown
    assert "| no table |" in shown
