"""The numbers of `summary.json` under their stable names, whatever the words of the world are."""

import dataclasses
import re
from html import unescape

import numpy as np
import pytest
from small_training import small_config
from small_world import SMALL, world_from
from tensorboard.plugin_util import markdown_to_safe_html

from experiments.measuring.experiment import prepare
from experiments.measuring.metrics import RowResult, relation_metrics
from experiments.tracking import tags
from experiments.tracking.summary import HOW_TO_READ, _row_text, run_page, summary

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")
CONFIG = dataclasses.replace(small_config(), probes=("the girl slept on roof .",))
"""One config, and so one program, in worlds of the same sizes."""


def test_a_word_called_all_hides_no_number_of_all():
    experiment, trainer = prepare(CONFIG, world_from(SMALL.replace("cat", "all").replace("sat", "best_head")))
    first, last = (record.of(0) for record in trainer.run(experiment.data))
    found = summary(experiment, first, last, True, {})
    expected = relation_metrics(experiment, first, last)
    assert {name: found[name] for name in expected} == expected
    assert {name for name in found if name.startswith("relation/weight/")} - expected.keys() == {"relation/weight/mat"}


def test_a_word_from_right_to_left_keeps_its_number_beside_it():
    """Else a browser draws `32` into the run of an Arabic word: "32 گربه %"."""
    row = RowResult(0, 0, ("گربه",), np.ones((1, 1)), ("گربه", 0.32), ("cat", 0.5))
    isolated = "&#8296;گربه&#8297;"
    expected = f"* **{isolated}** looks at the masked place 1.00. Guess: {isolated} 32 %; exact: cat 50 %."
    assert _row_text(row) == expected


def test_a_masked_word_looks_at_words_of_some_weight_in_the_mean_of_the_heads():
    weights_HK = np.asarray([[0.02, 0.0, 0.90, 0.08], [0.02, 0.0, 0.96, 0.02]])
    row = RowResult(0, 1, ("the", "cat", "s_t_", "."), weights_HK, ("cat", 0.7), ("cat", 0.6))
    html = unescape(markdown_to_safe_html(_row_text(row)))
    assert "<strong>cat</strong> looks at s_t_ 0.93, . 0.05. Guess: cat 70 %; exact: cat 60 %." in html


def test_the_page_of_a_run_is_of_its_own_sentence():
    """The sentence that the seven lines and attention.png are of."""
    experiment, trainer = prepare(CONFIG, world_from(SMALL))
    first, last = (record.of(0) for record in trainer.run(experiment.data))
    page = run_page(experiment, first, last)
    assert "\nthe girl slept on roof .\n" in page
    assert re.findall(r"^\* \*\*(.*?)\*\* looks at", page, re.MULTILINE) == ["girl", "slept", "roof"]
    assert "Dot products / sqrt(" in page


def test_how_to_read_is_short_names_every_heading_and_keeps_its_numbers():
    """As TensorBoard renders it: a line that began with "1." would be a list, and lose the 1."""
    html = markdown_to_safe_html(HOW_TO_READ)
    headings = [getattr(tags, name) for name in ("ATTENTION", "EXCESS", "RELEVANCE", "MORE_MAPS", "FILM")]
    headings += [tags.DIAGNOSTICS, tags.GRADIENTS]
    assert [text for text in re.findall("<strong>(.*?)</strong>", html) if len(text) > 1] == headings
    assert "they sum to 1." in html
    assert "<ol>" not in html
    assert all(line.startswith("* ") or not line for line in HOW_TO_READ.split("\n")[: HOW_TO_READ.count("\n* ") + 2])
    assert len(re.sub("<.*?>", "", html)) < 1200
