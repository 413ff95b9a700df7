"""The numbers of `summary.json` under their stable names, whatever the words of the world are."""

import numpy as np
import pytest
from small_training import small_config
from small_world import SMALL, world_from

from experiments.measuring.experiment import prepare
from experiments.measuring.metrics import RowResult, relation_metrics
from experiments.tracking.summary import _cells, summary

pytestmark = pytest.mark.usefixtures("quickly_compiled", "traced_once")


def test_a_word_called_all_hides_no_number_of_all():
    experiment, trainer = prepare(small_config(), world_from(SMALL.replace("cat", "all").replace("sat", "best_head")))
    first, last = (record.of(0) for record in trainer.run(experiment.data))
    found = summary(experiment, first, last, True, {})
    expected = relation_metrics(experiment, first, last)
    assert {name: found[name] for name in expected} == expected
    assert {name for name in found if name.startswith("relation/weight/")} - expected.keys() == {"relation/weight/mat"}


def test_a_word_from_right_to_left_keeps_its_number_beside_it():
    """Else a browser draws `32` into the run of an Arabic word: "32 گربه %"."""
    row = RowResult(0, 0, ("گربه",), np.ones((1, 1)), ("گربه", 0.32), ("cat", 0.5))
    assert _cells(row) == ["1.00", "&#8296;گربه&#8297; 32 %", "cat 50 %"]
