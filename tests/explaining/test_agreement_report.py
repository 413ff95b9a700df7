"""What is told of an agreement: the rows that mislead, the table of all cells, and words that are only words."""

import dataclasses
import io
import os

import numpy as np
import pytest
from rich.console import Console

from data.grammar import Field
from data.vocabulary import MASK
from experiments.config.loader import to_yaml
from experiments.config.schema import Config
from experiments.explaining.agreement import Agreement
from experiments.explaining.agreement_report import agreement_table, print_agreement
from experiments.explaining.cell_measures import CellMeasures
from experiments.explaining.comparison_runs import find_comparisons, kind_of
from experiments.explaining.disagreements import disagreements, various
from experiments.explaining.drawn_rows import DrawnRows
from experiments.run_directory.files import write_summary

WORDS = ("[PAD]", "[MASK]", "cat", "sat", "[red]mat", "on\x1b[31m", ".")
TOKENS = np.asarray([[2, 3, 5, 4, 6], [2, 3, 4, 6, 0], [4, 3, 5, 2, 0]], np.int32)
MASKED = np.asarray([0, 1, 3], np.int32)


def cell_measures(weight_GK, cut_GK, heads=2):
    """Measures in which every number is another one, but for the weights and costs of all heads."""
    rows, keys = weight_GK.shape
    each = np.arange(rows * (heads + 1) * keys).reshape(rows, heads + 1, keys)
    arrays = {
        item.name: each + n / 10 if item.name.endswith("GAK") else each[:, 0] + n / 10
        for n, item in enumerate(dataclasses.fields(CellMeasures))
    }
    arrays["excess_G"] = np.zeros(rows)
    found = CellMeasures(**{name: array.astype(float) for name, array in arrays.items()})
    found.weight_GAK[:, -1], found.cut_cost_GAK[:, -1] = weight_GK, cut_GK
    return found


@pytest.fixture
def made_agreement():
    """Row 0: the second word has the weight, the fourth costs most; row 1: a tie; row 2: they agree."""
    weight = np.asarray([[0.2, 0.6, 0.1, 0.1, 0], [0.495, 0, 0.5, 0.005, 0], [0.1, 0.7, 0.1, 0.1, 9]])
    cut = np.asarray([[9, 0.25, 0, 1.5, 0], [2, 9, 1, 0, 9], [0.1, 0.5, 0, 9, 9]])
    trained, untrained = cell_measures(weight, cut), cell_measures(cut, cut)
    rows = DrawnRows(
        TOKENS.copy(),
        MASKED,
        np.full(len(MASKED), MASK),
        TOKENS[np.arange(len(MASKED)), MASKED],
        ((Field("subject"),),) * 3,
    )
    relevance = np.asarray([[0, 1, 0, 2, 0.5], [1, 0, 2, 0, 0], [0, 1, 0, 0, 0]], float)
    candidates = ((2, 4), (3, 4), (2, 4))
    return Agreement("made[b]run", 1200, WORDS, rows, relevance, relevance / 2, candidates, trained, untrained)


def printed(agreement, width=80, **options):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    print_agreement(agreement, console, **options)
    return console.file.getvalue()


def test_the_rows_that_mislead(made_agreement):
    found = disagreements(made_agreement, "cut")
    (misled,), (tied,) = found.misled, found.tied
    assert (misled.row, misled.weighted, misled.most, misled.weights, misled.values) == (
        0,
        1,
        3,
        (0.6, 0.1),
        (0.25, 1.5),
    )
    assert (tied.row, tied.weighted, tied.most) == (1, 2, 0)
    assert found.rows == 3
    assert not disagreements(made_agreement, "cut", trained=False).misled
    assert [one.row for one in disagreements(made_agreement, "exact").misled] == [0]


def test_the_strongest_come_first_and_different_words_before_others(made_agreement):
    made_agreement.trained.weight_GAK[1, -1] = [0.05, 0, 0.95, 0, 0]
    made_agreement.rows.target_G[1] = 2  # the same masked word as in row 0
    made_agreement.trained.weight_GAK[2, -1] = [0.3, 0.25, 0, 0, 0]
    found = disagreements(made_agreement, "cut").misled
    assert [one.row for one in found] == [1, 0, 2]
    made_agreement.rows.target_G[2] = 4
    assert [one.row for one in various(found, made_agreement, 3)] == [1, 2, 0]
    assert [one.row for one in various(found, made_agreement, 1)] == [1]


def test_what_misleads_is_told_with_its_numbers(made_agreement):
    text = " ".join(printed(made_agreement, about="a test").split())
    assert "What does a weight mean? made[b]run: a test, after 1,200 updates" in text
    assert "In 1 of 3 rows (33 %) the word with the largest weight is not the one whose cut costs most" in text
    assert r'[cat] sat on\x1b[31m [red]mat . "sat" has the largest weight, .60, "[red]mat" has .10; but' in text
    assert 'but cutting "sat" costs .25 nats, cutting "[red]mat" costs 1.50 nats.' in text
    assert "1.50 nats. .20 of the weight lies on the masked place itself." in text
    assert 'cat [sat] [red]mat . "[red]mat" and "cat" share the largest weight, .50; but' in text
    assert 'tells 1.00 nats, "[red]mat" tells 2.00 nats' in text


def test_the_report_fits_a_terminal(made_agreement):
    assert max(map(len, printed(made_agreement).splitlines())) <= 80


def test_the_table_has_a_line_for_each_cell(made_agreement):
    header, lines = agreement_table(made_agreement)
    assert len(lines) == made_agreement.rows.cells_GK.sum() == 4 + 3 + 3
    line = dict(zip(header, lines[5], strict=True))
    assert [line[name] for name in ("row", "masked_place", "masked_word", "place", "word")] == [
        1,
        2,
        "sat",
        3,
        "[red]mat",
    ]
    own = made_agreement.trained
    assert line["cut_cost_zero/head-2"] == own.zero_cost_GAK[1, 1, 2]
    assert line["weight/all"] == 0.5
    assert line["evidence/head-1"] == own.evidence_GAK[1, 0, 2]
    assert line["change/all"] == own.change_GAK[1, 2, 2]
    assert line["length/head-1"] == own.length_GAK[1, 0, 2]
    assert line["cut_cost_renormalise/head-1"] == own.cut_cost_GAK[1, 0, 2]
    assert (line["exact_relevance"], line["world_preference"]) == (2, 1)
    assert line["model_relevance"] == own.model_relevance_GK[1, 2]
    assert dict(zip(header, agreement_table(made_agreement, trained=False)[1][5], strict=True))["weight/all"] == 1


def test_runs_to_compare_with_are_found(tmp_path):
    def make(name, age, world="english", seeds=1, status="finished"):
        folder = tmp_path / name
        inside = folder if seeds == 1 else folder / "seed-0"
        inside.mkdir(parents=True)
        (folder / "config.yaml").write_text(to_yaml(Config(world=world, seeds=seeds)), encoding="utf-8")
        write_summary(inside, {"status": status})
        os.utime(folder / "config.yaml", (age, age))

    missing = find_comparisons(tmp_path)
    assert not any(one.saved for one in missing.values())
    assert missing["telling"].command.startswith(
        "python -m experiments.train --config toy.yaml --world telling_preposition --run-dir "
    )
    assert "--train.hide_attention 0.1" in missing["hidden"].command
    make("other", 900)
    make("old", 100, "telling_preposition")
    make("new", 200, "telling_preposition", seeds=2)
    make("stopped", 300, "telling_preposition", status="interrupted")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_text("world: [", encoding="utf-8")
    found = find_comparisons(tmp_path)
    assert found["telling"].saved.folder == tmp_path / "new" / "seed-0"
    assert found["hidden"].saved is None


def test_a_model_that_hides_its_attention_is_known_by_its_config():
    class Hiding:
        world = "telling_preposition"

        class train:  # noqa: N801
            hide_attention = 0.1

    assert kind_of(Hiding) == "hidden"
    assert kind_of(Config(world="telling_preposition")) == "telling"
    assert kind_of(Config()) == ""
